//! Refunds that state totals, lines, versions, credit notes.

use super::orders::{after_by, cancel, number, order, orders, refund, worth};
use super::*;

/// How many orders there are, what they are worth together, and the largest.
fn counted(orders: &Orders, events: &[Event]) -> [Option<Value>; 3] {
    let facts = [count("order"), sum("order", "value"), max("order", "value")];
    facts.map(|fact| after_by(orders.clone(), events, fact))
}

fn is(count: i64, worth: &str, largest: &str) -> [Option<Value>; 3] {
    [number(&count.to_string()), number(worth), number(largest)]
}

/// The same result, whatever the order of arrival.
fn in_every_order(orders: &Orders, events: &[Event], expected: [Option<Value>; 3]) {
    for first in 0..events.len() {
        let mut rotated = events.to_vec();
        rotated.rotate_left(first);
        assert_eq!(counted(orders, &rotated), expected, "{rotated:?}");
        rotated.reverse();
        assert_eq!(counted(orders, &rotated), expected, "{rotated:?}");
    }
}

#[test]
fn cumulative_refunds_give_the_same_in_every_order_of_arrival() {
    let orders = Orders { refunds: Refunds::Cumulative, ..orders() };
    let of = |value| worth(order("x", T), value);
    let total = |after, value| worth(refund("x", T + after), value);
    in_every_order(&orders, &[of("200"), total(1, "20"), total(2, "60")], is(1, "140", "140"));
    let all = [of("150"), total(1, "30"), total(2, "-60"), total(3, "90")];
    in_every_order(&orders, &all, is(1, "60", "60"));
    let cancelled = [of("150"), total(1, "30"), worth(cancel("x", T), "40"), cancel("y", T)];
    in_every_order(&orders, &cancelled, is(1, "110", "110"));
    assert_eq!(counted(&orders, &[of("20"), total(1, "20")])[0], number("0"));
}

#[test]
fn a_refund_without_a_value_takes_back_nothing_where_refunds_are_amounts() {
    let of = |value| worth(order("x", T), value);
    for refunds in [Refunds::Partial, Refunds::Cumulative] {
        let orders = Orders { refunds, ..orders() };
        let events = [of("20"), refund("x", T), worth(refund("x", T), "5"), refund("x", T)];
        in_every_order(&orders, &events, is(1, "15", "15"));
        assert_eq!(counted(&orders, &[of("20"), cancel("x", T)])[0], number("0"));
        // It is no entry that waits for its order.
        let waiting = (0..64).map(|n| refund(&format!("r{n}"), T + 1));
        let events: Vec<Event> = [of("20")].into_iter().chain(waiting).collect();
        let events = [events, vec![worth(refund("x", T + 1), "5")]].concat();
        assert_eq!(counted(&orders, &events), is(1, "15", "15"));
    }
}

#[test]
fn lines_add_up_to_one_order_at_the_time_of_the_earliest() {
    let orders = Orders { repeated: Repeated::Line, ..orders() };
    let line = |after, value, channel| {
        worth(order("x", T + after), value).with("channel", Value::text(channel))
    };
    let lines = [line(1, "60", "app"), line(0, "50", "web"), line(2, "40", "app")];
    in_every_order(&orders, &lines, is(1, "150", "150"));
    let fact = |fact| after_by(orders.clone(), &lines, fact);
    assert_eq!(fact(last("order")), Some(Value::Number(i128::from(T) * SCALE)));
    assert_eq!(fact(latest("order", "channel")), Some(Value::text("web")));
    assert_eq!(fact(count("any")), number("3"));
    // Refunds take back a part of all lines, also of those that follow.
    let events = [line(0, "60", "a"), worth(refund("x", T), "70"), line(1, "50", "a")];
    in_every_order(&orders, &events, is(1, "40", "40"));
    // Some lines have no value.
    let events = [order("x", T), order("x", T), worth(order("x", T), "3")];
    in_every_order(&orders, &events, is(1, "3", "3"));
    // A line after the horizon is another order.
    let late = [line(0, "1", "a"), line(3 * DAY, "2", "a"), line(3 * DAY + 1, "4", "a")];
    assert_eq!(counted(&orders, &late), is(2, "7", "4"));
}

