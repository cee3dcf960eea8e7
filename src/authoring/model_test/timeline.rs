//! Merges the events, the expected and the actual transitions of a test into one timeline.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::event::{EventTime, RejectReason};
use crate::model::{Model, ModelTest, TestEvent, TestTransition};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    pub event: TestEvent,
    /// Why the event cannot be decoded.
    pub rejected: Option<RejectReason>,
    /// Whether the event is received after the end of the test, and so not applied.
    pub is_after_end: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimelineRow {
    Event(EventRow),
    /// An expected transition that happened, the actual one, and the keys in which they differ. If `at` differs, it may
    /// be after the last `at` of a test without `until`.
    Matched(TestTransition, TestTransition, Vec<&'static str>),
    /// An expected transition that did not happen.
    Missing {
        expected: TestTransition,
        /// The stage of the customer instead; `None` if the customer has no event within the test.
        stage: Option<String>,
        /// `None`: since the customer's first event.
        since: Option<EventTime>,
        /// The transition that would have followed after the end of the test.
        later: Option<TestTransition>,
    },
    /// A transition that was not expected.
    Unexpected(TestTransition),
    /// The end of the test, and whether the file states it.
    End(EventTime, bool),
}

/// The keys of an expected transition that are compared, in the order in which differences are shown.
const COMPARED_KEYS: [&str; 5] = ["at", "to", "from", "cause", "transition"];

impl TestTransition {
    /// The value of a key, as written in a model file.
    pub fn value(&self, key: &str) -> Option<String> {
        match key {
            "at" => Some(format_instant(self.at)),
            "customer" => Some(self.customer.clone()),
            "from" => self.from.clone(),
            "to" => Some(self.to.clone()),
            "cause" => self.cause.clone(),
            _ => self.transition.clone(),
        }
    }

    fn differences(&self, actual: &TestTransition) -> Vec<&'static str> {
        let differs = |key: &&str| {
            let expected = self.value(key);
            expected.is_some() && expected != actual.value(key)
        };
        COMPARED_KEYS.into_iter().filter(differs).collect()
    }
}

impl EventRow {
    /// The customer's id as text.
    pub fn customer(&self) -> String {
        let event: Json = serde_json::from_str(&self.event.json).unwrap_or_default();
        event["customer_id"]
            .as_str()
            .map_or_else(|| event["customer_id"].to_string(), str::to_owned)
    }
}

impl TimelineRow {
    /// Whether the row makes the test fail.
    pub(crate) fn is_failure(&self) -> bool {
        match self {
            TimelineRow::Event(row) => row.rejected.is_some(),
            TimelineRow::Matched(.., differences) => !differences.is_empty(),
            TimelineRow::Missing { .. } | TimelineRow::Unexpected(_) => true,
            TimelineRow::End(..) => false,
        }
    }

    pub fn expected(&self) -> Option<&TestTransition> {
        match self {
            TimelineRow::Matched(expected, ..) | TimelineRow::Missing { expected, .. } => {
                Some(expected)
            }
            TimelineRow::Event(_) | TimelineRow::Unexpected(_) | TimelineRow::End(..) => None,
        }
    }

    /// The actual transition.
    pub fn happened(&self) -> Option<&TestTransition> {
        match self {
            TimelineRow::Matched(_, actual, _) | TimelineRow::Unexpected(actual) => Some(actual),
            TimelineRow::Event(_) | TimelineRow::Missing { .. } | TimelineRow::End(..) => None,
        }
    }
}

/// One customer's expected transitions by time, and actual ones in their order.
#[derive(Default)]
struct CustomerTimeline<'t> {
    expected: Vec<&'t TestTransition>,
    actual: Vec<&'t TestTransition>,
    /// For each expected transition, the index of the actual one.
    matches: Vec<Option<usize>>,
}

