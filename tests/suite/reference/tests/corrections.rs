//! Transitions whose basis a late event or a return removes.

use super::*;

fn run(model: Model, events: &[Event]) -> Vec<Change> {
    process(&[model], events, 0, None)
}

fn until(model: Model, events: &[Event], end: i64) -> Vec<Change> {
    process(&[model], events, 0, Some(end))
}

fn quiet() -> Model {
    silence().corrections(30 * DAY)
}

fn order(day: i64) -> Event {
    at("order", T + day * DAY)
}

fn visit(day: i64) -> Event {
    at("visit", T + day * DAY)
}

/// The order `x`, or a return of it.
fn x(kind: &str, time: i64) -> Event {
    at(kind, time).of_order("x")
}

fn buying() -> Model {
    Model::new("m", "a")
        .orders(Orders {
            placed: "order".to_string(),
            refunded: Some("refund".to_string()),
            cancelled: None,
            within_ms: 20 * DAY,
            refunds: Refunds::Single,
            repeated: Repeated::Duplicate,
        })
        .corrections(10 * DAY)
        .stages(&["a", "b", "c"])
}

const SILENT: (&str, i64, Cause) = ("active->silent", 10 * DAY, Cause::Timer);

fn corrected(after: i64) -> (&'static str, i64, Cause) {
    ("correction", after, Cause::Correction)
}

#[test]
fn a_late_event_retracts_a_transition_and_names_it() {
    // Silent on day 10. On day 12 the order of day 5 is received.
    let events = [order(0), visit(12), order(5)];
    let found = until(quiet(), &events, T + 99 * DAY);
    let again = ("active->silent", 15 * DAY, Cause::Timer);
    assert_eq!(short(&found), [SILENT, corrected(12 * DAY), again]);
    let correction = Change {
        customer: "ann".to_string(),
        model: "m".to_string(),
        sequence: 2,
        from: "silent".to_string(),
        to: "active".to_string(),
        transition: "correction".to_string(),
        effective_at: T + 12 * DAY,
        cause: Cause::Correction,
        entered_previous_at: T + 10 * DAY,
        corrects: Some((1, T + 10 * DAY)),
    };
    assert_eq!(found[1], correction);
    // The customer is active since the former entry.
    assert_eq!((found[2].sequence, found[2].entered_previous_at), (3, T));
    assert_eq!(found[2].corrects, None);
    // Without `corrections` it is an ordinary transition.
    let back = ("back", 12 * DAY, Cause::Event);
    assert_eq!(short(&run(silence(), &events)), [SILENT, back]);
}

#[test]
fn a_transition_whose_condition_stays_true_is_not_corrected() {
    // Silent on day 10 with or without a visit. The order of day 11 is later than that.
    let seen = [order(0), visit(12), visit(5)];
    assert_eq!(short(&run(quiet(), &seen)), [SILENT]);
    let later = [order(0), visit(12), order(11)];
    let back = ("back", 12 * DAY, Cause::Event);
    assert_eq!(short(&run(quiet(), &later)), [SILENT, back]);
    // An order at the instant of the timer, and late.
    let then = [order(0), visit(12), order(10)];
    let retracted = [SILENT, corrected(12 * DAY)];
    assert_eq!(short(&run(quiet(), &then)), retracted);
}

#[test]
fn an_event_received_after_the_timer_that_it_would_have_cancelled_retracts_the_transition() {
    // Bob moves the watermark past Ann's deadline. Her order of day 9 is her latest event.
    let bob = Event::new("bob", "visit", T + 12 * DAY);
    let events = [order(0), bob, order(9)];
    assert_eq!(short(&run(quiet(), &events)), [SILENT, corrected(10 * DAY)]);
}

#[test]
fn a_correction_evaluates_past_facts_with_all_events_known_now() {
    let model = || {
        Model::new("m", "a")
            .corrections(30 * DAY)
            .stages(&["a", "b"])
            .fact("today", count("visit").over(4 * DAY))
            .go(&["a"], "b", event("go") & fact("today").lt(num(2)))
    };
    let go = at("go", T + 5 * DAY);
    let taken = ("a->b", 5 * DAY, Cause::Event);
    // The window has days 2 to 5. Later events are of day 6.
    let quiet = [go.clone(), visit(6), visit(6), visit(1), visit(2)];
    assert_eq!(short(&run(model(), &quiet)), [taken]);
    let busy = [&quiet[..], &[visit(3)]].concat();
    assert_eq!(short(&run(model(), &busy)), [taken, corrected(6 * DAY)]);
    // Events at the same instant that were received later do not count.
    let same_instant = [go.clone(), visit(5), visit(5), visit(6), visit(5), at("noise", T)];
    assert_eq!(short(&run(model(), &same_instant)), [taken]);
    let before = [go, visit(6), visit(2), visit(3)];
    assert_eq!(short(&run(model(), &before)), [taken, corrected(6 * DAY)]);
}

