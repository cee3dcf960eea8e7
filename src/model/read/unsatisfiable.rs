//! Warns of transitions that no customer can ever take, as far as the model shows.

use std::cmp::Ordering;

use super::declared::{DeclaredStage, DeclaredTransition};
use super::model_reader::ModelReader;
use crate::event::{Millis, Quantity};
use crate::model::Reentry;
use crate::model::condition::{
    Comparison, Condition, Operator, Term, TextComparison, TextTerm, Unit,
};
use crate::model::fact::Aggregate;
use crate::model::lower::{FactOrigin, FactSymbol};
use crate::model::slots::StageFact;
use crate::model::yaml::YamlNode;

/// Longest plausible threshold; it is also the longest window.
const THRESHOLD_MAX: Millis = Millis(3660 * Millis::DAY.0);

impl ModelReader<'_> {
    pub(super) fn warn_of_condition(
        &mut self,
        node: &YamlNode,
        when: &Condition,
        facts: &[FactSymbol],
    ) {
        if is_unsatisfiable(when, facts) {
            let help = "no customer will take this transition";
            self.add_warning(node.location, "this is never true".to_owned(), Some(help));
        }
        let mut threshold = None;
        when.visit(&mut |part| {
            if let Condition::Compare(comparison) = part {
                threshold = threshold.or_else(|| long_threshold(comparison));
            }
        });
        if let Some(threshold) = threshold {
            let message = format!("{threshold} is longer than any history");
            let help = "is it in the right unit? there are days(), hours() and minutes()";
            self.add_warning(node.location, message, Some(help));
        }
    }

    /// Warns of a transition that an earlier one hides, or whose target stage no customer may enter again.
    pub(super) fn warn_of_hidden(
        &mut self,
        node: &YamlNode,
        stages: &[DeclaredStage],
        initial: usize,
        earlier: &[DeclaredTransition],
        transition: &DeclaredTransition,
    ) {
        let hides = |other: &DeclaredTransition| {
            other.when == transition.when
                && other.hold <= transition.hold
                && other.cooldown == Millis(0)
                && transition.from.iter().all(|from| other.from.contains(from))
                && stages
                    .get(other.to)
                    .is_some_and(|to| to.reentry == Reentry::Always)
        };
        let to = stages.get(transition.to);
        if earlier.iter().any(hides) {
            let message =
                "an earlier transition has the same condition and is taken first".to_owned();
            let help = "this one is taken only after the target stage of the earlier one, in the same chain";
            self.add_warning(node.location, message, Some(help));
        } else if transition.to == initial && to.is_some_and(|to| to.reentry == Reentry::Never) {
            let message = "every customer has been in the initial stage, and `reentry: never` blocks entering it again";
            let help = "no customer will take this transition";
            self.add_warning(node.location, message.to_owned(), Some(help));
        }
    }
}

fn long_threshold(comparison: &Comparison) -> Option<Millis> {
    let (Unit::Duration, Term::Constant(limit)) = (comparison.unit, &comparison.right) else {
        return None;
    };
    let limit = Millis(limit.whole_part().unwrap_or(i64::MAX));
    (limit > THRESHOLD_MAX).then_some(limit.min(Millis::MAX))
}

/// Whether the condition can never be true.
pub(super) fn is_unsatisfiable(condition: &Condition, facts: &[FactSymbol]) -> bool {
    match condition {
        Condition::Constant(truth) => !truth,
        Condition::Any(parts) => parts.iter().all(|part| is_unsatisfiable(part, facts)),
        Condition::All(parts) => {
            parts.iter().any(|part| is_unsatisfiable(part, facts))
                || parts.iter().any(|part| has_no_solution(part, parts, facts))
                || parts.iter().filter_map(text_equality).any(|(fact, text)| {
                    let mut others = parts.iter().filter_map(text_equality);
                    others.any(|(other, other_text)| other == fact && other_text != text)
                })
        }
        Condition::Compare(_) => has_no_solution(condition, std::slice::from_ref(condition), facts),
        Condition::Not(_)
        | Condition::OnEvent(_)
        | Condition::Has(_)
        | Condition::CompareText(_)
        | Condition::Bool { .. } => false,
    }
}

