//! Whether a condition can become true without events, by the passing of time alone.
//!
//! Summands and factors are assumed to be positive, as money and counts are. Otherwise `spend >= 500` over a window
//! would count as time-driven, since a negative amount could leave the window.

use super::fact::{AnalyzedFacts, Drift};
use crate::event::Quantity;
use crate::model::FactId;
use crate::model::condition::{Arithmetic, Comparison, Condition, Operator, Term};

pub(crate) fn can_become_true_by_time(condition: &Condition, facts: &AnalyzedFacts) -> bool {
    DriftAnalysis { facts }.can_become(condition, true)
}

struct DriftAnalysis<'f> {
    facts: &'f AnalyzedFacts,
}

impl DriftAnalysis<'_> {
    /// Whether time alone can change the condition to `truth`.
    fn can_become(&self, condition: &Condition, truth: bool) -> bool {
        let any = |parts: &[Condition]| parts.iter().any(|part| self.can_become(part, truth));
        match condition {
            Condition::Constant(_) | Condition::OnEvent(_) => false,
            Condition::Not(inner) => self.can_become(inner, !truth),
            Condition::All(parts) | Condition::Any(parts) => {
                !(truth && needs_event(condition)) && any(parts)
            }
            Condition::Compare(comparison) => self.comparison_can_become(comparison, truth),
            Condition::Has(fact) if truth => self.facts[*fact].can_appear(),
            Condition::Has(fact) => self.facts[*fact].can_vanish(),
            Condition::CompareText(_) | Condition::Bool { .. } => {
                let changes = |fact: FactId| {
                    if truth {
                        self.facts[fact].drift() == Drift::Either
                    } else {
                        self.facts[fact].can_vanish()
                    }
                };
                condition.facts().into_iter().any(changes)
            }
        }
    }

    fn comparison_can_become(&self, comparison: &Comparison, truth: bool) -> bool {
        let (left, right) = (self.term_drift(&comparison.left), self.term_drift(&comparison.right));
        let vanishes = comparison.facts.iter().any(|fact| self.facts[*fact].can_vanish());
        let towards = match (comparison.operator, truth) {
            (Operator::Greater | Operator::AtLeast, true)
            | (Operator::Less | Operator::AtMost, false) => Drift::Rises,
            (Operator::Less | Operator::AtMost, true)
            | (Operator::Greater | Operator::AtLeast, false) => Drift::Falls,
            (Operator::Equal | Operator::Unequal, _) => Drift::Either,
        };
        let drift = left.combine(right.reversed());
        let reaches = match drift {
            Drift::Steady => false,
            Drift::Either => true,
            _ => towards == Drift::Either || drift == towards,
        };
        reaches || (vanishes && !truth)
    }

    fn term_drift(&self, term: &Term) -> Drift {
        match term {
            Term::Constant(_) => Drift::Steady,
            Term::Fact(fact) => self.facts[*fact].drift(),
            Term::Since(instant) => Drift::Rises.combine(self.facts[*instant].drift().reversed()),
            Term::Negate(inner) => self.term_drift(inner).reversed(),
            Term::Binary(operator, left, right) => {
                let drifts = (self.term_drift(left), self.term_drift(right));
                match (operator, drifts) {
                    (_, (Drift::Steady, Drift::Steady)) => Drift::Steady,
                    (Arithmetic::Add, (left, right)) => left.combine(right),
                    (Arithmetic::Subtract, (left, right)) => left.combine(right.reversed()),
                    (Arithmetic::Multiply, (Drift::Steady, drift)) => scaled_drift(left, drift),
                    (Arithmetic::Multiply | Arithmetic::Divide, (drift, Drift::Steady)) => {
                        scaled_drift(right, drift)
                    }
                    _ => Drift::Either,
                }
            }
        }
    }
}

/// The drift of a value that is multiplied or divided by a steady factor.
fn scaled_drift(factor: &Term, drift: Drift) -> Drift {
    match factor {
        Term::Constant(number) if *number < Quantity::ZERO => drift.reversed(),
        Term::Negate(_) => drift.reversed(),
        _ => drift,
    }
}

/// Whether the condition can be true only while an event is evaluated.
fn needs_event(condition: &Condition) -> bool {
    match condition {
        Condition::OnEvent(_) => true,
        Condition::All(parts) => parts.iter().any(needs_event),
        Condition::Any(parts) => parts.iter().all(needs_event),
        _ => false,
    }
}
