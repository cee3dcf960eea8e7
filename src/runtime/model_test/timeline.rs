//! What was told, what was expected and what happened, as one timeline.

use std::collections::BTreeMap;

use super::align::{AlignmentStep, align};
use super::row::{ActualTransition, CustomerStage, EventRow, TimelineRow, differing_fields};
use crate::event::EventTime;
use crate::model::{Expectation, Model, ModelTest};

/// One customer's part: what is expected by time, and what happened in its order.
#[derive(Default)]
struct CustomerTimeline<'t> {
    expected: Vec<&'t Expectation>,
    transitions: Vec<&'t ActualTransition>,
    /// How many of the moves happened before the end.
    within_end: usize,
}

/// The timeline of a test. Moves may go on after its end.
///
/// Rows stand where what they tell happened; what did not happen stands between its customer's neighbours,
/// as near to its time as they let it. At one instant events come first.
pub(super) fn build(
    model: &Model,
    example: &ModelTest,
    told: &[EventRow],
    moves: Vec<ActualTransition>,
) -> Vec<TimelineRow> {
    let mut parts: BTreeMap<&str, CustomerTimeline<'_>> = BTreeMap::new();
    for expectation in &example.expect {
        let part = parts.entry(&expectation.customer).or_default();
        part.expected.push(expectation);
    }
    for happened in &moves {
        let part = parts.entry(&happened.customer).or_default();
        part.transitions.push(happened);
    }
    let mut end = example.until;
    let steps = loop {
        let (steps, reached) = align_customers(example, &mut parts, end);
        // With what is expected later than before, more happens within the test.
        if reached <= end {
            break steps;
        }
        end = reached;
    };
    let mut rows: Vec<(EventTime, TimelineRow)> = told
        .iter()
        .map(|told| (told.event.at, TimelineRow::Event(told.clone())))
        .collect();
    for (part, steps) in parts.values().zip(&steps) {
        rows.extend(part.rows(model, told, steps));
    }
    rows.sort_by_key(|(at, row)| (*at, !matches!(row, TimelineRow::Event(_))));
    let at = rows.partition_point(|(at, _)| *at <= example.until);
    let end = TimelineRow::End(example.until, example.until_stated);
    rows.insert(at, (example.until, end));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// What belongs together, for each customer, and how far that reaches.
fn align_customers(
    example: &ModelTest,
    parts: &mut BTreeMap<&str, CustomerTimeline<'_>>,
    end: EventTime,
) -> (Vec<Vec<AlignmentStep>>, EventTime) {
    let mut reached = end;
    let each = parts.values_mut().map(|part| {
        part.expected.sort_by_key(|expected| expected.at);
        part.within_end = part
            .transitions
            .partition_point(|happened| happened.at <= end);
        let seen = match example.until_stated {
            true => &part.transitions[..part.within_end],
            false => &part.transitions,
        };
        let steps = align(&part.expected, seen, part.within_end);
        for step in &steps {
            if let AlignmentStep::Matched(_, at) = step {
                reached = reached.max(seen[*at].at);
            }
        }
        steps
    });
    let steps = each.collect();
    (steps, reached)
}

impl CustomerTimeline<'_> {
    fn rows(
        &self,
        model: &Model,
        told: &[EventRow],
        steps: &[AlignmentStep],
    ) -> Vec<(EventTime, TimelineRow)> {
        let mut rows: Vec<(EventTime, TimelineRow)> = Vec::new();
        let mut used = 0;
        for step in steps {
            match *step {
                AlignmentStep::Matched(expected, at) => {
                    let (expected, happened) = (self.expected[expected], self.transitions[at]);
                    let details = differing_fields(expected, happened);
                    let (expected, happened) = (expected.clone(), happened.clone());
                    used = at + 1;
                    rows.push(match details.is_empty() {
                        true => (happened.at, TimelineRow::Same(expected, happened)),
                        false => (
                            happened.at,
                            TimelineRow::Different(expected, happened, details),
                        ),
                    });
                }
                AlignmentStep::Unexpected(at) => {
                    used = at + 1;
                    rows.push((
                        self.transitions[at].at,
                        TimelineRow::Unexpected(self.transitions[at].clone()),
                    ));
                }
                AlignmentStep::Missing(at) => {
                    let expected = self.expected[at].clone();
                    let before = rows.last().map(|(at, _)| *at);
                    let after = self.transitions[..self.within_end]
                        .get(used)
                        .map(|next| next.at);
                    let at = expected.at.max(before.unwrap_or(expected.at));
                    let at = at.min(after.unwrap_or(at));
                    rows.push((at, self.missing_row(model, told, expected)));
                }
            }
        }
        rows
    }

    fn missing_row(&self, model: &Model, told: &[EventRow], expected: Expectation) -> TimelineRow {
        let before = self.transitions[..self.within_end].iter();
        let last = before
            .take_while(|happened| happened.at <= expected.at)
            .last();
        let initial = || model.stages[model.initial].name.clone();
        let stay = CustomerStage {
            stage: last.map_or_else(initial, |happened| happened.to.clone()),
            since: last.map(|happened| happened.at),
            is_known: told
                .iter()
                .any(|told| told.is_applied() && told.customer() == expected.customer),
        };
        let mut beyond = self.transitions[self.within_end..].iter();
        let later = beyond.find(|happened| happened.to == expected.to);
        let later = later.map(|happened| (*happened).clone());
        TimelineRow::Missing {
            expected,
            actual: stay,
            later,
        }
    }
}
