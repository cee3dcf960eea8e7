//! The lines of a test's timeline.

use serde_json::Value as Json;

use crate::customer::StageChange;
use crate::event::{CustomerId, EventTime, Reason};
use crate::model::{Expectation, Model, Occurrence, written};

/// A transition that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
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
pub struct Told {
    /// As the file has it.
    pub occurrence: Occurrence,
    /// Why it cannot be read, where it cannot.
    pub rejected: Option<Reason>,
    /// Whether it comes after the end of the test, so that nobody is told.
    pub after_the_end: bool,
}

/// Where a customer was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    /// The stage.
    pub stage: String,
    /// Since when; from the beginning where it is `None`.
    pub since: Option<EventTime>,
    /// Whether anything is told of the customer at all.
    pub is_known: bool,
}

/// A key by which an expectation differs from what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
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

const DETAILS: [Detail; 5] = [
    Detail::At,
    Detail::To,
    Detail::From,
    Detail::Cause,
    Detail::Transition,
];

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// An event.
    Event(Told),
    /// Expected, and it happened.
    Same(Expectation, Move),
    /// Expected, and evidently the same move happened otherwise. After the end of a test whose file does
    /// not say where it ends, too: to expect it is to look so far.
    Different(Expectation, Move, Vec<Detail>),
    /// Expected, and it did not happen.
    Missing {
        /// What.
        expected: Expectation,
        /// Where the customer was instead.
        stay: Stay,
        /// When it would have come, had the test not ended.
        later: Option<Move>,
    },
    /// It happened, and was not expected.
    Unexpected(Move),
    /// Time ends, and whether the file says so.
    End(EventTime, bool),
}

impl Move {
    pub(super) fn of(model: &Model, customer: &CustomerId, change: &StageChange) -> Move {
        let stage = |at: usize| model.stages[at].name.clone();
        Move {
            at: change.effective_at,
            customer: customer.as_str().to_owned(),
            from: stage(change.from),
            to: stage(change.to),
            cause: change.cause.name(),
            transition: change.transition_name(model),
        }
    }
}

impl Detail {
    /// As it is called in a file.
    pub fn key(self) -> &'static str {
        match self {
            Detail::At => "at",
            Detail::To => "to",
            Detail::From => "from",
            Detail::Cause => "cause",
            Detail::Transition => "transition",
        }
    }

    /// What was expected, as far as anything was.
    pub fn wanted(self, expected: &Expectation) -> Option<String> {
        match self {
            Detail::At => Some(written(expected.at)),
            Detail::To => Some(expected.to.clone()),
            Detail::From => expected.from.clone(),
            Detail::Cause => expected.cause.clone(),
            Detail::Transition => expected.transition.clone(),
        }
    }

    /// What happened, as one writes it in a file.
    pub fn actual(self, happened: &Move) -> String {
        match self {
            Detail::At => written(happened.at),
            Detail::To => happened.to.clone(),
            Detail::From => happened.from.clone(),
            Detail::Cause => happened.cause.to_owned(),
            Detail::Transition => happened.transition.clone(),
        }
    }
}

impl Told {
    /// Whether it has any effect.
    pub(super) fn is_read(&self) -> bool {
        self.rejected.is_none() && !self.after_the_end
    }

    /// Whose it is, where that can be read.
    pub fn customer(&self) -> String {
        let event: Json = serde_json::from_str(&self.occurrence.json).unwrap_or_default();
        match &event["customer_id"] {
            Json::String(id) => id.clone(),
            other => other.to_string(),
        }
    }
}

impl Row {
    /// Whether the test fails because of it.
    pub fn is_wrong(&self) -> bool {
        match self {
            Row::Event(told) => told.rejected.is_some(),
            Row::Same(..) | Row::End(..) => false,
            Row::Different(..) | Row::Missing { .. } | Row::Unexpected(_) => true,
        }
    }

    /// Whether it has not happened as far as was looked.
    pub(super) fn is_waited_for(&self) -> bool {
        matches!(self, Row::Missing { later: None, .. })
    }

    /// What was expected.
    pub fn expected(&self) -> Option<&Expectation> {
        match self {
            Row::Same(expected, _)
            | Row::Different(expected, ..)
            | Row::Missing { expected, .. } => Some(expected),
            Row::Event(_) | Row::Unexpected(_) | Row::End(..) => None,
        }
    }

    /// What happened.
    pub fn happened(&self) -> Option<&Move> {
        match self {
            Row::Same(_, happened) | Row::Different(_, happened, _) | Row::Unexpected(happened) => {
                Some(happened)
            }
            Row::Event(_) | Row::Missing { .. } | Row::End(..) => None,
        }
    }
}

/// By which of its keys, those that it has, an expectation differs from what happened.
pub(super) fn differences(expected: &Expectation, happened: &Move) -> Vec<Detail> {
    let other = |wanted: &Option<String>, is: &str| wanted.as_deref().is_some_and(|it| it != is);
    let differs = |detail: &Detail| match detail {
        Detail::At => expected.at != happened.at,
        Detail::To => expected.to != happened.to,
        Detail::From => other(&expected.from, &happened.from),
        Detail::Cause => other(&expected.cause, happened.cause),
        Detail::Transition => other(&expected.transition, &happened.transition),
    };
    DETAILS.into_iter().filter(differs).collect()
}
