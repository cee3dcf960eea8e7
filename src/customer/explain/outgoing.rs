//! The transitions out of a stage at an instant: their conditions with values and distances, holds and blocks.

use super::explanation::{
    Block, BlockKind, EvaluatedComparison, EvaluatedCondition, Hold, OutgoingTransition,
    VariableSides,
};
use crate::customer::display_value::{DisplayValue, display_value};
use crate::customer::evidence;
use crate::customer::fact_source::FactSource;
use crate::customer::view::ModelView;
use crate::event::{EventTime, Millis, Vocabulary};
use crate::model::{Comparison, Condition, Reentry, Term, TransitionId, Unit};

impl ModelView<'_> {
    pub(super) fn outgoing_transitions(&self, now: EventTime) -> Vec<OutgoingTransition> {
        let context = self.at(now, None);
        let evaluate = |at: &TransitionId| {
            let transition = &self.model.transitions[*at];
            let is_true = context.is_true(&transition.when);
            let hold = self.hold_of(*at, is_true, now);
            let blocks = self.blocks_of(*at, now);
            let is_hold_complete =
                hold.is_none_or(|hold| hold.until.is_some_and(|until| until <= now));
            let is_ready =
                is_true && is_hold_complete && !blocks.iter().any(|block| block.is_blocking);
            OutgoingTransition {
                transition: *at,
                is_true,
                condition: evaluate_condition(
                    &transition.when,
                    false,
                    &context,
                    &self.models.vocabulary,
                ),
                hold,
                blocks,
                // Otherwise a ready transition was taken already, unless its timer is still due.
                waits_for_event: is_ready && self.state.due.is_none_or(|due| due > now),
            }
        };
        let outgoing = &self.model.outgoing[self.state.stage];
        outgoing.iter().map(evaluate).collect()
    }

    fn hold_of(&self, transition: TransitionId, is_true: bool, now: EventTime) -> Option<Hold> {
        let needs = self.model.transitions[transition].hold;
        if needs == Millis(0) {
            return None;
        }
        let start = self.state.active_hold(transition);
        // A condition that is true since this very instant is not yet in `active_holds`.
        let since = is_true.then(|| start.filter(|since| *since <= now).unwrap_or(now));
        Some(Hold { needs, since, until: since.and_then(|since| since.checked_add(needs)) })
    }

    fn blocks_of(&self, transition: TransitionId, now: EventTime) -> Vec<Block> {
        let stages = &self.model.stages;
        let definition = &self.model.transitions[transition];
        let is_set = [
            stages[self.state.stage].min_dwell > Millis(0),
            definition.cooldown > Millis(0),
            stages[definition.to].reentry != Reentry::Always,
        ];
        let kinds = [BlockKind::MinDwell, BlockKind::Cooldown, BlockKind::Reentry];
        let block_ends = self.block_ends(transition);
        let block = |((kind, opens_at), is_set): ((BlockKind, Option<EventTime>), bool)| {
            // A block that does not apply yet ends at `EventTime::MIN`.
            let has_applied = opens_at != Some(EventTime::MIN);
            (is_set && has_applied).then_some(Block {
                kind,
                opens_at,
                is_blocking: opens_at.is_none_or(|opens_at| opens_at > now),
            })
        };
        let each = kinds.into_iter().zip(block_ends).zip(is_set);
        each.filter_map(block).collect()
    }
}

/// Splits a condition into its parts. Negation is pushed down by De Morgan's laws.
pub(super) fn evaluate_condition(
    condition: &Condition,
    negated: bool,
    source: &impl FactSource,
    vocabulary: &Vocabulary,
) -> EvaluatedCondition {
    let each = |inner: &[Condition]| -> Vec<EvaluatedCondition> {
        let inner = inner.iter();
        inner.map(|part| evaluate_condition(part, negated, source, vocabulary)).collect()
    };
    match condition {
        Condition::Constant(truth) => EvaluatedCondition::Always(*truth != negated),
        Condition::Not(inner) => evaluate_condition(inner, !negated, source, vocabulary),
        Condition::All(inner) if !negated => EvaluatedCondition::All(each(inner)),
        Condition::Any(inner) if negated => EvaluatedCondition::All(each(inner)),
        Condition::All(inner) | Condition::Any(inner) => EvaluatedCondition::Any(each(inner)),
        comparison => match evidence::part_evidence(comparison, source, vocabulary) {
            None => EvaluatedCondition::Always(source.is_true(comparison) != negated),
            Some(evidence) => EvaluatedCondition::Comparison(Box::new(EvaluatedComparison {
                variable_sides: variable_sides(comparison),
                distance: match (comparison, evidence.is_true == negated) {
                    (Condition::Compare(comparison), true) => distance(comparison, source),
                    _ => None,
                },
                changes_at: source.next_value_change(comparison),
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
        Condition::CompareText(texts) => {
            (texts.left.fact().is_some(), texts.right.fact().is_some())
        }
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

/// Distance between both sides; zero where they are equal and should not be.
fn distance(comparison: &Comparison, source: &impl FactSource) -> Option<DisplayValue> {
    let (left, right) = source.sides(comparison);
    let (left, right) = (left?, right?);
    let distance = left.max(right).checked_sub(left.min(right))?;
    // The distance between two instants is a duration.
    let unit = match comparison.unit {
        Unit::Number => Unit::Number,
        Unit::Duration | Unit::Instant => Unit::Duration,
    };
    Some(display_value(distance, unit))
}
