//! The description and the allowed values of each key.

use serde_json::{Value as Json, json};

use super::reference::{DURATION, described_reference, list_of, reference};
use crate::model::{
    AGGREGATES, CAUSES, FACTS_MAX, NAME_BYTES_MAX, RESERVED_NAMES, Refunds, Repeated,
    STAGE_FACT_NAMES, STAGES_MAX, TRANSITIONS_MAX,
};

const FOR_PEOPLE: &str = "A text, for people.";

/// A key that the reader knows and this file lacks: any value is allowed, and a test fails.
fn undescribed() -> Json {
    json!(true)
}

pub(super) fn model_key(key: &str) -> Json {
    match key {
        "model" => described_reference("name", "The name of the model."),
        "was" => described_reference(
            "name",
            "The former name of the model: customers stay in their stages.",
        ),
        "version" => json!({
            "description": "A whole number, for people; 1 if left out.",
            "type": ["integer", "string"],
            "minimum": 0,
            "pattern": "^[0-9]+$",
        }),
        "description" => described_reference("text", FOR_PEOPLE),
        "initial" => described_reference("name", "The stage in which every customer begins."),
        "currency" => json!({
            "description": "The currency of all amounts of money in the model: an ISO 4217 code.",
            "type": "string",
            "pattern": "^[A-Za-z]{3}$",
        }),
        "dedupe" => json!({
            "description": "For how long repeated events are recognised by their id, up to 366d.",
            "oneOf": [reference("duration"), reference("dedupe")],
        }),
        "orders" => described_reference(
            "orders",
            "Which events are orders, and which refund or cancel them.",
        ),
        "corrections" => described_reference(
            "duration",
            "For how long a transition is retracted when an event is late, up to 366d.",
        ),
        "emit_from" => described_reference(
            "instant",
            "Transitions that took effect before it are stored, but not published.",
        ),
        "shadow" => json!({
            "description": "Whether the model is only tried: its transitions are stored, but not published.",
            "type": "boolean",
        }),
        "facts" => facts(),
        "stages" => json!({
            "description": "The stages of a customer: names, each with its settings or {}.",
            "type": "object",
            "minProperties": 1,
            "maxProperties": STAGES_MAX,
            "propertyNames": reference("name"),
            "additionalProperties": reference("stage"),
        }),
        "transitions" => json!({
            "description": "The transitions: the first one that is true and not blocked is taken.",
            "type": "array",
            "maxItems": TRANSITIONS_MAX,
            "items": reference("transition"),
        }),
        "tests" => list_of("test", "Tests: histories, and the transitions that they must cause."),
        _ => undescribed(),
    }
}

fn facts() -> Json {
    let reserved: Vec<&str> = RESERVED_NAMES.into_iter().chain(STAGE_FACT_NAMES).collect();
    json!({
        "description": "The facts of a customer: names, each with an aggregate of events.",
        "type": ["object", "null"],
        "maxProperties": FACTS_MAX,
        "propertyNames": {
            "pattern": "^[A-Za-z][A-Za-z0-9_]*$",
            "maxLength": NAME_BYTES_MAX,
            "not": { "enum": reserved },
        },
        "additionalProperties": {
            "description": "AGGREGATE(EVENT.FIELD where FILTER) over WINDOW before SPAN",
            "type": "string",
            "pattern": format!("^[ \\t(]*({})[ \\t]*\\(", AGGREGATES.join("|")),
            "examples": [
                "count(order_completed)",
                "sum(order_completed.value) over 90d",
                "last(any)",
                "latest(nps_answered.score)",
                "count(order_completed where channel == 'web') over 30d before 30d",
            ],
        },
    })
}

pub(super) fn dedupe_key(key: &str) -> Json {
    match key {
        "within" => described_reference(
            "duration",
            "For how long repeated events are recognised by their id, up to 366d.",
        ),
        "by_type" => json!({
            "description": "Whether events of different types with one id are different events.",
            "type": "boolean",
        }),
        _ => undescribed(),
    }
}