#[test]
fn a_timer_is_based_on_all_events_of_its_instant() {
    // Bob moves the watermark past Ann's deadline on day 10.
    let bob = Event::new("bob", "visit", T + 12 * DAY);
    let events = [order(0), bob, order(10)];
    assert_eq!(short(&run(quiet(), &events)), [SILENT, corrected(10 * DAY)]);
    let late = [order(0), visit(12), order(10)];
    assert_eq!(short(&run(quiet(), &late)), [SILENT, corrected(12 * DAY)]);
}

#[test]
fn a_correction_evaluates_a_link_with_its_own_event() {
    let model = Model::new("m", "a")
        .corrections(30 * DAY)
        .stages(&["a", "b", "c"])
        .go(&["a"], "b", event("visit"))
        .go(&["b"], "c", fact(count("order")).lt(num(1)))
        .go(&["c"], "a", event("back"));
    // a->b by the visit, b->c as its second link. An order makes b->c untrue, not a->b.
    let events = [visit(3), visit(4), order(2)];
    let found = run(model, &events);
    let [first, second] = ["a->b", "b->c"].map(|name| (name, 3 * DAY, Cause::Event));
    assert_eq!(short(&found), [first, second, corrected(4 * DAY)]);
    let stages = (found[2].from.as_str(), found[2].to.as_str());
    assert_eq!((stages, found[2].corrects), (("c", "b"), Some((2, T + 3 * DAY))));
    let alone = Model::new("m", "a").corrections(30 * DAY).stages(&["a", "b"]);
    let alone = alone.go(&["a"], "b", event("visit"));
    assert_eq!(short(&run(alone, &events)), [first]);
}

#[test]
fn a_return_of_an_earlier_order_retracts_the_transition() {
    let model = || buying().go(&["a"], "b", fact(count("order")).ge(num(1)));
    let there = ("a->b", 0, Cause::Event);
    let events = [x("order", T), x("refund", T + 2 * DAY)];
    assert_eq!(short(&run(model(), &events)), [there, corrected(2 * DAY)]);
    // Another order is enough for the condition.
    let two = [order(0), x("order", T), x("refund", T + 2 * DAY)];
    assert_eq!(short(&run(model(), &two)), [there]);
    // A return that is received before its order.
    let early = [order(0), x("refund", T), x("order", T)];
    assert_eq!(short(&run(model(), &early)), [there]);
    let worth = |event: Event, value| event.with("value", Value::money(value));
    let spent = buying().go(&["a"], "b", fact(sum("order", "value")).ge(num(10)));
    let [all, half] = [("order", 0, "20"), ("refund", DAY, "10")]
        .map(|(kind, after, value)| worth(x(kind, T + after), value));
    let parts = [all, half, worth(x("refund", T + 2 * DAY), "0.01")];
    assert_eq!(short(&run(spent, &parts)), [there, corrected(2 * DAY)]);
    // An order after the transition is not part of its basis.
    let other = buying().go(&["a"], "b", event("visit")).go(
        &["b"],
        "c",
        fact(count("order")).lt(num(1)) & event("refund"),
    );
    let later = [visit(0), x("order", T + DAY), x("refund", T + 2 * DAY)];
    let left = ("b->c", 2 * DAY, Cause::Event);
    assert_eq!(short(&run(other, &later)), [there, left]);
}

#[test]
fn the_basis_is_kept_for_the_horizon_and_until_the_next_transition() {
    let model = || buying().go(&["a"], "b", fact(count("order")).ge(num(1)));
    let there = ("a->b", 0, Cause::Event);
    let refund = |after| x("refund", T + after);
    let edge = 10 * DAY;
    let with = |events: &[Event]| run(model(), &[&[x("order", T)], events].concat());
    let kept = with(&[visit(10), refund(edge)]);
    assert_eq!(short(&kept), [there, corrected(edge)]);
    let dropped = with(&[at("visit", T + edge + 1), refund(edge + 1)]);
    assert_eq!(short(&dropped), [there]);
    // No other event: the return itself is too late.
    assert_eq!(short(&with(&[refund(edge + 1)])), [there]);
    let next = model().go(&["b"], "c", event("visit"));
    let events = [x("order", T), visit(1), refund(2 * DAY)];
    let further = ("b->c", DAY, Cause::Event);
    assert_eq!(short(&run(next, &events)), [there, further]);
}

