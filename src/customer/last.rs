//! How a customer came into their stage: the last transition, and what its condition saw, as small as can be.
//!
//! Kept are the facts alone: which comparisons they made true, and by what thresholds, follows from the model.

use compact_str::CompactString;

use super::change::Cause;
use super::evaluate::Scene;
use super::looked::Looked;
use crate::event::{EventTime, EventType, Quantity};
use crate::model::{Model, Models, Reading, StageFact, What};

/// The last transition of a customer in a model, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Last {
    /// What made it happen.
    pub cause: Cause,
    /// Which one it was; not known where the model has changed since, and it is none of its any more.
    pub(super) by: Option<By>,
}

/// A transition of the model, as it was taken.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct By {
    /// The transition; of a correction, the one whose condition is no longer true.
    pub(super) transition: usize,
    /// The type of the event that its condition saw.
    pub(super) event: Option<EventType>,
    /// Since when the condition had been true, for a transition with `hold`.
    pub(super) held_since: Option<EventTime>,
    /// What the facts of its condition were, by those that the transition names.
    pub(super) facts: Vec<Option<Value>>,
    /// Of a correction alone: what it took back.
    pub(super) took_back: Option<TookBack>,
}

/// A transition that a correction took back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TookBack {
    /// Its index.
    pub(super) transition: usize,
    /// The stage that it had left.
    pub(super) from: usize,
    /// When it took effect.
    pub(super) effective_at: EventTime,
    /// The instant of the condition that was no longer true: later, where an earlier correction had led to the
    /// same stage.
    pub(super) at: EventTime,
}

/// What a fact was.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Number(Quantity),
    Instant(EventTime),
    Text(CompactString),
    Flag(bool),
    /// A stage, whatever it is called by now.
    Stage(usize),
}

impl By {
    /// What the condition of a transition sees.
    pub(super) fn seen(transition: usize, scene: &Scene<'_>) -> By {
        let facts = scene.facts.model.transitions[transition].facts.iter();
        By {
            transition,
            event: scene.event,
            held_since: None,
            facts: facts.map(|fact| Value::of(*fact, scene)).collect(),
            took_back: None,
        }
    }

    /// Whether a model could have made it, so that no index in it can be wrong.
    pub(super) fn fits(&self, model: &Model, models: &Models) -> bool {
        let Some(transition) = model.transitions.get(self.transition) else {
            return false;
        };
        let known = |kind: EventType| kind.index() < models.vocabulary.types();
        let fact = |(fact, value): (&usize, &Option<Value>)| {
            let reading = model.facts[*fact].reading;
            value
                .as_ref()
                .is_none_or(|value| value.is_of(reading, model))
        };
        self.facts.len() == transition.facts.len()
            && transition.facts.iter().zip(&self.facts).all(fact)
            && self.event.is_none_or(known)
            && self.took_back.is_none_or(|took_back| took_back.fits(model))
    }
}

impl TookBack {
    fn fits(&self, model: &Model) -> bool {
        self.from < model.stages.len() && self.transition < model.transitions.len()
    }
}

impl Value {
    fn of(fact: usize, scene: &Scene<'_>) -> Option<Value> {
        let reading = scene.reading(fact);
        if let What::Stage(StageFact::Previous) = reading.what {
            return scene.facts.own.previous.map(Value::Stage);
        }
        if let Some(instant) = scene.instant(fact) {
            return Some(Value::Instant(instant));
        }
        if let Some(text) = scene.text_of(fact) {
            return Some(Value::Text(text.into()));
        }
        match scene.flag(fact) {
            Some(flag) => Some(Value::Flag(flag)),
            None => scene.quantity(fact).map(Value::Number),
        }
    }

    /// Whether a fact that is read so can have been this.
    fn is_of(&self, reading: Reading, model: &Model) -> bool {
        match (self, reading.what) {
            (Value::Stage(stage), What::Stage(StageFact::Previous)) => *stage < model.stages.len(),
            (Value::Instant(_), What::Instant(_) | What::Stage(StageFact::Entered(_))) => true,
            (Value::Number(_) | Value::Text(_) | Value::Flag(_), What::Kept(_)) => true,
            (
                Value::Number(_),
                What::Number(_)
                | What::Mean { .. }
                | What::Distinct { .. }
                | What::MeanGap { .. }
                | What::MaxGap(_)
                | What::Stage(StageFact::DaysIn | StageFact::Visits(_) | StageFact::TimeIn(_)),
            ) => true,
            _ => false,
        }
    }
}

/// A condition over what its facts were.
pub(super) struct Recorded<'r> {
    pub(super) model: &'r Model,
    pub(super) by: &'r By,
    /// The instant that `since` counts to.
    pub(super) at: EventTime,
}

impl Recorded<'_> {
    fn value(&self, fact: usize) -> Option<&Value> {
        let named = &self.model.transitions[self.by.transition].facts;
        let reading = self.model.facts[fact].reading;
        let same = |known: &usize| self.model.facts[*known].reading == reading;
        self.by.facts.get(named.iter().position(same)?)?.as_ref()
    }
}

impl Looked for Recorded<'_> {
    fn model(&self) -> &Model {
        self.model
    }

    fn event(&self) -> Option<EventType> {
        self.by.event
    }

    fn now(&self) -> EventTime {
        self.at
    }

    fn has(&self, fact: usize) -> bool {
        self.value(fact).is_some()
    }

    fn quantity(&self, fact: usize) -> Option<Quantity> {
        match self.value(fact)? {
            Value::Number(number) => Some(*number),
            Value::Instant(instant) => Some(Quantity::whole(instant.0)),
            Value::Text(_) | Value::Flag(_) | Value::Stage(_) => None,
        }
    }

    fn instant(&self, fact: usize) -> Option<EventTime> {
        match self.value(fact)? {
            Value::Instant(instant) => Some(*instant),
            _ => None,
        }
    }

    fn text_of(&self, fact: usize) -> Option<&str> {
        match self.value(fact)? {
            Value::Text(text) => Some(text),
            Value::Stage(stage) => Some(&self.model.stages[*stage].name),
            Value::Number(_) | Value::Instant(_) | Value::Flag(_) => None,
        }
    }

    fn flag(&self, fact: usize) -> Option<bool> {
        match self.value(fact)? {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }
}
