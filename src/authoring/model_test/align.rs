//! Aligns a customer's expected and actual transitions by time.

use std::cmp::Ordering;

use super::row::ActualTransition;
use crate::model::Expectation;

/// An expected transition, an actual one, or both if they match.
pub(super) type AlignmentStep<'t> = (Option<&'t Expectation>, Option<&'t ActualTransition>);

/// The alignment of the expected transitions, sorted by time, with the actual ones, in their order.
pub(super) fn align<'t>(
    expected: &[&'t Expectation],
    actual: &[&'t ActualTransition],
) -> Vec<AlignmentStep<'t>> {
    let (mut e, mut a, mut steps) = (0, 0, Vec::new());
    for (matched_e, matched_a) in matches(expected, actual) {
        while e < matched_e || a < matched_a {
            let is_expected_next =
                a == matched_a || (e < matched_e && expected[e].at <= actual[a].at);
            if is_expected_next {
                steps.push((Some(expected[e]), None));
                e += 1;
            } else {
                steps.push((None, Some(actual[a])));
                a += 1;
            }
        }
        if let (Some(expected), Some(actual)) = (expected.get(e), actual.get(a)) {
            steps.push((Some(*expected), Some(*actual)));
        }
        (e, a) = (e + 1, a + 1);
    }
    steps
}

/// The indexes of matches, then the lengths of both lists. Transitions at the same instant match in their order.
/// Between two such matches, an expected transition matches the next unmatched one into the same stage: it has moved
/// in time.
fn matches(expected: &[&Expectation], actual: &[&ActualTransition]) -> Vec<(usize, usize)> {
    let (mut e, mut a, mut all) = (0, 0, Vec::new());
    let ends = (expected.len(), actual.len());
    for (same_e, same_a) in same_instants(expected, actual).into_iter().chain([ends]) {
        for (e, wanted) in expected.iter().enumerate().take(same_e).skip(e) {
            if let Some(moved) = (a..same_a).find(|a| actual[*a].to == wanted.to) {
                all.push((e, moved));
                a = moved + 1;
            }
        }
        all.push((same_e, same_a));
        (e, a) = (same_e + 1, same_a + 1);
    }
    all
}

fn same_instants(expected: &[&Expectation], actual: &[&ActualTransition]) -> Vec<(usize, usize)> {
    let (mut e, mut a, mut same) = (0, 0, Vec::new());
    while let (Some(wanted), Some(happened)) = (expected.get(e), actual.get(a)) {
        match wanted.at.cmp(&happened.at) {
            Ordering::Less => e += 1,
            Ordering::Greater => a += 1,
            Ordering::Equal => {
                same.push((e, a));
                (e, a) = (e + 1, a + 1);
            }
        }
    }
    same
}
