//! Expected values are derived by hand.

#[path = "tests/blocks.rs"]
mod blocks;
#[path = "tests/corrections.rs"]
mod corrections;
#[path = "tests/facts.rs"]
mod facts;
#[path = "tests/order_rules.rs"]
mod order_rules;
#[path = "tests/orders.rs"]
mod orders;

use super::conditions::Evaluation;
use super::orders::VisibleEvents;
use super::*;

/// 2026-01-01, a whole UTC day.
const T: i64 = 1_767_225_600_000;

fn at(kind: &str, time: i64) -> Event {
    Event::new("ann", kind, time)
}

/// (transition, effective_at - T, cause)
fn short(changes: &[Change]) -> Vec<(&str, i64, Cause)> {
    changes.iter().map(|c| (c.transition.as_str(), c.effective_at - T, c.cause)).collect()
}

/// Ann's transitions in 100 days.
fn run(model: Model, events: &[Event]) -> Vec<(String, i64, Cause)> {
    let changes = replay(&[model], events, Some(T + 100 * DAY));
    let short = short(&changes).into_iter();
    short.map(|(name, at, by)| (name.to_string(), at, by)).collect()
}

fn took(name: &str, at: i64, by: Cause) -> (String, i64, Cause) {
    (name.to_string(), at, by)
}

fn silence() -> Model {
    Model::new("m", "active")
        .stages(&["active", "silent"])
        .fact("last_order", last("order"))
        .go(&["active"], "silent", since("last_order").ge(days(10)))
        .go(&["silent"], "active", since("last_order").lt(days(10)))
        .named("back")
}

#[test]
fn the_example_of_the_design_gives_its_expected_dates() {
    let model = Model::new("retail", "reach")
        .stages(&["reach", "conversion", "loyalty", "at_risk"])
        .stage("retention", DAY)
        .fact("orders", count("order_completed"))
        .fact("last_order", last("order_completed"))
        .go(&["reach"], "conversion", fact("orders").ge(num(1)))
        .go(&["conversion"], "retention", fact("orders").ge(num(2)))
        .go(&["conversion", "retention", "loyalty"], "at_risk", since("last_order").ge(days(45)))
        .hold(3 * DAY)
        .go(&["at_risk"], "retention", since("last_order").lt(days(30)));
    let order = |day| at("order_completed", date(2026, 1, day));
    let changes = replay(&[model], &[order(8), order(1)], Some(date(2026, 2, 25)));
    let found: Vec<_> =
        changes.iter().map(|c| (c.sequence, c.to.as_str(), c.effective_at)).collect();
    let conversion = (1, "conversion", date(2026, 1, 1));
    let retention = (2, "retention", date(2026, 1, 8));
    let at_risk = (3, "at_risk", date(2026, 2, 25)); // 8 January + 45 days = 22 February, + 3
    assert_eq!(found, [conversion, retention, at_risk]);
    assert_eq!(changes[2].transition, "retention->at_risk");
    assert_eq!(changes[2].entered_previous_at, date(2026, 1, 8));
    assert_eq!(changes[2].cause, Cause::Timer);
}

#[test]
fn creation_is_no_transition_but_the_first_event_is_evaluated() {
    let quiet = Model::new("quiet", "a").stages(&["a"]);
    let quick = Model::new("quick", "a").stages(&["a", "b"]).go(&["a"], "b", event("hello"));
    let changes = replay(&[quiet, quick], &[at("hello", T)], None);
    assert_eq!(short(&changes), [("a->b", 0, Cause::Event)]);
    assert_eq!((changes[0].sequence, changes[0].entered_previous_at), (1, T));
}

#[test]
fn an_event_at_the_due_instant_cancels_the_timer_or_is_the_cause() {
    let cancels = [at("order", T), at("order", T + 10 * DAY)];
    assert_eq!(short(&replay(&[silence()], &cancels, None)), []);
    let causes = [at("order", T), at("visit", T + 10 * DAY)];
    let by_event = ("active->silent", 10 * DAY, Cause::Event);
    assert_eq!(short(&replay(&[silence()], &causes, None)), [by_event]);
    let after = [at("order", T), at("order", T + 10 * DAY + 1)];
    let timer = ("active->silent", 10 * DAY, Cause::Timer);
    let back = ("back", 10 * DAY + 1, Cause::Event);
    assert_eq!(short(&replay(&[silence()], &after, None)), [timer, back]);
}

#[test]
fn a_replay_fires_timers_up_to_and_including_its_end_and_ignores_later_events() {
    let events = [at("order", T), at("order", T + 5 * DAY)];
    assert_eq!(short(&replay(&[silence()], &events[..1], Some(T + 10 * DAY - 1))), []);
    let timer = ("active->silent", 10 * DAY, Cause::Timer);
    assert_eq!(short(&replay(&[silence()], &events[..1], Some(T + 10 * DAY))), [timer]);
    assert_eq!(short(&replay(&[silence()], &events, Some(T + 5 * DAY - 1))), []);
}

