//! The last transition of a customer, stored compactly.
//!
//! Only the facts of its condition are stored: comparisons and thresholds follow from the model.

use compact_str::CompactString;

use super::change::Cause;
use crate::event::{EventTime, EventType, Quantity};
use crate::model::{
    FactAccessor, FactId, Model, Models, StageFact, StageId, TransitionId, ValueSource,
};

/// The last transition of a customer in a model.
#[derive(Clone, Debug, PartialEq)]
pub struct LastTransition {
    pub cause: Cause,
    /// `None` if the model has changed since and has no such transition any more.
    pub(super) record: Option<TransitionRecord>,
}

/// A taken transition.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TransitionRecord {
    /// For a correction: the transition whose condition is no longer true.
    pub(super) transition: TransitionId,
    /// The type of the event with which its condition was evaluated.
    pub(super) event: Option<EventType>,
    /// Since when the condition had been true, for a transition with `hold`.
    pub(super) held_since: Option<EventTime>,
    /// The values of `Transition::facts`, in that order.
    pub(super) facts: Vec<Option<FactValue>>,
    /// Only for a correction.
    pub(super) retracted: Option<RetractionRecord>,
}

/// The transition that a correction retracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RetractionRecord {
    pub(super) transition: TransitionId,
    pub(super) from: StageId,
    pub(super) effective_at: EventTime,
    /// The instant of the condition that was no longer true. Later than `effective_at` if an earlier correction had
    /// found another transition to the same stage.
    pub(super) evaluated_at: EventTime,
}

/// A recorded value of a fact.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum FactValue {
    Number(Quantity),
    Instant(EventTime),
    Text(CompactString),
    Flag(bool),
    /// Not its name: a stage can be renamed.
    Stage(StageId),
}

impl TransitionRecord {
    /// Whether the model can have produced it: no index in it is out of range.
    pub(super) fn matches_model(&self, model: &Model, models: &Models) -> bool {
        let Some(transition) = model.transitions.get(self.transition) else {
            return false;
        };
        let is_known = |kind: EventType| kind.index() < models.vocabulary.type_count();
        let is_valid = |(fact, value): (&FactId, &Option<FactValue>)| {
            let accessor = model.facts[*fact].accessor;
            value.as_ref().is_none_or(|value| value.matches_accessor(accessor, model))
        };
        self.facts.len() == transition.facts.len()
            && transition.facts.iter().zip(&self.facts).all(is_valid)
            && self.event.is_none_or(is_known)
            && self.retracted.is_none_or(|retracted| retracted.matches_model(model))
    }
}

impl RetractionRecord {
    fn matches_model(&self, model: &Model) -> bool {
        model.stages.get(self.from).is_some() && model.transitions.get(self.transition).is_some()
    }
}

impl FactValue {
    /// Whether a fact with this accessor can have the value.
    fn matches_accessor(&self, accessor: FactAccessor, model: &Model) -> bool {
        match (self, accessor.source) {
            (FactValue::Stage(stage), ValueSource::Stage(StageFact::Previous)) => {
                model.stages.get(*stage).is_some()
            }
            (
                FactValue::Instant(_),
                ValueSource::Instant(_) | ValueSource::Stage(StageFact::Entered(_)),
            ) => true,
            (
                FactValue::Number(_) | FactValue::Text(_) | FactValue::Flag(_),
                ValueSource::FieldValue(_),
            ) => true,
            (
                FactValue::Number(_),
                ValueSource::Number(_)
                | ValueSource::Mean { .. }
                | ValueSource::Distinct { .. }
                | ValueSource::MeanGap { .. }
                | ValueSource::MaxGap(_)
                | ValueSource::Stage(StageFact::DaysIn | StageFact::Visits(_) | StageFact::TimeIn(_)),
            ) => true,
            _ => false,
        }
    }
}
