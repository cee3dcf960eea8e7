//! Cooldown, re-entry, duplicates.

use super::*;

fn mood(mood: &str, time: i64) -> Event {
    at("answer", time).with("mood", Value::text(mood))
}

fn is(mood: &str) -> Expr {
    fact(latest("answer", "mood")).eq(text(mood))
}

#[test]
fn a_cooldown_blocks_a_transition_from_all_its_stages_up_to_the_exact_instant() {
    let model = || {
        Model::new("m", "a")
            .stages(&["a", "b", "c"])
            .go(&["a", "c"], "b", is("bad"))
            .cooldown(2 * DAY)
            .go(&["b"], "c", event("leave"))
    };
    let first = took("a->b", 0, Cause::Event);
    let left = took("b->c", HOUR, Cause::Event);
    let events = [mood("bad", T), at("leave", T + HOUR)];
    let again = took("c->b", 2 * DAY, Cause::Timer);
    let expected = [first.clone(), left.clone(), again];
    assert_eq!(run(model(), &events), expected);
    // An event at that instant is its cause; one before it is too early.
    let noise = [DAY, 2 * DAY].map(|after| at("noise", T + after));
    let again = took("c->b", 2 * DAY, Cause::Event);
    assert_eq!(run(model(), &[&events[..], &noise].concat()), [first, left, again]);
}

#[test]
fn a_hold_continues_during_the_cooldown_and_a_later_transition_is_taken() {
    let model = || {
        Model::new("m", "a")
            .stages(&["a", "b", "c"])
            .go(&["a"], "b", is("bad"))
            .hold(DAY)
            .cooldown(3 * DAY)
            .go(&["b"], "a", event("back"))
            .go(&["a"], "c", event("exit"))
    };
    let events = [mood("bad", T), at("back", T + 2 * DAY)];
    // Taken on day 1; true again since day 2, so ready on day 3; the cooldown ends on day 4.
    let expected = [
        took("a->b", DAY, Cause::Timer),
        took("b->a", 2 * DAY, Cause::Event),
        took("a->b", 4 * DAY, Cause::Timer),
    ];
    assert_eq!(run(model(), &events), expected);
    let out = at("exit", T + 3 * DAY + HOUR);
    let away = took("a->c", 3 * DAY + HOUR, Cause::Event);
    let with_out = [&events[..], &[out]].concat();
    assert_eq!(run(model(), &with_out)[2..], [away]);
}

#[test]
fn reentry_is_allowed_a_duration_after_the_last_exit_or_never() {
    let model = |reentry| {
        Model::new("m", "a").stages(&["a", "b"]).reentry(reentry).go(&["a"], "b", is("bad")).go(
            &["b"],
            "a",
            event("back"),
        )
    };
    let events = [
        mood("bad", T),
        at("back", T + HOUR),
        at("noise", T + DAY),
        at("noise", T + 9 * DAY),
        at("back", T + 10 * DAY),
    ];
    let [first, back] = [took("a->b", 0, Cause::Event), took("b->a", HOUR, Cause::Event)];
    let never = run(model(Reentry::Never), &events);
    assert_eq!(never, [first.clone(), back.clone()]);
    let after = run(model(Reentry::After(3 * DAY)), &events);
    let rest = [
        took("a->b", 3 * DAY + HOUR, Cause::Timer),
        took("b->a", 10 * DAY, Cause::Event),
        took("a->b", 13 * DAY, Cause::Timer),
    ];
    assert_eq!(after[..2], [first.clone(), back.clone()]);
    assert_eq!(after[2..], rest);
    let always = run(model(Reentry::Always), &events);
    assert_eq!(always[..2], [first, back]);
    assert_eq!(always[2], took("a->b", DAY, Cause::Event));
}

#[test]
fn leaving_the_initial_stage_is_an_exit_of_it() {
    let model = |reentry| {
        Model::new("m", "a")
            .stages(&["a"])
            .reentry(reentry)
            .stages(&["b"])
            .go(&["a"], "b", event("go"))
            .go(&["b"], "a", is("bad"))
    };
    let events = [at("go", T), mood("bad", T + HOUR)];
    let go = took("a->b", 0, Cause::Event);
    let never = run(model(Reentry::Never), &events);
    assert_eq!(never, std::slice::from_ref(&go));
    let back = took("b->a", 2 * DAY, Cause::Timer);
    assert_eq!(run(model(Reentry::After(2 * DAY)), &events), [go, back]);
}

// ---- duplicates

fn counting(n: i64) -> Model {
    Model::new("m", "a").stages(&["a", "b"]).dedupe(3 * DAY).go(
        &["a"],
        "b",
        fact(count("any")).ge(num(n)),
    )
}