#[test]
fn strict_comparisons_and_sums_of_since_flip_at_the_exact_millisecond() {
    let flip = |when| {
        let model = Model::new("m", "a").stages(&["a", "b"]);
        let model = model.fact("x", first("x")).fact("y", first("y")).go(&["a"], "b", when);
        let changes = replay(&[model], &[at("x", T), at("y", T + DAY)], Some(T + 99 * DAY));
        changes[0].effective_at - T
    };
    assert_eq!(flip(since("y").ge(days(2))), 3 * DAY);
    assert_eq!(flip(since("y").gt(days(2))), 3 * DAY + 1);
    assert_eq!(flip(has("y") & !since("y").le(days(2))), 3 * DAY + 1);
    assert_eq!(flip((since("x") + since("y")).ge(days(3))), 2 * DAY); // 2 + 1
    assert_eq!(flip((num(2) * since("y")).gt(since("x") + hours(1))), 2 * DAY + HOUR + 1);
}

#[test]
fn a_window_loses_a_bucket_at_its_edge() {
    let model = |window| {
        Model::new("m", "a")
            .stages(&["a", "b", "c"])
            .fact("n", count("order").over(window))
            .go(&["a"], "b", fact("n").ge(num(2)))
            .go(&["b"], "c", fact("n").lt(num(2)))
    };
    let events = [at("order", T + 23 * HOUR + 5), at("order", T + 30 * HOUR)];
    // 4 days: day 0 is inside on days 0 to 3. 8 hours: hour 23 is inside in the hours 23 to 30.
    let whole_days = replay(&[model(4 * DAY)], &events, Some(T + 9 * DAY));
    let enter = ("a->b", 30 * HOUR, Cause::Event);
    assert_eq!(short(&whole_days), [enter, ("b->c", 4 * DAY, Cause::Timer)]);
    let by_hours = replay(&[model(8 * HOUR)], &events, Some(T + 9 * DAY));
    assert_eq!(short(&by_hours), [enter, ("b->c", 31 * HOUR, Cause::Timer)]);
    assert_eq!(Window::of(72 * HOUR), Window { unit: Unit::Hour, buckets: 72, before: 0 });
    assert!(std::panic::catch_unwind(|| Window::of(73 * HOUR)).is_err());
}

#[test]
fn a_chain_enters_no_stage_twice_and_has_its_event_only_in_the_first_link() {
    let always = || fact("n").ge(num(1));
    let model = Model::new("m", "a")
        .stages(&["a", "b", "c"])
        .fact("n", count("any"))
        .go(&["a"], "b", event("go"))
        .go(&["b"], "c", event("go"))
        .go(&["b"], "a", always());
    // go: a->b; in the next link there is no event, and the chain began in a. nop: b->a. go: a->b. go:
    // b->c.
    let events = [at("go", T), at("nop", T + 1), at("go", T + 2), at("go", T + 3)];
    let found = replay(&[model], &events, None);
    let named = |name, time| (name, time, Cause::Event);
    let expected = [named("a->b", 0), named("b->a", 1), named("a->b", 2), named("b->c", 3)];
    assert_eq!(short(&found), expected);

    let chain = Model::new("m", "a").stages(&["a", "b", "c"]).fact("n", count("any"));
    let chain = chain.go(&["a"], "b", always()).go(&["b"], "c", always()).go(&["c"], "a", always());
    let found = replay(&[chain], &[at("x", T), at("x", T + 1)], None);
    // c->a is skipped at T. At T + 1: c->a->b, and b->c is skipped.
    let sequence: Vec<_> = found.iter().map(|c| c.sequence).collect();
    let expected = [named("a->b", 0), named("b->c", 0), named("c->a", 1), named("a->b", 1)];
    assert_eq!((short(&found), sequence), (expected.to_vec(), vec![1, 2, 3, 4]));
}

#[test]
fn a_hold_is_interrupted_by_a_false_evaluation_and_continues_during_dwell() {
    let model = |dwell| {
        Model::new("m", "a")
            .stage("a", dwell)
            .stages(&["b"])
            .fact("mood", latest("answer", "mood"))
            .go(&["a"], "b", fact("mood").eq(text("bad")))
            .hold(2 * DAY)
    };
    let answer = |mood, time| at("answer", time).with("mood", Value::text(mood));
    let broken = [answer("bad", T), answer("good", T + DAY), answer("bad", T + DAY + HOUR)];
    let run = |dwell, events| replay(&[model(dwell)], events, Some(T + 30 * DAY));
    assert_eq!(short(&run(0, &broken)), [("a->b", 3 * DAY + HOUR, Cause::Timer)]);
    assert_eq!(short(&run(DAY, &broken[..1])), [("a->b", 2 * DAY, Cause::Timer)]);
    assert_eq!(short(&run(5 * DAY, &broken[..1])), [("a->b", 5 * DAY, Cause::Timer)]);
    let last_instant = [answer("bad", T), answer("good", T + 2 * DAY)];
    assert_eq!(short(&run(0, &last_instant)), []);
}

