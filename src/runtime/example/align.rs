//! Which of what was expected and what happened belong together.

use super::row::{Detail, Move, differences};
use crate::model::Expectation;

/// A step through both lists of a customer, by numbers in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// These two belong together.
    Both(usize, usize),
    /// It did not happen.
    Expected(usize),
    /// It was not expected.
    Happened(usize),
}

/// What a step costs, and where that is the same, how far apart in time the two are.
type Cost = (u32, u64);

/// For each that stands alone. Two that evidently are the same move cost less than two alone, and one whose
/// details differ less than one at another time.
const ALONE: Cost = (10, 0);
const OTHER_DETAILS: u32 = 1;
const OTHER_TIME: u32 = 6;
const OTHER_STAGE: u32 = 7;
/// Beyond so many comparisons only what is the same belongs together.
const COMPARISONS_MAX: usize = 1 << 20;

/// The cheapest way through what is expected, by time, and what happened, in its order. Of what happened
/// after the first `within`, what was not expected costs nothing and is no step.
pub(super) fn align(expected: &[&Expectation], moves: &[&Move], within: usize) -> Vec<Step> {
    let same = |at: usize| differences(expected[at], moves[at]).is_empty();
    let short = expected.len().min(within);
    let head = (0..short).take_while(|at| same(*at)).count();
    let steps = (0..head).map(|at| Step::Both(at, at));
    let (rest, others) = (&expected[head..], &moves[head..]);
    let compared = (rest.len() + 1).checked_mul(others.len() + 1);
    let tail = match compared {
        _ if rest.is_empty() => (0..within - head).map(Step::Happened).collect(),
        Some(compared) if compared <= COMPARISONS_MAX => cheapest(rest, others, within - head),
        _ => walk(rest, &others[..within - head]),
    };
    let tail = tail.into_iter().map(|step| match step {
        Step::Both(e, a) => Step::Both(e + head, a + head),
        Step::Expected(e) => Step::Expected(e + head),
        Step::Happened(a) => Step::Happened(a + head),
    });
    steps.chain(tail).collect()
}

/// Whether the two are the same move, and what it costs to take them for it.
fn together(expected: &Expectation, happened: &Move) -> Option<Cost> {
    let apart = expected.at.0.abs_diff(happened.at.0);
    let differs = differences(expected, happened);
    let cost = match differs[..] {
        [] => 0,
        [Detail::At, Detail::To, ..] => return None,
        [Detail::At] => OTHER_TIME,
        [Detail::To] => OTHER_STAGE,
        [Detail::At, ..] => OTHER_TIME + OTHER_DETAILS,
        [Detail::To, ..] => OTHER_STAGE + OTHER_DETAILS,
        [..] => OTHER_DETAILS,
    };
    Some((cost, apart))
}

fn cheapest(expected: &[&Expectation], moves: &[&Move], within: usize) -> Vec<Step> {
    let width = moves.len() + 1;
    let alone = |a: usize| if a < within { ALONE } else { (0, 0) };
    let plus = |a: Cost, b: Cost| (a.0 + b.0, a.1.saturating_add(b.1));
    // What it costs from here to both ends, and the step to take.
    let none = Step::Expected(0);
    let mut costs = vec![((0, 0), none); (expected.len() + 1) * width];
    for e in (0..=expected.len()).rev() {
        for a in (0..width).rev() {
            let rest = |e: usize, a: usize| costs[e * width + a].0;
            let both = match (expected.get(e), moves.get(a)) {
                (Some(wanted), Some(happened)) => together(wanted, happened)
                    .map(|cost| (plus(cost, rest(e + 1, a + 1)), Step::Both(e, a))),
                _ => None,
            };
            let missing =
                (e < expected.len()).then(|| (plus(ALONE, rest(e + 1, a)), Step::Expected(e)));
            let unexpected =
                (a < moves.len()).then(|| (plus(alone(a), rest(e, a + 1)), Step::Happened(a)));
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
            Step::Both(..) => (e, a) = (e + 1, a + 1),
            Step::Expected(_) => e += 1,
            Step::Happened(_) => a += 1,
        }
        if !matches!(step, Step::Happened(at) if at >= within) {
            steps.push(step);
        }
    }
    steps
}

/// In order of time; of two that differ, the earlier one stands alone.
fn walk(expected: &[&Expectation], moves: &[&Move]) -> Vec<Step> {
    let (mut e, mut a, mut steps) = (0, 0, Vec::new());
    while e < expected.len() || a < moves.len() {
        let step = match (expected.get(e), moves.get(a)) {
            (Some(wanted), Some(happened)) if differences(wanted, happened).is_empty() => {
                Step::Both(e, a)
            }
            (Some(wanted), Some(happened)) if wanted.at < happened.at => Step::Expected(e),
            (Some(_), None) => Step::Expected(e),
            (_, _) => Step::Happened(a),
        };
        match step {
            Step::Both(..) => (e, a) = (e + 1, a + 1),
            Step::Expected(_) => e += 1,
            Step::Happened(_) => a += 1,
        }
        steps.push(step);
    }
    steps
}
