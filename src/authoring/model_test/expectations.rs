//! The expectations that a test should have, by its outcome.

use super::TestOutcome;
use super::row::{ActualTransition, ExpectationField, TimelineRow};
use crate::model::{DEFAULT_CUSTOMER, Expectation, Location};

/// Why the expectations of a test cannot be updated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateError {
    pub location: Location,
    /// The reason, and what to do.
    pub message: String,
}

/// An expectation as it is to be written.
#[derive(Clone, Debug)]
pub(super) struct NewExpectation {
    /// Keys and values.
    pub(super) entries: Vec<(&'static str, String)>,
    /// The former expectation at the same instant, whose comments it keeps.
    pub(super) former: Option<Location>,
}

/// One expectation for each actual transition, in the order of time.
pub(super) fn new_expectations(outcome: &TestOutcome) -> Result<Vec<NewExpectation>, UpdateError> {
    let mut expectations = Vec::new();
    for row in &outcome.rows {
        if let TimelineRow::Event(event_row) = row
            && event_row.rejected.is_some()
        {
            return Err(UpdateError {
                location: event_row.event.location,
                message: "put this event right first, which is rejected".to_owned(),
            });
        }
        let happened = row.happened();
        expectations.extend(happened.map(|it| NewExpectation::new(row.expected(), it)));
    }
    Ok(expectations)
}

impl NewExpectation {
    /// With the keys of the expectation that it replaces, or only those that are required.
    fn new(former: Option<&Expectation>, happened: &ActualTransition) -> NewExpectation {
        let has = |field: ExpectationField| match former {
            Some(former) => field.expected_value(former).is_some(),
            None => matches!(field, ExpectationField::At | ExpectationField::To),
        };
        let entry = |field| {
            has(field).then(|| (ExpectationField::key(field), field.actual_value(happened)))
        };
        let is_named = happened.customer != DEFAULT_CUSTOMER;
        let entries = [
            entry(ExpectationField::At),
            is_named.then(|| ("customer", happened.customer.clone())),
            entry(ExpectationField::From),
            entry(ExpectationField::To),
            entry(ExpectationField::Cause),
            entry(ExpectationField::Transition),
        ];
        let former = former.filter(|former| former.at == happened.at);
        NewExpectation {
            entries: entries.into_iter().flatten().collect(),
            former: former.map(|former| former.location),
        }
    }
}