/// The timeline of a test, sorted by time. `transitions` may continue after the test's end. Events are before
/// transitions at the same instant.
pub(super) fn build(
    model: &Model,
    test: &ModelTest,
    events: &[EventRow],
    transitions: &[TestTransition],
) -> Vec<TimelineRow> {
    let mut customers: BTreeMap<&str, CustomerTimeline<'_>> = BTreeMap::new();
    for expected in &test.expect {
        customers.entry(&expected.customer).or_default().expected.push(expected);
    }
    for actual in transitions {
        customers.entry(&actual.customer).or_default().actual.push(actual);
    }
    let mut end = test.until;
    for customer in customers.values_mut() {
        customer.expected.sort_by_key(|expected| expected.at);
        let within = customer.actual.partition_point(|actual| actual.at <= test.until);
        // If the end is not stated, an expected transition may match one after it, which extends the test.
        let searched = if test.until_stated { within } else { customer.actual.len() };
        customer.matches = matches(&customer.expected, &customer.actual[..searched]);
        let last = customer.matches.iter().flatten().last();
        end = end.max(last.map_or(end, |last| customer.actual[*last].at));
    }
    let mut rows: Vec<(EventTime, TimelineRow)> =
        events.iter().map(|row| (row.event.at, TimelineRow::Event(row.clone()))).collect();
    customers.values().for_each(|customer| customer.add_rows(model, events, end, &mut rows));
    rows.sort_by_key(|(at, row)| (*at, !matches!(row, TimelineRow::Event(_))));
    let at = rows.partition_point(|(at, _)| *at <= test.until);
    rows.insert(at, (test.until, TimelineRow::End(test.until, test.until_stated)));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Transitions at the same instant match in their order. Between two such matches, an expected transition matches the
/// next unmatched one into the same stage: it has moved in time.
fn matches(expected: &[&TestTransition], actual: &[&TestTransition]) -> Vec<Option<usize>> {
    let mut matches = Vec::new();
    let mut next = 0;
    for wanted in expected {
        let same = (next..actual.len()).find(|at| actual[*at].at == wanted.at);
        next = same.map_or(next, |at| at + 1);
        matches.push(same);
    }
    next = 0;
    for index in 0..expected.len() {
        if matches[index].is_none() {
            let end = matches[index..].iter().flatten().next().copied().unwrap_or(actual.len());
            matches[index] = (next..end).find(|at| actual[*at].to == expected[index].to);
        }
        next = matches[index].map_or(next, |at| at + 1);
    }
    matches
}

impl CustomerTimeline<'_> {
    /// Adds all but the unexpected transitions after the end.
    fn add_rows(
        &self,
        model: &Model,
        events: &[EventRow],
        end: EventTime,
        rows: &mut Vec<(EventTime, TimelineRow)>,
    ) {
        let unexpected = |from: usize, to: usize| {
            let within = self.actual[from..to].iter().filter(|actual| actual.at <= end);
            within.map(|actual| (actual.at, TimelineRow::Unexpected((*actual).clone())))
        };
        let mut next = 0;
        for (expected, matched) in self.expected.iter().copied().zip(&self.matches) {
            let Some(matched) = *matched else {
                rows.push((expected.at, self.missing_row(model, events, end, expected)));
                continue;
            };
            let actual = self.actual[matched];
            rows.extend(unexpected(next, matched));
            let differences = expected.differences(actual);
            rows.push((
                actual.at,
                TimelineRow::Matched(expected.clone(), actual.clone(), differences),
            ));
            next = matched + 1;
        }
        rows.extend(unexpected(next, self.actual.len()));
    }

    fn missing_row(
        &self,
        model: &Model,
        events: &[EventRow],
        end: EventTime,
        expected: &TestTransition,
    ) -> TimelineRow {
        let (within, beyond) =
            self.actual.split_at(self.actual.partition_point(|actual| actual.at <= end));
        let last = within.iter().rfind(|actual| actual.at <= expected.at);
        let initial = || model.stages[model.initial].name.clone();
        let has_event = events.iter().any(|row| {
            row.rejected.is_none() && !row.is_after_end && row.customer() == expected.customer
        });
        TimelineRow::Missing {
            expected: expected.clone(),
            stage: has_event.then(|| last.map_or_else(initial, |last| last.to.clone())),
            since: last.map(|last| last.at),
            later: beyond.iter().find(|actual| actual.to == expected.to).map(|it| (*it).clone()),
        }
    }
}

/// An instant as written in tests: midnight as its date, and without a zero fraction.
pub fn format_instant(instant: EventTime) -> String {
    let text = instant.to_string();
    let date = text.strip_suffix("T00:00:00.000Z").map(str::to_owned);
    let whole = || text.strip_suffix(".000Z").map(|whole| format!("{whole}Z"));
    date.or_else(whole).unwrap_or_else(|| text.clone())
}
