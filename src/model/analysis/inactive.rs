//! Whether and when conditions are true for a customer without events.

use super::fact::{AnalyzedFact, AnalyzedFacts};
use crate::event::{Millis, Quantity};
use crate::model::FactId;
use crate::model::condition::{Comparison, Condition, Operator, Term, TimeDependentSides};
use crate::model::slots::StageFact;

/// Whether and when a part of a condition is true for a customer without events.
pub(in super::super) enum InactiveTruth {
    /// It becomes true after this time in the stage, and stays true.
    TrueAfter(Millis),
    /// Its value does not change.
    Unchanged,
    /// It is false, becomes false, or is not known.
    NotTrue,
}

pub(in super::super) fn inactive_truth(
    condition: &Condition,
    facts: &AnalyzedFacts,
) -> InactiveTruth {
    match condition {
        Condition::Constant(true) => InactiveTruth::TrueAfter(Millis(0)),
        Condition::Has(fact) | Condition::Bool { fact, .. } => fact_truth(*fact, facts),
        Condition::Not(inner) => match inner.as_ref() {
            Condition::Has(fact) | Condition::Bool { fact, .. } => fact_truth(*fact, facts),
            _ => InactiveTruth::NotTrue,
        },
        Condition::Compare(comparison) => comparison_truth(comparison, facts),
        Condition::CompareText(texts) => {
            let sides = [&texts.left, &texts.right].into_iter();
            let mut sides = sides.filter_map(|side| side.fact());
            if sides.all(|fact| facts[fact].is_fixed()) {
                InactiveTruth::Unchanged
            } else {
                InactiveTruth::NotTrue
            }
        }
        Condition::Constant(false)
        | Condition::OnEvent(_)
        | Condition::All(_)
        | Condition::Any(_) => InactiveTruth::NotTrue,
    }
}

fn fact_truth(fact: FactId, facts: &AnalyzedFacts) -> InactiveTruth {
    if facts[fact].is_fixed() { InactiveTruth::Unchanged } else { InactiveTruth::NotTrue }
}

fn comparison_truth(comparison: &Comparison, facts: &AnalyzedFacts) -> InactiveTruth {
    let (term, operator, limit) = match (&comparison.left, &comparison.right) {
        (term, Term::Constant(limit)) => (term, comparison.operator, Some(*limit)),
        (Term::Constant(limit), term) => (term, comparison.operator.mirrored(), Some(*limit)),
        (term, _) => (term, comparison.operator, None),
    };
    let grows = matches!(operator, Operator::AtLeast | Operator::Greater) && limit.is_some();
    match term {
        Term::Fact(fact) => match facts[*fact] {
            AnalyzedFact::Stage(StageFact::DaysIn) if grows => {
                let wait =
                    limit.and_then(|days| days.checked_mul(Quantity::from_whole(Millis::DAY.0)));
                let wait = wait.and_then(Quantity::whole_part).unwrap_or(i64::MAX);
                // `>` is true one millisecond later than `>=`.
                let extra = i64::from(operator == Operator::Greater);
                InactiveTruth::TrueAfter(Millis(wait.saturating_add(extra)))
            }
            AnalyzedFact::Stage(StageFact::TimeIn(_) | StageFact::Visits(_)) if grows => {
                InactiveTruth::TrueAfter(Millis(0))
            }
            AnalyzedFact::Stage(_) => InactiveTruth::NotTrue,
            AnalyzedFact::Events { .. } | AnalyzedFact::Unknown => {
                time_independent_truth(comparison, facts)
            }
        },
        Term::Since(fact) if grows && facts[*fact].is_fixed() => {
            InactiveTruth::TrueAfter(Millis(0))
        }
        Term::Since(_) => InactiveTruth::NotTrue,
        _ => time_independent_truth(comparison, facts),
    }
}

/// A comparison is unchanged if no side depends on the time and all its facts are unchanged.
fn time_independent_truth(comparison: &Comparison, facts: &AnalyzedFacts) -> InactiveTruth {
    let is_fixed = comparison.time_dependent == TimeDependentSides::Neither;
    if is_fixed && comparison.facts.iter().all(|fact| facts[*fact].is_fixed()) {
        InactiveTruth::Unchanged
    } else {
        InactiveTruth::NotTrue
    }
}
