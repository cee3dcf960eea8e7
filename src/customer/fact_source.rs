//! The evaluator of conditions, shared by current facts (`EvalContext`) and recorded facts (`RecordedFacts`).

use super::display_value::{DisplayValue, display_value, unit_of};
use crate::event::{EventTime, EventType, Quantity};
use crate::model::{Comparison, Condition, FactId, Model, Term, TextTerm};

/// A source of fact values, over which conditions and their parts are evaluated.
pub(super) trait FactSource {
    fn model(&self) -> &Model;
    /// The type of the event that is being applied, for the first transition of a chain.
    fn event(&self) -> Option<EventType>;
    /// The instant that `since` counts to.
    fn now(&self) -> EventTime;
    fn has_value(&self, fact: FactId) -> bool;
    /// A number, or a duration or an instant in milliseconds.
    fn quantity(&self, fact: FactId) -> Option<Quantity>;
    fn instant(&self, fact: FactId) -> Option<EventTime>;
    fn text_of(&self, fact: FactId) -> Option<&str>;
    fn flag(&self, fact: FactId) -> Option<bool>;

    /// When time alone changes a part of the condition; never for recorded facts.
    fn next_value_change(&self, _: &Condition) -> Option<EventTime> {
        None
    }

    fn display_value(&self, fact: FactId) -> Option<DisplayValue> {
        if let Some(instant) = self.instant(fact) {
            return Some(DisplayValue::Instant(instant));
        }
        if let Some(text) = self.text_of(fact) {
            return Some(DisplayValue::Text(text.to_owned()));
        }
        if let Some(flag) = self.flag(fact) {
            return Some(DisplayValue::Flag(flag));
        }
        let unit = unit_of(self.model().facts[fact].accessor);
        self.quantity(fact).map(|quantity| display_value(quantity, unit))
    }

    fn is_true(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Constant(truth) => *truth,
            Condition::OnEvent(kind) => match (kind, self.event()) {
                (None, event) => event.is_some(),
                (kind, event) => *kind == event,
            },
            Condition::Has(fact) => self.has_value(*fact),
            Condition::Not(inner) => !self.is_true(inner),
            Condition::All(parts) => parts.iter().all(|part| self.is_part_true(part)),
            Condition::Any(parts) => parts.iter().any(|part| self.is_part_true(part)),
            Condition::Compare(comparison) => self.compare(comparison),
            Condition::CompareText(texts) => {
                match (self.text(&texts.left), self.text(&texts.right)) {
                    (Some(left), Some(right)) => (left == right) == texts.equal,
                    _ => false,
                }
            }
            Condition::Bool { fact, is, .. } => self.flag(*fact) == Some(*is),
        }
    }

    /// Inlined because most parts are comparisons.
    #[inline(always)]
    fn is_part_true(&self, part: &Condition) -> bool {
        match part {
            Condition::Compare(comparison) => self.compare(comparison),
            other => self.is_true(other),
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
        comparison.operator.is_true(left, right)
    }

    fn sides(&self, comparison: &Comparison) -> (Option<Quantity>, Option<Quantity>) {
        (self.term(&comparison.left), self.term(&comparison.right))
    }

    /// Inlined because most sides of comparisons are a fact or a constant.
    #[inline(always)]
    fn term(&self, term: &Term) -> Option<Quantity> {
        match term {
            Term::Constant(number) => Some(*number),
            Term::Fact(fact) => self.quantity(*fact),
            other => self.compute_term(other),
        }
    }

    fn compute_term(&self, term: &Term) -> Option<Quantity> {
        match term {
            Term::Constant(_) | Term::Fact(_) => None,
            Term::Since(fact) => {
                let instant = self.instant(*fact)?;
                Some(Quantity::from_whole(self.now().duration_since(instant).0.max(0)))
            }
            Term::Negate(inner) => Quantity::ZERO.checked_sub(self.term(inner)?),
            Term::Binary(operator, left, right) => {
                operator.apply(self.term(left)?, self.term(right)?)
            }
        }
    }

    fn text<'t>(&'t self, term: &'t TextTerm) -> Option<&'t str> {
        match term {
            TextTerm::Constant(text) => Some(text),
            TextTerm::Fact(fact) => self.text_of(*fact),
        }
    }
}
