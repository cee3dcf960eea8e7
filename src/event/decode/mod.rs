//! Bytes to events, in one pass over the record, without an intermediate tree.

mod json;
mod row;

use std::borrow::Cow;

use smallvec::SmallVec;

use super::limits::FIELD_BYTES_MAX;
use super::mapping::{Node, Target};
use super::time::parse_instant;
use super::{
    CustomerId, Event, EventTime, Field, FieldId, FieldKind, Limits, Mapping, Money, Quantity,
    Reason, Scalar, TimeUnit, Vocabulary,
};

pub use row::Columns;

/// Reads the records of one input.
#[derive(Clone, Debug)]
pub struct Decoder {
    tree: Node,
    mapping: Mapping,
    vocabulary: Vocabulary,
    value_field: Option<FieldId>,
    money: Money,
    limits: Limits,
}

impl Decoder {
    /// A decoder for records of the form `mapping`, reduced to what `vocabulary` names.
    pub fn new(mapping: Mapping, vocabulary: Vocabulary, money: Money, limits: Limits) -> Decoder {
        let value_field = vocabulary
            .fields()
            .find(|(_, field, _)| **field == Field::Value)
            .map(|(id, ..)| id);
        Decoder {
            tree: Node::tree(&mapping, &vocabulary),
            mapping,
            vocabulary,
            value_field,
            money,
            limits,
        }
    }