#[test]
fn the_latest_version_of_an_order_counts_at_the_time_of_the_earliest() {
    let orders = Orders { repeated: Repeated::Replace, ..orders() };
    let version = |after, value| worth(order("x", T + after), value);
    let events = [version(1, "80"), version(3, "150"), version(2, "20")];
    in_every_order(&orders, &events, is(1, "150", "150"));
    let last = after_by(orders.clone(), &events, last("order"));
    assert_eq!(last, Some(Value::Number(i128::from(T + 1) * SCALE)));
    // Of one instant the one that is received last.
    assert_eq!(counted(&orders, &[version(1, "8"), version(1, "9")]), is(1, "9", "9"));
    let events = [version(1, "80"), worth(refund("x", T + 2), "5"), version(3, "70")];
    in_every_order(&orders, &events, is(1, "65", "65"));
    let valueless = [version(1, "80"), order("x", T + 2)];
    assert_eq!(counted(&orders, &valueless), [number("1"), number("0"), None]);
}

#[test]
fn a_credit_note_reduces_its_order_or_else_the_sums() {
    let of = |id, value| worth(order(id, T), value);
    let orders = orders();
    assert_eq!(counted(&orders, &[of("x", "20"), of("x", "-5")]), is(1, "15", "15"));
    assert_eq!(counted(&orders, &[of("x", "20"), of("x", "-5"), of("x", "-15")])[0], number("0"));
    // As a cancellation: with a refund, the larger one counts.
    let both = [of("x", "20"), of("x", "-5"), worth(refund("x", T), "6")];
    assert_eq!(counted(&orders, &both), is(1, "14", "14"));
    // Without its order, or before it, the sum alone.
    let nameless = worth(at("order", T), "-7");
    let events = [of("x", "20"), of("y", "-5"), nameless, of("y", "2")];
    assert_eq!(counted(&orders, &events), is(2, "10", "20"));
    let fact = |fact| after_by(orders.clone(), &events, fact);
    assert_eq!(fact(avg("order", "value")), number("5"));
    assert_eq!(fact(count("any")), number("4"));
    assert_eq!(counted(&orders, &[of("y", "-5")]), [number("0"), number("-5"), None]);
    // It is not an order for a condition.
    let won_back = Model::new("m", "a").stages(&["a", "b"]).orders(orders.clone()).go(
        &["a"],
        "b",
        event("order"),
    );
    assert_eq!(run(won_back.clone(), &[of("y", "-5")]), []);
    assert_eq!(run(won_back, &[of("y", "0")]), [took("a->b", 0, Cause::Event)]);
}

#[test]
fn a_line_or_a_credit_note_of_an_earlier_order_retracts_the_transition() {
    let orders = Orders { repeated: Repeated::Line, ..orders() };
    let small = || fact(sum("order", "value")).lt(num(100));
    let model = Model::new("m", "a").stages(&["a", "b"]).orders(orders).corrections(10 * DAY).go(
        &["a"],
        "b",
        small() & fact(count("order")).ge(num(1)),
    );
    let line = |after, value| worth(order("x", T + after), value);
    let there = took("a->b", 0, Cause::Event);
    let corrected = |after| took("correction", after, Cause::Correction);
    // Of the same order, at the instant of the transition or later.
    for after in [0, DAY] {
        let found = run(model.clone(), &[line(0, "60"), line(after, "40")]);
        assert_eq!(found, [there.clone(), corrected(after)]);
    }
    let found = run(model.clone(), &[line(0, "60"), line(DAY, "39")]);
    assert_eq!(found, std::slice::from_ref(&there));
    // Another order follows the transition.
    let other = worth(order("y", T + DAY), "90");
    assert_eq!(run(model.clone(), &[line(0, "60"), other]), std::slice::from_ref(&there));
    let found = run(model, &[line(0, "60"), line(DAY, "-60")]);
    assert_eq!(found, [there, corrected(DAY)]);
}
