//! Which of what was expected and what happened belong together.

use super::row::{ActualTransition, ExpectationField, differing_fields};
use crate::model::Expectation;

/// A step through both lists of a customer, by numbers in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AlignmentStep {
    /// These two belong together.
    Matched(usize, usize),
    /// It did not happen.
    Missing(usize),
    /// It was not expected.
    Unexpected(usize),
}

/// What a step costs, and where that is the same, how far apart in time the two are.
type Cost = (u32, u64);

/// For each that stands alone. Two that evidently are the same move cost less than two alone, and one whose
/// details differ less than one at another time.
const UNMATCHED_COST: Cost = (10, 0);
const OTHER_DETAILS_COST: u32 = 1;
const OTHER_TIME_COST: u32 = 6;
const OTHER_STAGE_COST: u32 = 7;
/// Beyond so many comparisons only what is the same belongs together.
const COMPARISONS_MAX: usize = 1 << 20;

/// The cheapest way through what is expected, by time, and what happened, in its order. Of what happened
/// after the first `within`, what was not expected costs nothing and is no step.
pub(super) fn align(
    expected: &[&Expectation],
    moves: &[&ActualTransition],
    within: usize,
) -> Vec<AlignmentStep> {
    let same = |at: usize| differing_fields(expected[at], moves[at]).is_empty();
    let short = expected.len().min(within);
    let head = (0..short).take_while(|at| same(*at)).count();
    let steps = (0..head).map(|at| AlignmentStep::Matched(at, at));
    let (rest, others) = (&expected[head..], &moves[head..]);
    let compared = (rest.len() + 1).checked_mul(others.len() + 1);
    let tail = match compared {
        _ if rest.is_empty() => (0..within - head).map(AlignmentStep::Unexpected).collect(),
        Some(compared) if compared <= COMPARISONS_MAX => {
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

/// Whether the two are the same move, and what it costs to take them for it.
fn match_cost(expected: &Expectation, happened: &ActualTransition) -> Option<Cost> {
    let apart = expected.at.0.abs_diff(happened.at.0);
    let differs = differing_fields(expected, happened);
    let cost = match differs[..] {
        [] => 0,
        [ExpectationField::At, ExpectationField::To, ..] => return None,
        [ExpectationField::At] => OTHER_TIME_COST,
        [ExpectationField::To] => OTHER_STAGE_COST,
        [ExpectationField::At, ..] => OTHER_TIME_COST + OTHER_DETAILS_COST,
        [ExpectationField::To, ..] => OTHER_STAGE_COST + OTHER_DETAILS_COST,
        [..] => OTHER_DETAILS_COST,
    };
    Some((cost, apart))
}

fn cheapest_alignment(
    expected: &[&Expectation],
    moves: &[&ActualTransition],
    within: usize,
) -> Vec<AlignmentStep> {
    let width = moves.len() + 1;
    let alone = |a: usize| if a < within { UNMATCHED_COST } else { (0, 0) };
    let plus = |a: Cost, b: Cost| (a.0 + b.0, a.1.saturating_add(b.1));
    // What it costs from here to both ends, and the step to take.
    let none = AlignmentStep::Missing(0);
    let mut costs = vec![((0, 0), none); (expected.len() + 1) * width];
    for e in (0..=expected.len()).rev() {
        for a in (0..width).rev() {
            let rest = |e: usize, a: usize| costs[e * width + a].0;
            let both = match (expected.get(e), moves.get(a)) {
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
            let unexpected = (a < moves.len())
                .then(|| (plus(alone(a), rest(e, a + 1)), AlignmentStep::Unexpected(a)));
            let comes_first = match (expected.get(e), moves.get(a)) {
                (Some(wanted), Some(happened)) => wanted.at < happened.at,
                _ => true,
            };
            // Where it makes no difference, in the order of time.
            let ways = match comes_first {
                true => [both, missing, unexpected],
                false => [both, unexpected, missing],
            };
            let ways = ways.into_iter().flatten();
            if let Some(best) = ways.min_by_key(|(cost, _)| *cost) {
                costs[e * width + a] = best;
            }
        }
    }
    let (mut e, mut a, mut steps) = (0, 0, Vec::new());
    while e < expected.len() || a < moves.len() {
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

/// In order of time; of two that differ, the earlier one stands alone.
fn align_by_time(expected: &[&Expectation], moves: &[&ActualTransition]) -> Vec<AlignmentStep> {
    let (mut e, mut a, mut steps) = (0, 0, Vec::new());
    while e < expected.len() || a < moves.len() {
        let step = match (expected.get(e), moves.get(a)) {
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
