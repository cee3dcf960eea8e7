//! The known settings and the validity of one value; both are derived from [`Document`], so there is no second list.

use serde::Deserialize;
use serde_json::Value as Json;
use toml::{Table, Value};

use super::values::{PROPERTIES, is_secret};
use super::{DEFAULTS, Document};
use crate::model::did_you_mean;

/// Tables whose keys are chosen by the user.
const OPEN_TABLES: [&str; 3] = [PROPERTIES, "output.stages", "money.rates"];

/// All settings with their defaults.
#[derive(Debug)]
pub(super) struct Schema {
    defaults: Table,
    /// Every key of the document, including keys without a default.
    pub(super) known: Json,
}

#[derive(Clone, Debug)]
pub(super) enum PathSegment {
    Key(String),
    Index(usize),
}

/// A path as text, such as `input[1].mapping.time`.
pub(super) fn setting_name(path: &[PathSegment]) -> String {
    let mut name = String::new();
    for segment in path {
        match segment {
            PathSegment::Key(key) if name.is_empty() => name.push_str(key),
            PathSegment::Key(key) => name.push_str(&format!(".{key}")),
            PathSegment::Index(index) => name.push_str(&format!("[{index}]")),
        }
    }
    name
}

/// Whether the user chooses the keys of this table.
pub(super) fn is_open_table(path: &[PathSegment]) -> bool {
    OPEN_TABLES.contains(&setting_name(path).as_str())
}

impl Schema {
    pub(super) fn from_defaults() -> Schema {
        let defaults: Table = DEFAULTS
            .parse()
            .expect("the built-in defaults are valid TOML");
        let document = Document::deserialize(defaults.clone())
            .expect("the built-in defaults are a complete document");
        let known = serde_json::to_value(&document).expect("a document is plain data");
        Schema { defaults, known }
    }

    /// The problem of a value, and help: the defaults are deserialized with the value in place.
    pub(super) fn validation_error(
        &self,
        path: &[PathSegment],
        value: &Value,
    ) -> Option<(String, Option<String>)> {
        let mut document = Value::Table(self.defaults.clone());
        set_value(&mut document, path, value.clone());
        let error = Document::deserialize(document).err()?;
        let setting = setting_name(path);
        // serde's message would quote the value, which may be a secret.
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

/// Sets the value at a path. A list is cut to its first default element, and the value is set in that element.
fn set_value(into: &mut Value, path: &[PathSegment], value: Value) {
    let Some((segment, rest)) = path.split_first() else {
        *into = value;
        return;
    };
    match (segment, into) {
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
