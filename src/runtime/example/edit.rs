//! From what happened in a test to the changes of its expectations.

use super::Outcome;
use super::row::{Detail, Move, Row};
use crate::event::EventTime;
use crate::model::{
    Example, Expectation, ExpectationChange as Change, ONLY_CUSTOMER, Place, Refusal,
};

/// What must change in the file so that a test expects what happened.
pub(super) fn edit(example: &Example, outcome: &Outcome) -> Result<Vec<Change>, Refusal> {
    let number = |expected: &Expectation| {
        let mut all = example.expect.iter();
        let found = all.position(|it| it.place == expected.place);
        found.ok_or_else(|| refusal_at(expected.place, "it cannot be found in the file"))
    };
    let list = example.expect.iter().enumerate();
    let mut list: Vec<Entry> = list.map(|(number, it)| Entry::old(number, it)).collect();
    let rows = || outcome.rows.iter().enumerate();
    for (rank, row) in rows() {
        if let Row::Event(told) = row
            && told.rejected.is_some()
        {
            let why = "put this event right first, which is rejected";
            return Err(refusal_at(told.occurrence.place, why));
        }
        if let (Some(expected), Some(happened)) = (row.expected(), row.happened()) {
            let entry = &mut list[number(expected)?];
            (entry.rank, entry.at) = (Some(rank), happened.at);
        }
    }
    let mut changes = Vec::new();
    for (rank, row) in rows() {
        match row {
            Row::Event(_) | Row::Same(..) | Row::End(..) => {}
            Row::Different(expected, happened, details) => {
                let expectation = number(expected)?;
                let at = list.iter().position(|it| it.rank == Some(rank));
                if let Some(at) = at.filter(|at| is_out_of_order(&list, *at)) {
                    list[at].rank = None;
                    changes.push(Change::Remove { expectation });
                    add(&mut list, Entry::again(rank, expected, happened));
                    continue;
                }
                let set = |detail: &Detail| Change::Set {
                    expectation,
                    key: detail.key(),
                    value: detail.actual(happened),
                };
                changes.extend(details.iter().map(set));
            }
            Row::Missing { expected, .. } => {
                let expectation = number(expected)?;
                changes.push(Change::Remove { expectation });
            }
            Row::Unexpected(happened) => add(&mut list, Entry::new(rank, happened)),
        }
    }
    let mut after = None;
    for entry in list {
        match entry.what {
            What::Old(number) => after = Some(number),
            What::New(entries) => changes.push(Change::Add { after, entries }),
        }
    }
    Ok(changes)
}

/// An expectation in the list of a file that is becoming another.
struct Entry {
    what: What,
    at: EventTime,
    customer: String,
    /// The number of its row; `None` where it goes.
    rank: Option<usize>,
}

enum What {
    Old(usize),
    New(Vec<(&'static str, String)>),
}

impl Entry {
    fn old(number: usize, expected: &Expectation) -> Entry {
        Entry {
            what: What::Old(number),
            at: expected.at,
            customer: expected.customer.clone(),
            rank: None,
        }
    }

    /// With the keys that it needs.
    fn new(rank: usize, happened: &Move) -> Entry {
        Entry::with(rank, happened, |detail| {
            matches!(detail, Detail::At | Detail::To)
        })
    }

    /// With the keys that another one had.
    fn again(rank: usize, expected: &Expectation, happened: &Move) -> Entry {
        Entry::with(rank, happened, |detail| detail.wanted(expected).is_some())
    }

    fn with(rank: usize, happened: &Move, has: impl Fn(Detail) -> bool) -> Entry {
        let Move { at, customer, .. } = happened;
        let value = |detail: Detail| has(detail).then(|| (detail.key(), detail.actual(happened)));
        let whose = (customer != ONLY_CUSTOMER).then(|| ("customer", customer.clone()));
        let order = [Detail::From, Detail::To, Detail::Cause, Detail::Transition];
        let entries = [value(Detail::At), whose]
            .into_iter()
            .chain(order.map(value));
        Entry {
            what: What::New(entries.flatten().collect()),
            at: *at,
            customer: customer.clone(),
            rank: Some(rank),
        }
    }
}

/// Whether, in the list, it stands on the wrong side of another one of its customer's at the same instant.
fn is_out_of_order(list: &[Entry], at: usize) -> bool {
    let Entry { rank, .. } = list[at];
    let others = list.iter().enumerate().filter(|(_, other)| {
        other.rank.is_some() && other.at == list[at].at && other.customer == list[at].customer
    });
    let mut sides = others.map(|(number, other)| (number < at, other.rank < rank));
    sides.any(|(before, belongs_before)| before != belongs_before)
}

/// Where a new one belongs: between its customer's neighbours, and there by its time. A list in which each
/// customer has a part of their own stays one: where time goes back, another part begins.
fn add(list: &mut Vec<Entry>, new: Entry) {
    let own = |entry: &Entry| entry.customer == new.customer && entry.rank.is_some();
    let before = |entry: &Entry| own(entry) && entry.rank < new.rank;
    let after = |entry: &Entry| own(entry) && entry.rank > new.rank;
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

pub(super) fn refusal_at(place: Place, why: &str) -> Refusal {
    Refusal {
        place,
        message: why.to_owned(),
    }
}
