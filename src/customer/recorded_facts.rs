//! The facts of a taken transition: recorded when it is taken, and conditions over them later.

use super::evaluate::EvalContext;
use super::fact_source::FactSource;
use super::last_transition::{FactValue, TransitionRecord};
use crate::event::{EventTime, EventType, Quantity};
use crate::model::{FactId, Model, StageFact, TransitionId, ValueSource};

impl TransitionRecord {
    /// Records the facts that the condition of a transition reads.
    pub(super) fn capture(transition: TransitionId, context: &EvalContext<'_>) -> TransitionRecord {
        let facts = context.facts.view.model.transitions[transition].facts.iter();
        TransitionRecord {
            transition,
            event: context.event,
            held_since: None,
            facts: facts.map(|fact| FactValue::from_context(*fact, context)).collect(),
            retracted: None,
        }
    }
}

impl FactValue {
    fn from_context(fact: FactId, context: &EvalContext<'_>) -> Option<FactValue> {
        let accessor = context.accessor(fact);
        if let ValueSource::Stage(StageFact::Previous) = accessor.source {
            return context.facts.view.state.previous.map(FactValue::Stage);
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
}

/// Evaluates a condition over recorded facts.
pub(super) struct RecordedFacts<'r> {
    pub(super) model: &'r Model,
    pub(super) record: &'r TransitionRecord,
    /// The instant that `since` counts to.
    pub(super) at: EventTime,
}

impl RecordedFacts<'_> {
    fn value(&self, fact: FactId) -> Option<&FactValue> {
        let facts = &self.model.transitions[self.record.transition].facts;
        let accessor = self.model.facts[fact].accessor;
        let same = |other: &FactId| self.model.facts[*other].accessor == accessor;
        self.record.facts.get(facts.iter().position(same)?)?.as_ref()
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

    fn has_value(&self, fact: FactId) -> bool {
        self.value(fact).is_some()
    }

    fn quantity(&self, fact: FactId) -> Option<Quantity> {
        match self.value(fact)? {
            FactValue::Number(number) => Some(*number),
            FactValue::Instant(instant) => Some(Quantity::from_whole(instant.0)),
            FactValue::Text(_) | FactValue::Flag(_) | FactValue::Stage(_) => None,
        }
    }

    fn instant(&self, fact: FactId) -> Option<EventTime> {
        match self.value(fact)? {
            FactValue::Instant(instant) => Some(*instant),
            _ => None,
        }
    }

    fn text_of(&self, fact: FactId) -> Option<&str> {
        match self.value(fact)? {
            FactValue::Text(text) => Some(text),
            FactValue::Stage(stage) => Some(&self.model.stages[*stage].name),
            FactValue::Number(_) | FactValue::Instant(_) | FactValue::Flag(_) => None,
        }
    }

    fn flag(&self, fact: FactId) -> Option<bool> {
        match self.value(fact)? {
            FactValue::Flag(flag) => Some(*flag),
            _ => None,
        }
    }
}
