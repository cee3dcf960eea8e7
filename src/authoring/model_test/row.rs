//! The rows of a test's timeline.

use serde_json::Value as Json;

use crate::customer::StageChange;
use crate::event::{CustomerId, EventTime, RejectReason};
use crate::model::{Expectation, Model, StageId, TestEvent};

/// A transition that the test's events caused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActualTransition {
    /// When it took effect.
    pub at: EventTime,
    pub customer: String,
    pub from: String,
    pub to: String,
    pub cause: &'static str,
    /// The transition's name.
    pub transition: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    pub event: TestEvent,
    /// Why the event cannot be decoded.
    pub rejected: Option<RejectReason>,
    /// Whether the event is received after the end of the test, and so not applied.
    pub is_after_end: bool,
}

/// The stage of a customer at an expected transition that did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerStage {
    pub stage: String,
    /// `None`: since the customer's first event.
    pub since: Option<EventTime>,
    /// Whether the customer has any event within the test.
    pub is_known: bool,
}

/// A key of an expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExpectationField {
    At,
    To,
    From,
    Cause,
    Transition,
}

const EXPECTATION_FIELDS: [ExpectationField; 5] = [
    ExpectationField::At,
    ExpectationField::To,
    ExpectationField::From,
    ExpectationField::Cause,
    ExpectationField::Transition,
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimelineRow {
    Event(EventRow),
    /// An expected transition that happened, and the fields in which it differs. If `at` differs, it may be after the
    /// last `at` of a test without `until`.
    Matched(Expectation, ActualTransition, Vec<ExpectationField>),
    /// An expected transition that did not happen.
    Missing {
        expected: Expectation,
        /// The stage of the customer instead.
        actual: CustomerStage,
        /// The transition that would have followed after the end of the test.
        later: Option<ActualTransition>,
    },
    /// A transition that was not expected.
    Unexpected(ActualTransition),
    /// The end of the test, and whether the file states it.
    End(EventTime, bool),
}

impl ActualTransition {
    pub(super) fn new(
        model: &Model,
        customer: &CustomerId,
        change: &StageChange,
    ) -> ActualTransition {
        let stage = |stage: StageId| model.stages[stage].name.clone();
        ActualTransition {
            at: change.effective_at,
            customer: customer.as_str().to_owned(),
            from: stage(change.from),
            to: stage(change.to),
            cause: change.cause.name(),
            transition: change.transition_name(model),
        }
    }
}

impl ExpectationField {
    /// The key in a model file.
    pub fn key(self) -> &'static str {
        match self {
            ExpectationField::At => "at",
            ExpectationField::To => "to",
            ExpectationField::From => "from",
            ExpectationField::Cause => "cause",
            ExpectationField::Transition => "transition",
        }
    }

    /// The expected value; `None` if the expectation does not have the key.
    pub fn expected_value(self, expected: &Expectation) -> Option<String> {
        match self {
            ExpectationField::At => Some(format_instant(expected.at)),
            ExpectationField::To => Some(expected.to.clone()),
            ExpectationField::From => expected.from.clone(),
            ExpectationField::Cause => expected.cause.clone(),
            ExpectationField::Transition => expected.transition.clone(),
        }
    }

    /// The actual value, as written in a model file.
    pub fn actual_value(self, actual: &ActualTransition) -> String {
        match self {
            ExpectationField::At => format_instant(actual.at),
            ExpectationField::To => actual.to.clone(),
            ExpectationField::From => actual.from.clone(),
            ExpectationField::Cause => actual.cause.to_owned(),
            ExpectationField::Transition => actual.transition.clone(),
        }
    }
}

impl EventRow {
    pub(super) fn is_applied(&self) -> bool {
        self.rejected.is_none() && !self.is_after_end
    }

    /// The customer's id as text.
    pub fn customer(&self) -> String {
        let event: Json = serde_json::from_str(&self.event.json).unwrap_or_default();
        match &event["customer_id"] {
            Json::String(id) => id.clone(),
            other => other.to_string(),
        }
    }
}

impl TimelineRow {
    /// Whether the row makes the test fail.
    pub fn is_failure(&self) -> bool {
        match self {
            TimelineRow::Event(row) => row.rejected.is_some(),
            TimelineRow::Matched(.., fields) => !fields.is_empty(),
            TimelineRow::Missing { .. } | TimelineRow::Unexpected(_) => true,
            TimelineRow::End(..) => false,
        }
    }

    /// Whether an expected transition has not been found, neither within the test nor after it.
    pub(super) fn is_pending(&self) -> bool {
        matches!(self, TimelineRow::Missing { later: None, .. })
    }

    pub fn expected(&self) -> Option<&Expectation> {
        match self {
            TimelineRow::Matched(expected, ..) | TimelineRow::Missing { expected, .. } => {
                Some(expected)
            }
            TimelineRow::Event(_) | TimelineRow::Unexpected(_) | TimelineRow::End(..) => None,
        }
    }

    /// The actual transition.
    pub fn happened(&self) -> Option<&ActualTransition> {
        match self {
            TimelineRow::Matched(_, actual, _) | TimelineRow::Unexpected(actual) => Some(actual),
            TimelineRow::Event(_) | TimelineRow::Missing { .. } | TimelineRow::End(..) => None,
        }
    }
}

/// The keys of an expectation whose values differ from the actual transition's.
pub(super) fn differing_fields(
    expected: &Expectation,
    actual: &ActualTransition,
) -> Vec<ExpectationField> {
    let differs = |field: &ExpectationField| {
        let value = field.expected_value(expected);
        value.is_some_and(|value| value != field.actual_value(actual))
    };
    EXPECTATION_FIELDS.into_iter().filter(differs).collect()
}

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
