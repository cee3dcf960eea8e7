//! The environment as a layer: `TENURE__SECTION__KEY`, in any case. A list is comma-separated.

use serde_json::Value as Json;
use toml::{Table, Value};

use super::layer::{Layer, SettingOrigin};
use super::schema::{PathSegment, Schema, is_open_table, setting_name};
use crate::model::{did_you_mean, sanitize_for_terminal};

const PREFIX: &str = "TENURE__";

/// What variables say; those without the prefix are not ours.
pub(super) fn parse_layer(variables: &[(String, String)], schema: &Schema) -> Layer {
    let mut layer = Layer::new(String::new(), "");
    let mut all = Vec::new();
    variable_names(&schema.known, PREFIX, &mut all);
    for (variable, text) in variables {
        let upper = variable.to_uppercase();
        let Some(rest) = upper.strip_prefix(PREFIX) else {
            continue;
        };
        let Some((way, known)) = setting_path(rest, &schema.known) else {
            let problem = format!(
                "the variable {} names no setting",
                sanitize_for_terminal(variable)
            );
            let help = did_you_mean(&upper, all.iter().map(String::as_str));
            let problem = help.map_or(problem.clone(), |help| format!("{problem}; {help}"));
            layer.problems.push(problem);
            continue;
        };
        let written = SettingOrigin::Variable(variable.clone());
        layer.origins.insert(setting_name(&way), written.clone());
        if let Some(value) = layer.accept(&way, &parse_value(text, known), &written, schema) {
            insert_value(&mut layer.table, &way, value);
        }
    }
    layer
}

/// The way to the setting of a variable, and its default. Names of the user's own are lower-case.
fn setting_path<'k>(variable: &str, known: &'k Json) -> Option<(Vec<PathSegment>, &'k Json)> {
    let (mut way, mut known, mut rest) = (Vec::new(), known, Some(variable));
    while let Some(segments) = rest {
        if is_open_table(&way) {
            way.push(PathSegment::Key(segments.to_lowercase()));
            return (!segments.is_empty()).then_some((way, &Json::Null));
        }
        let (segment, after) = match segments.split_once("__") {
            Some((segment, after)) => (segment, Some(after)),
            None => (segments, None),
        };
        let mut keys = known.as_object()?.iter();
        let (key, below) = keys.find(|(key, _)| key.eq_ignore_ascii_case(segment))?;
        way.push(PathSegment::Key(key.clone()));
        (known, rest) = (below, after);
    }
    is_value(known).then_some((way, known))
}

/// Neither a table nor a list of tables.
fn is_value(known: &Json) -> bool {
    let tables = |list: &Vec<Json>| list.iter().any(Json::is_object);
    !known.is_object() && !known.as_array().is_some_and(tables)
}

/// Text stays what it is: a password of digits is no number.
fn parse_value(text: &str, known: &Json) -> Value {
    let as_is = || Value::String(text.to_owned());
    match known {
        Json::Number(_) => text.trim().parse().map_or_else(|_| as_is(), Value::Integer),
        Json::Array(_) => {
            let elements = text
                .split(',')
                .map(str::trim)
                .filter(|text| !text.is_empty());
            Value::Array(elements.map(Value::from).collect())
        }
        Json::Bool(_) => text.trim().parse().map_or_else(|_| as_is(), Value::Boolean),
        Json::Null | Json::String(_) | Json::Object(_) => as_is(),
    }
}

fn insert_value(table: &mut Table, way: &[PathSegment], value: Value) {
    match way {
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

/// Every setting as a variable, for guesses at what was meant.
fn variable_names(known: &Json, prefix: &str, all: &mut Vec<String>) {
    for (key, below) in known.as_object().into_iter().flatten() {
        let name = format!("{prefix}{}", key.to_uppercase());
        if below.is_object() {
            variable_names(below, &format!("{name}__"), all);
        } else if is_value(below) {
            all.push(name);
        }
    }
}
