//! Decodes records into events, in one pass over the bytes and without an intermediate tree.

mod build;
mod json;
mod raw_fields;
mod repair;
mod row;
mod values;

use std::borrow::Cow;

use super::mapping::{FieldTarget, MappingNode};
use super::{
    CurrencyRates, CustomerId, Event, EventTime, Field, FieldId, InputReport, KeyFormat, Mapping,
    Observations, Path, RecordLimits, RejectReason, Vocabulary,
};
use raw_fields::{RawFields, RawScalar};

pub use row::Columns;

/// Decodes the records of one input.
#[derive(Clone, Debug)]
pub struct Decoder {
    tree: MappingNode,
    /// The paths of the filter, with the texts that pass; records without one of them are left out.
    filter: Vec<(MappingNode, Vec<String>)>,
    /// Where a key that is JSON has the customer id.
    key: MappingNode,
    mapping: Mapping,
    vocabulary: Vocabulary,
    value_field: Option<FieldId>,
    /// The property `type`, as conditions name it: the event's type where a record has no such property.
    type_field: Option<FieldId>,
    currency_rates: CurrencyRates,
    limits: RecordLimits,
}

/// A key that is a JSON scalar is decoded as the member of this name of an object.
const SCALAR_KEY: &str = "key";

impl Decoder {
    /// A decoder for records as `mapping` describes them. It keeps only the fields that `vocabulary` names.
    pub fn new(
        mapping: Mapping,
        vocabulary: Vocabulary,
        currency_rates: CurrencyRates,
        limits: RecordLimits,
    ) -> Decoder {
        let value_field =
            vocabulary.fields().find(|(_, field, _)| **field == Field::Value).map(|(id, ..)| id);
        let type_field =
            vocabulary.fields().find(|(_, field, _)| **field == Field::from_name("type"));
        let type_field = type_field.map(|(id, ..)| id);
        let filter = mapping.filter.iter().filter_map(|(path, texts)| {
            let path = Path::parse(path).ok()?;
            Some((MappingNode::of_path(&path, FieldTarget::EventType), texts.clone()))
        });
        let key = match &mapping.key {
            KeyFormat::Text | KeyFormat::Ignored => MappingNode::default(),
            KeyFormat::Json(path) if path.is_empty() => {
                MappingNode::of_path(&Path::of_keys(SCALAR_KEY), FieldTarget::Customer)
            }
            KeyFormat::Json(path) => MappingNode::of_path(path, FieldTarget::Customer),
        };
        Decoder {
            key,
            tree: MappingNode::build(&mapping, &vocabulary),
            filter: filter.collect(),
            mapping,
            vocabulary,
            value_field,
            type_field,
            currency_rates,
            limits,
        }
    }

    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The report about what this decoder has observed.
    pub fn report<'r>(&'r self, observed: &'r Observations) -> InputReport<'r> {
        let Decoder { mapping, vocabulary, currency_rates: money, .. } = self;
        InputReport { observed, mapping, vocabulary, money }
    }

    /// Decodes one JSON object: a line of a file, or the value of a record.
    pub fn decode_json(&self, bytes: &[u8]) -> Result<Event, RejectReason> {
        self.decode_json_observed(bytes, &mut Observations::off())
    }

    /// As [`Decoder::decode_json`], and adds to `observed` what was found and what could not be read.
    pub(crate) fn decode_json_observed(
        &self,
        bytes: &[u8],
        observed: &mut Observations,
    ) -> Result<Event, RejectReason> {
        let decoded = self.try_decode_json(bytes, observed);
        observed.count(&decoded);
        decoded
    }

    fn try_decode_json(
        &self,
        bytes: &[u8],
        observed: &mut Observations,
    ) -> Result<Event, RejectReason> {
        self.read_text(bytes, |text, is_repaired| self.decode_text(text, is_repaired, observed))
    }

    /// Whether a record passes the filter of the mapping, or cannot be read.
    pub fn accepts(&self, value: Option<&[u8]>) -> bool {
        self.filter.is_empty()
            || value.is_none_or(|bytes| {
                self.read_text(bytes, |text, _| self.apply_filter(text))
                    != Err(RejectReason::LeftOut)
            })
    }

