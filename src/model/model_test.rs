//! The tests of a model file: a history, and the transitions that it must cause.

use super::problem::Location;
use crate::event::EventTime;

#[derive(Clone, Debug, PartialEq)]
pub struct ModelTest {
    /// A sentence.
    pub name: String,
    pub location: Location,
    pub events: Vec<TestEvent>,
    /// All transitions that the events must cause.
    pub expect: Vec<TestTransition>,
    /// The end of the test; the last `at` if the file has no `until`.
    pub until: EventTime,
    /// Whether the file has an `until`.
    pub until_stated: bool,
}

/// An event of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestEvent {
    pub location: Location,
    pub at: EventTime,
    /// The event as JSON in the default mapping.
    pub json: String,
    /// When the event is received, if late.
    pub arrives: Option<EventTime>,
}

/// A transition in a test: an expected one, whose fields that are `None` are not compared, or an actual one, which has
/// all fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestTransition {
    /// Of an expected one.
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
