//! What is true at an instant, and the next instant at which that can change.
//!
//! Silence is an event: nothing is scanned for. Every comparison that time alone can move knows
//! when it flips (`lifecycle.md` rule 15).

use super::facts::Facts;
use crate::event::{EventTime, EventType, Quantity, Scalar};
use crate::model::{Comparison, Condition, Fact, Operator, Term, TextTerm};

/// One customer in one model at one instant.
#[derive(Clone, Copy)]
pub(super) struct Scene<'s> {
    /// The facts of the model.
    pub(super) model: &'s [Fact],
    /// Their values; `facts.now` is where windows end.
    pub(super) facts: Facts<'s>,
    /// The instant that `since` counts to.
    pub(super) now: EventTime,
    /// The type of the event that is being evaluated, for the first link of a chain.
    pub(super) event: Option<EventType>,
}

impl Scene<'_> {
    /// Whether the condition is true.
    pub(super) fn holds(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Always(truth) => *truth,
            Condition::Happened(kind) => match (kind, self.event) {
                (None, event) => event.is_some(),
                (kind, event) => *kind == event,
            },
            Condition::Has(fact) => self.has(*fact),
            Condition::Not(inner) => !self.holds(inner),
            Condition::All(parts) => parts.iter().all(|part| self.holds(part)),
            Condition::Any(parts) => parts.iter().any(|part| self.holds(part)),
            Condition::Compare(comparison) => self.compare(comparison),
            Condition::SameText(same) => match (self.text(&same.left), self.text(&same.right)) {
                (Some(left), Some(right)) => (left == right) == same.equal,
                _ => false,
            },
            Condition::Flag { fact, is, .. } => self.flag(*fact) == Some(*is),
        }
    }

    /// The first instant later than now at which some comparison in the condition can change by
    /// the passing of time alone.
    pub(super) fn next_change(&self, condition: &Condition) -> Option<EventTime> {
        match condition {
            Condition::Not(inner) => self.next_change(inner),
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().filter_map(|part| self.next_change(part)).min()
            }
            Condition::Compare(comparison) => {
                let edges = comparison
                    .windows
                    .iter()
                    .filter_map(|fact| self.facts.edge(self.model[*fact].reading));
                edges.chain(self.flip(comparison)).min()
            }
            Condition::Always(_)
            | Condition::Happened(_)
            | Condition::Has(_)
            | Condition::SameText(_)
            | Condition::Flag { .. } => None,
        }
    }

    /// Both sides of a comparison, where they have a value.
    pub(super) fn sides(&self, comparison: &Comparison) -> (Option<Quantity>, Option<Quantity>) {
        (self.term(&comparison.left), self.term(&comparison.right))
    }

    pub(super) fn has(&self, fact: usize) -> bool {
        let reading = self.model[fact].reading;
        self.facts.quantity(reading).is_some() || self.facts.kept(reading).is_some()
    }

    pub(super) fn text<'a>(&'a self, term: &'a TextTerm) -> Option<&'a str> {
        match term {
            TextTerm::Constant(text) => Some(text),
            TextTerm::Fact(fact) => match self.facts.kept(self.model[*fact].reading) {
                Some(Scalar::Text(text)) => Some(text),
                _ => None,
            },
        }
    }

    pub(super) fn flag(&self, fact: usize) -> Option<bool> {
        match self.facts.kept(self.model[fact].reading) {
            Some(Scalar::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    fn compare(&self, comparison: &Comparison) -> bool {
        match self.sides(comparison) {
            (Some(left), Some(right)) => comparison.operator.holds(left, right),
            _ => false,
        }
    }

    fn term(&self, term: &Term) -> Option<Quantity> {
        match term {
            Term::Constant(number) => Some(*number),
            Term::Fact(fact) => self.facts.quantity(self.model[*fact].reading),
            Term::Since(fact) => {
                let instant = self.facts.instant(self.model[*fact].reading)?;
                Some(Quantity::whole(self.now.since(instant).0.max(0)))
            }
            Term::Negate(inner) => Quantity::ZERO.minus(self.term(inner)?),
            Term::Binary(operator, left, right) => operator.of(self.term(left)?, self.term(right)?),
        }
    }

    /// When a comparison that contains `since` flips, windows staying as they are.
    fn flip(&self, comparison: &Comparison) -> Option<EventTime> {
        if !comparison.moves {
            return None;
        }
        match (&comparison.left, &comparison.right) {
            (Term::Since(fact), Term::Constant(limit)) => {
                self.since_flips(*fact, comparison.operator, *limit)
            }
            _ => self.search(comparison),
        }
    }

    /// `since(x) op limit`: `>=` and `<` flip at x + limit, `>` and `<=` a millisecond after.
    fn since_flips(&self, fact: usize, operator: Operator, limit: Quantity) -> Option<EventTime> {
        const MILLI: i128 = Quantity::whole(1).nanos();
        let instant = self.facts.instant(self.model[fact].reading)?;
        let span = match operator {
            Operator::AtLeast | Operator::Less => -(-limit.nanos()).div_euclid(MILLI),
            Operator::Greater | Operator::AtMost => limit.nanos().div_euclid(MILLI) + 1,
            Operator::Equal | Operator::Unequal => return None, // Refused at load.
        };
        let flip = i64::try_from(i128::from(instant.0) + span)
            .ok()
            .map(EventTime)?;
        (flip > self.now && flip <= EventTime::MAX).then_some(flip)
    }

    /// The difference of two terms that move evenly is monotone, so the truth changes at most once:
    /// gallop until it has, then bisect to the millisecond. About a hundred evaluations at most.
    fn search(&self, comparison: &Comparison) -> Option<EventTime> {
        let truth = self.compare(comparison);
        let at = |time: i64| {
            Scene {
                now: EventTime(time),
                ..*self
            }
            .compare(comparison)
        };
        let (mut same, mut step) = (self.now.0, 1_i64);
        let mut flipped = loop {
            if same >= EventTime::MAX.0 {
                return None;
            }
            let probe = same.saturating_add(step).min(EventTime::MAX.0);
            if at(probe) != truth {
                break probe;
            }
            (same, step) = (probe, step.saturating_mul(2));
        };
        while flipped - same > 1 {
            let middle = same + (flipped - same) / 2;
            if at(middle) == truth {
                same = middle
            } else {
                flipped = middle
            }
        }
        Some(EventTime(flipped))
    }
}