fn visit(id: &str, time: i64) -> Event {
    at("visit", time).with_id(id)
}

/// How many of the events are not duplicates.
fn accepted(events: &[Event]) -> usize {
    let models = [counting(1)];
    let mut run = Run::new(&models, 10 * DAY);
    for event in events {
        run.accept(event);
    }
    run.customers.values().map(|customer| customer.events.len()).sum()
}

#[test]
fn an_id_is_remembered_for_the_horizon_before_the_latest_event() {
    let x = |after| visit("x", T + after);
    let quiet = |after| at("visit", T + after);
    assert_eq!(accepted(&[x(0), x(DAY)]), 1);
    assert_eq!(accepted(&[quiet(0), quiet(0)]), 2);
    assert_eq!(accepted(&[x(0), visit("y", T)]), 2);
    assert_eq!(accepted(&[x(0), quiet(3 * DAY), x(3 * DAY)]), 2);
    assert_eq!(accepted(&[x(0), quiet(3 * DAY + 1), x(3 * DAY + 1)]), 3);
    // The latest event counts.
    assert_eq!(accepted(&[x(0), x(3 * DAY), x(3 * DAY)]), 1);
    assert_eq!(accepted(&[x(0), x(3 * DAY + 1), x(3 * DAY + 1)]), 2);
    // A duplicate does not make other ids forgotten.
    assert_eq!(accepted(&[x(0), quiet(DAY), x(3 * DAY), x(DAY)]), 2);
    // Too late to be remembered at all.
    assert_eq!(accepted(&[quiet(9 * DAY), x(0), x(0)]), 3);
    // Another customer's.
    let bob = Event::new("bob", "visit", T).with_id("x");
    assert_eq!(accepted(&[x(0), bob]), 2);
}

#[test]
fn an_id_of_two_types_is_remembered_for_both_or_for_each() {
    let model = || {
        let when = fact(count("visit")) + fact(count("order"));
        counting(1).go(&["a"], "b", when.ge(num(9)))
    };
    let accepted = |model: Model, kinds: &[&str]| {
        let models = [model];
        let mut run = Run::new(&models, 0);
        for kind in kinds {
            run.accept(&at(kind, T).with_id("x"));
        }
        run.customers["ann"].events.len()
    };
    let kinds = ["visit", "order", "visit", "order"];
    assert_eq!(accepted(model(), &kinds), 1);
    assert_eq!(accepted(model().by_type(), &kinds), 2);
    // No model names the last two.
    assert_eq!(accepted(model().by_type(), &["visit", "noise", "hiss"]), 2);
}

#[test]
fn at_most_1024_ids_are_remembered_those_of_the_latest_events() {
    let many = |step: i64| (0..1025).map(move |n| visit(&n.to_string(), T + n * step));
    let with = |step, id: i64, time| {
        let again = visit(&id.to_string(), T + time);
        let events: Vec<Event> = many(step).chain([again]).collect();
        accepted(&events)
    };
    assert_eq!(with(1, 0, 1100), 1026);
    assert_eq!(with(1, 1, 1100), 1025);
    assert_eq!(with(1, 1024, 1100), 1025);
    // All at one instant: the last one is not remembered.
    assert_eq!(with(0, 0, 0), 1025);
    assert_eq!(with(0, 1023, 0), 1025);
    assert_eq!(with(0, 1024, 0), 1026);
}

#[test]
fn without_a_horizon_nothing_is_a_duplicate_and_one_model_declares_it_for_all() {
    let plain = |name: &str| Model { name: name.to_string(), dedupe_ms: None, ..counting(2) };
    let events = [visit("x", T), visit("x", T + HOUR)];
    let moved = |models: &[Model]| replay(models, &events, None).len();
    assert_eq!(moved(&[plain("p"), plain("q")]), 2);
    assert_eq!(moved(&[plain("p"), counting(2)]), 0);
}

#[test]
fn a_duplicate_is_not_evaluated_but_advances_time() {
    let model = || silence().dedupe(30 * DAY);
    let order = |customer, time| Event::new(customer, "order", time).with_id("x");
    let events = [order("ann", T), order("bob", T + DAY), order("ann", T + 12 * DAY)];
    let found = replay(&[model()], &events, None);
    let silent = ("active->silent", 10 * DAY, Cause::Timer);
    let bobs = ("active->silent", 11 * DAY, Cause::Timer);
    assert_eq!(short(&found), [silent, bobs]);
    // At the due instant it is neither the cause nor a cancellation.
    let events = [order("ann", T), order("ann", T + 10 * DAY)];
    assert_eq!(short(&replay(&[model()], &events, None)), [silent]);
    assert_eq!(short(&process(&[model()], &events, 0, Some(T + 10 * DAY - 1))), []);
}
