//! Names for the columns of a file without a header, from the forms of their values.

use super::column::{Column, Profile, Value};
use super::{amounts, ids, times};
use crate::event::{Path, TimeUnit};

/// Most different types of events.
const TYPES_MAX: usize = 20;

/// Whether a column can be a field.
type Test<'t> = &'t dyn Fn(&Column) -> bool;

fn is_time(column: &Column) -> bool {
    times::guess(column).is_some_and(|guess| guess.unit != TimeUnit::SpreadsheetDays)
}

fn is_fraction(column: &Column) -> bool {
    amounts::is_amount(column) && !amounts::is_whole(column)
}

/// Whether names in a header look like values: one is a time, an amount or an e-mail address.
pub fn is_of_values<'n>(names: impl Iterator<Item = &'n str> + Clone) -> bool {
    let mut cells = names.map(|name| {
        let mut column = Column { path: Path::default(), values: Vec::new() };
        column.add(name, false);
        column
    });
    let numbers = cells.clone().filter(amounts::is_amount).count();
    let is_clear =
        |cell: &Column| cell.is_mostly(ids::is_email) || is_time(cell) || is_fraction(cell);
    numbers > 1 || cells.any(|cell| is_clear(&cell))
}

/// A name for each column, empty for those that are none of the fields of an event. The time is the first column with
/// times; the customer the first other one whose values repeat, or has e-mail addresses.
pub fn names_by_form(profile: &Profile) -> Vec<String> {
    let columns = &profile.columns;
    let mut names = vec![String::new(); columns.len()];
    let is_word = |value: &Value| !value.text.contains(|c: char| c.is_ascii_digit());
    let is_type = |column: &Column| {
        column.is_mostly(is_word)
            && column.distinct(TYPES_MAX).is_some_and(|types| types.len() * 4 <= column.present())
    };
    let is_customer = |column: &Column| {
        column.is_mostly(ids::is_email)
            || ids::repeats(column)
                && column.distinct_count() > 1
                && !is_fraction(column)
                && !is_type(column)
    };
    let fields: [(&str, Test<'_>); 5] = [
        ("time", &is_time),
        ("customer_id", &is_customer),
        ("value", &is_fraction),
        ("type", &is_type),
        ("value", &amounts::is_amount),
    ];
    for (field, fits) in fields {
        let is_named = names.iter().any(|name| name == field);
        let free = |at: &usize| names[*at].is_empty() && columns[*at].present() > 0;
        let found = (0..columns.len()).filter(free).find(|at| fits(&columns[*at]));
        if let Some(at) = found.filter(|_| !is_named) {
            names[at] = field.to_owned();
        }
    }
    // A file that begins with a customer may have each of them once.
    if !names.iter().any(|name| name == "customer_id")
        && let Some(at) = (0..columns.len()).find(|at| names[*at].is_empty())
    {
        names[at] = "customer_id".to_owned();
    }
    names
}
