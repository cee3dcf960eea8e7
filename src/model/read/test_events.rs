//! Reads the events of a model's test.

use serde_json::{Map, Number, Value as Json};

use super::model_reader::ModelReader;
use crate::event::{EventTime, parse_instant};
use crate::model::model_test::{DEFAULT_CUSTOMER, TestEvent};
use crate::model::yaml::{YamlKey, YamlNode, YamlValue};

/// The keys of an event of a test; any other is a property of the event.
pub(crate) const EVENT_KEYS: [&str; 12] = [
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

/// The keys of an event that are read so far.
#[derive(Default)]
struct TestEventDraft {
    at: Option<EventTime>,
    arrives: Option<EventTime>,
    json: Map<String, Json>,
    properties: Map<String, Json>,
}

impl ModelReader<'_> {
    /// Reads an event and its event time. Keys that are not in [`EVENT_KEYS`] are properties, as a shorthand.
    pub(super) fn read_test_event(&mut self, node: &YamlNode) -> Option<(EventTime, TestEvent)> {
        let entries = self.read_map(
            node,
            "an event is a map, for example `{ at: 2026-01-01, type: order_completed }`",
        )?;
        let mut draft = TestEventDraft::default();
        for (key, value) in entries {
            self.read_event_key(key, value, &mut draft);
        }
        let has = |name: &str| entries.iter().any(|(key, _)| key.text == name);
        if !has("at") && !has("time") {
            self.add_error(node.location, "`at` is missing".to_owned(), None);
        }
        if !has("type") {
            self.add_error(node.location, "`type` is missing".to_owned(), None);
        }
        let TestEventDraft { at, arrives, mut json, properties } = draft;
        if arrives.is_some() && arrives < at {
            let message = "`arrives` is earlier than `at`".to_owned();
            self.add_error(node.location, message, None);
        }
        json.entry("customer_id").or_insert_with(|| Json::String(DEFAULT_CUSTOMER.to_owned()));
        json.insert("time".to_owned(), Json::String(at?.to_string()));
        if !properties.is_empty() {
            json.insert("properties".to_owned(), Json::Object(properties));
        }
        let event = TestEvent {
            location: node.location,
            at: at?,
            json: Json::Object(json).to_string(),
            arrives,
        };
        Some((at?, event))
    }

    fn read_event_key(&mut self, key: &YamlKey, value: &YamlNode, draft: &mut TestEventDraft) {
        let TestEventDraft { at, arrives, json, properties } = draft;
        match key.text.as_str() {
            "at" => *at = self.read_instant(value, parse_instant),
            "arrives" => *arrives = self.read_instant(value, parse_instant),
            "time" => self.add_error(
                key.location,
                "an event of a test has no `time`".to_owned(),
                Some("write `at`"),
            ),
            "type" => {
                if let Some(event_type) = self.read_event_type(value) {
                    json.insert("type".to_owned(), Json::String(event_type));
                }
            }
            "customer" | "customer_id" => {
                if json.insert("customer_id".to_owned(), to_json(value)).is_some() {
                    let message = "`customer` and `customer_id` are the same key".to_owned();
                    self.add_error(key.location, message, Some("leave one out"));
                }
            }
            "description" => {}
            "properties" => match to_json(value) {
                Json::Object(object) => properties.extend(object),
                _ => {
                    let message = format!("`properties` is a map, not {}", value.kind_name());
                    self.add_error(
                        value.location,
                        message,
                        Some("write `properties: { score: 9 }`"),
                    );
                }
            },
            known if EVENT_KEYS.contains(&known) => {
                drop(json.insert(known.to_owned(), to_json(value)))
            }
            other => {
                if let Some(meant) = similar_key(other) {
                    let message = format!("`{other}` is read as a property of the event");
                    let help = format!(
                        "did you mean `{meant}`? properties can also be written under `properties:`"
                    );
                    self.add_warning(key.location, message, Some(&help));
                }
                properties.insert(other.to_owned(), to_json(value));
            }
        }
    }

    fn read_event_type(&mut self, node: &YamlNode) -> Option<String> {
        match &node.value {
            YamlValue::Scalar { text, .. } if !text.is_empty() && !node.is_null() => {
                Some(text.clone())
            }
            YamlValue::Scalar { .. } => {
                let help = Some("write the event type, for example order_completed");
                self.add_error(node.location, "`type` is empty".to_owned(), help);
                None
            }
            _ => self.read_text(node).map(str::to_owned),
        }
    }
}

/// The key of an event at edit distance 1 from a property's name.
fn similar_key(written: &str) -> Option<&'static str> {
    const NAME_BYTES: std::ops::RangeInclusive<usize> = 4..=20;
    let written = Some(written).filter(|text| NAME_BYTES.contains(&text.len()))?;
    let written = written.to_ascii_lowercase();
    let is_similar = |key: &&str| key.len() >= 4 && strsim::osa_distance(&written, key) <= 1;
    EVENT_KEYS.into_iter().find(is_similar)
}

/// Converts a value to JSON: plain booleans, numbers and nulls are typed; quoted values are text.
fn to_json(node: &YamlNode) -> Json {
    match &node.value {
        YamlValue::List(items) => Json::Array(items.iter().map(to_json).collect()),
        YamlValue::Map(entries) => Json::Object(
            entries.iter().map(|(key, value)| (key.text.clone(), to_json(value))).collect(),
        ),
        YamlValue::Scalar { text, quoted: true } => Json::String(text.clone()),
        YamlValue::Scalar { .. } if node.is_null() => Json::Null,
        YamlValue::Scalar { text, .. } => match text.as_str() {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            other => match other.parse::<Number>() {
                // Only if no digits are lost: a JSON number is written as its shortest text.
                Ok(number) if number.to_string() == *other => Json::Number(number),
                _ => Json::String(other.to_owned()),
            },
        },
    }
}
