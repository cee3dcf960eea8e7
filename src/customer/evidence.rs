//! Why a transition was taken: the comparisons of its condition, with the values they had.

use super::display_value::{DisplayValue, display_value};
use super::fact_source::FactSource;
use crate::event::{Quantity, Vocabulary};
use crate::model::{Condition, FactId, TextComparison};

/// One part of a condition, with its values when the transition was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// As written in the model.
    pub condition: String,
    pub is_true: bool,
    /// The value of its left side.
    pub value: Option<DisplayValue>,
    /// The value of its right side.
    pub threshold: Option<DisplayValue>,
    /// Its facts by name; `None` for one without a value.
    pub facts: Vec<(String, Option<DisplayValue>)>,
}

/// The parts of `condition`, in the order they are written.
pub(super) fn collect(
    condition: &Condition,
    source: &impl FactSource,
    vocabulary: &Vocabulary,
) -> Vec<Evidence> {
    let mut parts = Vec::new();
    condition.visit(&mut |part| parts.extend(part_evidence(part, source, vocabulary)));
    parts
}

/// One part; `None` for one that only combines others.
pub(super) fn part_evidence(
    condition: &Condition,
    source: &impl FactSource,
    vocabulary: &Vocabulary,
) -> Option<Evidence> {
    let name = |fact: FactId| source.model().facts[fact].name.clone();
    let (text, value, threshold) = match condition {
        Condition::OnEvent(kind) => {
            let type_name = kind.and_then(|kind| vocabulary.type_name(kind));
            (type_name.unwrap_or("any").to_owned(), None, None)
        }
        Condition::Has(fact) => (format!("has({})", name(*fact)), None, None),
        Condition::Compare(comparison) => {
            let (value, threshold) = source.sides(comparison);
            let display = |side: Option<Quantity>| {
                side.map(|quantity| display_value(quantity, comparison.unit))
            };
            (comparison.text.clone(), display(value), display(threshold))
        }
        Condition::CompareText(TextComparison { left, right, text, .. }) => {
            let display = |side| source.text(side).map(|text| DisplayValue::Text(text.to_owned()));
            (text.clone(), display(left), display(right))
        }
        Condition::Bool { fact, is, text } => (
            text.clone(),
            source.flag(*fact).map(DisplayValue::Flag),
            Some(DisplayValue::Flag(*is)),
        ),
        Condition::Constant(_) | Condition::Not(_) | Condition::All(_) | Condition::Any(_) => {
            return None;
        }
    };
    let facts = condition.facts().into_iter();
    Some(Evidence {
        condition: text,
        is_true: source.is_true(condition),
        value,
        threshold,
        facts: facts.map(|fact| (name(fact), source.display_value(fact))).collect(),
    })
}
