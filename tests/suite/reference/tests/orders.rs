//! Orders by their id, refunds, cancellations.

use super::*;

pub(super) fn orders() -> Orders {
    Orders {
        placed: "order".to_string(),
        refunded: Some("refund".to_string()),
        cancelled: Some("cancel".to_string()),
        within_ms: 3 * DAY,
        refunds: Refunds::Single,
        repeated: Repeated::Duplicate,
    }
}

pub(super) fn order(id: &str, time: i64) -> Event {
    at("order", time).of_order(id)
}

pub(super) fn refund(id: &str, time: i64) -> Event {
    at("refund", time).of_order(id)
}

pub(super) fn cancel(id: &str, time: i64) -> Event {
    at("cancel", time).of_order(id)
}

pub(super) fn worth(event: Event, value: &str) -> Event {
    event.with("value", Value::money(value))
}

/// The value of Ann's fact after these events.
fn after(events: &[Event], fact: Fact) -> Option<Value> {
    after_by(orders(), events, fact)
}

pub(super) fn after_by(orders: Orders, events: &[Event], fact: Fact) -> Option<Value> {
    let models = [Model::new("m", "a").stages(&["a"]).orders(orders)];
    let mut run = Run::new(&models, 0);
    for event in events {
        run.accept(event);
    }
    let ann = &run.customers["ann"];
    let evaluation = Evaluation {
        model: &models[0],
        visible: &VisibleEvents::of(&ann.events, &models),
        stages: &ann.tracks[0].stages,
        now: ann.latest(),
        facts_at: ann.latest(),
        event: None,
    };
    evaluation.fact(&fact)
}

pub(super) fn number(decimal: &str) -> Option<Value> {
    Some(Value::number(decimal))
}

/// How many orders there are, and what they are worth together.
fn counted(events: &[Event]) -> (Option<Value>, Option<Value>) {
    let total = after(events, sum("order", "value"));
    (after(events, count("order")), total)
}

fn is(orders: i64, worth: &str) -> (Option<Value>, Option<Value>) {
    (number(&orders.to_string()), number(worth))
}

#[test]
fn without_an_order_id_orders_and_returns_are_events_like_any_other() {
    let order = || worth(at("order", T), "20");
    let refund = worth(at("refund", T), "20");
    assert_eq!(counted(&[order(), order(), refund]), is(2, "40"));
}

#[test]
fn a_repeated_order_is_a_duplicate_of_its_customer() {
    let events = [worth(order("x", T), "20"), worth(order("x", T + 1), "30")];
    assert_eq!(counted(&events), is(1, "20"));
    let events = [&events[..], &[worth(order("y", T), "1")]].concat();
    assert_eq!(counted(&events), is(2, "21"));
    let bobs = Event::new("bob", "order", T).of_order("x");
    assert_eq!(counted(&[bobs, events[0].clone()]), is(1, "20"));
    // Only orders are duplicates: a refund may be repeated.
    let half = || worth(refund("x", T), "5");
    assert_eq!(counted(&[events[0].clone(), half(), half()]), is(1, "10"));
}

#[test]
fn a_repeated_order_only_advances_time() {
    let model = silence().orders(Orders { within_ms: 90 * DAY, ..orders() });
    let events = [order("x", T), order("x", T + 12 * DAY)];
    let silent = ("active->silent", 10 * DAY, Cause::Timer);
    assert_eq!(short(&replay(&[model], &events, None)), [silent]);
}

