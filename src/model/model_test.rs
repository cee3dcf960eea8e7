//! The tests of a model file: a history, and the transitions that it must cause.

mod patch;
mod quote;
mod rewrite;

use super::problem::Location;
use crate::event::EventTime;

pub(crate) use rewrite::{EditError, ExpectationChange, ModelFileEditor, TestEdit};

#[derive(Clone, Debug, PartialEq)]
pub struct ModelTest {
    /// A sentence.
    pub name: String,
    pub location: Location,
    pub events: Vec<TestEvent>,
    /// All transitions that the events must cause.
    pub expect: Vec<Expectation>,
    /// The end of the test; the last `at` if the file has no `until`.
    pub until: EventTime,
    /// Whether the file has an `until`.
    pub until_stated: bool,
}

/// An event of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestEvent {
    pub location: Location,
    /// The event time.
    pub at: EventTime,
    /// The event as JSON in the default mapping.
    pub json: String,
    /// When the event is received, if late.
    pub arrives: Option<EventTime>,
}

/// An expected transition; fields that are `None` are not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    pub location: Location,
    /// When the transition takes effect.
    pub at: EventTime,
    pub customer: String,
    pub from: Option<String>,
    pub to: String,
    /// `event`, `timer` or `correction`.
    pub cause: Option<String>,
    /// The name of the transition.
    pub transition: Option<String>,
}

/// The customer of events and expectations without one.
pub(crate) const DEFAULT_CUSTOMER: &str = "customer";

/// An instant as written in tests: midnight as its date, and without a zero fraction.
pub fn format_instant(instant: EventTime) -> String {
    let text = instant.to_string();
    let date = text.strip_suffix("T00:00:00.000Z");
    match (date, text.strip_suffix(".000Z")) {
        (Some(date), _) => date.to_owned(),
        (None, Some(whole)) => format!("{whole}Z"),
        (None, None) => text,
    }
}
