//! The last transition of a customer, stored compactly.
//!
//! Only the facts of its condition are stored: comparisons and thresholds follow from the model.

use compact_str::CompactString;

use super::change::Cause;
use super::evaluate::EvalContext;
use super::fact_source::FactSource;
use crate::event::{EventTime, EventType, Quantity};
use crate::model::{FactAccessor, Model, Models, StageFact, ValueSource};

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
    pub(super) transition: usize,
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
    pub(super) transition: usize,
    pub(super) from: usize,
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
    /// An index: a stage can be renamed.
    Stage(usize),
}

impl TransitionRecord {
    /// Records the facts that the condition of a transition reads.
    pub(super) fn capture(transition: usize, context: &EvalContext<'_>) -> TransitionRecord {
        let facts = context.facts.model.transitions[transition].facts.iter();
        TransitionRecord {
            transition,
            event: context.event,
            held_since: None,
            facts: facts
                .map(|fact| FactValue::from_context(*fact, context))
                .collect(),
            retracted: None,
        }
    }

    /// Whether the model can have produced it: no index in it is out of range.
    pub(super) fn matches_model(&self, model: &Model, models: &Models) -> bool {
        let Some(transition) = model.transitions.get(self.transition) else {
            return false;
        };
        let is_known = |kind: EventType| kind.index() < models.vocabulary.type_count();
        let is_valid = |(fact, value): (&usize, &Option<FactValue>)| {
            let accessor = model.facts[*fact].accessor;
            value
                .as_ref()
                .is_none_or(|value| value.matches_accessor(accessor, model))
        };
        self.facts.len() == transition.facts.len()
            && transition.facts.iter().zip(&self.facts).all(is_valid)
            && self.event.is_none_or(is_known)
            && self
                .retracted
                .is_none_or(|retracted| retracted.matches_model(model))
    }
}

impl RetractionRecord {
    fn matches_model(&self, model: &Model) -> bool {
        self.from < model.stages.len() && self.transition < model.transitions.len()
    }
}

impl FactValue {
    fn from_context(fact: usize, context: &EvalContext<'_>) -> Option<FactValue> {
        let accessor = context.accessor(fact);
        if let ValueSource::Stage(StageFact::Previous) = accessor.source {
            return context.facts.model_state.previous.map(FactValue::Stage);
        }
        if let Some(instant) = context.instant(fact) {
            return Some(FactValue::Instant(instant));
        }
        if let Some(text) = context.text_of(fact) {
            return Some(FactValue::Text(text.into()));
        }
        match context.flag(fact) {
            Some(flag) => Some(FactValue::Flag(flag)),
            None => context.quantity(fact).map(FactValue::Number),
        }
    }

    /// Whether a fact with this accessor can have the value.
    fn matches_accessor(&self, accessor: FactAccessor, model: &Model) -> bool {
        match (self, accessor.source) {
            (FactValue::Stage(stage), ValueSource::Stage(StageFact::Previous)) => {
                *stage < model.stages.len()
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

/// Evaluates a condition over recorded facts.
pub(super) struct RecordedFacts<'r> {
    pub(super) model: &'r Model,
    pub(super) record: &'r TransitionRecord,
    /// The instant that `since` counts to.
    pub(super) at: EventTime,
}

impl RecordedFacts<'_> {
    fn value(&self, fact: usize) -> Option<&FactValue> {
        let facts = &self.model.transitions[self.record.transition].facts;
        let accessor = self.model.facts[fact].accessor;
        let same = |other: &usize| self.model.facts[*other].accessor == accessor;
        self.record
            .facts
            .get(facts.iter().position(same)?)?
            .as_ref()
    }
}

impl FactSource for RecordedFacts<'_> {
    fn model(&self) -> &Model {
        self.model
    }

    fn event(&self) -> Option<EventType> {
        self.record.event
    }

    fn now(&self) -> EventTime {
        self.at
    }

    fn has_value(&self, fact: usize) -> bool {
        self.value(fact).is_some()
    }

    fn quantity(&self, fact: usize) -> Option<Quantity> {
        match self.value(fact)? {
            FactValue::Number(number) => Some(*number),
            FactValue::Instant(instant) => Some(Quantity::from_whole(instant.0)),
            FactValue::Text(_) | FactValue::Flag(_) | FactValue::Stage(_) => None,
        }
    }

    fn instant(&self, fact: usize) -> Option<EventTime> {
        match self.value(fact)? {
            FactValue::Instant(instant) => Some(*instant),
            _ => None,
        }
    }

    fn text_of(&self, fact: usize) -> Option<&str> {
        match self.value(fact)? {
            FactValue::Text(text) => Some(text),
            FactValue::Stage(stage) => Some(&self.model.stages[*stage].name),
            FactValue::Number(_) | FactValue::Instant(_) | FactValue::Flag(_) => None,
        }
    }

    fn flag(&self, fact: usize) -> Option<bool> {
        match self.value(fact)? {
            FactValue::Flag(flag) => Some(*flag),
            _ => None,
        }
    }
}
