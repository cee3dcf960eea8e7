//! YAML as an editor reads it (version 1.2, core schema), for the check against the JSON Schema.

use saphyr_parser::ScalarStyle;
use serde_json::Value as Json;

use crate::yaml_as_json;

pub(super) fn json(text: &str) -> Json {
    yaml_as_json::parse(text, |text, style| match style {
        ScalarStyle::Plain => plain(text),
        _ => text.into(),
    })
}

fn plain(text: &str) -> Json {
    let numeric = text.trim_start_matches(['-', '+', '.']);
    match text {
        "" | "~" | "null" => Json::Null,
        "true" => Json::Bool(true),
        "false" => Json::Bool(false),
        _ if numeric.starts_with(|c: char| c.is_ascii_digit()) => {
            let number = text.trim_start_matches('+').parse::<serde_json::Number>();
            number.map_or_else(|_| text.into(), Json::Number)
        }
        _ => text.into(),
    }
}
