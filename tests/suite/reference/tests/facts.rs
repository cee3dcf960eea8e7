//! All aggregates, filters, shifted windows, stage facts.

use super::super::facts::half_even;
use super::*;

/// An order with such fields.
fn order(time: i64, fields: &[(&str, Value)]) -> Event {
    let order = at("order", time);
    let with = |event: Event, (name, value): &(&str, Value)| event.with(name, value.clone());
    fields.iter().fold(order, with)
}

fn worth(value: &str, time: i64) -> Event {
    order(time, &[("value", Value::money(value))])
}

fn value_at(fact: Fact, events: &[Event], now: i64) -> Option<Value> {
    let evaluation = Evaluation {
        model: &Model::new("m", "a"),
        visible: &VisibleEvents::of(events, &[]),
        stages: &StageHistory::new("a", T),
        now,
        facts_at: now,
        event: None,
    };
    evaluation.fact(&fact)
}

fn number(decimal: &str) -> Option<Value> {
    Some(Value::number(decimal))
}

fn ms(ms: i64) -> Option<Value> {
    number(&ms.to_string())
}

/// The instant, after T, of the first transition under this condition.
fn first_flip(when: Expr, events: &[Event]) -> i64 {
    let model = Model::new("m", "a").stages(&["a", "b"]);
    let taken = run(model.go(&["a"], "b", when), events);
    taken.first().map(|(_, at, _)| *at).unwrap()
}

#[test]
fn min_max_and_avg_use_the_events_that_have_the_number() {
    let events = [worth("20", T), worth("-5", T + 1), at("order", T + 2)];
    let of = |fact: Fact| value_at(fact, &events, T + 9);
    assert_eq!(of(min("order", "value")), number("-5"));
    assert_eq!(of(max("order", "value")), number("20"));
    assert_eq!(of(avg("order", "value")), number("7.5"));
    assert_eq!(of(min("visit", "value")), None);
    assert_eq!(of(max("visit", "value")), None);
    assert_eq!(of(avg("visit", "value")), None);
    let thirds = [worth("10", T), worth("10", T), worth("20.01", T)];
    let average = value_at(avg("any", "value"), &thirds, T);
    assert_eq!(average, number("13.336666667")); // 40.01 / 3
}

#[test]
fn halves_are_rounded_to_even() {
    let rounded = [(5, 2), (7, 2), (-5, 2), (-7, 2), (-1, 2), (1, 3), (2, 3)];
    let rounded = rounded.map(|(dividend, divisor)| half_even(dividend, divisor));
    assert_eq!(rounded, [2, 4, -2, -4, 0, 0, 1]);
}

#[test]
fn distinct_values_are_counted_up_to_the_cap_and_by_type() {
    let code = |value| order(T, &[("code", value)]);
    let events = [
        code(Value::number("1")),
        code(Value::number("1.0")),
        code(Value::text("1")),
        code(Value::Bool(true)),
        code(Value::text("web")),
        at("order", T),
    ];
    let distinct = |cap| value_at(count_distinct("order", "code", cap), &events, T);
    assert_eq!(distinct(100), number("4"));
    assert_eq!(distinct(4), number("4"));
    assert_eq!(distinct(3), number("3"));
    let none = value_at(count_distinct("visit", "code", 100), &events, T);
    assert_eq!(none, number("0"));
}

#[test]
fn gaps_are_between_events_in_time_order_and_need_two() {
    let events = [at("order", T + 3 * DAY), at("order", T), at("order", T + DAY)];
    let of = |fact: Fact, events| value_at(fact, events, T + 9 * DAY);
    assert_eq!(of(mean_gap("order"), &events), ms(36 * HOUR));
    assert_eq!(of(max_gap("order"), &events), ms(2 * DAY));
    assert_eq!(of(mean_gap("order"), &events[..1]), None);
    assert_eq!(of(max_gap("order"), &events[..1]), None);
    let close = [T, T, T + 1, T + 2].map(|time| at("order", time));
    assert_eq!(of(mean_gap("order"), &close), number("0.666666667"));
    assert_eq!(of(max_gap("order"), &close), number("1"));
    let simultaneous = [T, T].map(|time| at("order", time));
    assert_eq!(of(mean_gap("order"), &simultaneous), number("0"));
}

