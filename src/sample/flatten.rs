//! The paths of JSON records and of rows, with their values.

use serde_json::Value as Json;

use super::column::Profile;
use crate::event::{Path, Step};

/// Most steps of a path.
const DEPTH_MAX: usize = 8;
/// Elements of a list that are read.
const ELEMENTS_MAX: usize = 20;
/// The members by which the elements of a list of pairs are named, and those with the value.
const PAIR_NAMES: [&str; 2] = ["key", "name"];
const PAIR_VALUE: &str = "value";

impl Profile {
    /// Adds a record of JSON, if it is an object.
    pub(crate) fn add_json(&mut self, bytes: &[u8]) {
        if let Ok(object @ Json::Object(_)) = serde_json::from_slice(bytes) {
            self.records += 1;
            self.add_value(&mut Path::default(), &object);
        }
    }

    /// Adds a row; `columns` has the index for each of its cells, where it has one.
    pub(crate) fn add_row<'r>(
        &mut self,
        columns: &[Option<usize>],
        cells: impl Iterator<Item = &'r [u8]>,
    ) {
        self.records += 1;
        for (index, cell) in columns.iter().zip(cells) {
            let Some(index) = *index else { continue };
            let text = String::from_utf8_lossy(cell);
            self.columns[index].add(&text, false);
            let mut path = self.columns[index].path.clone();
            self.add_inner(&mut path, &text);
        }
    }

    /// A text that is itself JSON.
    fn add_inner(&mut self, path: &mut Path, text: &str) {
        let text = text.trim();
        if text.starts_with(['{', '['])
            && let Ok(inner @ (Json::Object(_) | Json::Array(_))) = serde_json::from_str(text)
        {
            self.add_value(path, &inner);
        }
    }

    fn add_value(&mut self, path: &mut Path, value: &Json) {
        if path.0.len() > DEPTH_MAX {
            return;
        }
        match value {
            Json::Object(members) => {
                for (key, member) in members.iter().filter(|(key, _)| is_key(key)) {
                    path.0.push(Step::Key(key.clone()));
                    self.add_value(path, member);
                    path.0.pop();
                }
            }
            Json::Array(elements) => self.add_list(path, elements),
            Json::String(text) => {
                self.add_scalar(path, text, false);
                self.add_inner(path, text);
            }
            Json::Null => self.add_scalar(path, "", false),
            other => self.add_scalar(path, &other.to_string(), true),
        }
    }

    fn add_list(&mut self, path: &mut Path, elements: &[Json]) {
        let has = |member: &str| {
            let is_pair = |it: &Json| it.get(member).is_some_and(Json::is_string);
            !elements.is_empty()
                && elements.iter().all(|it| is_pair(it) && it.get(PAIR_VALUE).is_some())
        };
        if let Some(member) = PAIR_NAMES.into_iter().find(|member| has(member)) {
            let names = elements.iter().filter_map(|element| element[member].as_str());
            let known = self.pairs.entry(format!("{path}[{member}].{PAIR_VALUE}")).or_default();
            let names = names.filter(|name| is_key(name) && !name.contains(['[', ']', '=']));
            known.extend(names.take(ELEMENTS_MAX).map(str::to_owned));
            return;
        }
        for element in elements.iter().take(ELEMENTS_MAX) {
            path.0.push(Step::Each);
            self.add_value(path, element);
            path.0.pop();
        }
    }

    fn add_scalar(&mut self, path: &Path, text: &str, is_bare: bool) {
        if let Some(index) = self.column_of(path.clone()) {
            self.columns[index].add(text, is_bare);
        }
    }
}

/// Whether a path can have this key.
fn is_key(key: &str) -> bool {
    !key.is_empty() && !key.contains('"') && !key.contains(char::is_control)
}