/// Whether no value of the term in `part` satisfies all comparisons of this term among `parts`.
fn has_no_solution(part: &Condition, parts: &[Condition], facts: &[FactSymbol]) -> bool {
    let Some((term, ..)) = constant_bound(part) else {
        return false;
    };
    let mut range = ValueRange::from_term(term, facts);
    for (other, operator, limit) in parts.iter().filter_map(constant_bound) {
        if other == term {
            range.narrow(operator, limit);
        }
    }
    range.is_empty()
}

/// Splits a comparison of a term with a constant; the constant is on the right.
fn constant_bound(condition: &Condition) -> Option<(&Term, Operator, Quantity)> {
    let Condition::Compare(Comparison {
        operator,
        left,
        right,
        ..
    }) = condition
    else {
        return None;
    };
    match (left, right) {
        (Term::Constant(_), Term::Constant(_)) => None,
        (term, Term::Constant(limit)) => Some((term, *operator, *limit)),
        (Term::Constant(limit), term) => Some((term, operator.mirrored(), *limit)),
        _ => None,
    }
}

/// `fact == 'text'`
fn text_equality(condition: &Condition) -> Option<(usize, &str)> {
    match condition {
        Condition::CompareText(TextComparison {
            left: TextTerm::Fact(fact),
            right: TextTerm::Constant(text),
            equal: true,
            ..
        }) => Some((*fact, text)),
        _ => None,
    }
}

/// The range of values that a term can have. The flag of a limit is whether it is inclusive.
struct ValueRange {
    low: Option<(Quantity, bool)>,
    high: Option<(Quantity, bool)>,
}

impl ValueRange {
    fn from_term(term: &Term, facts: &[FactSymbol]) -> ValueRange {
        let from_zero = Some((Quantity::ZERO, true));
        let (low, high) = match term {
            Term::Since(_) => (from_zero, None),
            Term::Fact(fact) => match &facts[*fact].origin {
                FactOrigin::Stages(StageFact::Previous | StageFact::Entered(_))
                | FactOrigin::Invalid => (None, None),
                FactOrigin::Stages(_) => (from_zero, None),
                FactOrigin::Events(declaration) => match declaration.aggregate {
                    Aggregate::Count | Aggregate::MeanGap | Aggregate::MaxGap => (from_zero, None),
                    Aggregate::CountDistinct(cap) => {
                        (from_zero, Some((Quantity::from_whole(cap.into()), true)))
                    }
                    _ => (None, None),
                },
            },
            Term::Constant(_) | Term::Negate(_) | Term::Binary(..) => (None, None),
        };
        ValueRange { low, high }
    }

    fn narrow(&mut self, operator: Operator, limit: Quantity) {
        match operator {
            Operator::Less => self.at_most(limit, false),
            Operator::AtMost => self.at_most(limit, true),
            Operator::Greater => self.at_least(limit, false),
            Operator::AtLeast => self.at_least(limit, true),
            Operator::Equal => {
                self.at_most(limit, true);
                self.at_least(limit, true);
            }
            Operator::Unequal => {}
        }
    }

    fn at_most(&mut self, limit: Quantity, inclusive: bool) {
        let tighter = |(high, was_inclusive): (Quantity, bool)| match limit.cmp(&high) {
            Ordering::Less => (limit, inclusive),
            Ordering::Equal => (high, was_inclusive && inclusive),
            Ordering::Greater => (high, was_inclusive),
        };
        self.high = Some(self.high.map_or((limit, inclusive), tighter));
    }

    fn at_least(&mut self, limit: Quantity, inclusive: bool) {
        let tighter = |(low, was_inclusive): (Quantity, bool)| match limit.cmp(&low) {
            Ordering::Greater => (limit, inclusive),
            Ordering::Equal => (low, was_inclusive && inclusive),
            Ordering::Less => (low, was_inclusive),
        };
        self.low = Some(self.low.map_or((limit, inclusive), tighter));
    }

    fn is_empty(&self) -> bool {
        match (self.low, self.high) {
            (Some((low, with_low)), Some((high, with_high))) => {
                low > high || (low == high && !(with_low && with_high))
            }
            _ => false,
        }
    }
}
