//! Looking at a customer changes nothing [16]: neither at more instants than necessary, nor because of
//! transitions that cannot be taken and comparisons that decide nothing.

use std::collections::BTreeSet;
use std::ops::Range;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use tenure::customer::{CustomerState, StageChange};
use tenure::event::EventTime;
use tenure::partition::Record;

use super::engine::{Cuts, Engine, Trial, event};
use super::{config, lines};
use crate::histories::models::{Aside, SPANS, aside};
use crate::histories::{self, Case};

/// Over 100,000 models where others have 20,000.
fn many() -> ProptestConfig {
    let config = config();
    ProptestConfig {
        cases: config.cases * 5,
        ..config
    }
}

fn cases() -> impl Strategy<Value = Case> {
    prop_oneof![histories::in_order(), histories::out_of_order()]
}

fn asides() -> impl Strategy<Value = Vec<(Index, Aside)>> {
    prop::collection::vec((any::<Index>(), aside()), 1..=4)
}

/// How long after something, to the millisecond and beside it.
fn spans() -> impl Strategy<Value = Vec<i64>> {
    let jitter = select(vec![0, 1, -1]);
    let span = prop_oneof![1 => Just(0), 4 => select(SPANS.to_vec())];
    prop::collection::vec(
        (span, jitter).prop_map(|(span, jitter)| span + jitter),
        1..=6,
    )
}

proptest! {
    #![proptest_config(many())]

    #[test]
    fn a_transition_that_can_never_be_taken_changes_nothing(
        case in cases(),
        asides in asides(),
    ) {
        let mut other = case.clone();
        for (at, aside) in &asides {
            let at = at.index(other.models.len());
            aside.add_transition(&mut other.models[at]);
        }
        moves_the_same(&case, &other)?;
    }

    #[test]
    fn a_comparison_that_never_decides_changes_nothing(
        case in cases(),
        asides in asides(),
    ) {
        let mut other = case.clone();
        for (at, aside) in &asides {
            let at = at.index(other.models.len());
            aside.add_comparison(&mut other.models[at]);
        }
        moves_the_same(&case, &other)?;
    }

    #[test]
    fn looking_more_often_than_necessary_changes_nothing(case in cases(), spans in spans()) {
        let engine = Engine::of(&case)?;
        let customers: BTreeSet<_> = engine.records.iter().map(|it| &event(it).customer).collect();
        for customer in customers {
            let own = engine.records.iter().filter(|it| event(it).customer == *customer);
            let own: Vec<&Record> = own.collect();
            let seldom = walked(&engine, &own, &BTreeSet::new());
            let after = own.iter().flat_map(|record| spans.iter().map(|span| event(record).time.0 + span));
            let often = walked(&engine, &own, &after.map(EventTime).collect());
            prop_assert_eq!(often, seldom);
        }
    }
}

fn moves_the_same(case: &Case, other: &Case) -> Trial<()> {
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

/// The transitions of one customer, whose models are looked at in these instants, too.
fn walked(engine: &Engine, records: &[&Record], looks: &BTreeSet<EventTime>) -> Vec<StageChange> {
    let models = &engine.models;
    let first = records[0];
    let mut state = CustomerState::new(models, event(first).time, first.position);
    let mut changes = Vec::new();
    // Time has passed up to here: nobody looks at what was before. An event that came a second time may have run far
    // ahead of those behind it.
    let mut passed = EventTime(i64::MIN);
    for record in records {
        let event = event(record);
        wait(&mut state, engine, passed..event.time, looks, &mut changes);
        state.receive(models, event, record.position, usize::MAX, &mut changes);
        passed = passed.max(event.time);
    }
    let end = EventTime(engine.end.0 + 1);
    wait(&mut state, engine, passed..end, looks, &mut changes);
    changes
}

/// Lets time pass.
fn wait(
    state: &mut CustomerState,
    engine: &Engine,
    time: Range<EventTime>,
    looks: &BTreeSet<EventTime>,
    changes: &mut Vec<StageChange>,
) {
    let models = &engine.models;
    let end = time.end;
    let ahead = looks.range(time.start.min(end)..end);
    for look in ahead {
        state.fire_timers(models, *look, usize::MAX, changes);
        let latest = state.latest;
        for own in &mut state.models {
            if *look > latest.max(own.effective_at) && own.due.is_none_or(|due| due > *look) {
                own.due = Some(*look);
            }
        }
        state.fire_timers(models, EventTime(look.0 + 1), usize::MAX, changes);
    }
    state.fire_timers(models, end, usize::MAX, changes);
}
