//! A model's own tests: a history, and the transitions it must cause.

mod patch;
mod quote;
mod rewrite;

use super::problem::Location;
use crate::event::EventTime;

pub use rewrite::{EditError, ExpectationChange, ModelFileEditor, TestEdit};

/// One test.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelTest {
    /// Its name, a sentence.
    pub name: String,
    /// Where it stands in the file.
    pub location: Location,
    /// The events.
    pub events: Vec<TestEvent>,
    /// All transitions that the events must cause.
    pub expect: Vec<Expectation>,
    /// Where time ends; the last `at` where the file does not say.
    pub until: EventTime,
    /// Whether the file says so.
    pub until_stated: bool,
}

/// An event of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestEvent {
    /// Where it stands in the file.
    pub location: Location,
    /// When it happens.
    pub at: EventTime,
    /// As native JSON.
    pub json: String,
    /// When it is told, where that is not when it happens.
    pub arrives: Option<EventTime>,
}

/// One expected transition; what is `None` is not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Where it stands in the file.
    pub location: Location,
    /// When it takes effect.
    pub at: EventTime,
    /// Whose it is.
    pub customer: String,
    /// Out of which stage.
    pub from: Option<String>,
    /// Into which stage.
    pub to: String,
    /// By what: `event`, `timer` or `correction`.
    pub cause: Option<String>,
    /// Which transition.
    pub transition: Option<String>,
}

/// The customer of events and expectations that name none.
pub const DEFAULT_CUSTOMER: &str = "customer";

/// An instant as one writes it in a test: midnight as its date, and no fraction that is zero.
pub fn format_instant(instant: EventTime) -> String {
    let text = instant.to_string();
    let date = text.strip_suffix("T00:00:00.000Z");
    match (date, text.strip_suffix(".000Z")) {
        (Some(date), _) => date.to_owned(),
        (None, Some(whole)) => format!("{whole}Z"),
        (None, None) => text,
    }
}
