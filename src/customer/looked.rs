//! What a condition comes to: one evaluator, for facts as they are and for facts as they were.

use super::evidence::{Shown, shown, unit_of};
use crate::event::{EventTime, EventType, Quantity};
use crate::model::{Comparison, Condition, Model, Term, TextTerm};

/// Whoever knows what facts are can say what a condition over them and its parts come to.
pub(super) trait Looked {
    fn model(&self) -> &Model;
    /// The type of the event that is looked at, for the first link of a chain.
    fn event(&self) -> Option<EventType>;
    /// The instant that `since` counts to.
    fn now(&self) -> EventTime;
    fn has(&self, fact: usize) -> bool;
    /// A number, or a duration or an instant in milliseconds.
    fn quantity(&self, fact: usize) -> Option<Quantity>;
    fn instant(&self, fact: usize) -> Option<EventTime>;
    fn text_of(&self, fact: usize) -> Option<&str>;
    fn flag(&self, fact: usize) -> Option<bool>;

    /// When a part of the condition comes out otherwise by the passing of time alone; what is past never does.
    fn flips(&self, _: &Condition) -> Option<EventTime> {
        None
    }

    /// What a fact is, for a reader.
    fn fact(&self, fact: usize) -> Option<Shown> {
        if let Some(instant) = self.instant(fact) {
            return Some(Shown::Instant(instant));
        }
        if let Some(text) = self.text_of(fact) {
            return Some(Shown::Text(text.to_owned()));
        }
        if let Some(flag) = self.flag(fact) {
            return Some(Shown::Flag(flag));
        }
        let unit = unit_of(self.model().facts[fact].reading);
        self.quantity(fact).map(|quantity| shown(quantity, unit))
    }

    /// Whether the condition is true.
    fn holds(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Always(truth) => *truth,
            Condition::Happened(kind) => match (kind, self.event()) {
                (None, event) => event.is_some(),
                (kind, event) => *kind == event,
            },
            Condition::Has(fact) => self.has(*fact),
            Condition::Not(inner) => !self.holds(inner),
            Condition::All(parts) => parts.iter().all(|part| self.part_holds(part)),
            Condition::Any(parts) => parts.iter().any(|part| self.part_holds(part)),
            Condition::Compare(comparison) => self.compare(comparison),
            Condition::SameText(same) => match (self.text(&same.left), self.text(&same.right)) {
                (Some(left), Some(right)) => (left == right) == same.equal,
                _ => false,
            },
            Condition::Flag { fact, is, .. } => self.flag(*fact) == Some(*is),
        }
    }

    /// Most parts are comparisons: these are worth the room that they take in the loop.
    #[inline(always)]
    fn part_holds(&self, part: &Condition) -> bool {
        match part {
            Condition::Compare(comparison) => self.compare(comparison),
            other => self.holds(other),
        }
    }

    #[inline(always)]
    fn compare(&self, comparison: &Comparison) -> bool {
        let Some(left) = self.term(&comparison.left) else {
            return false;
        };
        let Some(right) = self.term(&comparison.right) else {
            return false;
        };
        comparison.operator.holds(left, right)
    }

    /// Both sides of a comparison, where they have a value.
    fn sides(&self, comparison: &Comparison) -> (Option<Quantity>, Option<Quantity>) {
        (self.term(&comparison.left), self.term(&comparison.right))
    }

    /// Most sides of comparisons are a fact or a constant.
    #[inline(always)]
    fn term(&self, term: &Term) -> Option<Quantity> {
        match term {
            Term::Constant(number) => Some(*number),
            Term::Fact(fact) => self.quantity(*fact),
            other => self.computed(other),
        }
    }

    fn computed(&self, term: &Term) -> Option<Quantity> {
        match term {
            Term::Constant(_) | Term::Fact(_) => None,
            Term::Since(fact) => {
                let instant = self.instant(*fact)?;
                Some(Quantity::whole(self.now().since(instant).0.max(0)))
            }
            Term::Negate(inner) => Quantity::ZERO.minus(self.term(inner)?),
            Term::Binary(operator, left, right) => operator.of(self.term(left)?, self.term(right)?),
        }
    }

    fn text<'t>(&'t self, term: &'t TextTerm) -> Option<&'t str> {
        match term {
            TextTerm::Constant(text) => Some(text),
            TextTerm::Fact(fact) => self.text_of(*fact),
        }
    }
}
