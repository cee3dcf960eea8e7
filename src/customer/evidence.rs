//! Why a transition was taken: the comparisons of its condition, with the values they had.

use super::fact_source::FactSource;
use crate::event::{EventTime, Millis, Quantity, Vocabulary};
use crate::model::{Condition, FactAccessor, StageFact, TextComparison, Unit, ValueSource};

/// One part of a condition, as it stood when the transition was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// As written in the model.
    pub condition: String,
    /// Whether it was true.
    pub is_true: bool,
    /// What its left side was.
    pub value: Option<DisplayValue>,
    /// What it was compared with.
    pub threshold: Option<DisplayValue>,
    /// The facts in it, by name; without a value where they had none.
    pub facts: Vec<(String, Option<DisplayValue>)>,
}

/// A value for a reader.
#[derive(Clone, Debug, PartialEq)]
pub enum DisplayValue {
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
pub(super) fn collect(
    condition: &Condition,
    looked: &impl FactSource,
    vocabulary: &Vocabulary,
) -> Vec<Evidence> {
    let mut parts = Vec::new();
    condition.visit(&mut |part| parts.extend(part_evidence(part, looked, vocabulary)));
    parts
}

/// One part; `None` for one that only puts others together.
pub(super) fn part_evidence(
    condition: &Condition,
    looked: &impl FactSource,
    vocabulary: &Vocabulary,
) -> Option<Evidence> {
    let name = |fact: usize| looked.model().facts[fact].name.clone();
    let (text, value, threshold) = match condition {
        Condition::OnEvent(kind) => {
            let known = kind.and_then(|kind| vocabulary.type_name(kind));
            (known.unwrap_or("any").to_owned(), None, None)
        }
        Condition::Has(fact) => (format!("has({})", name(*fact)), None, None),
        Condition::Compare(comparison) => {
            let (value, threshold) = looked.sides(comparison);
            let shown = |side: Option<Quantity>| {
                side.map(|quantity| display_value(quantity, comparison.unit))
            };
            (comparison.text.clone(), shown(value), shown(threshold))
        }
        Condition::CompareText(TextComparison {
            left, right, text, ..
        }) => {
            let shown = |side| {
                looked
                    .text(side)
                    .map(|text| DisplayValue::Text(text.to_owned()))
            };
            (text.clone(), shown(left), shown(right))
        }
        Condition::Bool { fact, is, text } => (
            text.clone(),
            looked.flag(*fact).map(DisplayValue::Flag),
            Some(DisplayValue::Flag(*is)),
        ),
        Condition::Constant(_) | Condition::Not(_) | Condition::All(_) | Condition::Any(_) => {
            return None;
        }
    };
    let facts = condition.facts().into_iter();
    Some(Evidence {
        condition: text,
        is_true: looked.is_true(condition),
        value,
        threshold,
        facts: facts
            .map(|fact| (name(fact), looked.display_value(fact)))
            .collect(),
    })
}

/// What the number of a fact counts.
pub(super) fn unit_of(reading: FactAccessor) -> Unit {
    match reading.source {
        ValueSource::MeanGap { .. }
        | ValueSource::MaxGap(_)
        | ValueSource::Stage(StageFact::TimeIn(_)) => Unit::Duration,
        _ => Unit::Number,
    }
}

pub(super) fn display_value(quantity: Quantity, unit: Unit) -> DisplayValue {
    let whole = quantity.rounded(0).whole_part();
    match (unit, whole) {
        (Unit::Duration, Some(millis)) => DisplayValue::Duration(Millis(millis)),
        (Unit::Instant, Some(millis)) => DisplayValue::Instant(EventTime(millis)),
        (Unit::Number, _) | (_, None) => DisplayValue::Number(quantity),
    }
}