#[test]
fn a_correction_has_no_basis_of_its_own() {
    let model = buying().go(&["a"], "b", fact(count("order")).ge(num(1))).go(
        &["a"],
        "c",
        fact(count("refund")).eq(num(1)),
    );
    // To c because there is one refund. Then another, earlier one is received.
    let events = [x("order", T), x("refund", T + 2 * DAY), at("refund", T + DAY)];
    let found = run(model, &events);
    let there = ("a->b", 0, Cause::Event);
    assert_eq!(short(&found), [there, corrected(2 * DAY)]);
    assert_eq!(found[1].to, "c");
}

#[test]
fn a_correction_ignores_the_hold_and_restarts_holds() {
    let model = Model::new("m", "a")
        .corrections(30 * DAY)
        .stages(&["a", "b"])
        .go(&["a"], "b", since(last("order")).ge(days(5)))
        .hold(3 * DAY);
    let taken = ("a->b", 8 * DAY, Cause::Timer);
    // On day 8 the order of day 3 was five days ago, but not for three days.
    let confirmed = [order(0), visit(9), order(3)];
    assert_eq!(short(&run(model.clone(), &confirmed)), [taken]);
    // On day 9 the order of day 4 is five days ago, and on day 12 for three days.
    let broken = [order(0), visit(9), order(4)];
    let found = until(model, &broken, T + 99 * DAY);
    let again = ("a->b", 12 * DAY, Cause::Timer);
    assert_eq!(short(&found), [taken, corrected(9 * DAY), again]);
}

#[test]
fn a_correction_and_the_transitions_after_it_are_one_output() {
    let model = buying()
        .go(&["a"], "b", fact(count("order")).ge(num(1)))
        .go(&["a"], "c", fact(count("refund")).ge(num(1)))
        .go(&["c"], "b", fact(Source::PreviousStage).eq(text("a")) & event("visit"));
    let events = [x("order", T), x("refund", T + 2 * DAY), visit(3)];
    let found = run(model, &events);
    let there = ("a->b", 0, Cause::Event);
    let from_c = ("c->b", 3 * DAY, Cause::Event);
    assert_eq!(short(&found), [there, corrected(2 * DAY), from_c]);
    assert_eq!((found[1].from.as_str(), found[1].to.as_str()), ("b", "c"));
    assert_eq!(found[2].entered_previous_at, T + 2 * DAY);
}

#[test]
fn the_event_is_that_of_the_first_link_of_the_chain() {
    let model = buying()
        .go(&["a"], "b", fact(count("order")).ge(num(1)))
        .go(&["a"], "c", event("refund"))
        .go(&["c"], "a", event("refund"))
        .go(&["c"], "b", event("refund"));
    let found = run(model, &[x("order", T), x("refund", T + DAY)]);
    let there = ("a->b", 0, Cause::Event);
    assert_eq!(short(&found), [there, corrected(DAY)]);
    assert_eq!(found[1].to, "c");
}

#[test]
fn the_chain_of_a_correction_has_no_blocks_and_does_not_return_to_its_start() {
    let returned = || fact(count("refund")).ge(num(1));
    let model = buying()
        .go(&["a"], "b", fact(count("order")).ge(num(1)))
        .stage("d", 9 * DAY)
        .reentry(Reentry::Never);
    let model = Model { initial: "d".to_string(), ..model };
    // d was left on day 9 for good.
    let model = model
        .go(&["d"], "a", event("start"))
        .go(&["a"], "d", returned())
        .go(&["d"], "a", returned())
        .go(&["d"], "c", returned());
    let events = [
        at("noise", T),
        at("start", T + 9 * DAY),
        x("order", T + 11 * DAY),
        x("refund", T + 12 * DAY),
    ];
    let found = run(model, &events);
    let by_event = |name, day| (name, day * DAY, Cause::Event);
    let expected = [by_event("d->a", 9), by_event("a->b", 11), corrected(12 * DAY)];
    // a->d, which is entered once only; not d->a; d->c, although the stay in d has just begun.
    assert_eq!(short(&found), expected);
    assert_eq!((found[2].from.as_str(), found[2].to.as_str()), ("b", "c"));
}

