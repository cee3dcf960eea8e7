//! Why a transition was taken: the comparisons of its condition, with the values they had.

use super::looked::Looked;
use crate::event::{EventTime, Millis, Quantity, Vocabulary};
use crate::model::{Condition, Reading, StageFact, TextComparison, Unit, What};

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
