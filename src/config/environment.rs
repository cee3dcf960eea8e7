//! The environment as a layer: variables `TENURE__SECTION__KEY`, in any case. Lists are comma-separated.

use config::{Map, Value, ValueKind};
use serde_json::Value as Json;

use super::document::{DEFAULTS, Document};
use super::layer::{Layer, SettingOrigin};
use super::values::PROPERTIES;
use crate::model::{did_you_mean, sanitize_for_terminal};

const PREFIX: &str = "TENURE__";

/// Parses the variables; those without the prefix are ignored.
pub(super) fn parse_layer(variables: &[(String, String)]) -> Layer {
    let defaults: Document = toml::from_str(DEFAULTS).expect("the defaults are a document");
    // With every key of the document, including keys without a default.
    let known = serde_json::to_value(defaults).expect("a document is plain data");
    let mut layer = Layer::new(String::new(), "");
    let mut names = Vec::new();
    variable_names(&known, PREFIX, &mut names);
    for (variable, text) in variables {
        let upper = variable.to_uppercase();
        let Some(rest) = upper.strip_prefix(PREFIX) else {
            continue;
        };
        let Some((path, known)) = setting_path(rest, &known) else {
            let problem =
                format!("the variable {} names no setting", sanitize_for_terminal(variable));
            let help = did_you_mean(&upper, names.iter().map(String::as_str));
            let problem = help.map_or(problem.clone(), |help| format!("{problem}; {help}"));
            layer.problems.push((None, problem));
            continue;
        };
        let origin = SettingOrigin::Variable(variable.clone());
        layer.origins.insert(path.join("."), origin);
        insert_value(&mut layer.settings, &path, parse_value(text, known));
    }
    layer
}

/// Tables whose keys are chosen by the user.
const OPEN_TABLES: [&str; 3] = [PROPERTIES, "output.stages", "money.rates"];

/// The path of the setting of a variable, and its default. Names in open tables become lower-case.
fn setting_path<'k>(variable: &str, known: &'k Json) -> Option<(Vec<String>, &'k Json)> {
    let (mut path, mut known, mut rest) = (Vec::new(), known, Some(variable));
    while let Some(segments) = rest {
        if OPEN_TABLES.contains(&path.join(".").as_str()) {
            path.push(segments.to_lowercase());
            return (!segments.is_empty()).then_some((path, &Json::Null));
        }
        let (segment, after) = match segments.split_once("__") {
            Some((segment, after)) => (segment, Some(after)),
            None => (segments, None),
        };
        let mut keys = known.as_object()?.iter();
        let (key, below) = keys.find(|(key, _)| key.eq_ignore_ascii_case(segment))?;
        path.push(key.clone());
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
    let parsed = match known {
        Json::Number(_) => text.trim().parse().ok().map(ValueKind::I64),
        Json::Bool(_) => text.trim().parse().ok().map(ValueKind::Boolean),
        Json::Array(_) => {
            let elements = text.split(',').map(str::trim);
            let elements = elements.filter(|text| !text.is_empty());
            Some(ValueKind::Array(elements.map(Value::from).collect()))
        }
        Json::Null | Json::String(_) | Json::Object(_) => None,
    };
    Value::new(None, parsed.unwrap_or_else(|| text.into()))
}

fn insert_value(table: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [key] => drop(table.insert(key.clone(), value)),
        [key, rest @ ..] => {
            let empty = || Value::from(Map::<String, Value>::new());
            let below = table.entry(key.clone()).or_insert_with(empty);
            if let ValueKind::Table(below) = &mut below.kind {
                insert_value(below, rest, value);
            }
        }
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
