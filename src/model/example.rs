//! A model's own tests: a history, and the transitions it must cause.

use super::problem::Place;
use crate::event::EventTime;

/// One test.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Its name, a sentence.
    pub name: String,
    /// Where it stands in the file.
    pub place: Place,
    /// The events.
    pub events: Vec<Occurrence>,
    /// All transitions that the events must cause.
    pub expect: Vec<Expectation>,
    /// Where time ends; the last `at` where the file does not say.
    pub until: EventTime,
}

/// An event of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// Where it stands in the file.
    pub place: Place,
    /// As native JSON.
    pub json: String,
    /// When it is told, where that is not when it happens.
    pub arrives: Option<EventTime>,
}

/// One expected transition; what is `None` is not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Where it stands in the file.
    pub place: Place,
    /// When it takes effect.
    pub at: EventTime,
    /// Whose it is.
    pub customer: String,
    /// Out of which stage.
    pub from: Option<String>,
    /// Into which stage.
    pub to: String,
    /// By what: `event` or `timer`.
    pub cause: Option<String>,
    /// Which transition.
    pub transition: Option<String>,
}

/// The customer of events and expectations that name none.
pub const ONLY_CUSTOMER: &str = "customer";
