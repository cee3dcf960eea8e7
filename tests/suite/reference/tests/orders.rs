//! Orders by their id, refunds, cancellations.

use super::*;

fn orders() -> Orders {
    Orders {
        placed: "order".to_string(),
        refunded: Some("refund".to_string()),
        cancelled: Some("cancel".to_string()),
        within_ms: 3 * DAY,
    }
}

fn order(id: &str, time: i64) -> Event {
    at("order", time).of_order(id)
}

fn refund(id: &str, time: i64) -> Event {
    at("refund", time).of_order(id)
}

fn cancel(id: &str, time: i64) -> Event {
    at("cancel", time).of_order(id)
}

fn worth(event: Event, value: &str) -> Event {
    event.with("value", Value::money(value))
}

/// Ann's fact after all this has arrived.
fn after(events: &[Event], fact: Fact) -> Option<Value> {
    let models = [Model::new("m", "a").stages(&["a"]).orders(orders())];
    let mut world = World::new(&models, 0);
    for event in events {
        world.accept(event);
    }
    let ann = &world.customers["ann"];
    let look = Look {
        model: &models[0],
        seen: &Seen::of(&ann.events, &models),
        past: &ann.tracks[0].past,
        now: ann.latest(),
        facts_at: ann.latest(),
        event: None,
    };
    look.fact(&fact)
}

fn number(decimal: &str) -> Option<Value> {
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
    // Only orders: a refund may come twice.
    let half = || worth(refund("x", T), "5");
    assert_eq!(counted(&[events[0].clone(), half(), half()]), is(1, "10"));
}

#[test]
fn a_repeated_order_only_shows_that_time_has_passed() {
    let model = silence().orders(Orders {
        within_ms: 90 * DAY,
        ..orders()
    });
    let events = [order("x", T), order("x", T + 12 * DAY)];
    let silent = ("active->silent", 10 * DAY, Cause::Timer);
    assert_eq!(short(&replay(&[model], &events, None)), [silent]);
}

#[test]
fn an_order_is_gone_when_it_was_returned_as_a_whole() {
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
    // Once: the larger of the two totals.
    let (a, b) = (part(cancel, "12"), part(refund, "8"));
    assert_eq!(with(&[a.clone(), b.clone()]), is(1, "8"));
    assert_eq!(with(&[a, b, part(refund, "7")]), is(1, "5"));
    // Whole, whatever else came.
    let whole = [part(refund, "1"), refund("x", T), part(refund, "1")];
    assert_eq!(with(&whole), is(0, "0"));
}

#[test]
fn nothing_is_returned_by_totals_that_are_not_positive() {
    let order_of = |value| worth(order("x", T), value);
    let refund_of = |value| worth(refund("x", T), value);
    assert_eq!(counted(&[order_of("20"), refund_of("0")]), is(1, "20"));
    assert_eq!(counted(&[order_of("20"), refund_of("-5")]), is(1, "20"));
    let both = [order_of("20"), refund_of("-5"), refund_of("7")];
    assert_eq!(counted(&both), is(1, "18"));
    assert_eq!(counted(&[order_of("0"), refund_of("0")]), is(1, "0"));
    assert_eq!(counted(&[order_of("0")]), is(1, "0"));
    assert_eq!(counted(&[order_of("-5"), refund_of("-9")]), is(1, "-5"));
    assert_eq!(counted(&[order_of("-5"), refund_of("0.01")]), is(0, "0"));
    // An order without a value is gone by any return.
    let plain = || order("x", T);
    assert_eq!(counted(&[plain()]), is(1, "0"));
    assert_eq!(counted(&[plain(), refund_of("5")]), is(0, "0"));
    assert_eq!(counted(&[plain(), refund_of("0")]), is(0, "0"));
}

#[test]
fn facts_about_orders_see_what_is_left_and_all_others_see_what_came() {
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
fn what_was_returned_before_the_order_came_is_kept() {
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
fn an_entry_leaves_and_what_was_returned_stays_as_it_was() {
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
    // Nothing shows any more that it came before.
    assert_eq!(counted(&[x(0), noise(edge), x(edge)]), is(1, "20"));
    assert_eq!(counted(&[x(0), noise(late), x(late)]), is(2, "40"));
    // A return in vain waits, and finds the next order of the id.
    let again = [x(0), noise(late), back(late), x(late)];
    assert_eq!(counted(&again), is(2, "35"));
    // So late that it leaves at once.
    assert_eq!(counted(&[noise(late), x(0), x(0)]), is(2, "40"));
    assert_eq!(counted(&[noise(late), x(0), back(late)]), is(1, "20"));
}

#[test]
fn the_time_of_an_entry_is_that_of_its_order_once_it_has_come() {
    let noise = |after| at("noise", T + after);
    let x = |after| worth(order("x", T + after), "20");
    let back = |after| worth(refund("x", T + after), "5");
    // Until then that of the first return, not of the second.
    let waits = [back(0), back(DAY), noise(3 * DAY), x(3 * DAY)];
    assert_eq!(counted(&waits), is(1, "10"));
    let left = [back(0), back(DAY), noise(3 * DAY + 1), x(3 * DAY)];
    assert_eq!(counted(&left), is(1, "20"));
    // The order of day 1 stays until day 4.
    let events = [back(0), x(DAY), noise(4 * DAY), back(4 * DAY)];
    assert_eq!(counted(&events), is(1, "10"));
    // An order that leaves at once takes along what waited for it.
    let events = [back(3 * DAY), noise(4 * DAY), x(0), back(4 * DAY)];
    assert_eq!(counted(&events), is(1, "15"));
}

#[test]
fn no_more_than_64_entries_stay_those_of_the_latest_time() {
    let many = |step: i64| (0..65).map(move |n| order(&n.to_string(), T + n * step));
    let returned = |step, id: i64| {
        let events = many(step).chain([refund(&id.to_string(), T + 64 * step)]);
        let events: Vec<Event> = events.collect();
        after(&events, count("order"))
    };
    assert_eq!(returned(1, 0), number("65"));
    assert_eq!(returned(1, 1), number("64"));
    assert_eq!(returned(1, 64), number("64"));
    // All at once: the first leaves.
    assert_eq!(returned(0, 0), number("65"));
    assert_eq!(returned(0, 1), number("64"));
    // Returns that wait are entries too.
    let waiting = (0..64).map(|n| refund(&format!("r{n}"), T + 1));
    let events = [order("x", T)].into_iter().chain(waiting);
    let events: Vec<Event> = events.chain([refund("x", T + 1)]).collect();
    assert_eq!(after(&events, count("order")), number("1"));
}

#[test]
fn returns_create_customers_and_decide_from_their_own_evaluation_on() {
    let model = |name: &str| {
        Model::new(name, "a")
            .stages(&["a", "b"])
            .go(&["a"], "b", fact(count("order")).ge(num(1)))
            .go(&["b"], "a", fact(count("order")).lt(num(1)))
    };
    // One model says it, and it holds for all.
    let models = [model("m").orders(orders()), model("n")];
    let events = [order("x", T), refund("x", T + HOUR)];
    let there = ("a->b", 0, Cause::Event);
    let back = ("b->a", HOUR, Cause::Event);
    let found = replay(&models, &events, None);
    assert_eq!(short(&found), [there, there, back, back]);
    let came = Model::new("m", "a")
        .stages(&["a", "b"])
        .orders(orders())
        .go(&["a"], "b", event("refund") & !has(last("order")));
    let found = replay(&[came], &[refund("x", T)], None);
    assert_eq!(short(&found), [there]);
}
