//! What each key means, and what may stand behind it.

use serde_json::{Value as Json, json};

use super::{DURATION, described_reference, list_of, reference};
use crate::model::fact::AGGREGATES;
use crate::model::lower::STAGE_FACT_NAMES;
use crate::model::read::{CAUSES, NAME_BYTES_MAX, RESERVED_NAMES};
use crate::model::{FACTS_MAX, STAGES_MAX, TRANSITIONS_MAX};

const FOR_PEOPLE: &str = "A text, for people.";

/// A key that the reader knows and this file does not: anything goes, and a test complains.
fn undescribed() -> Json {
    json!(true)
}

pub(super) fn model_key(key: &str) -> Json {
    match key {
        "model" => described_reference("name", "The name of the model."),
        "was" => described_reference(
            "name",
            "What the model was called before: customers stay where they are.",
        ),
        "version" => json!({
            "description": "A whole number, for people; 1 where it is left out.",
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
        "dedupe" => described_reference(
            "duration",
            "For how long events that come twice are recognised by their id, up to 366d.",
        ),
        "orders" => described_reference(
            "orders",
            "Which events are orders, and which take them back.",
        ),
        "corrections" => described_reference(
            "duration",
            "For how long a transition is taken back when something comes late, up to 366d.",
        ),
        "emit_from" => described_reference(
            "instant",
            "Transitions that took effect before it are kept, and subscribers are not told.",
        ),
        "shadow" => json!({
            "description": "Whether the model is only tried: kept, and subscribers are told nothing.",
            "type": "boolean",
        }),
        "facts" => facts(),
        "stages" => json!({
            "description": "Where a customer can be: names, each with its settings or {}.",
            "type": "object",
            "minProperties": 1,
            "maxProperties": STAGES_MAX,
            "propertyNames": reference("name"),
            "additionalProperties": reference("stage"),
        }),
        "transitions" => json!({
            "description": "How a customer moves: the first that is true and may be taken is taken.",
            "type": "array",
            "maxItems": TRANSITIONS_MAX,
            "items": reference("transition"),
        }),
        "tests" => list_of(
            "test",
            "Histories, and the transitions that they must cause.",
        ),
        _ => undescribed(),
    }
}

fn facts() -> Json {
    let reserved: Vec<&str> = RESERVED_NAMES.into_iter().chain(STAGE_FACT_NAMES).collect();
    json!({
        "description": "What is remembered of a customer's events: names and aggregates.",
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

pub(super) fn order_key(key: &str) -> Json {
    match key {
        "placed" => described_reference("text", "The event type that is an order."),
        "refunded" => described_reference(
            "text",
            "The event type by which an order, or so much of its value, is refunded.",
        ),
        "cancelled" => described_reference(
            "text",
            "The event type by which an order, or so much of its value, is cancelled.",
        ),
        "within" => described_reference(
            "duration",
            "For how long after it an order can be taken back, up to 366d.",
        ),
        _ => undescribed(),
    }
}

pub(super) fn stage_key(key: &str) -> Json {
    match key {
        "min_dwell" => described_reference("duration", "How long a customer stays at least."),
        "reentry" => json!({
            "description": "When a customer who has left may come back.",
            "type": "string",
            "pattern": format!("^(always|never|after +{DURATION})$"),
            "examples": ["always", "never", "after 30d"],
        }),
        "was" => json!({
            "description": "What the stage was called before, or a list: several stages may have become one.",
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
            "description": "The stage it leads out of, or a list of them.",
            "oneOf": [
                reference("name"),
                { "type": "array", "minItems": 1, "uniqueItems": true, "items": reference("name") },
            ],
        }),
        "to" => described_reference("name", "The stage it leads into."),
        "when" => described_reference("condition", "When it may be taken."),
        "hold" => described_reference(
            "duration",
            "How long the condition must have been true without a break.",
        ),
        "cooldown" => described_reference(
            "duration",
            "How long after it was taken it is not taken again.",
        ),
        "name" => described_reference(
            "text",
            "What it is called in outputs and tests; from->to where it is left out.",
        ),
        "description" => described_reference("text", FOR_PEOPLE),
        _ => undescribed(),
    }
}

pub(super) fn test_key(key: &str) -> Json {
    match key {
        "name" => described_reference("text", "What the test proves, as a sentence."),
        "events" => list_of("event", "What happens."),
        "expect" => list_of("expectation", "Every transition that follows; [] for none."),
        "until" => described_reference(
            "instant",
            "Where time ends, a date with its whole day; the last `at` where it is left out.",
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
        "at" => described_reference("instant", "When."),
        "arrives" => described_reference("instant", "When it is told, where it comes late."),
        "type" => json!({
            "description": "What kind of event.",
            "type": ["string", "number", "boolean"],
            "minLength": 1,
        }),
        "customer" => scalar("Who, where there is more than one."),
        "customer_id" => scalar("The same as customer."),
        "id" => scalar("By which an event that comes twice is recognised."),
        "channel" => scalar("Where it happened."),
        "order_id" => scalar("The order that it is about."),
        "value" => scalar("Money."),
        "currency" => scalar("The currency of value."),
        "properties" => json!({
            "description": "The event's own properties; any key that an event does not have is one too.",
            "type": "object",
        }),
        "description" => json!({ "description": FOR_PEOPLE }),
        _ => undescribed(),
    }
}

pub(super) fn expectation_key(key: &str) -> Json {
    match key {
        "at" => described_reference("instant", "When it takes effect."),
        "customer" => described_reference("text", "Whose, where there is more than one."),
        "from" => described_reference("name", "Out of which stage."),
        "to" => described_reference("name", "Into which stage."),
        "cause" => json!({ "description": "By what.", "enum": CAUSES }),
        "transition" => described_reference("text", "Which one: its name, or from->to."),
        _ => undescribed(),
    }
}
