//! How a customer came into their stage: the last transition, and what its condition saw, as small as can be.
//!
//! Kept are the facts alone: which comparisons they made true, and by what thresholds, follows from the model.

use compact_str::CompactString;

use super::change::Cause;
use super::evaluate::EvalContext;
use super::fact_source::FactSource;
use crate::event::{EventTime, EventType, Quantity};
use crate::model::{FactAccessor, Model, Models, StageFact, ValueSource};

/// The last transition of a customer in a model, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct LastTransition {
    /// What made it happen.
    pub cause: Cause,
    /// Which one it was; not known where the model has changed since, and it is none of its any more.
    pub(super) record: Option<TransitionRecord>,
}

/// A transition of the model, as it was taken.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TransitionRecord {
    /// The transition; of a correction, the one whose condition is no longer true.
    pub(super) transition: usize,
    /// The type of the event that its condition saw.
    pub(super) event: Option<EventType>,
    /// Since when the condition had been true, for a transition with `hold`.
    pub(super) held_since: Option<EventTime>,
    /// What the facts of its condition were, by those that the transition names.
    pub(super) facts: Vec<Option<FactValue>>,
    /// Of a correction alone: what it took back.
    pub(super) retracted: Option<RetractionRecord>,
}

/// A transition that a correction took back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RetractionRecord {
    /// Its index.
    pub(super) transition: usize,
    /// The stage that it had left.
    pub(super) from: usize,
    /// When it took effect.
    pub(super) effective_at: EventTime,
    /// The instant of the condition that was no longer true: later, where an earlier correction had led to the
    /// same stage.
    pub(super) evaluated_at: EventTime,
}

/// What a fact was.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum FactValue {
    Number(Quantity),
    Instant(EventTime),
    Text(CompactString),
    Flag(bool),
    /// A stage, whatever it is called by now.
    Stage(usize),
}

impl TransitionRecord {
    /// What the condition of a transition sees.
    pub(super) fn capture(transition: usize, scene: &EvalContext<'_>) -> TransitionRecord {
        let facts = scene.facts.model.transitions[transition].facts.iter();
        TransitionRecord {
            transition,
            event: scene.event,
            held_since: None,
            facts: facts
                .map(|fact| FactValue::from_context(*fact, scene))
                .collect(),
            retracted: None,
        }
    }

    /// Whether a model could have made it, so that no index in it can be wrong.
    pub(super) fn matches_model(&self, model: &Model, models: &Models) -> bool {
        let Some(transition) = model.transitions.get(self.transition) else {
            return false;
        };
        let known = |kind: EventType| kind.index() < models.vocabulary.type_count();
        let fact = |(fact, value): (&usize, &Option<FactValue>)| {
            let reading = model.facts[*fact].accessor;
            value
                .as_ref()
                .is_none_or(|value| value.matches_reading(reading, model))
        };
        self.facts.len() == transition.facts.len()
            && transition.facts.iter().zip(&self.facts).all(fact)
            && self.event.is_none_or(known)
            && self
                .retracted
                .is_none_or(|took_back| took_back.matches_model(model))
    }
}

impl RetractionRecord {
    fn matches_model(&self, model: &Model) -> bool {
        self.from < model.stages.len() && self.transition < model.transitions.len()
    }
}

impl FactValue {
    fn from_context(fact: usize, scene: &EvalContext<'_>) -> Option<FactValue> {
        let reading = scene.reading(fact);
        if let ValueSource::Stage(StageFact::Previous) = reading.source {
            return scene.facts.model_state.previous.map(FactValue::Stage);
        }
        if let Some(instant) = scene.instant(fact) {
            return Some(FactValue::Instant(instant));
        }
        if let Some(text) = scene.text_of(fact) {
            return Some(FactValue::Text(text.into()));
        }
        match scene.flag(fact) {
            Some(flag) => Some(FactValue::Flag(flag)),
            None => scene.quantity(fact).map(FactValue::Number),
        }
    }

    /// Whether a fact that is read so can have been this.
    fn matches_reading(&self, reading: FactAccessor, model: &Model) -> bool {
        match (self, reading.source) {
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

/// A condition over what its facts were.
pub(super) struct RecordedFacts<'r> {
    pub(super) model: &'r Model,
    pub(super) record: &'r TransitionRecord,
    /// The instant that `since` counts to.
    pub(super) at: EventTime,
}

impl RecordedFacts<'_> {
    fn value(&self, fact: usize) -> Option<&FactValue> {
        let named = &self.model.transitions[self.record.transition].facts;
        let reading = self.model.facts[fact].accessor;
        let same = |known: &usize| self.model.facts[*known].accessor == reading;
        self.record
            .facts
            .get(named.iter().position(same)?)?
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
