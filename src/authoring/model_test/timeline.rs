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
}

/// The timeline of a test, sorted by time. `transitions` may continue after the test's end. Events are before
/// transitions at the same instant.
pub(super) fn build(
    model: &Model,
    test: &ModelTest,
    events: &[EventRow],
    transitions: &[ActualTransition],
) -> Vec<TimelineRow> {
    let mut customers: BTreeMap<&str, CustomerTimeline<'_>> = BTreeMap::new();
    for expectation in &test.expect {
        let customer = customers.entry(&expectation.customer).or_default();
        customer.expected.push(expectation);
    }
    for transition in transitions {
        let customer = customers.entry(&transition.customer).or_default();
        customer.transitions.push(transition);
    }
    for customer in customers.values_mut() {
        customer.expected.sort_by_key(|expected| expected.at);
    }
    let mut end = test.until;
    let steps = loop {
        let steps = customers.values().map(|it| it.align(end, test.until_stated));
        let steps: Vec<Vec<AlignmentStep<'_>>> = steps.collect();
        let matched = steps.iter().flatten();
        let matched = matched.filter_map(|(expected, actual)| expected.and(*actual));
        let last_match = matched.map(|actual| actual.at).max();
        // A match after the end extends the test, and the extended test may have further transitions. The end
        // grows in each round and is bounded by the last transition.
        match last_match.filter(|last| *last > end) {
            Some(last) => end = last,
            None => break steps,
        }
    };
    let mut rows: Vec<(EventTime, TimelineRow)> =
        events.iter().map(|row| (row.event.at, TimelineRow::Event(row.clone()))).collect();
    for (customer, steps) in customers.values().zip(steps) {
        let steps = steps.into_iter();
        rows.extend(steps.filter_map(|step| customer.row(model, events, end, step)));
    }
    rows.sort_by_key(|(at, row)| (*at, !matches!(row, TimelineRow::Event(_))));
    let at = rows.partition_point(|(at, _)| *at <= test.until);
    let end = TimelineRow::End(test.until, test.until_stated);
    rows.insert(at, (test.until, end));
    rows.into_iter().map(|(_, row)| row).collect()
}

impl<'t> CustomerTimeline<'t> {
    fn split_at(&self, end: EventTime) -> (&[&'t ActualTransition], &[&'t ActualTransition]) {
        let within = self.transitions.partition_point(|it| it.at <= end);
        self.transitions.split_at(within)
    }

    /// If the end is not stated, an expected transition may match one after it.
    fn align(&self, end: EventTime, is_end_stated: bool) -> Vec<AlignmentStep<'t>> {
        let (within, _) = self.split_at(end);
        align(&self.expected, if is_end_stated { within } else { &self.transitions })
    }

    /// `None` for a transition after the end that is not expected.
    fn row(
        &self,
        model: &Model,
        events: &[EventRow],
        end: EventTime,
        step: AlignmentStep<'_>,
    ) -> Option<(EventTime, TimelineRow)> {
        match step {
            (Some(expected), Some(actual)) => {
                let fields = differing_fields(expected, actual);
                let row = TimelineRow::Matched(expected.clone(), actual.clone(), fields);
                Some((actual.at, row))
            }
            (Some(expected), None) => {
                Some((expected.at, self.missing_row(model, events, end, expected)))
            }
            (None, actual) => actual
                .filter(|actual| actual.at <= end)
                .map(|actual| (actual.at, TimelineRow::Unexpected(actual.clone()))),
        }
    }

    fn missing_row(
        &self,
        model: &Model,
        events: &[EventRow],
        end: EventTime,
        expected: &Expectation,
    ) -> TimelineRow {
        let (within, beyond) = self.split_at(end);
        let until_then = within.partition_point(|it| it.at <= expected.at);
        let last = within[..until_then].last();
        let initial = || model.stages[model.initial].name.clone();
        let mut events = events.iter();
        let actual = CustomerStage {
            stage: last.map_or_else(initial, |transition| transition.to.clone()),
            since: last.map(|transition| transition.at),
            is_known: events.any(|row| row.is_applied() && row.customer() == expected.customer),
        };
        let later = beyond.iter().find(|it| it.to == expected.to);
        TimelineRow::Missing {
            expected: expected.clone(),
            actual,
            later: later.map(|transition| (*transition).clone()),
        }
    }
}