    /// Reads one JSON object: a line of a file, or the value of a record.
    pub fn json(&self, bytes: &[u8]) -> Result<Event, Reason> {
        if bytes.len() > self.limits.record_bytes {
            return Err(Reason::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Reason::NotUtf8)?;
        let mut draft = Draft::default();
        json::read(text, &self.tree, &self.limits, &mut draft)?;
        self.finish(draft)
    }

    /// Reads a record of a topic: as [`Decoder::json`], and the key must be the customer id.
    /// `timestamp` is the record's own, in milliseconds, against which the future is judged: without one
    /// nothing would keep an event from moving everybody's time.
    pub fn record(
        &self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Option<i64>,
    ) -> Result<Event, Reason> {
        let event = self.json(value.ok_or(Reason::Tombstone)?)?;
        match key {
            None => return Err(Reason::NullKey),
            Some(key) if key != event.customer.as_bytes() => return Err(Reason::KeyDiffers),
            Some(_) => {}
        }
        match timestamp {
            None => Err(Reason::NoTimestamp),
            Some(at) if event.time.since(EventTime(at)) > self.limits.future => {
                Err(Reason::TimeInFuture)
            }
            Some(_) => Ok(event),
        }
    }

    fn finish(&self, draft: Draft<'_>) -> Result<Event, Reason> {
        let customer = self.customer(draft.customer)?;
        let kind = match draft.kind {
            Some(Token::Text(text)) if !text.is_empty() => self.vocabulary.type_of(&text),
            _ => return Err(Reason::MissingType),
        };
        let time = self.time(draft.time)?;
        let mut fields = SmallVec::new();
        if let Some(amount) = self.value(draft.value, draft.currency)?
            && let Some(id) = self.value_field
        {
            fields.push((id, Scalar::Number(amount)));
        }
        for (id, kind, token) in draft.fields {
            if let Some(scalar) = scalar(token, kind)? {
                fields.push((id, scalar));
            }
        }
        Ok(Event {
            customer,
            kind,
            time,
            fields,
        })
    }

    fn customer(&self, token: Option<Token<'_>>) -> Result<CustomerId, Reason> {
        let id = match token {
            None | Some(Token::Null) => return Err(Reason::MissingCustomerId),
            Some(Token::Text(text)) => text,
            Some(Token::Number(text)) if text.bytes().all(|b| b.is_ascii_digit()) => {
                Cow::Borrowed(text)
            }
            Some(Token::Number(_) | Token::Flag(_) | Token::Container) => {
                return Err(Reason::BadCustomerId);
            }
        };
        match id.len() {
            0 => Err(Reason::MissingCustomerId),
            _ if id.chars().any(char::is_control) => Err(Reason::BadCustomerId),
            // Of a number nobody has looked at the length yet.
            length if length > self.limits.text_bytes => Err(Reason::TooLong),
            1..=super::limits::CUSTOMER_ID_BYTES_MAX => Ok(CustomerId(id.into())),
            _ => Err(Reason::BadCustomerId),
        }
    }

    fn time(&self, token: Option<Token<'_>>) -> Result<EventTime, Reason> {
        let time = match token {
            None | Some(Token::Null) => return Err(Reason::MissingTime),
            Some(Token::Text(text)) if text.is_empty() => return Err(Reason::MissingTime),
            Some(Token::Text(text)) if looks_numeric(&text) => self.epoch(&text)?,
            Some(Token::Text(text)) => parse_instant(&text).ok_or(Reason::BadTime)?,
            Some(Token::Number(text)) => self.epoch(text)?,
            Some(Token::Flag(_) | Token::Container) => return Err(Reason::BadTime),
        };
        match time >= self.limits.time_floor && time <= EventTime::MAX {
            true if time > self.limits.latest => Err(Reason::TimeInFuture),
            true => Ok(time),
            false => Err(Reason::TimeOutOfRange),
        }
    }

    /// A number of the mapping's unit, floored to milliseconds.
    fn epoch(&self, text: &str) -> Result<EventTime, Reason> {
        let number = Quantity::parse(text).ok_or_else(|| match text.parse::<f64>() {
            Ok(_) => Reason::TimeOutOfRange,
            Err(_) => Reason::BadTime,
        })?;
        let nanos_per_milli = match self.mapping.time_unit {
            TimeUnit::Seconds => 1_000_000,
            TimeUnit::Milliseconds => 1_000_000_000,
            TimeUnit::Microseconds => 1_000_000_000_000,
        };
        let millis = number.nanos().div_euclid(nanos_per_milli);
        i64::try_from(millis)
            .map(EventTime)
            .map_err(|_| Reason::TimeOutOfRange)
    }

    fn value(
        &self,
        value: Option<Token<'_>>,
        currency: Option<Token<'_>>,
    ) -> Result<Option<Quantity>, Reason> {
        let text = match value {
            None | Some(Token::Null) => return Ok(None),
            Some(Token::Text(text)) if text.is_empty() => return Ok(None),
            Some(Token::Text(text)) => text,
            Some(Token::Number(text)) => Cow::Borrowed(text),
            Some(Token::Flag(_) | Token::Container) => return Err(Reason::BadValue),
        };
        let currency = match currency {
            None | Some(Token::Null) => None,
            Some(Token::Text(code)) => Some(code),
            Some(Token::Number(_) | Token::Flag(_) | Token::Container) => {
                return Err(Reason::UnknownCurrency);
            }
        };
        self.money.read(&text, currency.as_deref()).map(Some)
    }
}

/// A scalar as it stands in the record.
#[derive(Clone, Debug)]
enum Token<'a> {
    Text(Cow<'a, str>),
    Number(&'a str),
    Flag(bool),
    Null,
    /// An object or array where a scalar was looked for.
    Container,
}

/// What one pass over a record found.
#[derive(Debug, Default)]
struct Draft<'a> {
    customer: Option<Token<'a>>,
    kind: Option<Token<'a>>,
    time: Option<Token<'a>>,
    value: Option<Token<'a>>,
    currency: Option<Token<'a>>,
    fields: SmallVec<[(FieldId, FieldKind, Token<'a>); 2]>,
}

impl<'a> Draft<'a> {
    fn put(&mut self, targets: &[Target], token: Token<'a>) {
        for target in targets {
            let token = token.clone();
            match *target {
                Target::Customer => self.customer = Some(token),
                Target::Kind => self.kind = Some(token),
                Target::Time => self.time = Some(token),
                Target::Value => self.value = Some(token),
                Target::Currency => self.currency = Some(token),
                Target::Field(id, kind) => self.fields.push((id, kind, token)),
            }
        }
    }
}

/// The value of a field for a model that takes it for `kind`; of another kind it is not carried.
fn scalar(token: Token<'_>, kind: FieldKind) -> Result<Option<Scalar>, Reason> {
    Ok(match (kind, token) {
        (_, Token::Null | Token::Container) => None,
        (FieldKind::Number, Token::Number(text)) => Some(Scalar::Number(
            Quantity::parse(text)
                .filter(bounded)
                .ok_or(Reason::BadNumber)?,
        )),
        (FieldKind::Any, Token::Number(text)) => {
            Quantity::parse(text).filter(bounded).map(Scalar::Number)
        }
        (FieldKind::Number, Token::Text(text)) => {
            Quantity::parse(&text).filter(bounded).map(Scalar::Number)
        }
        (FieldKind::Id, Token::Text(text)) if text.is_empty() => None,
        (FieldKind::Text | FieldKind::Any | FieldKind::Id, Token::Text(text)) => {
            Some(Scalar::Text(kept(&text).into()))
        }
        (FieldKind::Id, Token::Number(text)) => Some(Scalar::Text(kept(text).into())),
        (FieldKind::Flag | FieldKind::Any, Token::Flag(flag)) => Some(Scalar::Flag(flag)),
        (FieldKind::Flag, Token::Text(text)) => text.parse().ok().map(Scalar::Flag),
        (FieldKind::Number | FieldKind::Id, Token::Flag(_))
        | (FieldKind::Text, Token::Number(_) | Token::Flag(_))
        | (FieldKind::Flag, Token::Number(_)) => None,
    })
}

/// As much of a text as facts look at: a state holds many.
fn kept(text: &str) -> &str {
    let whole = (0..=FIELD_BYTES_MAX.min(text.len())).rev();
    let end = whole.into_iter().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// Up to 10¹⁸: a sum over a customer's whole life cannot overflow then.
fn bounded(number: &Quantity) -> bool {
    number.nanos().unsigned_abs() <= 10_u128.pow(27)
}

fn looks_numeric(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_digit() || b == b'.' || b == b'-')
        && text.bytes().filter(|b| *b == b'-').count() <= 1
}

#[cfg(test)]
mod tests;