#[test]
fn an_order_does_not_count_once_it_is_returned_in_full() {
    let x = || worth(order("x", T), "20");
    let with = |returns: &[Event]| counted(&[&[x()], returns].concat());
    assert_eq!(with(&[refund("x", T + 1)]), is(0, "0"));
    assert_eq!(with(&[cancel("x", T + 1)]), is(0, "0"));
    assert_eq!(with(&[refund("y", T + 1)]), is(1, "20"));
    assert_eq!(with(&[worth(refund("x", T), "20")]), is(0, "0"));
    assert_eq!(with(&[worth(refund("x", T), "25")]), is(0, "0"));
    assert_eq!(with(&[worth(refund("x", T), "19.99")]), is(1, "0.01"));
    let part = |returned: fn(&str, i64) -> Event, value| worth(returned("x", T), value);
    assert_eq!(with(&[part(refund, "12"), part(refund, "8")]), is(0, "0"));
    // Refunds and cancellations are not added: the larger total counts.
    let (a, b) = (part(cancel, "12"), part(refund, "8"));
    assert_eq!(with(&[a.clone(), b.clone()]), is(1, "8"));
    assert_eq!(with(&[a, b, part(refund, "7")]), is(1, "5"));
    // The whole order, whatever the other returns are.
    let whole = [part(refund, "1"), refund("x", T), part(refund, "1")];
    assert_eq!(with(&whole), is(0, "0"));
}

#[test]
fn the_sign_of_a_return_does_not_matter() {
    let order_of = |value| worth(order("x", T), value);
    let refund_of = |value| worth(refund("x", T), value);
    assert_eq!(counted(&[order_of("20"), refund_of("0")]), is(1, "20"));
    assert_eq!(counted(&[order_of("20"), refund_of("-5")]), is(1, "15"));
    let both = [order_of("20"), refund_of("-5"), refund_of("7")];
    assert_eq!(counted(&both), is(1, "8"));
    let cancelled = [order_of("20"), worth(cancel("x", T), "-20")];
    assert_eq!(counted(&cancelled), is(0, "0"));
    assert_eq!(counted(&[order_of("0"), refund_of("0")]), is(1, "0"));
    assert_eq!(counted(&[order_of("0")]), is(1, "0"));
    // Any return removes an order without a value.
    let plain = || order("x", T);
    assert_eq!(counted(&[plain()]), is(1, "0"));
    assert_eq!(counted(&[plain(), refund_of("5")]), is(0, "0"));
    assert_eq!(counted(&[plain(), refund_of("0")]), is(0, "0"));
}

#[test]
fn facts_of_orders_are_net_of_returns_and_all_others_are_not() {
    let events = [
        worth(order("x", T), "20"),
        worth(order("y", T + HOUR), "50"),
        worth(refund("y", T + 2 * HOUR), "45"),
        worth(order("z", T + 3 * HOUR), "70"),
        cancel("z", T + 4 * HOUR),
    ];
    let of = |fact| after(&events, fact);
    assert_eq!(of(max("order", "value")), number("20"));
    assert_eq!(of(latest("order", "value")), number("5"));
    assert_eq!(of(avg("order", "value")), number("12.5"));
    let instant = |instant: i64| number(&instant.to_string());
    assert_eq!(of(last("order")), instant(T + HOUR));
    let small = || field("value", Op::Lt, Value::number("10"));
    assert_eq!(of(count("order").only(small())), number("1"));
    assert_eq!(of(count("any").only(small())), number("0"));
    assert_eq!(of(count("any")), number("5"));
    assert_eq!(of(max("any", "value")), number("70"));
    assert_eq!(of(count("refund")), number("1"));
    assert_eq!(of(sum("refund", "value")), number("45"));
}

#[test]
fn returns_received_before_their_order_are_kept() {
    let events = [
        worth(refund("x", T), "5"),
        worth(order("x", T + HOUR), "20"),
        worth(refund("x", T + 2 * HOUR), "5"),
    ];
    assert_eq!(counted(&events[..1]), is(0, "0"));
    assert_eq!(counted(&events[..2]), is(1, "15"));
    assert_eq!(counted(&events), is(1, "10"));
    let repeated = [&events[..], &[worth(order("x", T + HOUR), "20")]].concat();
    assert_eq!(counted(&repeated), is(1, "10"));
    assert_eq!(counted(&[cancel("x", T), order("x", T)]), is(0, "0"));
}