#[test]
fn a_blocked_transition_is_skipped_and_a_later_one_in_the_file_is_taken() {
    let model = Model::new("m", "a")
        .stages(&["a", "b", "c"])
        .fact("n", count("any"))
        .go(&["a"], "b", fact("n").ge(num(1)))
        .hold(DAY)
        .go(&["a"], "c", fact("n").ge(num(2)));
    let found = replay(&[model], &[at("x", T), at("x", T + DAY - 1)], Some(T + 9 * DAY));
    assert_eq!(short(&found), [("a->c", DAY - 1, Cause::Event)]);
}

#[test]
fn a_comparison_with_absence_is_false_and_its_negation_true() {
    let is_true = |when: Expr| {
        let model = Model::new("m", "a").stages(&["a", "b"]).fact("n", count("order"));
        let model = model.fact("score", latest("answer", "score")).fact("last", last("order"));
        !replay(&[model.go(&["a"], "b", when)], &[at("visit", T)], None).is_empty()
    };
    assert!(!is_true(fact("score").ge(num(0))));
    assert!(!is_true(fact("score").ne(num(0))));
    assert!(!is_true((fact("score") + num(1)).lt(num(9))));
    assert!(!is_true(since("last").ge(days(0))));
    assert!(!is_true(has("score")));
    assert!(is_true(!fact("score").ge(num(0))));
    assert!(is_true(fact("n").eq(num(0))));
}

#[test]
fn a_late_event_counts_at_its_own_time_and_is_evaluated_at_the_latest_event_time() {
    let model = Model::new("m", "a")
        .stages(&["a", "b", "c"])
        .fact("n", count("order"))
        .fact("first", first_of("any", "channel"))
        .go(&["a"], "b", fact("n").ge(num(2)) & fact("first").eq(text("shop")))
        .go(&["b"], "c", fact("n").ge(num(3)));
    let order = |channel, time| at("order", time).with("channel", Value::text(channel));
    let events = [order("web", T + 9), order("shop", T + 5), order("mail", T + 7)];
    let found = process(&[model], &events, 100, None);
    let expected = [("a->b", 9, Cause::Event), ("b->c", 9, Cause::Event)];
    assert_eq!(short(&found), expected);
}

#[test]
fn an_event_received_after_the_timer_that_it_would_have_cancelled_counts_from_the_timer_on() {
    // Bob's event moves the watermark past Ann's deadline; her own order of day 9 is too
    // late.
    let bob = Event::new("bob", "visit", T + 12 * DAY);
    let events = [at("order", T), bob, at("order", T + 9 * DAY)];
    let gone = ("active->silent", 10 * DAY, Cause::Timer);
    let back = ("back", 10 * DAY, Cause::Event);
    assert_eq!(short(&process(&[silence()], &events, 0, None)), [gone, back]);
    // With enough lateness it is in time.
    assert_eq!(short(&process(&[silence()], &events, 2 * DAY, None)), []);
}

#[test]
fn a_hold_that_starts_after_the_evaluated_instant_has_not_started() {
    let model = || {
        Model::new("m", "a")
            .stages(&["a", "b"])
            .fact("last_order", last("order"))
            .go(&["a"], "b", since("last_order").ge(days(10)))
            .hold(5 * DAY)
    };
    // The timer of day 10 starts the hold; then the visit of day 7 is evaluated at day 7. The
    // timer is armed and fires again, so nothing changes. An order of day 7 delays all by seven
    // days.
    let bob = Event::new("bob", "visit", T + 12 * DAY);
    let with = |kind| [at("order", T), bob.clone(), at(kind, T + 7 * DAY)];
    let end = Some(T + 99 * DAY);
    let visit = process(&[model()], &with("visit"), 0, end);
    assert_eq!(short(&visit), [("a->b", 15 * DAY, Cause::Timer)]);
    let order = process(&[model()], &with("order"), 0, end);
    assert_eq!(short(&order), [("a->b", 22 * DAY, Cause::Timer)]);
}

#[test]
fn timers_of_one_instant_fire_by_customer_and_then_by_the_order_of_the_models() {
    let models = ["z", "y"].map(|name| Model { name: name.to_string(), ..silence() });
    let events = ["bob", "ann"].map(|customer| Event::new(customer, "order", T));
    let found = replay(&models, &events, Some(T + 10 * DAY));
    let order: Vec<_> = found.iter().map(|c| (c.customer.as_str(), c.model.as_str())).collect();
    assert_eq!(order, [("ann", "z"), ("ann", "y"), ("bob", "z"), ("bob", "y")]);
}

#[test]
fn money_is_summed_exactly_below_a_cent() {
    assert_eq!(Value::money("500"), Value::money("500.00"));
    let model = Model::new("m", "a").stages(&["a", "b"]).fact("spent", sum("order", "value"));
    let model = model.go(&["a"], "b", fact("spent").eq(num("0.3047")));
    let order = |value| at("order", T).with("value", Value::money(value));
    assert_eq!(replay(&[model], &[order("0.1"), order("0.2047")], None).len(), 1);
}
