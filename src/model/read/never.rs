//! Transitions that no customer can ever take, as far as the file alone tells.

use std::cmp::Ordering;

use super::Reader;
use crate::event::{Millis, Quantity};
use crate::model::condition::{
    Comparison, Condition, Operator, Term, TextComparison, TextTerm, Unit,
};
use crate::model::fact::Aggregate;
use crate::model::lower::{About, Known};
use crate::model::slots::StageFact;
use crate::model::yaml::Node;
use crate::model::{Reentry, Stage, Transition};

/// Longer thresholds are not meant: a window reaches as far.
const THRESHOLD_MAX: Millis = Millis(3660 * Millis::DAY.0);

impl Reader<'_> {
    pub(super) fn warn_of_condition(&mut self, node: &Node, when: &Condition, facts: &[Known]) {
        if is_never(when, facts) {
            let help = "no customer will take this transition";
            self.warning(node.place, "this is never true".to_owned(), Some(help));
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
            self.warning(node.place, message, Some(help));
        }
    }

    /// What stands before a transition in the file and is open whenever it is, or keeps everybody out.
    pub(super) fn warn_of_hidden(
        &mut self,
        node: &Node,
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
            self.warning(node.place, message, Some(help));
        } else if own.to == initial && to.is_some_and(|to| to.reentry == Reentry::Never) {
            let message =
                "everybody has been in the initial stage, and `reentry: never` keeps them out";
            let help = "no customer will take this transition";
            self.warning(node.place, message.to_owned(), Some(help));
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
pub(super) fn is_never(condition: &Condition, facts: &[Known]) -> bool {
    match condition {
        Condition::Always(truth) => !truth,
        Condition::Any(parts) => parts.iter().all(|part| is_never(part, facts)),
        Condition::All(parts) => {
            let texts = |part| same_text(part);
            parts.iter().any(|part| is_never(part, facts))
                || parts.iter().any(|part| is_empty(part, parts, facts))
                || parts.iter().filter_map(texts).any(|(fact, text)| {
                    let others = parts.iter().filter_map(texts);
                    others
                        .into_iter()
                        .any(|(other, with)| other == fact && with != text)
                })
        }
        Condition::Compare(_) => is_empty(condition, std::slice::from_ref(condition), facts),
        Condition::Not(_)
        | Condition::Happened(_)
        | Condition::Has(_)
        | Condition::SameText(_)
        | Condition::Flag { .. } => false,
    }
}

/// Whether all comparisons among `parts` of what `part` compares leave no value that fulfils them.
fn is_empty(part: &Condition, parts: &[Condition], facts: &[Known]) -> bool {
    let Some((term, ..)) = bound(part) else {
        return false;
    };
    let mut range = Range::of(term, facts);
    for (other, operator, limit) in parts.iter().filter_map(bound) {
        if other == term {
            range.narrow(operator, limit);
        }
    }
    range.is_empty()
}

/// A comparison of a term with a constant.
fn bound(condition: &Condition) -> Option<(&Term, Operator, Quantity)> {
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
fn same_text(condition: &Condition) -> Option<(usize, &str)> {
    match condition {
        Condition::SameText(TextComparison {
            left: TextTerm::Fact(fact),
            right: TextTerm::Constant(text),
            equal: true,
            ..
        }) => Some((*fact, text)),
        _ => None,
    }
}

/// The values that a term can have; a limit is one of them or not.
struct Range {
    low: Option<(Quantity, bool)>,
    high: Option<(Quantity, bool)>,
}

impl Range {
    fn of(term: &Term, facts: &[Known]) -> Range {
        let from_zero = Some((Quantity::ZERO, true));
        let (low, high) = match term {
            Term::Since(_) => (from_zero, None),
            Term::Fact(fact) => match &facts[*fact].about {
                About::Stages(StageFact::Previous | StageFact::Entered(_)) | About::Nothing => {
                    (None, None)
                }
                About::Stages(_) => (from_zero, None),
                About::Events(declaration) => match declaration.aggregate {
                    Aggregate::Count | Aggregate::MeanGap | Aggregate::MaxGap => (from_zero, None),
                    Aggregate::CountDistinct(cap) => {
                        (from_zero, Some((Quantity::whole(cap.into()), true)))
                    }
                    _ => (None, None),
                },
            },
            Term::Constant(_) | Term::Negate(_) | Term::Binary(..) => (None, None),
        };
        Range { low, high }
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
