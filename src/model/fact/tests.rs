use super::*;
use crate::event::{Field, Millis, Quantity};
use crate::model::condition::Operator;

#[test]
fn windows_up_to_72_hours_count_hours_and_longer_ones_days() {
    let window = |text| Millis::parse(text).and_then(Window::from_length);
    assert_eq!(window("72h"), Some(Window { bucket: Bucket::Hour, buckets: 72, buckets_ago: 0 }));
    assert_eq!(window("3d"), Some(Window { bucket: Bucket::Hour, buckets: 72, buckets_ago: 0 }));
    assert_eq!(window("96h"), Some(Window { bucket: Bucket::Day, buckets: 4, buckets_ago: 0 }));
    assert_eq!(window("52w"), Some(Window { bucket: Bucket::Day, buckets: 364, buckets_ago: 0 }));
    for refused in ["0d", "90m", "73h", "100h", "3661d"] {
        assert_eq!(window(refused), None, "{refused}");
    }
}

#[test]
fn a_word_in_quotes_is_no_window() {
    let read = |text| FactDeclaration::parse(text).expect(text);
    let quoted = read("count('sold over night') over 3d");
    assert_eq!(quoted.event.as_deref(), Some("sold over night"));
    assert_eq!(quoted.window, Window::from_length(Millis(3 * Millis::DAY.0)));
    assert_eq!(read("count(\"it's in\")").window, None);
    assert_eq!(read("count(x)over\t3d").window, quoted.window);
}

#[test]
fn an_invalid_declaration_is_refused_with_a_correction() {
    let fault = |text| FactDeclaration::parse(text).expect_err(text);
    assert_eq!(fault("cuont(x)").help.as_deref(), Some("did you mean `count`?"));
    assert_eq!(
        fault("count(x.y)").help.as_deref(),
        Some(
            "write count(event_type), or count_distinct(event_type.field) for how many different values there were"
        )
    );
    assert_eq!(fault("sum(x)").help.as_deref(), Some("write sum(event_type.value)"));
    assert_eq!(fault("count(x) over 100h").span, 14..18);
    assert_eq!(fault("count(x)\tover   100h ").span, 16..20);
    assert_eq!(fault("count(x) over").message, "the length of the window is missing");
    assert_eq!(fault("count(x) in 30d").help.as_deref(), Some("write `over 30d`"));
    assert_eq!(fault("count(x) in 30d").span, 9..15);
    assert_eq!(
        fault("count(order-completed)").message,
        "an event type with `-` in its name is put in quotes"
    );
    assert_eq!(fault("count(x) where y == 1").message, "`where` belongs inside the parentheses");
    assert_eq!(fault("count(x where y)) over 3d").span, 16..17, "the span is in the whole text");
    assert_eq!(fault("mean_gap(x) over 30d").message, "a rhythm is taken over all time");
    assert_eq!(fault("max_gap(x.value)").help.as_deref(), Some("write max_gap(event_type)"));
    assert_eq!(
        fault("last(x) over 30d before 30d").help.as_deref(),
        Some("`before` goes with count, sum, min, max and avg")
    );
    assert_eq!(fault("count_distinct(x.sku, 5000)").span, 22..26, "the span is that of the cap");
    assert_eq!(
        fault("visits(loyalty)").help.as_deref(),
        Some("write visits(stage) in a condition")
    );
    assert_eq!(
        fault("mean(x.value)").help.as_deref(),
        Some("the mean of a field is avg(event_type.field), that of gaps mean_gap(event_type)")
    );
    assert_eq!(fault("sum(x.channel)").message, "`sum` needs a field that is a number");
}

#[test]
fn a_window_may_have_ended_a_while_ago() {
    let window = |text| FactDeclaration::parse(text).map(|fact| fact.window.unwrap());
    let (days, hours) = (Bucket::Day, Bucket::Hour);
    let ended = |bucket, buckets, buckets_ago| Ok(Window { bucket, buckets, buckets_ago });
    assert_eq!(window("count(x) over 30d before 30d"), ended(days, 30, 30));
    assert_eq!(window("count(x) over 24h before 7d"), ended(hours, 24, 168));
    assert_eq!(window("count(x) over 30d before 0d").map_err(|f| f.span), Err(25..27));
    assert_eq!(window("count(x) over 30d before 36h").map_err(|f| f.span), Err(25..28));
    assert_eq!(window("count(x) over 30d before 3640d").map_err(|f| f.span), Err(25..30));
    assert_eq!(
        window("count(x) over 30d before").map_err(|f| f.message),
        Err("the duration after `before` is missing".to_owned())
    );
}

#[test]
fn a_filter_reads_the_fields_of_the_event() {
    let filter = |text: &str| {
        FactDeclaration::parse(&format!("count(x where {text})")).map(|f| f.filter.unwrap())
    };
    let property = |name: &str| Field::Property(name.to_owned());
    let ten = Quantity::from_whole(10);
    assert_eq!(
        filter("channel == 'web' && !has(coupon)"),
        Ok(Filter::All(vec![
            Filter::Text(Field::Channel, true, "web".to_owned()),
            Filter::Not(Box::new(Filter::Has(property("coupon")))),
        ]))
    );
    let number = |operator| Ok(Filter::Number(Field::Value, operator, ten));
    assert_eq!(filter("value > 10.0"), number(Operator::Greater));
    assert_eq!(filter("10 < value"), number(Operator::Greater));
    assert_eq!(
        filter("properties.gift || items.first != true"),
        Ok(Filter::Any(vec![
            Filter::Bool(property("gift"), true),
            Filter::Bool(property("items.first"), false),
        ]))
    );
    let message = |text| filter(text).expect_err(text).message;
    assert_eq!(message("value == 'ten'"), "`value` is a number");
    assert_eq!(message("channel > 3"), "this field is a text");
    assert_eq!(
        message("gift > true"),
        "a text or truth value can only be compared with `==` and `!=`"
    );
    assert_eq!(message("value > score"), "a filter compares with a constant");
    let help = |text| filter(text).expect_err(text).help.expect("how to write it");
    assert_eq!(help("channel == null"), "write !has(channel)");
    assert_eq!(help("NULL != items.first"), "write has(items.first)");
    assert_eq!(
        message("(channel in ['web', 'app'])"),
        "`in` is not part of the language; use `==` and `||`"
    );
    let no_field = "this does not compare a field of the event";
    assert_eq!(message("3 > 2"), no_field);
    assert_eq!(message("since(x) > 3"), no_field);
    assert_eq!(message("value + 1"), "a filter cannot contain arithmetic");
    assert_eq!(message("has(3)"), "`has` takes a field of the event");
}