#[test]
fn every_aggregate_except_gaps_has_a_window() {
    let shop = |text| ("channel", Value::text(text));
    let money = |text| ("value", Value::money(text));
    let events = [
        order(T, &[shop("web"), money("100")]),
        order(T + 2 * DAY, &[shop("mail"), money("1")]),
        order(T + 3 * DAY, &[shop("shop"), money("2")]),
        order(T + 3 * DAY + 1, &[]),
    ];
    // On day 4 the window has the days 1 to 4; on day 7 the days 4 to 7.
    let of = |fact: Fact, day| value_at(fact.over(4 * DAY), &events, T + day * DAY);
    assert_eq!(of(count("order"), 4), number("3"));
    assert_eq!(of(sum("order", "value"), 4), number("3"));
    assert_eq!(of(min("order", "value"), 4), number("1"));
    assert_eq!(of(max("order", "value"), 4), number("2"));
    assert_eq!(of(max("order", "value"), 3), number("100"));
    assert_eq!(of(avg("order", "value"), 4), number("1.5"));
    assert_eq!(of(count_distinct("order", "channel", 9), 4), number("2"));
    assert_eq!(of(count_distinct("order", "channel", 1), 4), number("1"));
    assert_eq!(of(first("order"), 4), ms(T + 2 * DAY));
    assert_eq!(of(last("order"), 4), ms(T + 3 * DAY + 1));
    let text = |text| Some(Value::text(text));
    assert_eq!(of(first_of("order", "channel"), 4), text("mail"));
    assert_eq!(of(latest("order", "channel"), 4), text("shop"));
    let zero = [count("order"), sum("order", "value")];
    assert_eq!(zero.map(|fact| of(fact, 7)), [number("0"), number("0")]);
    assert_eq!(of(count_distinct("order", "channel", 9), 7), number("0"));
    let absent =
        [min("order", "value"), avg("order", "value"), last("order"), latest("order", "channel")];
    assert_eq!(absent.map(|fact| of(fact, 7)), [None, None, None, None]);
}

#[test]
fn a_shifted_window_gains_and_loses_a_bucket_by_time_alone() {
    let model = |fact| {
        Model::new("m", "a")
            .stages(&["a", "b"])
            .fact("n", fact)
            .go(&["a"], "b", super::fact("n").ge(num(1)))
            .go(&["b"], "a", super::fact("n").lt(num(1)))
    };
    let events = [at("order", T + 5 * HOUR + 1)];
    let [there, back] = [("a->b", Cause::Timer), ("b->a", Cause::Timer)];
    let by = |(name, cause), at| took(name, at, cause);
    // Hour 5 is one of the 24 that end 24 hours ago in the hours 29 to 52.
    let hours = run(model(count("order").over(DAY).before(DAY)), &events);
    assert_eq!(hours, [by(there, 29 * HOUR), by(back, 53 * HOUR)]);
    // Day 0 is one of the 7 that end 2 days ago on the days 2 to 8.
    let days = run(model(count("order").over(7 * DAY).before(2 * DAY)), &events);
    assert_eq!(days, [by(there, 2 * DAY), by(back, 9 * DAY)]);
}

#[test]
fn has_texts_and_since_are_evaluated_when_a_bucket_leaves_the_window() {
    let events = [order(T + 90 * MINUTE, &[("mood", Value::text("bad"))])];
    let flip = |fact: Fact, when| {
        let model = Model::new("m", "a")
            .stages(&["a", "b"])
            .fact("x", fact.over(2 * DAY)) // hour 1 leaves when hour 49 begins
            .go(&["a"], "b", when);
        run(model, &events)
    };
    let left = [took("a->b", 49 * HOUR, Cause::Timer)];
    assert_eq!(flip(latest("any", "mood"), !has("x")), left);
    assert_eq!(flip(latest("any", "mood"), !fact("x").eq(text("bad"))), left);
    assert_eq!(flip(last("order"), !since("x").lt(days(9))), left);
    let sooner = [took("a->b", 90 * MINUTE + DAY, Cause::Timer)];
    assert_eq!(flip(last("order"), since("x").ge(days(1))), sooner);
    // It is absent by then.
    assert_eq!(flip(last("order"), since("x").ge(days(3))), []);
}

