//! The environment as a layer: variables `TENURE__SECTION__KEY`, in any case. Lists are comma-separated.

use serde_json::Value as Json;
use toml::{Table, Value};

use super::layer::{Layer, SettingOrigin};
use super::schema::{PathSegment, Schema, is_open_table, setting_name};
use crate::model::{did_you_mean, sanitize_for_terminal};

const PREFIX: &str = "TENURE__";

/// Parses the variables; those without the prefix are ignored.
pub(super) fn parse_layer(variables: &[(String, String)], schema: &Schema) -> Layer {
    let mut layer = Layer::new(String::new(), "");
    let mut names = Vec::new();
    variable_names(&schema.known, PREFIX, &mut names);
    for (variable, text) in variables {
        let upper = variable.to_uppercase();
        let Some(rest) = upper.strip_prefix(PREFIX) else {
            continue;
        };
        let Some((path, known)) = setting_path(rest, &schema.known) else {
            let problem = format!(
                "the variable {} names no setting",
                sanitize_for_terminal(variable)
            );
            let help = did_you_mean(&upper, names.iter().map(String::as_str));
            let problem = help.map_or(problem.clone(), |help| format!("{problem}; {help}"));
            layer.problems.push(problem);
            continue;
        };
        let origin = SettingOrigin::Variable(variable.clone());
        layer.origins.insert(setting_name(&path), origin.clone());
        if let Some(value) = layer.accept(&path, &parse_value(text, known), &origin, schema) {
            insert_value(&mut layer.table, &path, value);
        }
    }
    layer
}

/// The path of the setting of a variable, and its default. Names in open tables become lower-case.
fn setting_path<'k>(variable: &str, known: &'k Json) -> Option<(Vec<PathSegment>, &'k Json)> {
    let (mut path, mut known, mut rest) = (Vec::new(), known, Some(variable));
    while let Some(segments) = rest {
        if is_open_table(&path) {
            path.push(PathSegment::Key(segments.to_lowercase()));
            return (!segments.is_empty()).then_some((path, &Json::Null));
        }
        let (segment, after) = match segments.split_once("__") {
            Some((segment, after)) => (segment, Some(after)),
            None => (segments, None),
        };
        let mut keys = known.as_object()?.iter();
        let (key, below) = keys.find(|(key, _)| key.eq_ignore_ascii_case(segment))?;
        path.push(PathSegment::Key(key.clone()));
        (known, rest) = (below, after);
    }
    is_value(known).then_some((path, known))
}

/// Whether a setting is neither a table nor a list of tables.
fn is_value(known: &Json) -> bool {
    let tables = |list: &Vec<Json>| list.iter().any(Json::is_object);
    !known.is_object() && !known.as_array().is_some_and(tables)
}

/// The kind of the default decides the kind of the value, so that a password of digits stays text. Text that does not
/// parse is kept, and rejected later with its origin.
fn parse_value(text: &str, known: &Json) -> Value {
    let as_text = || Value::String(text.to_owned());
    match known {
        Json::Number(_) => text
            .trim()
            .parse()
            .map_or_else(|_| as_text(), Value::Integer),
        Json::Array(_) => {
            let elements = text
                .split(',')
                .map(str::trim)
                .filter(|text| !text.is_empty());
            Value::Array(elements.map(Value::from).collect())
        }
        Json::Bool(_) => text
            .trim()
            .parse()
            .map_or_else(|_| as_text(), Value::Boolean),
        Json::Null | Json::String(_) | Json::Object(_) => as_text(),
    }
}

fn insert_value(table: &mut Table, path: &[PathSegment], value: Value) {
    match path {
        [PathSegment::Key(key)] => drop(table.insert(key.clone(), value)),
        [PathSegment::Key(key), rest @ ..] => {
            let below = table
                .entry(key.clone())
                .or_insert(Value::Table(Table::new()));
            if let Value::Table(below) = below {
                insert_value(below, rest, value);
            }
        }
        _ => {}
    }
}

/// The variable names of all settings, for suggestions.
fn variable_names(known: &Json, prefix: &str, names: &mut Vec<String>) {
    for (key, below) in known.as_object().into_iter().flatten() {
        let name = format!("{prefix}{}", key.to_uppercase());
        if below.is_object() {
            variable_names(below, &format!("{name}__"), names);
        } else if is_value(below) {
            names.push(name);
        }
    }
}
