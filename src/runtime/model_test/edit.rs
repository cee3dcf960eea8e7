//! From what happened in a test to the changes of its expectations.

use super::TestOutcome;
use super::row::{ActualTransition, ExpectationField, TimelineRow};
use crate::event::EventTime;
use crate::model::{
    DEFAULT_CUSTOMER, EditError, Expectation, ExpectationChange, Location, ModelTest,
};

/// What must change in the file so that a test expects what happened.
pub(super) fn expectation_changes(
    example: &ModelTest,
    outcome: &TestOutcome,
) -> Result<Vec<ExpectationChange>, EditError> {
    let number = |expected: &Expectation| {
        let mut all = example.expect.iter();
        let found = all.position(|it| it.location == expected.location);
        found.ok_or_else(|| edit_error_at(expected.location, "it cannot be found in the file"))
    };
    let list = example.expect.iter().enumerate();
    let mut list: Vec<DraftExpectation> = list
        .map(|(number, it)| DraftExpectation::existing(number, it))
        .collect();
    let rows = || outcome.rows.iter().enumerate();
    for (rank, row) in rows() {
        if let TimelineRow::Event(told) = row
            && told.rejected.is_some()
        {
            let why = "put this event right first, which is rejected";
            return Err(edit_error_at(told.event.location, why));
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

/// An expectation in the list of a file that is becoming another.
struct DraftExpectation {
    source: DraftSource,
    at: EventTime,
    customer: String,
    /// The number of its row; `None` where it goes.
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

    /// With the keys that it needs.
    fn new(rank: usize, happened: &ActualTransition) -> DraftExpectation {
        DraftExpectation::with_keys(rank, happened, |detail| {
            matches!(detail, ExpectationField::At | ExpectationField::To)
        })
    }

    /// With the keys that another one had.
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
        let whose = (customer != DEFAULT_CUSTOMER).then(|| ("customer", customer.clone()));
        let order = [
            ExpectationField::From,
            ExpectationField::To,
            ExpectationField::Cause,
            ExpectationField::Transition,
        ];
        let entries = [value(ExpectationField::At), whose]
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

/// Whether, in the list, it stands on the wrong side of another one of its customer's at the same instant.
fn is_out_of_order(list: &[DraftExpectation], at: usize) -> bool {
    let DraftExpectation { rank, .. } = list[at];
    let others = list.iter().enumerate().filter(|(_, other)| {
        other.rank.is_some() && other.at == list[at].at && other.customer == list[at].customer
    });
    let mut sides = others.map(|(number, other)| (number < at, other.rank < rank));
    sides.any(|(before, belongs_before)| before != belongs_before)
}

/// Where a new one belongs: between its customer's neighbours, and there by its time. A list in which each
/// customer has a part of their own stays one: where time goes back, another part begins.
fn insert_in_order(list: &mut Vec<DraftExpectation>, new: DraftExpectation) {
    let own = |entry: &DraftExpectation| entry.customer == new.customer && entry.rank.is_some();
    let before = |entry: &DraftExpectation| own(entry) && entry.rank < new.rank;
    let after = |entry: &DraftExpectation| own(entry) && entry.rank > new.rank;
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

pub(super) fn edit_error_at(place: Location, why: &str) -> EditError {
    EditError {
        location: place,
        message: why.to_owned(),
    }
}
