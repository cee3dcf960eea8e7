//! Why a transition was taken: the comparisons of its condition, with the values they had.

use super::evaluate::Scene;
use crate::event::{EventTime, Millis, Quantity, Vocabulary};
use crate::model::{Condition, StageFact, TextComparison, Unit, What};

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
    scene: &Scene<'_>,
    vocabulary: &Vocabulary,
) -> Vec<Evidence> {
    let mut parts = Vec::new();
    condition.visit(&mut |part| parts.extend(one(part, scene, vocabulary)));
    parts
}

fn one(condition: &Condition, scene: &Scene<'_>, vocabulary: &Vocabulary) -> Option<Evidence> {
    let holds = scene.holds(condition);
    let evidence = |condition: String, value, threshold, facts: Vec<usize>| {
        let facts = facts
            .into_iter()
            .map(|fact| {
                (
                    scene.facts.model.facts[fact].name.clone(),
                    fact_shown(fact, scene),
                )
            })
            .collect();
        Some(Evidence {
            condition,
            holds,
            value,
            threshold,
            facts,
        })
    };
    match condition {
        Condition::Happened(kind) => {
            let name = kind
                .and_then(|kind| vocabulary.type_name(kind))
                .unwrap_or("any");
            evidence(name.to_owned(), None, None, Vec::new())
        }
        Condition::Has(fact) => evidence(
            format!("has({})", scene.facts.model.facts[*fact].name),
            None,
            None,
            vec![*fact],
        ),
        Condition::Compare(comparison) => {
            let (value, threshold) = scene.sides(comparison);
            let shown =
                |side: Option<Quantity>| side.map(|quantity| shown(quantity, comparison.unit));
            evidence(
                comparison.text.clone(),
                shown(value),
                shown(threshold),
                comparison.facts.clone(),
            )
        }
        Condition::SameText(TextComparison {
            left, right, text, ..
        }) => {
            let shown = |side| scene.text(side).map(|text| Shown::Text(text.to_owned()));
            let facts = [left, right].into_iter().filter_map(|side| side.fact());
            evidence(text.clone(), shown(left), shown(right), facts.collect())
        }
        Condition::Flag { fact, is, text } => evidence(
            text.clone(),
            scene.flag(*fact).map(Shown::Flag),
            Some(Shown::Flag(*is)),
            vec![*fact],
        ),
        Condition::Always(_) | Condition::Not(_) | Condition::All(_) | Condition::Any(_) => None,
    }
}

fn fact_shown(fact: usize, scene: &Scene<'_>) -> Option<Shown> {
    let reading = scene.reading(fact);
    if let Some(instant) = scene.instant(fact) {
        return Some(Shown::Instant(instant));
    }
    if let Some(text) = scene.facts.text(reading) {
        return Some(Shown::Text(text.to_owned()));
    }
    if let Some(flag) = scene.flag(fact) {
        return Some(Shown::Flag(flag));
    }
    let unit = match reading.what {
        What::MeanGap { .. } | What::MaxGap(_) | What::Stage(StageFact::TimeIn(_)) => {
            Unit::Duration
        }
        _ => Unit::Number,
    };
    scene.quantity(fact).map(|quantity| shown(quantity, unit))
}

fn shown(quantity: Quantity, unit: Unit) -> Shown {
    let whole = quantity.rounded(0).whole_part();
    match (unit, whole) {
        (Unit::Duration, Some(millis)) => Shown::Duration(Millis(millis)),
        (Unit::Instant, Some(millis)) => Shown::Instant(EventTime(millis)),
        (Unit::Number, _) | (_, None) => Shown::Number(quantity),
    }
}
