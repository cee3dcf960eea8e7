//! Whether a condition can become true while nothing happens: by the passing of time alone.
//!
//! Sums are taken to grow by what is added, and factors to be positive: money and counts are so. Otherwise
//! `spend >= 500` over a window would count as something that silence can bring about.

use crate::event::Quantity;
use crate::model::condition::{Arithmetic, Comparison, Condition, Operator, Term};
use crate::model::{Fact, Keep, Slots, StageFact, Tally, What};

pub(super) fn can_become_true(condition: &Condition, facts: &[Fact], slots: &Slots) -> bool {
    Passing { facts, slots }.can_become(condition, true)
}

/// How a value changes while nothing happens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Drift {
    Steady,
    Falls,
    Rises,
    Either,
}

impl Drift {
    fn turned(self) -> Drift {
        match self {
            Drift::Falls => Drift::Rises,
            Drift::Rises => Drift::Falls,
            same => same,
        }
    }

    fn with(self, other: Drift) -> Drift {
        match (self, other) {
            (Drift::Steady, drift) | (drift, Drift::Steady) => drift,
            (one, other) if one == other => one,
            _ => Drift::Either,
        }
    }
}

struct Passing<'m> {
    facts: &'m [Fact],
    slots: &'m Slots,
}

impl Passing<'_> {
    /// Whether time alone can make the condition be `truth`.
    fn can_become(&self, condition: &Condition, truth: bool) -> bool {
        let any = |parts: &[Condition]| parts.iter().any(|part| self.can_become(part, truth));
        match condition {
            Condition::Always(_) | Condition::Happened(_) => false,
            Condition::Not(inner) => self.can_become(inner, !truth),
            Condition::All(parts) | Condition::Any(parts) => {
                !(truth && needs_event(condition)) && any(parts)
            }
            Condition::Compare(comparison) => self.compare(comparison, truth),
            Condition::Has(fact) => match (truth, self.facts[*fact].reading.window) {
                (true, window) => window.is_some_and(|window| window.before > 0),
                (false, _) => self.can_vanish(*fact),
            },
            Condition::SameText(_) | Condition::Flag { .. } => {
                let changes = |fact| match truth {
                    true => self.drift(fact) == Drift::Either,
                    false => self.can_vanish(fact),
                };
                condition.facts().into_iter().any(changes)
            }
        }
    }

    fn compare(&self, comparison: &Comparison, truth: bool) -> bool {
        let (left, right) = (self.term(&comparison.left), self.term(&comparison.right));
        let vanishes = comparison.facts.iter().any(|fact| self.can_vanish(*fact));
        let towards = match (comparison.operator, truth) {
            (Operator::Greater | Operator::AtLeast, true)
            | (Operator::Less | Operator::AtMost, false) => Drift::Rises,
            (Operator::Less | Operator::AtMost, true)
            | (Operator::Greater | Operator::AtLeast, false) => Drift::Falls,
            (Operator::Equal | Operator::Unequal, _) => Drift::Either,
        };
        let drift = left.with(right.turned());
        let reaches = match drift {
            Drift::Steady => false,
            Drift::Either => true,
            _ => towards == Drift::Either || drift == towards,
        };
        reaches || (vanishes && !truth)
    }

    fn term(&self, term: &Term) -> Drift {
        match term {
            Term::Constant(_) => Drift::Steady,
            Term::Fact(fact) => self.drift(*fact),
            Term::Since(instant) => Drift::Rises.with(self.drift(*instant).turned()),
            Term::Negate(inner) => self.term(inner).turned(),
            Term::Binary(operator, left, right) => {
                let drifts = (self.term(left), self.term(right));
                match (operator, drifts) {
                    (_, (Drift::Steady, Drift::Steady)) => Drift::Steady,
                    (Arithmetic::Add, (left, right)) => left.with(right),
                    (Arithmetic::Subtract, (left, right)) => left.with(right.turned()),
                    (Arithmetic::Multiply, (Drift::Steady, drift)) => times(left, drift),
                    (Arithmetic::Multiply | Arithmetic::Divide, (drift, Drift::Steady)) => {
                        times(right, drift)
                    }
                    _ => Drift::Either,
                }
            }
        }
    }

    fn drift(&self, fact: usize) -> Drift {
        let reading = self.facts[fact].reading;
        let Some(window) = reading.window else {
            return match reading.what {
                What::Stage(fact) if StageFact::moves(fact) => Drift::Rises,
                _ => Drift::Steady,
            };
        };
        if window.before > 0 {
            return Drift::Either; // Events come into it as well.
        }
        match reading.what {
            What::Number(slot) => match self.slots.get(slot).keep {
                Keep::Buckets {
                    tally: Tally::Min(_),
                    ..
                } => Drift::Rises,
                _ => Drift::Falls,
            },
            What::Distinct { .. } => Drift::Falls,
            What::Instant(slot) => match self.slots.get(slot).keep {
                Keep::Last => Drift::Steady,
                _ => Drift::Rises,
            },
            What::Kept(slot) => match self.slots.get(slot).keep {
                Keep::LatestOf(_) => Drift::Steady,
                _ => Drift::Either,
            },
            What::Mean { .. } | What::MeanGap { .. } | What::MaxGap(_) | What::Stage(_) => {
                Drift::Either
            }
        }
    }

    /// Whether a fact that has a value can be without one when its window has moved on.
    fn can_vanish(&self, fact: usize) -> bool {
        let reading = self.facts[fact].reading;
        let zero = match reading.what {
            What::Number(slot) => matches!(
                self.slots.get(slot).keep,
                Keep::Buckets {
                    tally: Tally::Count | Tally::CountOf(_) | Tally::Sum(_),
                    ..
                }
            ),
            What::Distinct { .. } => true,
            _ => false,
        };
        reading.window.is_some() && !zero
    }
}

/// The drift of something that is multiplied or divided by a steady factor.
fn times(factor: &Term, drift: Drift) -> Drift {
    match factor {
        Term::Constant(number) if *number < Quantity::ZERO => drift.turned(),
        Term::Negate(_) => drift.turned(),
        _ => drift,
    }
}

/// Whether it is true only while an event is looked at.
fn needs_event(condition: &Condition) -> bool {
    match condition {
        Condition::Happened(_) => true,
        Condition::All(parts) => parts.iter().any(needs_event),
        Condition::Any(parts) => parts.iter().all(needs_event),
        _ => false,
    }
}
