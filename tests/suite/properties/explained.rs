//! Explanations agree with the published transitions, and with the next ones.

use proptest::prelude::*;
use tenure::customer::{self, CustomerState, Evidence, NextChange, StageChange};
use tenure::event::{CustomerId, EventTime, Millis};

use super::engine::{Cuts, Engine, Memory, Trial, stage_change};
use super::{config, encoded};
use crate::histories;
use tenure::model::ModelId;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_explained_last_transition_is_the_published_one(
        case in prop_oneof![histories::in_order(), histories::out_of_order()],
    ) {
        let engine = Engine::of(&case)?;
        let mut memory = Memory::default();
        engine.drive(&Cuts::one_by_one(), |progress, batch| {
            let commit = memory.step(&engine, usize::MAX, progress, batch)?;
            for (customer, state) in &commit.states {
                let state = customer::decode(&encoded(state), &engine.models);
                let own = commit.outputs.iter().map(stage_change).filter(|(id, _)| *id == customer);
                for model in engine.models.list.keys() {
                    let mut changes = own.clone().map(|(_, change)| change);
                    if let Some(last) = changes.rfind(|change| change.model == model) {
                        check_last_transition(&engine, state.as_ref().unwrap(), last)?;
                    }
                }
            }
            Ok(commit)
        })?;
    }

    #[test]
    fn the_explained_next_transitions_are_taken_and_no_others(
        case in prop_oneof![histories::in_order(), histories::out_of_order()],
    ) {
        let engine = Engine::of(&case)?;
        let now = engine.run(&Cuts::none())?;
        for (customer, state) in &now.memory.states {
            for model in engine.models.list.keys() {
                let before = state.clone();
                let explained = state.explain(&engine.models, model, engine.end);
                prop_assert_eq!(&before, state);
                check_next(&engine, customer, model, explained.next)?;
            }
        }
    }

    #[test]
    fn a_comparison_changes_exactly_at_the_explained_instant(
        case in prop_oneof![histories::in_order(), histories::out_of_order()],
    ) {
        let engine = Engine::of(&case)?;
        for state in engine.run(&Cuts::none())?.memory.states.values() {
            for model in engine.models.list.keys() {
                check_changes_at(&engine, state, model)?;
            }
        }
    }
}

fn check_last_transition(
    engine: &Engine,
    state: &CustomerState,
    published: &StageChange,
) -> Trial<()> {
    let explained = state.explain(&engine.models, published.model, state.latest);
    let last = explained.last_transition.unwrap();
    let by = last.transition.unwrap();
    prop_assert_eq!((last.cause, last.effective_at), (published.cause, published.effective_at));
    prop_assert_eq!((by.transition, by.from), (published.transition, Some(published.from)));
    prop_assert_eq!(by.held_since, published.held_since);
    prop_assert_eq!(by.corrects, published.corrects);
    prop_assert_eq!(explained.stage, published.to);
    prop_assert_eq!(explained.sequence, published.sequence);
    let evidence = by.condition.comparisons().into_iter().map(|checked| checked.evidence.clone());
    let evidence: Vec<Evidence> = evidence.collect();
    prop_assert_eq!(&evidence, &published.evidence);
    Ok(())
}

/// Advances time to the explained next change, but by no more than a year: until a change that is centuries away, another
/// model can have more transitions than a batch.
fn check_next(
    engine: &Engine,
    customer: &CustomerId,
    model: ModelId,
    next: NextChange,
) -> Trial<()> {
    let year = engine.end.checked_add(Millis(366 * Millis::DAY.0)).unwrap();
    let (expected, until) = match next {
        NextChange::Transitions(changes) if changes[0].effective_at <= year => {
            let at = changes[0].effective_at;
            (changes, at)
        }
        NextChange::Transitions(_) | NextChange::Never => (Vec::new(), year),
        NextChange::NotBefore(end) => (Vec::new(), EventTime(end.0 - 1).min(year)),
    };
    let longer = Engine { end: until.max(engine.end), ..engine.clone() };
    let all = longer.run(&Cuts::none())?;
    let own = all.outputs.iter().map(stage_change);
    let own = own.filter(|(id, change)| *id == customer && change.model == model);
    let known = engine.run(&Cuts::none())?;
    let known = known.outputs.iter().map(stage_change);
    let known = known.filter(|(id, change)| *id == customer && change.model == model).count();
    let found: Vec<StageChange> = own.skip(known).map(|(_, change)| change.clone()).collect();
    prop_assert_eq!(found, expected);
    Ok(())
}

/// Evaluates each comparison a millisecond before its explained change, and at that instant.
fn check_changes_at(engine: &Engine, state: &CustomerState, model: ModelId) -> Trial<()> {
    let evaluate = |now: EventTime| {
        let outgoing = state.explain(&engine.models, model, now).outgoing;
        let all = outgoing.iter().flat_map(|one| one.condition.comparisons());
        let all = all.map(|checked| (checked.evidence.is_true, checked.changes_at));
        all.collect::<Vec<_>>()
    };
    let now = engine.end.max(state.latest);
    for (at, (is_true, changes_at)) in evaluate(now).into_iter().enumerate() {
        let year = now.checked_add(Millis(366 * Millis::DAY.0)).unwrap();
        let Some(changes_at) = changes_at else {
            prop_assert_eq!(evaluate(year)[at].0, is_true);
            continue;
        };
        prop_assert!(changes_at > now);
        prop_assert_eq!(evaluate(EventTime(changes_at.0 - 1))[at].0, is_true);
        prop_assert_eq!(evaluate(changes_at)[at].0, !is_true);
    }
    Ok(())
}
