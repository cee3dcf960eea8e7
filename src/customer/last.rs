//! How a customer came into their stage: the last transition, and what its condition saw, as small as can be.
//!
//! Kept are the facts alone: which comparisons they made true, and by what thresholds, follows from the model.

use compact_str::CompactString;

use super::change::Cause;
use super::evaluate::Scene;
use super::evidence::{Looked, Shown, shown, unit_of};
use crate::event::{EventTime, EventType, Quantity};
use crate::model::{
    Comparison, Condition, Model, Models, Reading, StageFact, Term, TextTerm, What,
};

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
    /// The transition; of a correction, the one that was taken back.
    pub(super) transition: usize,
    /// The type of the event that its condition saw.
    pub(super) event: Option<EventType>,
    /// Since when the condition had been true, for a transition with `hold`.
    pub(super) held_since: Option<EventTime>,
    /// What the facts of its condition were, by those that the transition names.
    pub(super) facts: Vec<Option<Value>>,
    /// Of a correction alone: the stage that the one which was taken back had left, and when.
    pub(super) took_back: Option<(usize, EventTime)>,
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
            && self
                .took_back
                .is_none_or(|(stage, _)| stage < model.stages.len())
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
        if let Some(text) = scene.facts.text(reading) {
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

    fn instant(&self, fact: usize) -> Option<EventTime> {
        match self.value(fact)? {
            Value::Instant(instant) => Some(*instant),
            _ => None,
        }
    }

    fn term(&self, term: &Term) -> Option<Quantity> {
        match term {
            Term::Constant(number) => Some(*number),
            Term::Fact(fact) => match self.value(*fact)? {
                Value::Number(number) => Some(*number),
                Value::Instant(instant) => Some(Quantity::whole(instant.0)),
                Value::Text(_) | Value::Flag(_) | Value::Stage(_) => None,
            },
            Term::Since(fact) => {
                let span = self.at.since(self.instant(*fact)?);
                Some(Quantity::whole(span.0.max(0)))
            }
            Term::Negate(inner) => Quantity::ZERO.minus(self.term(inner)?),
            Term::Binary(operator, left, right) => operator.of(self.term(left)?, self.term(right)?),
        }
    }
}

impl Looked for Recorded<'_> {
    fn model(&self) -> &Model {
        self.model
    }

    fn holds(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Always(truth) => *truth,
            Condition::Happened(None) => self.by.event.is_some(),
            Condition::Happened(kind) => *kind == self.by.event,
            Condition::Has(fact) => self.value(*fact).is_some(),
            Condition::Not(inner) => !self.holds(inner),
            Condition::All(parts) => parts.iter().all(|part| self.holds(part)),
            Condition::Any(parts) => parts.iter().any(|part| self.holds(part)),
            Condition::Compare(comparison) => match self.sides(comparison) {
                (Some(left), Some(right)) => comparison.operator.holds(left, right),
                _ => false,
            },
            Condition::SameText(same) => match (self.text(&same.left), self.text(&same.right)) {
                (Some(left), Some(right)) => (left == right) == same.equal,
                _ => false,
            },
            Condition::Flag { fact, is, .. } => self.flag(*fact) == Some(*is),
        }
    }

    fn sides(&self, comparison: &Comparison) -> (Option<Quantity>, Option<Quantity>) {
        (self.term(&comparison.left), self.term(&comparison.right))
    }

    fn text<'t>(&'t self, term: &'t TextTerm) -> Option<&'t str> {
        match term {
            TextTerm::Constant(text) => Some(text),
            TextTerm::Fact(fact) => match self.value(*fact)? {
                Value::Text(text) => Some(text),
                Value::Stage(stage) => Some(&self.model.stages[*stage].name),
                Value::Number(_) | Value::Instant(_) | Value::Flag(_) => None,
            },
        }
    }

    fn flag(&self, fact: usize) -> Option<bool> {
        match self.value(fact)? {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    fn fact(&self, fact: usize) -> Option<Shown> {
        Some(match self.value(fact)? {
            Value::Number(number) => shown(*number, unit_of(self.model.facts[fact].reading)),
            Value::Instant(instant) => Shown::Instant(*instant),
            Value::Text(text) => Shown::Text(text.to_string()),
            Value::Flag(flag) => Shown::Flag(*flag),
            Value::Stage(stage) => Shown::Text(self.model.stages[*stage].name.clone()),
        })
    }

    fn flips(&self, _: &Condition) -> Option<EventTime> {
        None
    }
}