#[test]
fn a_filter_is_false_for_a_missing_field_and_its_negation_is_true() {
    let events = [
        order(T, &[("channel", Value::text("web")), ("vip", Value::Bool(true))]),
        order(T, &[("channel", Value::text("shop")), ("vip", Value::Bool(false))]),
        order(T, &[("channel", Value::text("web"))]),
        order(T, &[("code", Value::number("7"))]),
        order(T, &[("code", Value::text("7"))]),
    ];
    let counted = |filter| value_at(count("order").only(filter), &events, T);
    let web = || field("channel", Op::Eq, Value::text("web"));
    let vip = || field("vip", Op::Eq, Value::Bool(true));
    assert_eq!(counted(web()), number("2"));
    assert_eq!(counted(!web()), number("3"));
    assert_eq!(counted(field("channel", Op::Ne, Value::text("web"))), number("1"));
    assert_eq!(counted(carries("channel") & !vip()), number("2"));
    assert_eq!(counted(web() & vip()), number("1"));
    assert_eq!(counted(field("vip", Op::Eq, Value::Bool(false)) | web()), number("3"));
    assert_eq!(
        // A text that can be parsed as a number is compared as a number.
        counted(field("code", Op::Ge, Value::number("7"))),
        number("2")
    );
    // A number is compared with a text as a text.
    assert_eq!(counted(field("code", Op::Ne, Value::text("8"))), number("2"));
    assert_eq!(counted(carries("code")), number("2"));
}

#[test]
fn a_filter_applies_to_every_aggregate_and_to_the_buckets_of_its_window() {
    let large = || field("value", Op::Ge, Value::number("10"));
    let events = [worth("20", T), worth("30", T + 2 * DAY), worth("1", T + 3 * DAY)];
    let of = |fact: Fact| value_at(fact.only(large()), &events, T + 4 * DAY);
    assert_eq!(of(sum("order", "value")), number("50"));
    assert_eq!(of(min("order", "value")), number("20"));
    assert_eq!(of(last("order")), ms(T + 2 * DAY));
    assert_eq!(of(mean_gap("order")), ms(2 * DAY));
    let model = Model::new("m", "a")
        .stages(&["a", "b", "c"])
        .fact("n", count("order").only(large()).over(4 * DAY))
        .go(&["a"], "b", fact("n").ge(num(2)))
        .go(&["b"], "c", fact("n").lt(num(1)));
    let there = took("a->b", 2 * DAY, Cause::Event);
    let gone = took("b->c", 6 * DAY, Cause::Timer); // Day 2 leaves; the small one does not count.
    assert_eq!(run(model, &events), [there, gone]);
}

#[test]
fn an_aggregate_can_be_written_inside_a_condition() {
    let events = [T, T + DAY, T + 3 * DAY].map(|time| at("order", time));
    let overdue = since(last("order")).gt(num(2) * fact(mean_gap("order")));
    // After day 1: mean 1 day, so at day 3 and 1 ms; the order of day 3 is before that.
    assert_eq!(first_flip(overdue, &events), 6 * DAY + 1); // 3 + 2 * 1.5
    assert_eq!(first_flip(fact(max_gap("order")).ge(days(2)), &events), 3 * DAY);
    assert_eq!(first_flip(has(mean_gap("order")), &events), DAY);
    let half = (since(last("order")) / num(2)).ge(days(1));
    assert_eq!(first_flip(half, &events), 5 * DAY); // the order of day 3 cancels that of day 1
}

