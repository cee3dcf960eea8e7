//! Names for the columns of a file without a header, from the forms of their values.

use super::column::{Column, Profile, Value};
use super::{amounts, ids, times};
use crate::event::Path;

/// Most different types of events.
const TYPES_MAX: usize = 20;

/// Whether a column can be a field.
type Test<'t> = &'t dyn Fn(&Column) -> bool;

/// Whether names in a header look like values: one is a time, an amount or an e-mail address.
pub(crate) fn is_of_values<'n>(names: impl Iterator<Item = &'n str> + Clone) -> bool {
    let mut cells = names.map(|name| {
        let mut column = Column { path: Path::default(), values: Vec::new() };
        column.add(name, false);
        column
    });
    let numbers = cells.clone().filter(amounts::is_amount).count();
    let is_clear = |it: &Column| {
        it.is_mostly(ids::is_email) || times::is_clear(it) || amounts::is_fraction(it)
    };
    numbers > 1 || cells.any(|cell| is_clear(&cell))
}

/// A name for each column, empty for those that are none of the fields of an event. The time is the first column with
/// times; the customer the first other one whose values repeat, or has e-mail addresses.
pub(crate) fn names_by_form(profile: &Profile) -> Vec<String> {
    let columns = &profile.columns;
    let mut names = vec![String::new(); columns.len()];
    let is_word = |value: &Value| !value.text.contains(|c: char| c.is_ascii_digit());
    let is_type = |column: &Column| {
        column.is_mostly(is_word)
            && column.distinct(TYPES_MAX).is_some_and(|types| types.len() * 4 <= column.present())
    };
    let is_customer = |column: &Column| {
        column.is_mostly(ids::is_email)
            || column.repeats()
                && column.distinct(1).is_none()
                && !amounts::is_fraction(column)
                && !is_type(column)
    };
    let fields: [(&str, Test<'_>); 5] = [
        ("time", &times::is_clear),
        ("customer_id", &is_customer),
        ("value", &amounts::is_fraction),
        ("type", &is_type),
        ("value", &amounts::is_amount),
    ];
    // A file that begins with a customer may have each of them once.
    let any: (&str, Test<'_>) = ("customer_id", &|_| true);
    for (field, fits) in fields.into_iter().chain([any]) {
        let fits = |at: &usize| names[*at].is_empty() && fits(&columns[*at]);
        let found = (0..columns.len()).find(fits);
        if let Some(at) = found.filter(|_| !names.iter().any(|name| name == field)) {
            names[at] = field.to_owned();
        }
    }
    names
}
