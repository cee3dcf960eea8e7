//! Evaluating a customer changes nothing (rule 15): neither at more instants than necessary, nor because of transitions
//! that cannot be taken and comparisons that never decide.

use std::collections::BTreeSet;
use std::ops::Range;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use tenure::customer::{CustomerState, StageChange};
use tenure::event::EventTime;
use tenure::partition::Record;

use super::engine::{Cuts, Engine, Trial, event};
use super::{config, lines};
use crate::histories::models::{NeverTrue, SPANS, never_true};
use crate::histories::{self, Case};

/// Five times as many as for other laws.
fn many() -> ProptestConfig {
    let config = config();
    ProptestConfig { cases: config.cases * 5, ..config }
}

fn cases() -> impl Strategy<Value = Case> {
    prop_oneof![histories::in_order(), histories::out_of_order()]
}

/// Without ids by type: types that no model names are one type for them, so a name in a condition matters (rule 7).
fn cases_by_id() -> impl Strategy<Value = Case> {
    cases().prop_map(|mut case| {
        case.models.iter_mut().for_each(|model| model.dedupe_by_type = false);
        case
    })
}

fn parts() -> impl Strategy<Value = Vec<(Index, NeverTrue)>> {
    prop::collection::vec((any::<Index>(), never_true()), 1..=4)
}

/// Durations after an event, exact and a millisecond around it.
fn spans() -> impl Strategy<Value = Vec<i64>> {
    let jitter = select(vec![0, 1, -1]);
    let span = prop_oneof![1 => Just(0), 4 => select(SPANS.to_vec())];
    prop::collection::vec((span, jitter).prop_map(|(span, jitter)| span + jitter), 1..=6)
}

proptest! {
    #![proptest_config(many())]

    #[test]
    fn a_transition_that_can_never_be_taken_changes_nothing(
        case in cases_by_id(),
        parts in parts(),
    ) {
        let mut other = case.clone();
        for (at, never_true) in &parts {
            let at = at.index(other.models.len());
            never_true.add_transition(&mut other.models[at]);
        }
        has_the_same_transitions(&case, &other)?;
    }

    #[test]
    fn a_comparison_that_never_decides_changes_nothing(
        case in cases_by_id(),
        parts in parts(),
    ) {
        let mut other = case.clone();
        for (at, never_true) in &parts {
            let at = at.index(other.models.len());
            never_true.add_comparison(&mut other.models[at]);
        }
        has_the_same_transitions(&case, &other)?;
    }

    #[test]
    fn evaluating_more_often_than_necessary_changes_nothing(case in cases(), spans in spans()) {
        let engine = Engine::of(&case)?;
        let customers: BTreeSet<_> = engine.records.iter().map(|it| &event(it).customer).collect();
        for customer in customers {
            let own = engine.records.iter().filter(|it| event(it).customer == *customer);
            let own: Vec<&Record> = own.collect();
            let necessary = run_customer(&engine, &own, &BTreeSet::new());
            let after = own.iter().flat_map(|record| spans.iter().map(|span| event(record).time.0 + span));
            let more = run_customer(&engine, &own, &after.map(EventTime).collect());
            prop_assert_eq!(more, necessary);
        }
    }
}

fn has_the_same_transitions(case: &Case, other: &Case) -> Trial<()> {
    let changes = |case: &Case| -> Trial<_> {
        let engine = Engine::of(case)?;
        let run = engine.run(&Cuts::none())?;
        Ok(engine.changes(&run.outputs))
    };
    let (expected, found) = (changes(case)?, changes(other)?);
    prop_assert!(
        found == expected,
        "with\n{other:?}\nthere is\n{}instead of\n{}",
        lines(&found),
        lines(&expected)
    );
    Ok(())
}

/// The transitions of one customer, whose models are also evaluated at these additional instants.
fn run_customer(
    engine: &Engine,
    records: &[&Record],
    additional: &BTreeSet<EventTime>,
) -> Vec<StageChange> {
    let models = &engine.models;
    let first = records[0];
    let mut state = CustomerState::new(models, event(first).time, first.position);
    let mut changes = Vec::new();
    // Time has passed up to here: no evaluation is earlier. A duplicate may be far ahead of the events after it.
    let mut passed = EventTime(i64::MIN);
    for record in records {
        let event = event(record);
        advance(&mut state, engine, passed..event.time, additional, &mut changes);
        state.receive(models, event, record.position, usize::MAX, &mut changes);
        passed = passed.max(event.time);
    }
    let end = EventTime(engine.end.0 + 1);
    advance(&mut state, engine, passed..end, additional, &mut changes);
    changes
}

/// Lets time pass.
fn advance(
    state: &mut CustomerState,
    engine: &Engine,
    time: Range<EventTime>,
    additional: &BTreeSet<EventTime>,
    changes: &mut Vec<StageChange>,
) {
    let models = &engine.models;
    let end = time.end;
    let ahead = additional.range(time.start.min(end)..end);
    for instant in ahead {
        state.fire_timers(models, *instant, usize::MAX, changes);
        let latest = state.latest;
        for own in &mut state.models {
            if *instant > latest.max(own.effective_at) && own.due.is_none_or(|due| due > *instant) {
                own.due = Some(*instant);
            }
        }
        state.fire_timers(models, EventTime(instant.0 + 1), usize::MAX, changes);
    }
    state.fire_timers(models, end, usize::MAX, changes);
}
