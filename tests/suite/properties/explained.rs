//! What is explained of a customer is what was told, and what comes.

use proptest::prelude::*;
use tenure::customer::{self, CustomerState, Evidence, NextChange, StageChange};
use tenure::event::{CustomerId, EventTime, Millis};

use super::engine::{Cuts, Engine, Memory, Trial, moved};
use super::{config, encoded};
use crate::histories;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_kept_of_the_last_transition_is_what_was_told_of_it(
        case in prop_oneof![histories::in_order(), histories::out_of_order()],
    ) {
        let engine = Engine::of(&case)?;
        let mut memory = Memory::default();
        engine.drive(&Cuts::one_by_one(), |progress, batch| {
            let commit = memory.step(&engine, usize::MAX, progress, batch)?;
            for (customer, state) in &commit.states {
                let state = customer::decode(&encoded(state), &engine.models);
                let own = commit.outputs.iter().map(moved).filter(|(who, _)| *who == customer);
                for model in 0..engine.models.list.len() {
                    let mut changes = own.clone().map(|(_, change)| change);
                    if let Some(last) = changes.rfind(|change| change.model == model) {
                        came_by(&engine, state.as_ref().unwrap(), last)?;
                    }
                }
            }
            Ok(commit)
        })?;
    }

    #[test]
    fn what_is_said_to_come_next_comes_and_nothing_else(
        case in prop_oneof![histories::in_order(), histories::out_of_order()],
    ) {
        let engine = Engine::of(&case)?;
        let now = engine.run(&Cuts::none())?;
        for (customer, state) in &now.memory.states {
            for model in 0..engine.models.list.len() {
                let before = state.clone();
                let explained = state.explain(&engine.models, model, engine.end);
                prop_assert_eq!(&before, state);
                comes(&engine, customer, model, explained.next)?;
            }
        }
    }

    #[test]
    fn a_comparison_comes_out_otherwise_exactly_when_that_is_said(
        case in prop_oneof![histories::in_order(), histories::out_of_order()],
    ) {
        let engine = Engine::of(&case)?;
        for state in engine.run(&Cuts::none())?.memory.states.values() {
            for model in 0..engine.models.list.len() {
                flips(&engine, state, model)?;
            }
        }
    }
}

fn came_by(engine: &Engine, state: &CustomerState, told: &StageChange) -> Trial<()> {
    let explained = state.explain(&engine.models, told.model, state.latest);
    let came = explained.last_transition.unwrap();
    let by = came.transition.unwrap();
    prop_assert_eq!(
        (came.cause, came.effective_at),
        (told.cause, told.effective_at)
    );
    prop_assert_eq!((by.transition, by.from), (told.transition, Some(told.from)));
    prop_assert_eq!(by.held_since, told.held_since);
    prop_assert_eq!(by.corrects, told.corrects);
    prop_assert_eq!(explained.stage, told.to);
    prop_assert_eq!(explained.sequence, told.sequence);
    let kept = by
        .condition
        .comparisons()
        .into_iter()
        .map(|checked| checked.evidence.clone());
    let kept: Vec<Evidence> = kept.collect();
    prop_assert_eq!(&kept, &told.evidence);
    Ok(())
}

/// Time goes on to when something is said to happen, or for a year.
fn comes(engine: &Engine, customer: &CustomerId, model: usize, next: NextChange) -> Trial<()> {
    let (said, until) = match next {
        NextChange::Transitions(changes) => {
            let at = changes[0].effective_at;
            (changes, at)
        }
        NextChange::Never => (
            Vec::new(),
            engine.end.checked_add(Millis(366 * Millis::DAY.0)).unwrap(),
        ),
        NextChange::NotBefore(end) => (Vec::new(), EventTime(end.0 - 1)),
    };
    let longer = Engine {
        end: until.max(engine.end),
        ..engine.clone()
    };
    let all = longer.run(&Cuts::none())?;
    let own = all.outputs.iter().map(moved);
    let own = own.filter(|(who, change)| *who == customer && change.model == model);
    let known = engine.run(&Cuts::none())?;
    let known = known.outputs.iter().map(moved);
    let known = known
        .filter(|(who, change)| *who == customer && change.model == model)
        .count();
    let came: Vec<StageChange> = own.skip(known).map(|(_, change)| change.clone()).collect();
    prop_assert_eq!(came, said);
    Ok(())
}

/// Looks a millisecond before and at the instant at which each comparison is said to change.
fn flips(engine: &Engine, state: &CustomerState, model: usize) -> Trial<()> {
    let look = |now: EventTime| {
        let ways = state.explain(&engine.models, model, now).outgoing;
        let all = ways.iter().flat_map(|way| way.condition.comparisons());
        let all = all.map(|checked| (checked.evidence.is_true, checked.changes_at));
        all.collect::<Vec<_>>()
    };
    let now = engine.end.max(state.latest);
    for (at, (holds, flips)) in look(now).into_iter().enumerate() {
        let year = now.checked_add(Millis(366 * Millis::DAY.0)).unwrap();
        let Some(flips) = flips else {
            prop_assert_eq!(look(year)[at].0, holds);
            continue;
        };
        prop_assert!(flips > now);
        prop_assert_eq!(look(EventTime(flips.0 - 1))[at].0, holds);
        prop_assert_eq!(look(flips)[at].0, !holds);
    }
    Ok(())
}
