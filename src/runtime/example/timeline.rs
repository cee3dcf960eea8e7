//! What was told, what was expected and what happened, as one timeline.

use std::collections::BTreeMap;

use super::align::{Step, align};
use super::row::{Move, Row, Stay, Told, differences};
use crate::event::EventTime;
use crate::model::{Example, Expectation, Model};

/// One customer's part: what is expected by time, and what happened in its order.
#[derive(Default)]
struct Part<'t> {
    expected: Vec<&'t Expectation>,
    moves: Vec<&'t Move>,
    /// How many of the moves happened before the end.
    within: usize,
}

/// The timeline of a test. Moves may go on after its end.
///
/// Rows stand where what they tell happened; what did not happen stands between its customer's neighbours,
/// as near to its time as they let it. At one instant events come first.
pub(super) fn of(model: &Model, example: &Example, told: &[Told], moves: Vec<Move>) -> Vec<Row> {
    let mut parts: BTreeMap<&str, Part<'_>> = BTreeMap::new();
    for expectation in &example.expect {
        let part = parts.entry(&expectation.customer).or_default();
        part.expected.push(expectation);
    }
    for happened in &moves {
        let part = parts.entry(&happened.customer).or_default();
        part.moves.push(happened);
    }
    let mut end = example.until;
    let steps = loop {
        let (steps, reached) = aligned(example, &mut parts, end);
        // With what is expected later than before, more happens within the test.
        if reached <= end {
            break steps;
        }
        end = reached;
    };
    let mut rows: Vec<(EventTime, Row)> = told
        .iter()
        .map(|told| (told.occurrence.at, Row::Event(told.clone())))
        .collect();
    for (part, steps) in parts.values().zip(&steps) {
        rows.extend(part.rows(model, told, steps));
    }
    rows.sort_by_key(|(at, row)| (*at, !matches!(row, Row::Event(_))));
    let at = rows.partition_point(|(at, _)| *at <= example.until);
    let end = Row::End(example.until, example.until_stated);
    rows.insert(at, (example.until, end));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// What belongs together, for each customer, and how far that reaches.
fn aligned(
    example: &Example,
    parts: &mut BTreeMap<&str, Part<'_>>,
    end: EventTime,
) -> (Vec<Vec<Step>>, EventTime) {
    let mut reached = end;
    let each = parts.values_mut().map(|part| {
        part.expected.sort_by_key(|expected| expected.at);
        part.within = part.moves.partition_point(|happened| happened.at <= end);
        let seen = match example.until_stated {
            true => &part.moves[..part.within],
            false => &part.moves,
        };
        let steps = align(&part.expected, seen, part.within);
        for step in &steps {
            if let Step::Both(_, at) = step {
                reached = reached.max(seen[*at].at);
            }
        }
        steps
    });
    let steps = each.collect();
    (steps, reached)
}

impl Part<'_> {
    fn rows(&self, model: &Model, told: &[Told], steps: &[Step]) -> Vec<(EventTime, Row)> {
        let mut rows: Vec<(EventTime, Row)> = Vec::new();
        let mut used = 0;
        for step in steps {
            match *step {
                Step::Both(expected, at) => {
                    let (expected, happened) = (self.expected[expected], self.moves[at]);
                    let details = differences(expected, happened);
                    let (expected, happened) = (expected.clone(), happened.clone());
                    used = at + 1;
                    rows.push(match details.is_empty() {
                        true => (happened.at, Row::Same(expected, happened)),
                        false => (happened.at, Row::Different(expected, happened, details)),
                    });
                }
                Step::Happened(at) => {
                    used = at + 1;
                    rows.push((self.moves[at].at, Row::Unexpected(self.moves[at].clone())));
                }
                Step::Expected(at) => {
                    let expected = self.expected[at].clone();
                    let before = rows.last().map(|(at, _)| *at);
                    let after = self.moves[..self.within].get(used).map(|next| next.at);
                    let at = expected.at.max(before.unwrap_or(expected.at));
                    let at = at.min(after.unwrap_or(at));
                    rows.push((at, self.missing(model, told, expected)));
                }
            }
        }
        rows
    }

    fn missing(&self, model: &Model, told: &[Told], expected: Expectation) -> Row {
        let before = self.moves[..self.within].iter();
        let last = before
            .take_while(|happened| happened.at <= expected.at)
            .last();
        let initial = || model.stages[model.initial].name.clone();
        let stay = Stay {
            stage: last.map_or_else(initial, |happened| happened.to.clone()),
            since: last.map(|happened| happened.at),
            is_known: told
                .iter()
                .any(|told| told.is_read() && told.customer() == expected.customer),
        };
        let mut beyond = self.moves[self.within..].iter();
        let later = beyond.find(|happened| happened.to == expected.to);
        let later = later.map(|happened| (*happened).clone());
        Row::Missing {
            expected,
            stay,
            later,
        }
    }
}
