//! Events, and how records are decoded into them.
//!
//! Pure: bytes and text in, values out. No dependency on models, stages or stores.

#![deny(clippy::disallowed_types)]

mod decode;
mod limits;
mod mapping;
mod money;
mod quantity;
mod reject;
mod time;
mod vocabulary;

use compact_str::CompactString;
use smallvec::SmallVec;

pub use decode::{Columns, Decoder};
pub use limits::RecordLimits;
pub(crate) use limits::{CUSTOMER_ID_BYTES_MAX, FIELD_BYTES_MAX};
pub use mapping::{Mapping, Path, TimeUnit};
pub use money::CurrencyRates;
pub use quantity::Quantity;
pub use reject::{Headers, RejectReason, Rejection};
pub(crate) use time::parse_end_instant;
pub use time::{EventTime, Millis, WallTime, Watermark, parse_instant};
pub use vocabulary::{EventType, Field, FieldKind};
pub(crate) use vocabulary::{FieldId, Vocabulary};

/// The customer an event belongs to: UTF-8 text, compared and ordered as bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerId(pub CompactString);

impl CustomerId {
    /// The id as it is encoded in record keys and store keys.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for CustomerId {
    fn from(text: &str) -> Self {
        CustomerId(text.into())
    }
}

/// Where an event was read: the input and the offset in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Rank of the topic, or order of the file, among the inputs.
    pub input: u32,
    /// Kafka offset, or line number from 1.
    pub offset: i64,
}

/// The value of an event's field that some model names.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A number. Money is already converted to the reporting currency and rounded to its minor units.
    Number(Quantity),
    Text(CompactString),
    Bool(bool),
}

/// An accepted event, reduced to the type and the fields that the loaded models name.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub customer: CustomerId,
    pub event_type: EventType,
    pub time: EventTime,
    /// The fields that some model names and this event has.
    pub fields: SmallVec<[(FieldId, Scalar); 2]>,
}

impl Event {
    /// The value of a field, if this event has it.
    pub fn field(&self, id: FieldId) -> Option<&Scalar> {
        self.fields.iter().find(|(field, _)| *field == id).map(|(_, value)| value)
    }

    /// The number in a field, if the event has it.
    pub fn number(&self, field: FieldId) -> Option<Quantity> {
        match self.field(field) {
            Some(Scalar::Number(number)) => Some(*number),
            _ => None,
        }
    }
}
