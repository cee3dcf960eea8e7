//! The JSON Schema of a model file, for editors, made from the lists of keys that `read` uses.
//!
//! The schema follows YAML 1.2, where `signed_up` is a string, `true` a boolean and `2026` a number. It accepts what
//! the reader accepts, except for a stage called `true` or `false` without quotes, instants in forms that the
//! reference does not document, and fields of a test's events that no event can have. Errors that depend on several
//! locations of the file (unknown stages, types in conditions) are found by `tenure check` only.

mod keys;
mod reference;

use serde_json::{Map, Value as Json, json};

use crate::model::{
    DEDUPE_KEYS, EVENT_KEYS, EXPECT_KEYS, MODEL_KEYS, NAME_BYTES_MAX, ORDER_KEYS, STAGE_KEYS,
    TEST_KEYS, TRANSITION_KEYS,
};
use keys::{
    dedupe_key, event_key, expectation_key, model_key, order_key, stage_key, test_key,
    transition_key,
};
use reference::DURATION;

/// The schema, draft 2020-12. Every key that the reader knows is among the `properties` of its map, with a
/// `description`; unknown keys are refused.
pub fn model_schema() -> Json {
    let required = ["model", "initial", "stages", "transitions"];
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A lifecycle model of Tenure",
        "description": "Stages, facts, transitions and tests; config/models/README.md is the reference.",
    });
    let model = object(&MODEL_KEYS, &required, model_key);
    for (keyword, value) in model {
        schema[keyword] = value;
    }
    schema["$defs"] = definitions();
    schema
}

/// Definitions that several keys refer to.
fn definitions() -> Json {
    json!({
        "name": {
            "description": "Begins with a letter and has letters, digits, _ and -.",
            "type": "string",
            "pattern": "^[A-Za-z][A-Za-z0-9_-]*$",
            "maxLength": NAME_BYTES_MAX,
        },
        "text": { "type": ["string", "number", "boolean"] },
        "duration": {
            "description": "Whole numbers with units: ms, s, m, h, d, w.",
            "type": "string",
            "pattern": format!("^{DURATION}$"),
            "examples": ["45d", "12h", "30m", "90s", "1d12h"],
        },
        "instant": {
            "description": "A date (its midnight in UTC), or an instant with its UTC offset.",
            "type": "string",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].+)?$",
            "examples": ["2026-01-31", "2026-01-31T08:30:00Z"],
        },
        "condition": {
            "description": "An expression over facts, the time, and the event that is evaluated.",
            "type": ["string", "boolean"],
            "examples": ["signed_up", "orders >= 2", "since(last_order) >= days(45)", "!has(score)"],
        },
        "dedupe": object(&DEDUPE_KEYS, &["within"], dedupe_key),
        "orders": object(&ORDER_KEYS, &["placed", "within"], order_key),
        "stage": stage(),
        "transition": object(&TRANSITION_KEYS, &["from", "to", "when"], transition_key),
        "test": object(&TEST_KEYS, &["name", "events", "expect"], test_key),
        "event": event(),
        "expectation": object(&EXPECT_KEYS, &["at", "to"], expectation_key),
    })
}

/// A map with these keys and no others.
fn object(keys: &[&str], required: &[&str], key: fn(&str) -> Json) -> Map<String, Json> {
    let properties = keys.iter().map(|name| ((*name).to_owned(), key(name)));
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("properties".to_owned(), properties.collect());
    object.insert("required".to_owned(), json!(required));
    object.insert("additionalProperties".to_owned(), json!(false));
    object
}

fn stage() -> Json {
    let mut stage = object(&STAGE_KEYS, &[], stage_key);
    // `buyer:` without settings is a stage, too.
    stage.insert("type".to_owned(), json!(["object", "null"]));
    Json::Object(stage)
}

fn event() -> Json {
    let mut event = Json::Object(object(&EVENT_KEYS, &["at", "type"], event_key));
    // Any other key is a property of the event. Only `time` is refused, since tests write `at`.
    event["additionalProperties"] = json!(true);
    event["properties"]["time"] = json!(false);
    event["not"] = json!({ "required": ["customer", "customer_id"] });
    event
}