#[test]
fn an_entry_is_dropped_and_its_returns_stay_as_they_are() {
    let noise = |after| at("noise", T + after);
    let x = |after| worth(order("x", T + after), "20");
    let back = |after| worth(refund("x", T + after), "5");
    let edge = 3 * DAY;
    assert_eq!(counted(&[x(0), noise(edge), back(edge)]), is(1, "15"));
    let late = edge + 1;
    assert_eq!(counted(&[x(0), noise(late), back(late)]), is(1, "20"));
    // The time is that of the return itself.
    assert_eq!(counted(&[x(0), back(edge), back(late)]), is(1, "15"));
    assert_eq!(counted(&[x(0), back(late), back(late)]), is(1, "20"));
    assert_eq!(counted(&[x(0), x(late)]), is(2, "40"));
    // The former order is no longer known.
    assert_eq!(counted(&[x(0), noise(edge), x(edge)]), is(1, "20"));
    assert_eq!(counted(&[x(0), noise(late), x(late)]), is(2, "40"));
    // A return without an order waits for the next order of the id.
    let again = [x(0), noise(late), back(late), x(late)];
    assert_eq!(counted(&again), is(2, "35"));
    // So late that it is dropped immediately.
    assert_eq!(counted(&[noise(late), x(0), x(0)]), is(2, "40"));
    assert_eq!(counted(&[noise(late), x(0), back(late)]), is(1, "20"));
}

#[test]
fn the_time_of_an_entry_is_that_of_its_order_once_received() {
    let noise = |after| at("noise", T + after);
    let x = |after| worth(order("x", T + after), "20");
    let back = |after| worth(refund("x", T + after), "5");
    // Before the order, it is the time of the first return, not of the second.
    let waits = [back(0), back(DAY), noise(3 * DAY), x(3 * DAY)];
    assert_eq!(counted(&waits), is(1, "10"));
    let left = [back(0), back(DAY), noise(3 * DAY + 1), x(3 * DAY)];
    assert_eq!(counted(&left), is(1, "20"));
    // The order of day 1 stays until day 4.
    let events = [back(0), x(DAY), noise(4 * DAY), back(4 * DAY)];
    assert_eq!(counted(&events), is(1, "10"));
    // An order that is dropped immediately uses up the return that waited for it.
    let events = [back(3 * DAY), noise(4 * DAY), x(0), back(4 * DAY)];
    assert_eq!(counted(&events), is(1, "15"));
}

#[test]
fn at_most_64_entries_are_kept_those_of_the_latest_time() {
    let many = |step: i64| (0..65).map(move |n| order(&n.to_string(), T + n * step));
    let returned = |step, id: i64| {
        let events = many(step).chain([refund(&id.to_string(), T + 64 * step)]);
        let events: Vec<Event> = events.collect();
        after(&events, count("order"))
    };
    assert_eq!(returned(1, 0), number("65"));
    assert_eq!(returned(1, 1), number("64"));
    assert_eq!(returned(1, 64), number("64"));
    // All at one instant: the first is dropped.
    assert_eq!(returned(0, 0), number("65"));
    assert_eq!(returned(0, 1), number("64"));
    // Waiting returns are entries, too.
    let waiting = (0..64).map(|n| refund(&format!("r{n}"), T + 1));
    let events = [order("x", T)].into_iter().chain(waiting);
    let events: Vec<Event> = events.chain([refund("x", T + 1)]).collect();
    assert_eq!(after(&events, count("order")), number("1"));
}

#[test]
fn returns_create_customers_and_count_from_their_own_evaluation_on() {
    let model = |name: &str| {
        Model::new(name, "a")
            .stages(&["a", "b"])
            .go(&["a"], "b", fact(count("order")).ge(num(1)))
            .go(&["b"], "a", fact(count("order")).lt(num(1)))
    };
    // One model declares it, and it applies to all.
    let models = [model("m").orders(orders()), model("n")];
    let events = [order("x", T), refund("x", T + HOUR)];
    let there = ("a->b", 0, Cause::Event);
    let back = ("b->a", HOUR, Cause::Event);
    let found = replay(&models, &events, None);
    assert_eq!(short(&found), [there, there, back, back]);
    let by_refund = Model::new("m", "a").stages(&["a", "b"]).orders(orders()).go(
        &["a"],
        "b",
        event("refund") & !has(last("order")),
    );
    let found = replay(&[by_refund], &[refund("x", T)], None);
    assert_eq!(short(&found), [there]);
}
