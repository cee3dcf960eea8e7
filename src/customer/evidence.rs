//! Why a transition was taken: the comparisons of its condition, with the values they had.

use super::evaluate::Scene;
use super::explain;
use crate::event::{EventTime, Millis, Quantity, Vocabulary};
use crate::model::{
    Comparison, Condition, Model, Reading, StageFact, TextComparison, TextTerm, Unit, What,
};

/// One part of a condition, as it stood when the transition was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// As written in the model.
    pub condition: String,
    /// Whether it was true.
    pub holds: bool,
    /// What its left side was.
    pub value: Option<Shown>,
    /// What it was compared with.
    pub threshold: Option<Shown>,
    /// The facts in it, by name; without a value where they had none.
    pub facts: Vec<(String, Option<Shown>)>,
}

/// A value for a reader.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// A number.
    Number(Quantity),
    /// A length of time.
    Duration(Millis),
    /// A point in time.
    Instant(EventTime),
    /// Text.
    Text(String),
    /// True or false.
    Flag(bool),
}

/// Whoever can say what a condition and its parts come to.
pub(super) trait Looked {
    fn model(&self) -> &Model;
    fn holds(&self, condition: &Condition) -> bool;
    /// Both sides of a comparison, where they have a value.
    fn sides(&self, comparison: &Comparison) -> (Option<Quantity>, Option<Quantity>);
    fn text<'t>(&'t self, term: &'t TextTerm) -> Option<&'t str>;
    fn flag(&self, fact: usize) -> Option<bool>;
    /// What a fact is, for a reader.
    fn fact(&self, fact: usize) -> Option<Shown>;
    /// When a part of the condition comes out otherwise by the passing of time alone; what is past never does.
    fn flips(&self, condition: &Condition) -> Option<EventTime>;
}

impl Looked for Scene<'_> {
    fn model(&self) -> &Model {
        self.facts.model
    }

    fn holds(&self, condition: &Condition) -> bool {
        Scene::holds(self, condition)
    }

    fn sides(&self, comparison: &Comparison) -> (Option<Quantity>, Option<Quantity>) {
        Scene::sides(self, comparison)
    }

    fn text<'t>(&'t self, term: &'t TextTerm) -> Option<&'t str> {
        Scene::text(self, term)
    }

    fn flag(&self, fact: usize) -> Option<bool> {
        Scene::flag(self, fact)
    }

    fn fact(&self, fact: usize) -> Option<Shown> {
        let reading = self.reading(fact);
        if let Some(instant) = self.instant(fact) {
            return Some(Shown::Instant(instant));
        }
        if let Some(text) = self.facts.text(reading) {
            return Some(Shown::Text(text.to_owned()));
        }
        if let Some(flag) = self.flag(fact) {
            return Some(Shown::Flag(flag));
        }
        let quantity = self.quantity(fact);
        quantity.map(|quantity| shown(quantity, unit_of(reading)))
    }

    fn flips(&self, condition: &Condition) -> Option<EventTime> {
        explain::flips(condition, self)
    }
}

/// The parts of `condition`, in the order they are written.
pub(super) fn of(
    condition: &Condition,
    looked: &impl Looked,
    vocabulary: &Vocabulary,
) -> Vec<Evidence> {
    let mut parts = Vec::new();
    condition.visit(&mut |part| parts.extend(one(part, looked, vocabulary)));
    parts
}

/// One part; `None` for one that only puts others together.
pub(super) fn one(
    condition: &Condition,
    looked: &impl Looked,
    vocabulary: &Vocabulary,
) -> Option<Evidence> {
    let name = |fact: usize| looked.model().facts[fact].name.clone();
    let (text, value, threshold) = match condition {
        Condition::Happened(kind) => {
            let known = kind.and_then(|kind| vocabulary.type_name(kind));
            (known.unwrap_or("any").to_owned(), None, None)
        }
        Condition::Has(fact) => (format!("has({})", name(*fact)), None, None),
        Condition::Compare(comparison) => {
            let (value, threshold) = looked.sides(comparison);
            let shown =
                |side: Option<Quantity>| side.map(|quantity| shown(quantity, comparison.unit));
            (comparison.text.clone(), shown(value), shown(threshold))
        }
        Condition::SameText(TextComparison {
            left, right, text, ..
        }) => {
            let shown = |side| looked.text(side).map(|text| Shown::Text(text.to_owned()));
            (text.clone(), shown(left), shown(right))
        }
        Condition::Flag { fact, is, text } => (
            text.clone(),
            looked.flag(*fact).map(Shown::Flag),
            Some(Shown::Flag(*is)),
        ),
        Condition::Always(_) | Condition::Not(_) | Condition::All(_) | Condition::Any(_) => {
            return None;
        }
    };
    let facts = condition.facts().into_iter();
    Some(Evidence {
        condition: text,
        holds: looked.holds(condition),
        value,
        threshold,
        facts: facts.map(|fact| (name(fact), looked.fact(fact))).collect(),
    })
}

/// What the number of a fact counts.
pub(super) fn unit_of(reading: Reading) -> Unit {
    match reading.what {
        What::MeanGap { .. } | What::MaxGap(_) | What::Stage(StageFact::TimeIn(_)) => {
            Unit::Duration
        }
        _ => Unit::Number,
    }
}

pub(super) fn shown(quantity: Quantity, unit: Unit) -> Shown {
    let whole = quantity.rounded(0).whole_part();
    match (unit, whole) {
        (Unit::Duration, Some(millis)) => Shown::Duration(Millis(millis)),
        (Unit::Instant, Some(millis)) => Shown::Instant(EventTime(millis)),
        (Unit::Number, _) | (_, None) => Shown::Number(quantity),
    }
}
