//! Computes the changes of a test's expectations from its outcome.

use super::TestOutcome;
use super::rewrite::{EditError, ExpectationChange};
use super::row::{ActualTransition, ExpectationField, TimelineRow};
use crate::event::EventTime;
use crate::model::{DEFAULT_CUSTOMER, Expectation, Location, ModelTest};

/// The changes of the file by which a test expects the actual transitions.
pub(super) fn expectation_changes(
    test: &ModelTest,
    outcome: &TestOutcome,
) -> Result<Vec<ExpectationChange>, EditError> {
    let number = |expected: &Expectation| {
        let mut all = test.expect.iter();
        let number = all.position(|it| it.location == expected.location);
        number.ok_or_else(|| edit_error_at(expected.location, "it cannot be found in the file"))
    };
    let list = test.expect.iter().enumerate();
    let mut list: Vec<DraftExpectation> = list
        .map(|(number, it)| DraftExpectation::existing(number, it))
        .collect();
    let rows = || outcome.rows.iter().enumerate();
    for (rank, row) in rows() {
        if let TimelineRow::Event(event_row) = row
            && event_row.rejected.is_some()
        {
            let why = "put this event right first, which is rejected";
            return Err(edit_error_at(event_row.event.location, why));
        }
        if let (Some(expected), Some(happened)) = (row.expected(), row.happened()) {
            let entry = &mut list[number(expected)?];
            (entry.rank, entry.at) = (Some(rank), happened.at);
        }
    }
    let mut changes = Vec::new();
    for (rank, row) in rows() {
        match row {
            TimelineRow::Event(_) | TimelineRow::Same(..) | TimelineRow::End(..) => {}
            TimelineRow::Different(expected, happened, details) => {
                let expectation = number(expected)?;
                let at = list.iter().position(|it| it.rank == Some(rank));
                if let Some(at) = at.filter(|at| is_out_of_order(&list, *at)) {
                    list[at].rank = None;
                    changes.push(ExpectationChange::Remove { expectation });
                    insert_in_order(
                        &mut list,
                        DraftExpectation::replacing(rank, expected, happened),
                    );
                    continue;
                }
                let set = |detail: &ExpectationField| ExpectationChange::Set {
                    expectation,
                    key: detail.key(),
                    value: detail.actual_value(happened),
                };
                changes.extend(details.iter().map(set));
            }
            TimelineRow::Missing { expected, .. } => {
                let expectation = number(expected)?;
                changes.push(ExpectationChange::Remove { expectation });
            }
            TimelineRow::Unexpected(happened) => {
                insert_in_order(&mut list, DraftExpectation::new(rank, happened))
            }
        }
    }
    let mut after = None;
    for entry in list {
        match entry.source {
            DraftSource::Existing(number) => after = Some(number),
            DraftSource::New(entries) => changes.push(ExpectationChange::Add { after, entries }),
        }
    }
    Ok(changes)
}

/// An expectation in the new list.
struct DraftExpectation {
    source: DraftSource,
    at: EventTime,
    customer: String,
    /// The index of its row; `None` if it is removed.
    rank: Option<usize>,
}

enum DraftSource {
    Existing(usize),
    New(Vec<(&'static str, String)>),
}

impl DraftExpectation {
    fn existing(number: usize, expected: &Expectation) -> DraftExpectation {
        DraftExpectation {
            source: DraftSource::Existing(number),
            at: expected.at,
            customer: expected.customer.clone(),
            rank: None,
        }
    }

    /// With the required keys only.
    fn new(rank: usize, happened: &ActualTransition) -> DraftExpectation {
        DraftExpectation::with_keys(rank, happened, |detail| {
            matches!(detail, ExpectationField::At | ExpectationField::To)
        })
    }

    /// With the keys of the expectation that it replaces.
    fn replacing(
        rank: usize,
        expected: &Expectation,
        happened: &ActualTransition,
    ) -> DraftExpectation {
        DraftExpectation::with_keys(rank, happened, |detail| {
            detail.expected_value(expected).is_some()
        })
    }

    fn with_keys(
        rank: usize,
        happened: &ActualTransition,
        has: impl Fn(ExpectationField) -> bool,
    ) -> DraftExpectation {
        let ActualTransition { at, customer, .. } = happened;
        let value = |detail: ExpectationField| {
            has(detail).then(|| (detail.key(), detail.actual_value(happened)))
        };
        let customer_entry = (customer != DEFAULT_CUSTOMER).then(|| ("customer", customer.clone()));
        let order = [
            ExpectationField::From,
            ExpectationField::To,
            ExpectationField::Cause,
            ExpectationField::Transition,
        ];
        let entries = [value(ExpectationField::At), customer_entry]
            .into_iter()
            .chain(order.map(value));
        DraftExpectation {
            source: DraftSource::New(entries.flatten().collect()),
            at: *at,
            customer: customer.clone(),
            rank: Some(rank),
        }
    }
}

/// Whether an entry is on the wrong side of another one of the same customer and instant.
fn is_out_of_order(list: &[DraftExpectation], at: usize) -> bool {
    let DraftExpectation { rank, .. } = list[at];
    let others = list.iter().enumerate().filter(|(_, other)| {
        other.rank.is_some() && other.at == list[at].at && other.customer == list[at].customer
    });
    let mut sides = others.map(|(number, other)| (number < at, other.rank < rank));
    sides.any(|(before, belongs_before)| before != belongs_before)
}

/// Inserts between the neighbours of the same customer, and between them by time. A list that has one part for each
/// customer keeps its parts: where time goes back, another part begins.
fn insert_in_order(list: &mut Vec<DraftExpectation>, new: DraftExpectation) {
    let same_customer =
        |entry: &DraftExpectation| entry.customer == new.customer && entry.rank.is_some();
    let before = |entry: &DraftExpectation| same_customer(entry) && entry.rank < new.rank;
    let after = |entry: &DraftExpectation| same_customer(entry) && entry.rank > new.rank;
    let first = list.iter().rposition(before).map_or(0, |at| at + 1);
    let rest = &list[first..];
    let most = rest.iter().position(after).unwrap_or(rest.len());
    let mut time = first.checked_sub(1).map(|at| list[at].at);
    let by_time = rest[..most].iter().take_while(|entry| {
        let goes_back = time.is_some_and(|time| entry.at < time);
        time = Some(entry.at);
        entry.at <= new.at && !goes_back
    });
    let at = first + by_time.count();
    list.insert(at, new);
}

pub(super) fn edit_error_at(location: Location, message: &str) -> EditError {
    EditError {
        location,
        message: message.to_owned(),
    }
}
