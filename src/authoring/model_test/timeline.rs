//! Merges the events, the expected and the actual transitions of a test into one timeline.

use std::collections::BTreeMap;

use super::align::{AlignmentStep, align};
use super::row::{ActualTransition, CustomerStage, EventRow, TimelineRow, differing_fields};
use crate::event::EventTime;
use crate::model::{Expectation, Model, ModelTest};

/// One customer's expected transitions by time, and actual ones in their order.
#[derive(Default)]
struct CustomerTimeline<'t> {
    expected: Vec<&'t Expectation>,
    transitions: Vec<&'t ActualTransition>,
    /// How many of the actual transitions are within the test.
    within_end: usize,
}

/// The timeline of a test. `transitions` may continue after the test's end.
///
/// Rows are sorted by the time of the event or actual transition. A missing transition is between its customer's
/// neighbours, as near to its expected time as possible. Events are before transitions at the same instant.
pub(super) fn build(
    model: &Model,
    test: &ModelTest,
    events: &[EventRow],
    transitions: Vec<ActualTransition>,
) -> Vec<TimelineRow> {
    let mut customers: BTreeMap<&str, CustomerTimeline<'_>> = BTreeMap::new();
    for expectation in &test.expect {
        let customer = customers.entry(&expectation.customer).or_default();
        customer.expected.push(expectation);
    }
    for transition in &transitions {
        let customer = customers.entry(&transition.customer).or_default();
        customer.transitions.push(transition);
    }
    let mut end = test.until;
    let steps = loop {
        let (steps, last_match) = align_customers(test, &mut customers, end);
        // A match after the end extends the test, and the extended test may have further transitions. The end
        // grows in each round and is bounded by the last transition.
        if last_match <= end {
            break steps;
        }
        end = last_match;
    };
    let mut rows: Vec<(EventTime, TimelineRow)> = events
        .iter()
        .map(|row| (row.event.at, TimelineRow::Event(row.clone())))
        .collect();
    for (customer, steps) in customers.values().zip(&steps) {
        rows.extend(customer.rows(model, events, steps));
    }
    rows.sort_by_key(|(at, row)| (*at, !matches!(row, TimelineRow::Event(_))));
    let at = rows.partition_point(|(at, _)| *at <= test.until);
    let end = TimelineRow::End(test.until, test.until_stated);
    rows.insert(at, (test.until, end));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The alignment of each customer, and the time of the last match, or `end` if that is later.
fn align_customers(
    test: &ModelTest,
    customers: &mut BTreeMap<&str, CustomerTimeline<'_>>,
    end: EventTime,
) -> (Vec<Vec<AlignmentStep>>, EventTime) {
    let mut last_match = end;
    let each = customers.values_mut().map(|customer| {
        customer.expected.sort_by_key(|expected| expected.at);
        customer.within_end = customer
            .transitions
            .partition_point(|transition| transition.at <= end);
        let candidates = if test.until_stated {
            &customer.transitions[..customer.within_end]
        } else {
            &customer.transitions
        };
        let steps = align(&customer.expected, candidates, customer.within_end);
        for step in &steps {
            if let AlignmentStep::Matched(_, at) = step {
                last_match = last_match.max(candidates[*at].at);
            }
        }
        steps
    });
    let steps = each.collect();
    (steps, last_match)
}

impl CustomerTimeline<'_> {
    fn rows(
        &self,
        model: &Model,
        events: &[EventRow],
        steps: &[AlignmentStep],
    ) -> Vec<(EventTime, TimelineRow)> {
        let mut rows: Vec<(EventTime, TimelineRow)> = Vec::new();
        let mut used = 0;
        for step in steps {
            match *step {
                AlignmentStep::Matched(expected, at) => {
                    let (expected, actual) = (self.expected[expected], self.transitions[at]);
                    let fields = differing_fields(expected, actual);
                    let (expected, actual) = (expected.clone(), actual.clone());
                    used = at + 1;
                    let at = actual.at;
                    let row = if fields.is_empty() {
                        TimelineRow::Same(expected, actual)
                    } else {
                        TimelineRow::Different(expected, actual, fields)
                    };
                    rows.push((at, row));
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
                    rows.push((at, self.missing_row(model, events, expected)));
                }
            }
        }
        rows
    }

    fn missing_row(
        &self,
        model: &Model,
        events: &[EventRow],
        expected: Expectation,
    ) -> TimelineRow {
        let within = self.transitions[..self.within_end].iter();
        let last = within
            .take_while(|transition| transition.at <= expected.at)
            .last();
        let initial = || model.stages[model.initial].name.clone();
        let actual = CustomerStage {
            stage: last.map_or_else(initial, |transition| transition.to.clone()),
            since: last.map(|transition| transition.at),
            is_known: events
                .iter()
                .any(|row| row.is_applied() && row.customer() == expected.customer),
        };
        let mut beyond = self.transitions[self.within_end..].iter();
        let later = beyond.find(|transition| transition.to == expected.to);
        let later = later.map(|transition| (*transition).clone());
        TimelineRow::Missing {
            expected,
            actual,
            later,
        }
    }
}
