//! Customer ids: e-mail addresses, and ids that are written in several ways.

use std::collections::HashSet;

use super::column::{Column, Value};

pub(super) fn is_email(value: &Value) -> bool {
    let Some((name, host)) = value.text.split_once('@') else { return false };
    !name.is_empty()
        && host.contains('.')
        && !value.text.contains(char::is_whitespace)
        && !host.contains('@')
}

/// Whether case must not count: two ids differ in nothing else, or they are e-mail addresses with capital letters.
pub(super) fn is_case_ignored(columns: &[&Column]) -> bool {
    let values = || columns.iter().flat_map(|column| &column.values);
    let exact: HashSet<&str> = values().map(|value| value.text.as_str()).collect();
    let folded: HashSet<String> = exact.iter().map(|id| id.to_lowercase()).collect();
    let has_capitals = |column: &&Column| {
        column.is_mostly(is_email)
            && column.count(|value| value.text.contains(char::is_uppercase)) > 0
    };
    folded.len() < exact.len() || columns.iter().any(has_capitals)
}

/// Whether values repeat, as the ids of customers do and those of events do not.
pub(super) fn repeats(column: &Column) -> bool {
    column.distinct_count() < column.present()
}