#[test]
fn days_in_stage_are_rounded_to_nine_digits_and_flip_at_the_exact_millisecond() {
    let stayed = || fact(Source::DaysInStage);
    let created = [at("order", T)];
    let flip = |when| first_flip(when, &created);
    assert_eq!(flip(stayed().ge(num("1.5"))), 36 * HOUR);
    assert_eq!(flip(stayed().gt(num("1.5"))), 36 * HOUR + 1);
    assert_eq!(flip((num(2) * stayed() - num(1)).ge(num(3))), 2 * DAY);
    // A millisecond is 0.0000000115740… days.
    assert_eq!(flip(stayed().ge(num("0.000000012"))), 1);
    assert_eq!(flip(stayed().gt(num("0.000000012"))), 2);
    // 27 of them are 0.0000003125 days, 81 are 0.0000009375: both halves go to the even digit.
    assert_eq!(flip(stayed().ge(num("0.000000313"))), 28);
    assert_eq!(flip(stayed().ge(num("0.000000938"))), 81);
}

#[test]
fn stage_facts_belong_to_the_stage_of_each_link() {
    let model = Model::new("m", "a")
        .stages(&["a", "b", "c", "d"])
        .go(&["a"], "d", has(Source::PreviousStage))
        .go(&["a"], "d", fact(Source::PreviousStage).ne(text("b")))
        .go(&["a"], "b", event("go"))
        .go(
            &["b"],
            "c",
            fact(Source::PreviousStage).eq(text("a")) & fact(Source::DaysInStage).le(num(0)),
        )
        .go(&["c"], "a", fact(visits("a")).lt(num(2)) & event("back"));
    let events = [at("go", T + DAY), at("hi", T), at("back", T + 2 * DAY)];
    let expected = [
        took("a->b", DAY, Cause::Event),
        took("b->c", DAY, Cause::Event),
        took("c->a", 2 * DAY, Cause::Event),
        took("a->d", 2 * DAY, Cause::Event),
    ];
    assert_eq!(run(model, &events), expected);
}

#[test]
fn visits_stays_and_entries_are_counted_from_the_creation_on() {
    let model = |when| {
        Model::new("m", "a")
            .stages(&["a", "b", "c"])
            .go(&["a", "b"], "c", when)
            .go(&["a"], "b", event("go"))
            .go(&["b"], "a", event("back"))
    };
    // a until day 1, b until day 3, a until day 10, then b.
    let events = [at("hi", T), at("go", T + DAY), at("back", T + 3 * DAY), at("go", T + 10 * DAY)];
    let reached = |when| {
        let taken = run(model(when), &events);
        let (name, at, by) = taken.last().unwrap().clone();
        (name, at, by)
    };
    let timer = |name, at| took(name, at, Cause::Timer);
    let event = |name, at| took(name, at, Cause::Event);
    // 1 day the first time, 2 more by day 5.
    assert_eq!(reached(fact(time_in("a")).ge(days(3))), timer("a->c", 5 * DAY));
    // It does not grow in the other stage: 8 days at day 10.
    assert_eq!(reached(fact(time_in("a")).ge(days(9))), event("a->b", 10 * DAY));
    assert_eq!(reached(fact(time_in("b")).gt(days(3))), timer("b->c", 11 * DAY + 1));
    assert_eq!(reached(fact(visits("a")).ge(num(2))), event("a->c", 3 * DAY));
    // The customer is in b only after the transition, at the same instant.
    assert_eq!(reached(fact(visits("b")).ge(num(1))), event("b->c", DAY));
    // Entered on day 0, and again on day 3; b on day 1.
    assert_eq!(reached(since(entered("a")).ge(days(4))), timer("a->c", 7 * DAY));
    assert_eq!(reached(since(entered("b")).gt(days(7))), timer("a->c", 8 * DAY + 1));
    assert_eq!(reached(has(entered("b"))), event("b->c", DAY));
    assert_eq!(reached(has(entered("c"))), event("a->b", 10 * DAY));
}
