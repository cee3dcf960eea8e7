//! Decodes records into events, in one pass over the bytes and without an intermediate tree.

mod json;
mod raw_fields;
mod row;

use std::borrow::Cow;

use smallvec::SmallVec;

use super::limits::FIELD_BYTES_MAX;
use super::mapping::MappingNode;
use super::time::parse_instant;
use super::{
    CurrencyRates, CustomerId, Event, EventTime, Field, FieldId, FieldKind, Mapping, Quantity,
    RecordLimits, RejectReason, Scalar, TimeUnit, Vocabulary,
};
use raw_fields::{RawFields, RawScalar};

pub use row::Columns;

/// Decodes the records of one input.
#[derive(Clone, Debug)]
pub struct Decoder {
    tree: MappingNode,
    mapping: Mapping,
    vocabulary: Vocabulary,
    value_field: Option<FieldId>,
    currency_rates: CurrencyRates,
    limits: RecordLimits,
}

impl Decoder {
    /// A decoder for records with the paths of `mapping`. It keeps only the fields that `vocabulary` names.
    pub fn new(
        mapping: Mapping,
        vocabulary: Vocabulary,
        currency_rates: CurrencyRates,
        limits: RecordLimits,
    ) -> Decoder {
        let value_field =
            vocabulary.fields().find(|(_, field, _)| **field == Field::Value).map(|(id, ..)| id);
        Decoder {
            tree: MappingNode::build(&mapping, &vocabulary),
            mapping,
            vocabulary,
            value_field,
            currency_rates,
            limits,
        }
    }