    /// Passes the text of a record to `read`, or repaired text if it is damaged.
    fn read_text<T>(
        &self,
        bytes: &[u8],
        mut read: impl FnMut(&str, bool) -> Result<T, RejectReason>,
    ) -> Result<T, RejectReason> {
        if bytes.len() > self.limits.record_bytes {
            return Err(RejectReason::TooLarge);
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            let text = String::from_utf8_lossy(bytes);
            let repaired = repair::repair(&text);
            return read(repaired.as_deref().unwrap_or(&text), true);
        };
        match read(text, false) {
            Err(RejectReason::NotJson) => match repair::repair(text) {
                Some(repaired) => read(&repaired, true),
                None => Err(RejectReason::NotJson),
            },
            decoded => decoded,
        }
    }

    /// `is_repaired`: the text may have replacement characters, which must not be in a field that is read.
    fn decode_text(
        &self,
        text: &str,
        is_repaired: bool,
        observed: &mut Observations,
    ) -> Result<Event, RejectReason> {
        self.apply_filter(text)?;
        let mut draft = RawFields::new(&self.mapping);
        json::decode_object(text, &self.tree, &self.limits, &mut draft)?;
        if is_repaired && draft.has_replacement() {
            return Err(RejectReason::NotUtf8);
        }
        self.build_event(&mut draft, observed)
    }

    fn apply_filter(&self, text: &str) -> Result<(), RejectReason> {
        for (node, texts) in &self.filter {
            let mut draft = RawFields::new(&self.mapping);
            json::decode_object(text, node, &self.limits, &mut draft)?;
            if !passes(draft.take(FieldTarget::EventType).as_ref(), texts) {
                return Err(RejectReason::LeftOut);
            }
        }
        Ok(())
    }

    /// Decodes a Kafka record: [`Decoder::decode_json`] for the value, and the key must be the customer id, as the
    /// mapping says. `timestamp` is the record's, in milliseconds. An event time later than it by more than the tolerance
    /// is rejected, and so is a record without a timestamp: otherwise one event could advance the watermark of
    /// all customers without limit.
    pub fn decode_record(
        &self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Option<i64>,
    ) -> Result<Event, RejectReason> {
        self.decode_record_observed(key, value, timestamp, &mut Observations::off())
    }

    /// As [`Decoder::decode_record`], and adds to `observed` what was found and what could not be read.
    pub(crate) fn decode_record_observed(
        &self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Option<i64>,
        observed: &mut Observations,
    ) -> Result<Event, RejectReason> {
        let decoded = value.ok_or(RejectReason::Tombstone).and_then(|value| {
            let event = self.try_decode_json(value, observed)?;
            self.check_key(key, &event.customer)?;
            match timestamp {
                None => Err(RejectReason::NoTimestamp),
                Some(at)
                    if event.time.duration_since(EventTime(at)) > self.limits.future_tolerance =>
                {
                    Err(RejectReason::TimeInFuture)
                }
                Some(_) => Ok(event),
            }
        });
        observed.count(&decoded);
        decoded
    }

    /// The key must be the customer id to the byte, because the partition of the record was chosen by the key.
    fn check_key(&self, key: Option<&[u8]>, customer: &CustomerId) -> Result<(), RejectReason> {
        let path = match &self.mapping.key {
            KeyFormat::Ignored => return Ok(()),
            KeyFormat::Text => {
                let key = key.ok_or(RejectReason::NullKey)?;
                let is_same = key == customer.as_bytes();
                return if is_same { Ok(()) } else { Err(RejectReason::KeyDiffers) };
            }
            KeyFormat::Json(path) => path,
        };
        let key = std::str::from_utf8(key.ok_or(RejectReason::NullKey)?);
        let key = key.map_err(|_| RejectReason::KeyDiffers)?;
        let text = if path.is_empty() {
            Cow::Owned(format!("{{\"{SCALAR_KEY}\":{key}}}"))
        } else {
            Cow::Borrowed(key)
        };
        let mut draft = RawFields::new(&self.mapping);
        json::decode_object(&text, &self.key, &self.limits, &mut draft)
            .map_err(|_| RejectReason::KeyDiffers)?;
        match draft.take(FieldTarget::Customer) {
            Some(RawScalar::Text(id) | RawScalar::Number(id)) if *id == *customer.as_str() => {
                Ok(())
            }
            _ => Err(RejectReason::KeyDiffers),
        }
    }
}

/// Whether a value is one of the texts of a filter.
fn passes(token: Option<&RawScalar<'_>>, texts: &[String]) -> bool {
    match token {
        Some(RawScalar::Text(text) | RawScalar::Number(text)) => texts.iter().any(|it| it == text),
        Some(RawScalar::Bool(flag)) => {
            texts.iter().any(|it| it == if *flag { "true" } else { "false" })
        }
        _ => false,
    }
}

#[cfg(test)]
mod mapping_tests;
#[cfg(test)]
mod tests;
