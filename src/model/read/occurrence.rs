//! The events of a test.

use serde_json::{Map, Number, Value as Json};

use super::Reader;
use crate::event::{EventTime, parse_instant};
use crate::model::example::{ONLY_CUSTOMER, Occurrence};
use crate::model::yaml::{Key, Node, Value};

/// The keys of an event of a test; any other is a property of the event.
pub(in crate::model) const EVENT_KEYS: [&str; 12] = [
    "at",
    "arrives",
    "type",
    "customer",
    "customer_id",
    "id",
    "channel",
    "order_id",
    "value",
    "currency",
    "properties",
    "description",
];

/// An event while its keys are read.
#[derive(Default)]
struct Draft {
    at: Option<EventTime>,
    arrives: Option<EventTime>,
    json: Map<String, Json>,
    properties: Map<String, Json>,
}

impl Reader<'_> {
    /// An event and when it happens; keys that an event does not have are properties, for short.
    pub(super) fn event(&mut self, node: &Node) -> Option<(EventTime, Occurrence)> {
        let entries = self.map(
            node,
            "an event is a map, for example `{ at: 2026-01-01, type: order_completed }`",
        )?;
        let mut draft = Draft::default();
        for (key, value) in entries {
            self.event_key(key, value, &mut draft);
        }
        let has = |wanted: &[&str]| {
            entries
                .iter()
                .any(|(key, _)| wanted.contains(&key.text.as_str()))
        };
        if !has(&["at", "time"]) {
            self.error(node.place, "`at` is missing".to_owned(), None);
        }
        if !has(&["type"]) {
            self.error(node.place, "`type` is missing".to_owned(), None);
        }
        let Draft {
            at,
            arrives,
            mut json,
            properties,
        } = draft;
        if arrives.is_some() && arrives < at {
            let message = "an event does not arrive before it happens".to_owned();
            self.error(node.place, message, None);
        }
        json.entry("customer_id")
            .or_insert_with(|| Json::String(ONLY_CUSTOMER.to_owned()));
        json.insert("time".to_owned(), Json::String(at?.to_string()));
        if !properties.is_empty() {
            json.insert("properties".to_owned(), Json::Object(properties));
        }
        let occurrence = Occurrence {
            place: node.place,
            at: at?,
            json: Json::Object(json).to_string(),
            arrives,
        };
        Some((at?, occurrence))
    }

    fn event_key(&mut self, key: &Key, value: &Node, draft: &mut Draft) {
        let Draft {
            at,
            arrives,
            json,
            properties,
        } = draft;
        match key.text.as_str() {
            "at" => *at = self.instant(value, parse_instant),
            "arrives" => *arrives = self.instant(value, parse_instant),
            "time" => self.error(
                key.place,
                "an event of a test has no `time`".to_owned(),
                Some("write `at`"),
            ),
            "type" => {
                if let Some(kind) = self.event_type(value) {
                    json.insert("type".to_owned(), Json::String(kind));
                }
            }
            "customer" | "customer_id" => {
                if json
                    .insert("customer_id".to_owned(), json_of(value))
                    .is_some()
                {
                    let message = "`customer` and `customer_id` are the same thing".to_owned();
                    self.error(key.place, message, Some("leave one out"));
                }
            }
            "description" => {}
            "properties" => match json_of(value) {
                Json::Object(own) => properties.extend(own),
                _ => {
                    let message = format!("`properties` is a map, not {}", value.what());
                    self.error(
                        value.place,
                        message,
                        Some("write `properties: { score: 9 }`"),
                    );
                }
            },
            known if EVENT_KEYS.contains(&known) => {
                drop(json.insert(known.to_owned(), json_of(value)))
            }
            other => {
                if let Some(meant) = nearly(other) {
                    let message = format!("`{other}` is read as a property of the event");
                    let help = format!(
                        "did you mean `{meant}`? properties can stand under `properties:` too"
                    );
                    self.warning(key.place, message, Some(&help));
                }
                properties.insert(other.to_owned(), json_of(value));
            }
        }
    }

    fn event_type(&mut self, node: &Node) -> Option<String> {
        match &node.value {
            Value::Scalar { text, .. } if !text.is_empty() && !node.is_null() => Some(text.clone()),
            Value::Scalar { .. } => {
                let help = Some("write the event type, for example order_completed");
                self.error(node.place, "`type` is empty".to_owned(), help);
                None
            }
            _ => self.text(node).map(str::to_owned),
        }
    }
}

/// The key of an event that a property's name is one slip away from.
fn nearly(written: &str) -> Option<&'static str> {
    const NAME_BYTES: std::ops::RangeInclusive<usize> = 4..=20;
    let written = Some(written).filter(|text| NAME_BYTES.contains(&text.len()))?;
    let written = written.to_ascii_lowercase();
    let slip = |key: &&str| key.len() >= 4 && strsim::osa_distance(&written, key) <= 1;
    EVENT_KEYS.into_iter().find(slip)
}

/// Plain values become what they look like in JSON; quoted ones stay text.
fn json_of(node: &Node) -> Json {
    match &node.value {
        Value::List(items) => Json::Array(items.iter().map(json_of).collect()),
        Value::Map(entries) => Json::Object(
            entries
                .iter()
                .map(|(key, value)| (key.text.clone(), json_of(value)))
                .collect(),
        ),
        Value::Scalar { text, quoted: true } => Json::String(text.clone()),
        Value::Scalar { .. } if node.is_null() => Json::Null,
        Value::Scalar { text, .. } => match text.as_str() {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            other => match other.parse::<Number>() {
                // Only what keeps its decimal digits: a number is written back by its shortest text.
                Ok(number) if number.to_string() == *other => Json::Number(number),
                _ => Json::String(other.to_owned()),
            },
        },
    }
}
