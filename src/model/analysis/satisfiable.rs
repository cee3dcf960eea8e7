//! Whether a condition can be true at all.

use super::fact::AnalyzedFacts;
use super::range::ValueRange;
use crate::event::Quantity;
use crate::model::FactId;
use crate::model::condition::{Comparison, Condition, Operator, Term, TextComparison, TextTerm};

/// Whether the condition can never be true.
pub(in super::super) fn is_unsatisfiable(condition: &Condition, facts: &AnalyzedFacts) -> bool {
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
fn has_no_solution(part: &Condition, parts: &[Condition], facts: &AnalyzedFacts) -> bool {
    let Some((term, ..)) = constant_bound(part) else {
        return false;
    };
    let mut range = possible_values(term, facts);
    for (other, operator, limit) in parts.iter().filter_map(constant_bound) {
        if other == term {
            range.narrow(operator, limit);
        }
    }
    range.is_empty()
}

/// Splits a comparison of a term with a constant; the constant is on the right.
fn constant_bound(condition: &Condition) -> Option<(&Term, Operator, Quantity)> {
    let Condition::Compare(Comparison { operator, left, right, .. }) = condition else {
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
fn text_equality(condition: &Condition) -> Option<(FactId, &str)> {
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

fn possible_values(term: &Term, facts: &AnalyzedFacts) -> ValueRange {
    match term {
        Term::Since(_) => ValueRange::FROM_ZERO,
        Term::Fact(fact) => facts[*fact].possible_values(),
        Term::Constant(_) | Term::Negate(_) | Term::Binary(..) => ValueRange::default(),
    }
}

/// Whether these conditions cannot all be true.
pub(in super::super) fn is_contradiction(kept: &[Condition], facts: &AnalyzedFacts) -> bool {
    let is_opposite = |left: &Condition, right: &Condition| match (left, right) {
        (Condition::Not(inner), right) => **inner == *right,
        (
            Condition::Bool { fact, is, .. },
            Condition::Bool { fact: right_fact, is: right_is, .. },
        ) => fact == right_fact && is != right_is,
        _ => false,
    };
    let has_opposite = |left: &Condition| kept.iter().any(|right| is_opposite(left, right));
    kept.iter().any(has_opposite) || is_unsatisfiable(&Condition::All(kept.to_vec()), facts)
}