    /// Decodes one JSON object: a line of a file, or the value of a record.
    pub fn decode_json(&self, bytes: &[u8]) -> Result<Event, RejectReason> {
        if bytes.len() > self.limits.record_bytes {
            return Err(RejectReason::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| RejectReason::NotUtf8)?;
        let mut draft = RawFields::default();
        json::decode_object(text, &self.tree, &self.limits, &mut draft)?;
        self.build_event(draft)
    }

    /// Decodes a Kafka record: [`Decoder::decode_json`] for the value, and the key must be the customer id.
    /// `timestamp` is the record's, in milliseconds. An event time later than it by more than the tolerance is
    /// rejected, and so is a record without a timestamp: otherwise one event could advance the watermark of
    /// all customers without limit.
    pub fn decode_record(
        &self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Option<i64>,
    ) -> Result<Event, RejectReason> {
        let event = self.decode_json(value.ok_or(RejectReason::Tombstone)?)?;
        match key {
            None => return Err(RejectReason::NullKey),
            Some(key) if key != event.customer.as_bytes() => return Err(RejectReason::KeyDiffers),
            Some(_) => {}
        }
        match timestamp {
            None => Err(RejectReason::NoTimestamp),
            Some(at) if event.time.duration_since(EventTime(at)) > self.limits.future_tolerance => {
                Err(RejectReason::TimeInFuture)
            }
            Some(_) => Ok(event),
        }
    }

    fn build_event(&self, draft: RawFields<'_>) -> Result<Event, RejectReason> {
        let customer = self.read_customer(draft.customer)?;
        let event_type = match draft.event_type {
            Some(RawScalar::Text(text)) if !text.is_empty() => self.vocabulary.find_type(&text),
            _ => return Err(RejectReason::MissingType),
        };
        let time = self.read_time(draft.time)?;
        let mut fields = SmallVec::new();
        if let Some(amount) = self.read_value(draft.value, draft.currency)?
            && let Some(id) = self.value_field
        {
            fields.push((id, Scalar::Number(amount)));
        }
        for (id, kind, token) in draft.fields {
            if let Some(scalar) = read_scalar(token, kind)? {
                fields.push((id, scalar));
            }
        }
        Ok(Event { customer, event_type, time, fields })
    }

    fn read_customer(&self, token: Option<RawScalar<'_>>) -> Result<CustomerId, RejectReason> {
        let id = match token {
            None | Some(RawScalar::Null) => return Err(RejectReason::MissingCustomerId),
            Some(RawScalar::Text(text)) => text,
            Some(RawScalar::Number(text)) if text.bytes().all(|b| b.is_ascii_digit()) => {
                Cow::Borrowed(text)
            }
            Some(RawScalar::Number(_) | RawScalar::Bool(_) | RawScalar::Container) => {
                return Err(RejectReason::BadCustomerId);
            }
        };
        match id.len() {
            0 => Err(RejectReason::MissingCustomerId),
            _ if id.chars().any(char::is_control) => Err(RejectReason::BadCustomerId),
            // The length of a text was checked before; that of a number was not.
            length if length > self.limits.text_bytes => Err(RejectReason::TooLong),
            1..=super::limits::CUSTOMER_ID_BYTES_MAX => Ok(CustomerId(id.into())),
            _ => Err(RejectReason::BadCustomerId),
        }
    }

    fn read_time(&self, token: Option<RawScalar<'_>>) -> Result<EventTime, RejectReason> {
        let time = match token {
            None | Some(RawScalar::Null) => return Err(RejectReason::MissingTime),
            Some(RawScalar::Text(text)) if text.is_empty() => {
                return Err(RejectReason::MissingTime);
            }
            Some(RawScalar::Text(text)) if is_numeric_text(&text) => self.parse_epoch(&text)?,
            Some(RawScalar::Text(text)) => parse_instant(&text).ok_or(RejectReason::BadTime)?,
            Some(RawScalar::Number(text)) => self.parse_epoch(text)?,
            Some(RawScalar::Bool(_) | RawScalar::Container) => return Err(RejectReason::BadTime),
        };
        if time < self.limits.time_floor || time > EventTime::MAX {
            Err(RejectReason::TimeOutOfRange)
        } else if time > self.limits.time_ceiling {
            Err(RejectReason::TimeInFuture)
        } else {
            Ok(time)
        }
    }

    /// Parses an epoch number in the mapping's unit. The result is floored to milliseconds.
    fn parse_epoch(&self, text: &str) -> Result<EventTime, RejectReason> {
        let number = Quantity::parse(text).ok_or_else(|| match text.parse::<f64>() {
            Ok(_) => RejectReason::TimeOutOfRange,
            Err(_) => RejectReason::BadTime,
        })?;
        let nanos_per_milli = match self.mapping.time_unit {
            TimeUnit::Seconds => 1_000_000,
            TimeUnit::Milliseconds => 1_000_000_000,
            TimeUnit::Microseconds => 1_000_000_000_000,
        };
        let millis = number.nanos().div_euclid(nanos_per_milli);
        i64::try_from(millis).map(EventTime).map_err(|_| RejectReason::TimeOutOfRange)
    }

    fn read_value(
        &self,
        value: Option<RawScalar<'_>>,
        currency: Option<RawScalar<'_>>,
    ) -> Result<Option<Quantity>, RejectReason> {
        let text = match value {
            None | Some(RawScalar::Null) => return Ok(None),
            Some(RawScalar::Text(text)) if text.is_empty() => return Ok(None),
            Some(RawScalar::Text(text)) => text,
            Some(RawScalar::Number(text)) => Cow::Borrowed(text),
            Some(RawScalar::Bool(_) | RawScalar::Container) => return Err(RejectReason::BadValue),
        };
        let currency = match currency {
            None | Some(RawScalar::Null) => None,
            Some(RawScalar::Text(code)) => Some(code),
            Some(RawScalar::Number(_) | RawScalar::Bool(_) | RawScalar::Container) => {
                return Err(RejectReason::UnknownCurrency);
            }
        };
        self.currency_rates.parse_amount(&text, currency.as_deref()).map(Some)
    }
}

/// The value of a field as `kind`; `None` if the value is of another kind.
fn read_scalar(token: RawScalar<'_>, kind: FieldKind) -> Result<Option<Scalar>, RejectReason> {
    Ok(match (kind, token) {
        (_, RawScalar::Null | RawScalar::Container) => None,
        (FieldKind::Number, RawScalar::Number(text)) => Some(Scalar::Number(
            Quantity::parse(text).filter(is_in_range).ok_or(RejectReason::BadNumber)?,
        )),
        (FieldKind::Any, RawScalar::Number(text)) => {
            Quantity::parse(text).filter(is_in_range).map(Scalar::Number)
        }
        (FieldKind::Number, RawScalar::Text(text)) => {
            Quantity::parse(&text).filter(is_in_range).map(Scalar::Number)
        }
        (FieldKind::Id, RawScalar::Text(text)) if text.is_empty() => None,
        (FieldKind::Text | FieldKind::Any | FieldKind::Id, RawScalar::Text(text)) => {
            Some(Scalar::Text(truncate_text(&text).into()))
        }
        (FieldKind::Id, RawScalar::Number(text)) => Some(Scalar::Text(truncate_text(text).into())),
        (FieldKind::Bool | FieldKind::Any, RawScalar::Bool(flag)) => Some(Scalar::Bool(flag)),
        (FieldKind::Bool, RawScalar::Text(text)) => text.parse().ok().map(Scalar::Bool),
        (FieldKind::Number | FieldKind::Id, RawScalar::Bool(_))
        | (FieldKind::Text, RawScalar::Number(_) | RawScalar::Bool(_))
        | (FieldKind::Bool, RawScalar::Number(_)) => None,
    })
}

/// The first [`FIELD_BYTES_MAX`] bytes of a text, cut at a character boundary. It bounds the size of states.
fn truncate_text(text: &str) -> &str {
    let ends = 0..=FIELD_BYTES_MAX.min(text.len());
    let end = ends.rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// Up to 10¹⁸, so that a sum over a customer's whole history cannot overflow.
fn is_in_range(number: &Quantity) -> bool {
    number.nanos().unsigned_abs() <= 10_u128.pow(27)
}

fn is_numeric_text(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-')
        && text.bytes().filter(|b| *b == b'-').count() <= 1
}

#[cfg(test)]
mod tests;
