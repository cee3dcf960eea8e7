//! Customer ids: e-mail addresses, and ids that are written in several ways.

use std::collections::{HashMap, HashSet};

use super::column::{Column, Value};

pub(super) fn is_email(value: &Value) -> bool {
    let Some((name, host)) = value.text.split_once('@') else { return false };
    !name.is_empty()
        && host.contains('.')
        && !value.text.contains(char::is_whitespace)
        && !host.contains('@')
}

/// Whether case must not count: ids differ in nothing else, or they are e-mail addresses with capital letters.
pub(super) fn is_case_ignored(columns: &[&Column]) -> bool {
    let has_capitals = |column: &&Column| {
        column.is_mostly(is_email)
            && column.count(|value| value.text.contains(char::is_uppercase)) > 0
    };
    columns.iter().any(has_capitals) || has_spellings(columns)
}

/// Whether there are ids that differ in their case alone. Of random ids of few characters some do, too: then none of the
/// spellings is in small or capital letters throughout.
fn has_spellings(columns: &[&Column]) -> bool {
    let values = columns.iter().flat_map(|column| &column.values);
    let exact: HashSet<&str> = values.map(|value| value.text.as_str()).collect();
    let mut spellings: HashMap<String, Vec<&str>> = HashMap::new();
    for id in exact {
        spellings.entry(id.to_lowercase()).or_default().push(id);
    }
    let is_uniform =
        |id: &&str| !id.contains(char::is_uppercase) || !id.contains(char::is_lowercase);
    let mut several = spellings.values().filter(|ids| ids.len() > 1).peekable();
    several.peek().is_some() && several.all(|ids| ids.iter().any(is_uniform))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_case_ignored_in(ids: &[&str]) -> bool {
        is_case_ignored(&[&Column::of_texts(ids)])
    }

    #[test]
    fn case_is_ignored_where_ids_differ_in_nothing_else_and_in_addresses() {
        for ids in [&["Anna@x.de"][..], &["anna@x.de", "ANNA@x.de"], &["k-17", "K-17", "k-18"]] {
            assert!(is_case_ignored_in(ids), "{ids:?}");
        }
        // Random ids may have the same letters; to join them would join customers.
        for ids in [&["anna@x.de", "bob@x.de"][..], &["aB3x", "Ab3x"], &["Anna", "Bob"], &[]] {
            assert!(!is_case_ignored_in(ids), "{ids:?}");
        }
    }
}