#[test]
fn a_transition_in_cooldown_is_taken_by_a_correction() {
    // Back to b, and then to c, although that transition was taken on day 1.
    let model = buying()
        .go(&["a"], "b", event("visit"))
        .go(&["b"], "c", event("bad") | fact(count("refund")).ge(num(1)))
        .cooldown(30 * DAY)
        .go(&["c"], "b", event("good"))
        .go(&["b"], "a", fact(count("order")).ge(num(1)));
    let events = [
        visit(0),
        at("bad", T + DAY),
        at("good", T + 36 * HOUR),
        x("order", T + 2 * DAY),
        x("refund", T + 3 * DAY),
    ];
    let found = run(model, &events);
    let by_event = |name, day| (name, day * DAY, Cause::Event);
    let first = [by_event("a->b", 0), by_event("b->c", 1)];
    let good = ("c->b", 36 * HOUR, Cause::Event);
    let rest = [good, by_event("b->a", 2), corrected(3 * DAY)];
    assert_eq!(short(&found), [&first[..], &rest].concat());
    assert_eq!((found[4].from.as_str(), found[4].to.as_str()), ("a", "c"));
}

#[test]
fn a_correction_that_leads_to_the_current_stage_is_not_output() {
    // The order of day 1 was not ten days ago on day 10, but is on day 12.
    let events = [order(0), visit(12), order(1)];
    let found = until(quiet(), &events, T + 20 * DAY);
    assert_eq!(short(&found), [SILENT]);
    // The basis is now of day 12: the order of day 2 was ten days ago, and that of day 3 was not.
    let again = [&events[..], &[order(2)]].concat();
    assert_eq!(short(&run(quiet(), &again)), [SILENT]);
    let again = [&again[..], &[order(3)]].concat();
    assert_eq!(short(&run(quiet(), &again)), [SILENT, corrected(12 * DAY)]);
    // Holds continue: this one began on day 10.
    let lost = quiet().stages(&["lost"]);
    let lost = lost.go(&["silent"], "lost", has(last("order"))).hold(4 * DAY);
    let found = until(lost, &events, T + 20 * DAY);
    let after_hold = ("silent->lost", 14 * DAY, Cause::Timer);
    assert_eq!(short(&found), [SILENT, after_hold]);
    // The customer is silent since day 10, and the event itself is evaluated.
    let model = quiet().stages(&["asked"]).go(&["silent"], "asked", event("order"));
    let found = run(model, &events);
    let asked = ("silent->asked", 12 * DAY, Cause::Event);
    assert_eq!(short(&found), [SILENT, asked]);
    assert_eq!(found[1].entered_previous_at, T + 10 * DAY);
    assert_eq!(found[1].sequence, 2);
}

#[test]
fn a_correction_restores_visits_cooldowns_and_exits() {
    let model = |condition: Expr| {
        buying()
            .reentry(Reentry::After(50 * DAY))
            .go(&["a"], "b", fact(count("order")).ge(num(1)))
            .cooldown(50 * DAY)
            .go(&["a"], "c", event("ask") & condition)
    };
    let events = [visit(0), x("order", T + DAY), x("refund", T + 2 * DAY), at("ask", T + 3 * DAY)];
    let asked = |condition: Expr| run(model(condition), &events).len() == 3;
    assert!(asked(fact(visits("a")).eq(num(1))));
    assert!(asked(fact(visits("b")).eq(num(0))));
    assert!(asked(!has(entered("b"))));
    assert!(asked(!has(Source::PreviousStage)));
    assert!(asked(fact(time_in("a")).ge(days(3))));
    assert!(asked(fact(Source::DaysInStage).ge(num(3))));
    // a->b counts as never taken.
    let again = [&events[..3], &[order(4)]].concat();
    let found = run(model(event("never")), &again);
    let names = ["a->b", "correction", "a->b"];
    let sequence = found.iter().map(|c| (c.transition.as_str(), c.sequence));
    let expected = names.into_iter().zip(1..);
    assert_eq!(sequence.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn after_a_correction_nothing_takes_effect_before_it() {
    // Silent on day 10, corrected at day 12 for an order of day 5: late events are evaluated at that instant.
    let model = quiet().stages(&["asked"]).go(&["active"], "asked", event("visit"));
    let model = Model { transitions: model.transitions.into_iter().rev().collect(), ..model };
    let asked = ("active->asked", 12 * DAY, Cause::Event);
    let events = [order(0), at("noise", T + 12 * DAY), order(5), visit(11)];
    let found = run(model, &events);
    assert_eq!(short(&found), [SILENT, corrected(12 * DAY), asked]);
    assert_eq!(found[2].entered_previous_at, T);
}
