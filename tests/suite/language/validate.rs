//! The part of JSON Schema that the schema of model files uses. Any other keyword is a mistake of the test.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Map, Value as Json};

/// The faults of a value at the path `at`; references are resolved in `root`.
pub(super) fn faults(root: &Json, schema: &Json, value: &Json, at: &str) -> Vec<String> {
    let Json::Object(keywords) = schema else {
        let free = *schema == Json::Bool(true);
        return (!free).then(|| format!("{at}: refused")).into_iter().collect();
    };
    let each = keywords.iter().flat_map(|(keyword, of)| match keyword.as_str() {
        "$schema" | "$defs" | "title" | "description" | "examples" => Vec::new(),
        "$ref" => {
            let target = root.pointer(&of.as_str().unwrap()[1..]).unwrap();
            faults(root, target, value, at)
        }
        "items" => {
            let items = value.as_array().into_iter().flatten().enumerate();
            let check = |(number, item)| faults(root, of, item, &format!("{at}[{number}]"));
            items.flat_map(check).collect()
        }
        "properties" | "additionalProperties" => entries(root, keywords, keyword, value, at),
        _ => {
            let good = |schema: &Json, value: &Json| faults(root, schema, value, at).is_empty();
            let satisfied = satisfies(keyword, of, value, &good);
            (!satisfied).then(|| format!("{at}: {keyword}")).into_iter().collect()
        }
    });
    each.collect()
}

/// The entries of a map that `keyword` is about.
fn entries(
    root: &Json,
    keywords: &Map<String, Json>,
    keyword: &str,
    value: &Json,
    at: &str,
) -> Vec<String> {
    let own = keywords.get("properties").and_then(Json::as_object);
    let mut found = Vec::new();
    for (key, item) in value.as_object().into_iter().flatten() {
        let schema = match own.and_then(|own| own.get(key)) {
            Some(schema) if keyword == "properties" => schema,
            None if keyword == "additionalProperties" => &keywords[keyword],
            _ => continue,
        };
        found.extend(faults(root, schema, item, &format!("{at}.{key}")));
    }
    found
}

/// Whether a value satisfies a keyword. Keywords ignore values of other types.
fn satisfies(keyword: &str, of: &Json, value: &Json, good: &dyn Fn(&Json, &Json) -> bool) -> bool {
    let within = |count: Option<usize>| {
        let limit = of.as_u64().map(|limit| limit as usize);
        if keyword.starts_with("min") {
            count.is_none_or(|count| Some(count) >= limit)
        } else {
            count.is_none_or(|count| Some(count) <= limit)
        }
    };
    let (text, list, map) = (value.as_str(), value.as_array(), value.as_object());
    match keyword {
        "type" => match of {
            Json::Array(names) => names.iter().any(|name| is(value, name)),
            name => is(value, name),
        },
        "enum" => of.as_array().unwrap().contains(value),
        "pattern" => {
            text.is_none_or(|text| Regex::new(of.as_str().unwrap()).unwrap().is_match(text))
        }
        "minimum" => value.as_i64().is_none_or(|number| Some(number) >= of.as_i64()),
        "minLength" | "maxLength" => within(text.map(|text| text.chars().count())),
        "minItems" | "maxItems" => within(list.map(Vec::len)),
        "minProperties" | "maxProperties" => within(map.map(Map::len)),
        "uniqueItems" => list.is_none_or(|items| {
            let texts: BTreeSet<String> = items.iter().map(Json::to_string).collect();
            texts.len() == items.len()
        }),
        "oneOf" => {
            let schemas = of.as_array().unwrap().iter();
            schemas.filter(|schema| good(schema, value)).count() == 1
        }
        "not" => !good(of, value),
        "required" => map.is_none_or(|entries| {
            let mut keys = of.as_array().unwrap().iter();
            keys.all(|key| entries.contains_key(key.as_str().unwrap()))
        }),
        "propertyNames" => map.is_none_or(|entries| {
            let mut names = entries.keys();
            names.all(|name| good(of, &name.as_str().into()))
        }),
        other => panic!("the check does not know `{other}`"),
    }
}

fn is(value: &Json, name: &Json) -> bool {
    match name.as_str().unwrap() {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type is called `{other}`"),
    }
}
