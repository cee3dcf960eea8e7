//! The lines of a test's timeline.

use serde_json::Value as Json;

use crate::customer::StageChange;
use crate::event::{CustomerId, EventTime, RejectReason};
use crate::model::{Expectation, Model, TestEvent, format_instant};

/// A transition that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActualTransition {
    /// When it took effect.
    pub at: EventTime,
    /// Whose it is.
    pub customer: String,
    /// Out of which stage.
    pub from: String,
    /// Into which stage.
    pub to: String,
    /// By what.
    pub cause: &'static str,
    /// What it is called.
    pub transition: String,
}

/// An event of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// As the file has it.
    pub event: TestEvent,
    /// Why it cannot be read, where it cannot.
    pub rejected: Option<RejectReason>,
    /// Whether it comes after the end of the test, so that nobody is told.
    pub is_after_end: bool,
}

/// Where a customer was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerStage {
    /// The stage.
    pub stage: String,
    /// Since when; from the beginning where it is `None`.
    pub since: Option<EventTime>,
    /// Whether anything is told of the customer at all.
    pub is_known: bool,
}

/// A key by which an expectation differs from what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExpectationField {
    /// When.
    At,
    /// Into which stage.
    To,
    /// Out of which stage.
    From,
    /// By what.
    Cause,
    /// Which transition.
    Transition,
}

const EXPECTATION_FIELDS: [ExpectationField; 5] = [
    ExpectationField::At,
    ExpectationField::To,
    ExpectationField::From,
    ExpectationField::Cause,
    ExpectationField::Transition,
];

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimelineRow {
    /// An event.
    Event(EventRow),
    /// Expected, and it happened.
    Same(Expectation, ActualTransition),
    /// Expected, and evidently the same move happened otherwise. After the end of a test whose file does
    /// not say where it ends, too: to expect it is to look so far.
    Different(Expectation, ActualTransition, Vec<ExpectationField>),
    /// Expected, and it did not happen.
    Missing {
        /// What.
        expected: Expectation,
        /// Where the customer was instead.
        actual: CustomerStage,
        /// When it would have come, had the test not ended.
        later: Option<ActualTransition>,
    },
    /// It happened, and was not expected.
    Unexpected(ActualTransition),
    /// Time ends, and whether the file says so.
    End(EventTime, bool),
}

impl ActualTransition {
    pub(super) fn new(
        model: &Model,
        customer: &CustomerId,
        change: &StageChange,
    ) -> ActualTransition {
        let stage = |at: usize| model.stages[at].name.clone();
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
    /// As it is called in a file.
    pub fn key(self) -> &'static str {
        match self {
            ExpectationField::At => "at",
            ExpectationField::To => "to",
            ExpectationField::From => "from",
            ExpectationField::Cause => "cause",
            ExpectationField::Transition => "transition",
        }
    }

    /// What was expected, as far as anything was.
    pub fn expected_value(self, expected: &Expectation) -> Option<String> {
        match self {
            ExpectationField::At => Some(format_instant(expected.at)),
            ExpectationField::To => Some(expected.to.clone()),
            ExpectationField::From => expected.from.clone(),
            ExpectationField::Cause => expected.cause.clone(),
            ExpectationField::Transition => expected.transition.clone(),
        }
    }

    /// What happened, as one writes it in a file.
    pub fn actual_value(self, happened: &ActualTransition) -> String {
        match self {
            ExpectationField::At => format_instant(happened.at),
            ExpectationField::To => happened.to.clone(),
            ExpectationField::From => happened.from.clone(),
            ExpectationField::Cause => happened.cause.to_owned(),
            ExpectationField::Transition => happened.transition.clone(),
        }
    }
}

impl EventRow {
    /// Whether it has any effect.
    pub(super) fn is_applied(&self) -> bool {
        self.rejected.is_none() && !self.is_after_end
    }

    /// Whose it is, where that can be read.
    pub fn customer(&self) -> String {
        let event: Json = serde_json::from_str(&self.event.json).unwrap_or_default();
        match &event["customer_id"] {
            Json::String(id) => id.clone(),
            other => other.to_string(),
        }
    }
}

impl TimelineRow {
    /// Whether the test fails because of it.
    pub fn is_failure(&self) -> bool {
        match self {
            TimelineRow::Event(told) => told.rejected.is_some(),
            TimelineRow::Same(..) | TimelineRow::End(..) => false,
            TimelineRow::Different(..)
            | TimelineRow::Missing { .. }
            | TimelineRow::Unexpected(_) => true,
        }
    }

    /// Whether it has not happened as far as was looked.
    pub(super) fn is_pending(&self) -> bool {
        matches!(self, TimelineRow::Missing { later: None, .. })
    }

    /// What was expected.
    pub fn expected(&self) -> Option<&Expectation> {
        match self {
            TimelineRow::Same(expected, _)
            | TimelineRow::Different(expected, ..)
            | TimelineRow::Missing { expected, .. } => Some(expected),
            TimelineRow::Event(_) | TimelineRow::Unexpected(_) | TimelineRow::End(..) => None,
        }
    }

    /// What happened.
    pub fn happened(&self) -> Option<&ActualTransition> {
        match self {
            TimelineRow::Same(_, happened)
            | TimelineRow::Different(_, happened, _)
            | TimelineRow::Unexpected(happened) => Some(happened),
            TimelineRow::Event(_) | TimelineRow::Missing { .. } | TimelineRow::End(..) => None,
        }
    }
}

/// By which of its keys, those that it has, an expectation differs from what happened.
pub(super) fn differing_fields(
    expected: &Expectation,
    happened: &ActualTransition,
) -> Vec<ExpectationField> {
    let other = |wanted: &Option<String>, is: &str| wanted.as_deref().is_some_and(|it| it != is);
    let differs = |detail: &ExpectationField| match detail {
        ExpectationField::At => expected.at != happened.at,
        ExpectationField::To => expected.to != happened.to,
        ExpectationField::From => other(&expected.from, &happened.from),
        ExpectationField::Cause => other(&expected.cause, happened.cause),
        ExpectationField::Transition => other(&expected.transition, &happened.transition),
    };
    EXPECTATION_FIELDS.into_iter().filter(differs).collect()
}
