//! Whether a condition can become true without events, by the passing of time alone.
//!
//! Summands and factors are assumed to be positive, as money and counts are. Otherwise `spend >= 500` over a window
//! would count as time-driven, since a negative amount could leave the window.

use crate::event::Quantity;
use crate::model::condition::{Arithmetic, Comparison, Condition, Operator, Term};
use crate::model::{Accumulator, Fact, SlotKind, Slots, StageFact, ValueSource};

pub(super) fn can_become_true_by_time(
    condition: &Condition,
    facts: &[Fact],
    slots: &Slots,
) -> bool {
    DriftAnalysis { facts, slots }.can_become(condition, true)
}

/// How a value changes without events.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Drift {
    Steady,
    Falls,
    Rises,
    Either,
}

impl Drift {
    fn reversed(self) -> Drift {
        match self {
            Drift::Falls => Drift::Rises,
            Drift::Rises => Drift::Falls,
            same => same,
        }
    }

    fn combine(self, other: Drift) -> Drift {
        match (self, other) {
            (Drift::Steady, drift) | (drift, Drift::Steady) => drift,
            (left, right) if left == right => left,
            _ => Drift::Either,
        }
    }
}

struct DriftAnalysis<'m> {
    facts: &'m [Fact],
    slots: &'m Slots,
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
            Condition::Has(fact) => match (truth, self.facts[*fact].accessor.window) {
                (true, window) => window.is_some_and(|window| window.buckets_ago > 0),
                (false, _) => self.can_vanish(*fact),
            },
            Condition::CompareText(_) | Condition::Bool { .. } => {
                let changes = |fact| {
                    if truth {
                        self.fact_drift(fact) == Drift::Either
                    } else {
                        self.can_vanish(fact)
                    }
                };
                condition.facts().into_iter().any(changes)
            }
        }
    }

    fn comparison_can_become(&self, comparison: &Comparison, truth: bool) -> bool {
        let (left, right) = (
            self.term_drift(&comparison.left),
            self.term_drift(&comparison.right),
        );
        let vanishes = comparison.facts.iter().any(|fact| self.can_vanish(*fact));
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
            Term::Fact(fact) => self.fact_drift(*fact),
            Term::Since(instant) => Drift::Rises.combine(self.fact_drift(*instant).reversed()),
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

    fn fact_drift(&self, fact: usize) -> Drift {
        let accessor = self.facts[fact].accessor;
        let Some(window) = accessor.window else {
            return match accessor.source {
                ValueSource::Stage(fact) if StageFact::is_time_dependent(fact) => Drift::Rises,
                _ => Drift::Steady,
            };
        };
        if window.buckets_ago > 0 {
            return Drift::Either; // Events enter the window, too.
        }
        match accessor.source {
            ValueSource::Number(slot) => match self.slots.get(slot).kind {
                SlotKind::Buckets {
                    accumulator: Accumulator::Min(_),
                    ..
                } => Drift::Rises,
                _ => Drift::Falls,
            },
            ValueSource::Distinct { .. } => Drift::Falls,
            ValueSource::Instant(slot) => match self.slots.get(slot).kind {
                SlotKind::Last => Drift::Steady,
                _ => Drift::Rises,
            },
            ValueSource::FieldValue(slot) => match self.slots.get(slot).kind {
                SlotKind::LatestOf(_) => Drift::Steady,
                _ => Drift::Either,
            },
            ValueSource::Mean { .. }
            | ValueSource::MeanGap { .. }
            | ValueSource::MaxGap(_)
            | ValueSource::Stage(_) => Drift::Either,
        }
    }

    /// Whether a fact can lose its value as its window moves on.
    fn can_vanish(&self, fact: usize) -> bool {
        let accessor = self.facts[fact].accessor;
        let is_zero_without_events = match accessor.source {
            ValueSource::Number(slot) => matches!(
                self.slots.get(slot).kind,
                SlotKind::Buckets {
                    accumulator: Accumulator::Count | Accumulator::CountOf(_) | Accumulator::Sum(_),
                    ..
                }
            ),
            ValueSource::Distinct { .. } => true,
            _ => false,
        };
        accessor.window.is_some() && !is_zero_without_events
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
