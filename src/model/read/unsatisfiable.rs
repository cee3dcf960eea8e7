//! Transitions that no customer can ever take, as far as the file alone tells.

use std::cmp::Ordering;

use super::ModelReader;
use crate::event::{Millis, Quantity};
use crate::model::condition::{
    Comparison, Condition, Operator, Term, TextComparison, TextTerm, Unit,
};
use crate::model::fact::Aggregate;
use crate::model::lower::{FactOrigin, FactSymbol};
use crate::model::slots::StageFact;
use crate::model::yaml::YamlNode;
use crate::model::{Reentry, Stage, Transition};

/// Longer thresholds are not meant: a window reaches as far.
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
        let mut long = None;
        when.visit(&mut |part| {
            if let Condition::Compare(comparison) = part {
                long = long.or_else(|| long_threshold(comparison));
            }
        });
        if let Some(long) = long {
            let message = format!("{long} is longer than any history");
            let help = "is it in the right unit? there are days(), hours() and minutes()";
            self.add_warning(node.location, message, Some(help));
        }
    }

    /// What stands before a transition in the file and is open whenever it is, or keeps everybody out.
    pub(super) fn warn_of_hidden(
        &mut self,
        node: &YamlNode,
        stages: &[Stage],
        initial: usize,
        earlier: &[Transition],
        own: &Transition,
    ) {
        let hides = |other: &&Transition| {
            other.when == own.when
                && other.hold <= own.hold
                && other.cooldown == Millis(0)
                && own.from.iter().all(|from| other.from.contains(from))
                && stages
                    .get(other.to)
                    .is_some_and(|to| to.reentry == Reentry::Always)
        };
        let to = stages.get(own.to);
        if earlier.iter().any(|other| hides(&other)) {
            let message =
                "a transition before it has the same condition and is taken first".to_owned();
            let help = "this one is left for who has just been where that one leads";
            self.add_warning(node.location, message, Some(help));
        } else if own.to == initial && to.is_some_and(|to| to.reentry == Reentry::Never) {
            let message =
                "everybody has been in the initial stage, and `reentry: never` keeps them out";
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

/// Whether the condition is false whatever happens.
pub(super) fn is_unsatisfiable(condition: &Condition, facts: &[FactSymbol]) -> bool {
    match condition {
        Condition::Constant(truth) => !truth,
        Condition::Any(parts) => parts.iter().all(|part| is_unsatisfiable(part, facts)),
        Condition::All(parts) => {
            let texts = |part| text_equality(part);
            parts.iter().any(|part| is_unsatisfiable(part, facts))
                || parts.iter().any(|part| has_no_solution(part, parts, facts))
                || parts.iter().filter_map(texts).any(|(fact, text)| {
                    let others = parts.iter().filter_map(texts);
                    others
                        .into_iter()
                        .any(|(other, with)| other == fact && with != text)
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

/// Whether all comparisons among `parts` of what `part` compares leave no value that fulfils them.
fn has_no_solution(part: &Condition, parts: &[Condition], facts: &[FactSymbol]) -> bool {
    let Some((term, ..)) = constant_bound(part) else {
        return false;
    };
    let mut range = ValueRange::of(term, facts);
    for (other, operator, limit) in parts.iter().filter_map(constant_bound) {
        if other == term {
            range.narrow(operator, limit);
        }
    }
    range.is_empty()
}

/// A comparison of a term with a constant.
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

/// The values that a term can have; a limit is one of them or not.
struct ValueRange {
    low: Option<(Quantity, bool)>,
    high: Option<(Quantity, bool)>,
}

impl ValueRange {
    fn of(term: &Term, facts: &[FactSymbol]) -> ValueRange {
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
        let tighter = |(known, own): (Quantity, bool)| match limit.cmp(&known) {
            Ordering::Less => (limit, inclusive),
            Ordering::Equal => (known, own && inclusive),
            Ordering::Greater => (known, own),
        };
        self.high = Some(self.high.map_or((limit, inclusive), tighter));
    }

    fn at_least(&mut self, limit: Quantity, inclusive: bool) {
        let tighter = |(known, own): (Quantity, bool)| match limit.cmp(&known) {
            Ordering::Greater => (limit, inclusive),
            Ordering::Equal => (known, own && inclusive),
            Ordering::Less => (known, own),
        };
        self.low = Some(self.low.map_or((limit, inclusive), tighter));
    }

    fn is_empty(&self) -> bool {
        match (self.low, self.high) {
            (Some((low, a)), Some((high, b))) => low > high || (low == high && !(a && b)),
            _ => false,
        }
    }
}
