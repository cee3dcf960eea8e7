//! What settings there are, and whether one value fits: both asked of [`Document`], never listed.

use serde::Deserialize;
use serde_json::Value as Json;
use toml::{Table, Value};

use super::values::{PROPERTIES, is_secret};
use super::{DEFAULTS, Document};
use crate::model::did_you_mean;

/// Tables whose names are the user's.
const OPEN_TABLES: [&str; 3] = [PROPERTIES, "output.stages", "money.rates"];

/// All settings with their defaults.
#[derive(Debug)]
pub(super) struct Schema {
    defaults: Table,
    /// Every key of the document, also those that have no default.
    pub(super) known: Json,
}

/// One step of the way to a setting.
#[derive(Clone, Debug)]
pub(super) enum PathSegment {
    Key(String),
    Index(usize),
}

/// `input[1].mapping.time`.
pub(super) fn setting_name(way: &[PathSegment]) -> String {
    let mut name = String::new();
    for step in way {
        match step {
            PathSegment::Key(key) if name.is_empty() => name.push_str(key),
            PathSegment::Key(key) => name.push_str(&format!(".{key}")),
            PathSegment::Index(index) => name.push_str(&format!("[{index}]")),
        }
    }
    name
}

/// Whether the names in this table are free.
pub(super) fn is_open_table(way: &[PathSegment]) -> bool {
    OPEN_TABLES.contains(&setting_name(way).as_str())
}

impl Schema {
    pub(super) fn from_defaults() -> Schema {
        let defaults: Table = DEFAULTS.parse().expect("a test reads the defaults");
        let document = Document::deserialize(defaults.clone()).expect("a test reads the defaults");
        let known = serde_json::to_value(&document).expect("a document is plain data");
        Schema { defaults, known }
    }

    /// What is wrong with a value of a setting, and what to do: the defaults are read with it.
    pub(super) fn validation_error(
        &self,
        way: &[PathSegment],
        value: &Value,
    ) -> Option<(String, Option<String>)> {
        let mut tried = Value::Table(self.defaults.clone());
        set_value(&mut tried, way, value.clone());
        let error = Document::deserialize(tried).err()?;
        let setting = setting_name(way);
        // What was written there is not quoted.
        if setting == PROPERTIES {
            return Some((format!("{setting}: must be a table"), None));
        }
        if is_secret(&setting) {
            return Some((format!("{setting}: must be text"), None));
        }
        let message = error.message().lines().next().unwrap_or_default();
        let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        let help = quoted
            .split_first()
            .filter(|_| message.starts_with("unknown variant"))
            .and_then(|(written, expected)| did_you_mean(written, expected.iter().copied()));
        let message = message.replace("expected usize", "expected a whole number");
        Some((format!("{setting}: {message}"), help))
    }
}

/// Puts a value at the end of the way. An element of a list is the only one there, on top of the
/// first of the defaults.
fn set_value(into: &mut Value, way: &[PathSegment], value: Value) {
    let Some((step, rest)) = way.split_first() else {
        *into = value;
        return;
    };
    match (step, into) {
        (PathSegment::Key(key), Value::Table(table)) => {
            let empty = Value::Table(Table::new());
            set_value(table.entry(key.clone()).or_insert(empty), rest, value);
        }
        (PathSegment::Index(_), Value::Array(list)) => {
            list.truncate(1);
            list.iter_mut()
                .for_each(|first| set_value(first, rest, value.clone()));
        }
        (PathSegment::Key(_) | PathSegment::Index(_), _) => {}
    }
}
