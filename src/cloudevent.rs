//! A stage change as a CloudEvent 1.0: the contract with consumers of the output topic.
//!
//! The id is a hash of the change and its origin, so every replay in one deployment gives the same id. It includes
//! neither the model's version nor wall time (`config/models/RULES.md` rule 21).

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::customer::{DisplayValue, Evidence, StageChange};
use crate::event::{CustomerId, Position, WallTime};
use crate::model::Models;

/// The `type` of every stage change.
pub const TYPE: &str = "tenure.stage-changed.v1";

/// The location of the event that caused a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin<'o> {
    /// A record of a topic.
    Topic {
        /// The topic id that the broker assigned.
        id: &'o [u8],
        topic: &'o str,
        partition: i32,
        offset: i64,
    },
    /// A row of a file.
    File {
        /// The path as given by the user; `-` is standard input.
        file: &'o str,
        /// The index of the file among the inputs, and the place in it.
        position: Position,
    },
}

/// The id of a change: 128 bits of SHA-256 over length-prefixed parts, in hexadecimal.
pub fn id(
    models: &Models,
    customer: &CustomerId,
    change: &StageChange,
    origin: &Origin<'_>,
) -> String {
    let model = &models.list[change.model];
    let (topic, partition, offset) = match origin {
        Origin::Topic { id, partition, offset, .. } => (*id, i64::from(*partition), *offset),
        Origin::File { position, .. } => (&[][..], i64::from(position.input), position.offset),
    };
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(topic);
    part(model.name.as_bytes());
    part(customer.as_bytes());
    part(&change.sequence.to_be_bytes());
    part(model.stages[change.from].name.as_bytes());
    part(model.stages[change.to].name.as_bytes());
    part(&change.effective_at.0.to_be_bytes());
    part(&partition.to_be_bytes());
    part(&offset.to_be_bytes());
    hex(&hash.finalize()[..16])
}

pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A place in a file, for programs; with the number of the record if it is not the first on its line.
pub(crate) fn file_position_json(file: &str, position: Position) -> Value {
    let mut json = json!({});
    add_file_position(&mut json, file, position);
    json
}

/// Adds the keys of [`file_position_json`].
pub(crate) fn add_file_position(json: &mut Value, file: &str, position: Position) {
    json["file"] = file.into();
    json["line"] = position.line().into();
    if position.record_of_line() > 1 {
        json["record"] = position.record_of_line().into();
    }
}

/// The whole event as one JSON object (structured mode). `decided_at` is left out in a replay.
pub fn structured(
    models: &Models,
    source: &str,
    customer: &CustomerId,
    change: &StageChange,
    origin: &Origin<'_>,
    decided_at: Option<WallTime>,
) -> Value {
    json!({
        "specversion": "1.0",
        "id": id(models, customer, change, origin),
        "source": source,
        "type": TYPE,
        "subject": customer.as_str(),
        "time": change.effective_at.to_string(),
        // Consumers compare `sequence` as text: fixed width keeps the order.
        "sequence": format!("{:010}", change.sequence),
        "datacontenttype": "application/json",
        "data": data(models, customer, change, origin, decided_at),
    })
}

/// The payload only (the value of a record in binary mode).
pub fn data(
    models: &Models,
    customer: &CustomerId,
    change: &StageChange,
    origin: &Origin<'_>,
    decided_at: Option<WallTime>,
) -> Value {
    let model = &models.list[change.model];
    let mut data = json!({
        "customer_id": customer.as_str(),
        "model": model.name,
        "version": model.version,
        "from": model.stages[change.from].name,
        "to": model.stages[change.to].name,
        "cause": change.cause.name(),
        "transition": change.transition_name(model),
        "evidence": change.evidence.iter().map(evidence_json).collect::<Vec<_>>(),
        "effective_at": change.effective_at.to_string(),
        "sequence": change.sequence,
        "previous": {
            "entered_at": change.entered.to_string(),
            "duration_ms": change.effective_at.duration_since(change.entered).0,
        },
        "input": match origin {
            Origin::Topic { topic, partition, offset, .. } => json!({"topic": topic, "partition": partition, "offset": offset}),
            Origin::File { file, position } => file_position_json(file, *position),
        },
    });
    if let Some(quiet) = model.quiet(change.effective_at) {
        data["quiet"] = quiet.name().into();
    }
    if let Some(since) = change.held_since {
        data["held_since"] = since.to_string().into();
    }
    if let Some(behind) = change.late_by {
        data["late_by_ms"] = behind.0.into();
    }
    if let Some(retracted) = change.corrects {
        data["corrects"] = json!({
            "sequence": retracted.sequence,
            "transition": model.transition_name(retracted.transition, retracted.from),
            "effective_at": retracted.effective_at.to_string(),
        });
    }
    if let Some(decided_at) = decided_at {
        data["decided_at"] = decided_at.to_string().into();
    }
    data
}

pub(crate) fn evidence_json(evidence: &Evidence) -> Value {
    let facts = evidence
        .facts
        .iter()
        .map(|(name, value)| (name.clone(), value.as_ref().map_or(Value::Null, value_json)));
    let mut json = json!({
        "condition": evidence.condition,
        "holds": evidence.is_true,
        "facts": facts.collect::<Map<_, _>>(),
    });
    if let Some(value) = &evidence.value {
        json["value"] = value_json(value);
    }
    if let Some(threshold) = &evidence.threshold {
        json["threshold"] = value_json(threshold);
    }
    json
}

/// Durations as in model files, instants in RFC 3339, numbers as decimal JSON numbers.
pub(crate) fn value_json(value: &DisplayValue) -> Value {
    match value {
        DisplayValue::Number(number) => {
            number.to_string().parse().map_or(Value::Null, Value::Number)
        }
        DisplayValue::Duration(span) => span.to_string().into(),
        DisplayValue::Instant(instant) => instant.to_string().into(),
        DisplayValue::Text(text) => text.as_str().into(),
        DisplayValue::Flag(flag) => (*flag).into(),
    }
}
