//! Aligns a customer's expected and actual transitions: a sequence alignment of minimal cost.

use super::row::{ActualTransition, ExpectationField, differing_fields};
use crate::model::Expectation;

/// A step through both lists of a customer, by their indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AlignmentStep {
    /// An expected transition, and its actual one.
    Matched(usize, usize),
    /// An expected transition that did not happen.
    Missing(usize),
    /// An actual transition that was not expected.
    Unexpected(usize),
}

/// The cost of a step, and as a tie-break the difference in time of its two transitions.
type Cost = (u32, u64);

/// The cost of an unmatched transition. A match must cost less than two unmatched transitions, and one with other
/// details less than one at another time.
const UNMATCHED_COST: Cost = (10, 0);
const OTHER_DETAILS_COST: u32 = 1;
const OTHER_TIME_COST: u32 = 6;
const OTHER_STAGE_COST: u32 = 7;
/// The largest alignment table. For longer lists only equal transitions are matched.
const COMPARISONS_MAX: usize = 1 << 20;

/// The cheapest alignment of the expected transitions, sorted by time, with the actual ones, in their order. Actual
/// transitions after the first `within` are after the end of the test: unmatched ones cost nothing and yield no step.
pub(super) fn align(
    expected: &[&Expectation],
    actual: &[&ActualTransition],
    within: usize,
) -> Vec<AlignmentStep> {
    let same = |at: usize| differing_fields(expected[at], actual[at]).is_empty();
    let short = expected.len().min(within);
    let head = (0..short).take_while(|at| same(*at)).count();
    let steps = (0..head).map(|at| AlignmentStep::Matched(at, at));
    let (rest, others) = (&expected[head..], &actual[head..]);
    let comparisons = (rest.len() + 1).checked_mul(others.len() + 1);
    let tail = match comparisons {
        _ if rest.is_empty() => (0..within - head).map(AlignmentStep::Unexpected).collect(),
        Some(comparisons) if comparisons <= COMPARISONS_MAX => {
            cheapest_alignment(rest, others, within - head)
        }
        _ => align_by_time(rest, &others[..within - head]),
    };
    let tail = tail.into_iter().map(|step| match step {
        AlignmentStep::Matched(e, a) => AlignmentStep::Matched(e + head, a + head),
        AlignmentStep::Missing(e) => AlignmentStep::Missing(e + head),
        AlignmentStep::Unexpected(a) => AlignmentStep::Unexpected(a + head),
    });
    steps.chain(tail).collect()
}

/// The cost of a match; `None` if time and stage differ.
fn match_cost(expected: &Expectation, actual: &ActualTransition) -> Option<Cost> {
    let time_difference = expected.at.0.abs_diff(actual.at.0);
    let fields = differing_fields(expected, actual);
    let cost = match fields[..] {
        [] => 0,
        [ExpectationField::At, ExpectationField::To, ..] => return None,
        [ExpectationField::At] => OTHER_TIME_COST,
        [ExpectationField::To] => OTHER_STAGE_COST,
        [ExpectationField::At, ..] => OTHER_TIME_COST + OTHER_DETAILS_COST,
        [ExpectationField::To, ..] => OTHER_STAGE_COST + OTHER_DETAILS_COST,
        [..] => OTHER_DETAILS_COST,
    };
    Some((cost, time_difference))
}

fn cheapest_alignment(
    expected: &[&Expectation],
    actual: &[&ActualTransition],
    within: usize,
) -> Vec<AlignmentStep> {
    let width = actual.len() + 1;
    let unmatched = |a: usize| if a < within { UNMATCHED_COST } else { (0, 0) };
    let plus = |a: Cost, b: Cost| (a.0 + b.0, a.1.saturating_add(b.1));
    // By position in both lists: the cost from there to both ends, and the next step.
    let none = AlignmentStep::Missing(0);
    let mut costs = vec![((0, 0), none); (expected.len() + 1) * width];
    for e in (0..=expected.len()).rev() {
        for a in (0..width).rev() {
            let rest = |e: usize, a: usize| costs[e * width + a].0;
            let both = match (expected.get(e), actual.get(a)) {
                (Some(wanted), Some(happened)) => match_cost(wanted, happened)
                    .map(|cost| (plus(cost, rest(e + 1, a + 1)), AlignmentStep::Matched(e, a))),
                _ => None,
            };
            let missing = (e < expected.len()).then(|| {
                (
                    plus(UNMATCHED_COST, rest(e + 1, a)),
                    AlignmentStep::Missing(e),
                )
            });
            let unexpected = (a < actual.len()).then(|| {
                (
                    plus(unmatched(a), rest(e, a + 1)),
                    AlignmentStep::Unexpected(a),
                )
            });
            let is_expected_earlier = match (expected.get(e), actual.get(a)) {
                (Some(wanted), Some(happened)) => wanted.at < happened.at,
                _ => true,
            };
            // `min_by_key` takes the first of equal costs: the earlier transition.
            let steps = if is_expected_earlier {
                [both, missing, unexpected]
            } else {
                [both, unexpected, missing]
            };
            let steps = steps.into_iter().flatten();
            if let Some(best) = steps.min_by_key(|(cost, _)| *cost) {
                costs[e * width + a] = best;
            }
        }
    }
    let (mut e, mut a, mut steps) = (0, 0, Vec::new());
    while e < expected.len() || a < actual.len() {
        let (_, step) = costs[e * width + a];
        match step {
            AlignmentStep::Matched(..) => (e, a) = (e + 1, a + 1),
            AlignmentStep::Missing(_) => e += 1,
            AlignmentStep::Unexpected(_) => a += 1,
        }
        if !matches!(step, AlignmentStep::Unexpected(at) if at >= within) {
            steps.push(step);
        }
    }
    steps
}

/// Merges both lists by time and matches equal transitions only; of two that differ, the earlier one is unmatched.
fn align_by_time(expected: &[&Expectation], actual: &[&ActualTransition]) -> Vec<AlignmentStep> {
    let (mut e, mut a, mut steps) = (0, 0, Vec::new());
    while e < expected.len() || a < actual.len() {
        let step = match (expected.get(e), actual.get(a)) {
            (Some(wanted), Some(happened)) if differing_fields(wanted, happened).is_empty() => {
                AlignmentStep::Matched(e, a)
            }
            (Some(wanted), Some(happened)) if wanted.at < happened.at => AlignmentStep::Missing(e),
            (Some(_), None) => AlignmentStep::Missing(e),
            (_, _) => AlignmentStep::Unexpected(a),
        };
        match step {
            AlignmentStep::Matched(..) => (e, a) = (e + 1, a + 1),
            AlignmentStep::Missing(_) => e += 1,
            AlignmentStep::Unexpected(_) => a += 1,
        }
        steps.push(step);
    }
    steps
}