pub(super) fn order_key(key: &str) -> Json {
    match key {
        "placed" => described_reference("text", "The event type that is an order."),
        "refunded" => described_reference(
            "text",
            "The event type that refunds an order, or part of its value.",
        ),
        "cancelled" => described_reference(
            "text",
            "The event type that cancels an order, or part of its value.",
        ),
        "within" => described_reference(
            "duration",
            "For how long an order can be refunded or cancelled, up to 366d.",
        ),
        "refunds" => json!({
            "description": "The value of a refund is its own amount (single, partial) or the total so far (cumulative). Without a value it refunds the whole order (single) or nothing (partial, cumulative).",
            "enum": Refunds::NAMES.map(|(name, _)| name),
        }),
        "repeated" => json!({
            "description": "A second event with the id of an order is ignored (duplicate), a further line that is added (line), or a newer version (replace).",
            "enum": Repeated::NAMES.map(|(name, _)| name),
        }),
        _ => undescribed(),
    }
}

pub(super) fn stage_key(key: &str) -> Json {
    match key {
        "min_dwell" => described_reference("duration", "The minimum stay of a customer."),
        "reentry" => json!({
            "description": "When a customer who has left may enter again.",
            "type": "string",
            "pattern": format!("^(always|never|after +{DURATION})$"),
            "examples": ["always", "never", "after 30d"],
        }),
        "was" => json!({
            "description": "The former name of the stage, or a list: several stages may have become one.",
            "oneOf": [
                reference("name"),
                { "type": "array", "uniqueItems": true, "items": reference("name") },
            ],
        }),
        "description" => described_reference("text", FOR_PEOPLE),
        _ => undescribed(),
    }
}

pub(super) fn transition_key(key: &str) -> Json {
    match key {
        "from" => json!({
            "description": "The stage that it leaves, or a list of them.",
            "oneOf": [
                reference("name"),
                { "type": "array", "minItems": 1, "uniqueItems": true, "items": reference("name") },
            ],
        }),
        "to" => described_reference("name", "The stage that it enters."),
        "when" => described_reference("condition", "The condition under which it may be taken."),
        "hold" => described_reference(
            "duration",
            "How long the condition must have been true without interruption.",
        ),
        "cooldown" => described_reference("duration", "How long it is blocked after it was taken."),
        "name" => {
            described_reference("text", "Its name in outputs and tests; from->to if left out.")
        }
        "description" => described_reference("text", FOR_PEOPLE),
        _ => undescribed(),
    }
}

pub(super) fn test_key(key: &str) -> Json {
    match key {
        "name" => described_reference("text", "What the test proves, as a sentence."),
        "events" => list_of("event", "The events of the customers."),
        "expect" => list_of("expectation", "Every transition that follows; [] for none."),
        "until" => described_reference(
            "instant",
            "When the test ends: an instant, or a date, whose whole day is included; the last `at` if left out.",
        ),
        _ => undescribed(),
    }
}

pub(super) fn event_key(key: &str) -> Json {
    let scalar = |description: &str| {
        let types = ["string", "number", "boolean", "null"];
        json!({ "description": description, "type": types })
    };
    match key {
        "at" => described_reference("instant", "When it happens."),
        "arrives" => described_reference("instant", "When it is received, if it is late."),
        "type" => json!({
            "description": "The event type.",
            "type": ["string", "number", "boolean"],
            "minLength": 1,
        }),
        "customer" => scalar("The customer, if the test has more than one."),
        "customer_id" => scalar("The same as customer."),
        "id" => scalar("The id by which repeats of the event are recognised."),
        "channel" => scalar("The channel of the event, such as web."),
        "order_id" => scalar("The id of the event's order."),
        "value" => scalar("An amount of money."),
        "currency" => scalar("The currency of value."),
        "properties" => json!({
            "description": "The properties of the event; any other key of the event is a property, too.",
            "type": "object",
        }),
        "description" => json!({ "description": FOR_PEOPLE }),
        _ => undescribed(),
    }
}

pub(super) fn expectation_key(key: &str) -> Json {
    match key {
        "at" => described_reference("instant", "When the transition takes effect."),
        "customer" => described_reference("text", "The customer, if the test has more than one."),
        "from" => described_reference("name", "The stage that the customer leaves."),
        "to" => described_reference("name", "The stage that the customer enters."),
        "cause" => json!({ "description": "The cause of the transition.", "enum": CAUSES }),
        "transition" => described_reference("text", "The transition's name, or from->to."),
        _ => undescribed(),
    }
}
