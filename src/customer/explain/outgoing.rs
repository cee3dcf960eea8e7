//! The transitions out of a stage as they stand at an instant: what is true, what is not and by how much.

use super::{
    Block, BlockKind, EvaluatedComparison, EvaluatedCondition, Hold, OutgoingTransition,
    VariableSides,
};
use crate::customer::evaluate::EvalContext;
use crate::customer::evidence::{self, DisplayValue};
use crate::customer::fact_reader::FactReader;
use crate::customer::fact_source::FactSource;
use crate::customer::state::CustomerState;
use crate::event::{EventTime, Millis, Vocabulary};
use crate::model::{Comparison, Condition, Models, Reentry, Term, Unit};

/// Most instants at which one comparison is looked at again to find out when it changes: twice the days of the
/// longest window.
const EVALUATIONS_MAX: usize = 8192;

impl CustomerState {
    pub(super) fn outgoing_transitions(
        &self,
        models: &Models,
        model: usize,
        now: EventTime,
    ) -> Vec<OutgoingTransition> {
        let scene = self.eval_context(models, model, now, None);
        let definition = &models.list[model];
        let way = |at: &usize| {
            let transition = &definition.transitions[*at];
            let holds = scene.is_true(&transition.when);
            let hold = self.hold_of(models, model, *at, holds, now);
            let blocks = self.blocks_of(models, model, *at, now);
            let is_held = hold.is_none_or(|hold| hold.until.is_some_and(|until| until <= now));
            let is_open = holds && is_held && !blocks.iter().any(|block| block.is_blocking);
            OutgoingTransition {
                transition: *at,
                is_true: holds,
                condition: evaluate_condition(&transition.when, false, &scene, &models.vocabulary),
                hold,
                blocks,
                // Whatever else was open has been taken, unless its timer is still to fire.
                waits_for_event: is_open && self.models[model].due.is_none_or(|due| due > now),
            }
        };
        let outgoing = &definition.outgoing[self.models[model].stage];
        outgoing.iter().map(way).collect()
    }

    fn hold_of(
        &self,
        models: &Models,
        model: usize,
        transition: usize,
        holds: bool,
        now: EventTime,
    ) -> Option<Hold> {
        let needs = models.list[model].transitions[transition].hold;
        if needs == Millis(0) {
            return None;
        }
        let holding = self.models[model].active_holds.iter();
        let mut own = holding.filter(|(known, since)| *known == transition && *since <= now);
        let known = own.next().map(|(_, since)| *since);
        // What has become true this very instant is noted by whoever looks at it next.
        let since = holds.then(|| known.unwrap_or(now));
        Some(Hold {
            needs,
            since,
            until: since.and_then(|since| since.checked_add(needs)),
        })
    }

    fn blocks_of(
        &self,
        models: &Models,
        model: usize,
        transition: usize,
        now: EventTime,
    ) -> Vec<Block> {
        let (definition, own) = (&models.list[model], &self.models[model]);
        let way = &definition.transitions[transition];
        let is_set = [
            definition.stages[own.stage].min_dwell > Millis(0),
            way.cooldown > Millis(0),
            definition.stages[way.to].reentry != Reentry::Always,
        ];
        let kinds = [BlockKind::MinDwell, BlockKind::Cooldown, BlockKind::Reentry];
        let opens = own.block_ends(definition, transition);
        let block = |((kind, opens), is_set): ((BlockKind, Option<EventTime>), bool)| {
            // One that has closed nothing so far opens at the beginning of time.
            let was_closed = opens != Some(EventTime::MIN);
            (is_set && was_closed).then_some(Block {
                kind,
                opens_at: opens,
                is_blocking: opens.is_none_or(|opens| opens > now),
            })
        };
        let each = kinds.into_iter().zip(opens).zip(is_set);
        each.filter_map(block).collect()
    }
}

/// A condition part by part. What is negated as a whole is so in its parts, with "all" and "any" exchanged.
pub(super) fn evaluate_condition(
    condition: &Condition,
    negated: bool,
    looked: &impl FactSource,
    vocabulary: &Vocabulary,
) -> EvaluatedCondition {
    let each = |inner: &[Condition]| -> Vec<EvaluatedCondition> {
        let inner = inner.iter();
        inner
            .map(|part| evaluate_condition(part, negated, looked, vocabulary))
            .collect()
    };
    match condition {
        Condition::Constant(truth) => EvaluatedCondition::Always(*truth != negated),
        Condition::Not(inner) => evaluate_condition(inner, !negated, looked, vocabulary),
        Condition::All(inner) if !negated => EvaluatedCondition::All(each(inner)),
        Condition::Any(inner) if negated => EvaluatedCondition::All(each(inner)),
        Condition::All(inner) | Condition::Any(inner) => EvaluatedCondition::Any(each(inner)),
        one => match evidence::part_evidence(one, looked, vocabulary) {
            None => EvaluatedCondition::Always(looked.is_true(one) != negated),
            Some(evidence) => EvaluatedCondition::Comparison(Box::new(EvaluatedComparison {
                variable_sides: variable_sides(one),
                distance: match (one, evidence.is_true == negated) {
                    (Condition::Compare(comparison), true) => distance(comparison, looked),
                    _ => None,
                },
                changes_at: looked.next_value_change(one),
                evidence,
                negated,
            })),
        },
    }
}

fn variable_sides(condition: &Condition) -> VariableSides {
    let (left, right) = match condition {
        Condition::Compare(Comparison { left, right, .. }) => {
            let [left, right] = [left, right].map(|side| matches!(side, Term::Constant(_)));
            (!left, !right)
        }
        Condition::CompareText(same) => (same.left.fact().is_some(), same.right.fact().is_some()),
        Condition::Bool { .. } => (true, false),
        _ => (false, false),
    };
    match (left, right) {
        (false, false) => VariableSides::Neither,
        (true, false) => VariableSides::Left,
        (false, true) => VariableSides::Right,
        (true, true) => VariableSides::Both,
    }
}

/// How far both sides are from each other. Where they are equal, and should not be, by nothing.
fn distance(comparison: &Comparison, looked: &impl FactSource) -> Option<DisplayValue> {
    let (left, right) = looked.sides(comparison);
    let (left, right) = (left?, right?);
    let distance = left.max(right).checked_sub(left.min(right))?;
    // Between two instants lies a time.
    let unit = match comparison.unit {
        Unit::Number => Unit::Number,
        Unit::Duration | Unit::Instant => Unit::Duration,
    };
    Some(evidence::display_value(distance, unit))
}

/// The first instant at which the passing of time alone makes a comparison come out otherwise.
pub(crate) fn next_value_change(
    condition: &Condition,
    scene: &EvalContext<'_>,
) -> Option<EventTime> {
    let truth = scene.is_true(condition);
    let mut at = *scene;
    for _ in 0..EVALUATIONS_MAX {
        let next = at.next_change(std::slice::from_ref(condition))?;
        at = EvalContext {
            facts: FactReader {
                now: next,
                ..at.facts
            },
            now: next,
            event: None,
        };
        if at.is_true(condition) != truth {
            return Some(next);
        }
    }
    None
}
