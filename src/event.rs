//! Events, and how records are decoded into them.
//!
//! Pure: bytes and text in, values out. No dependency on models, stages or stores.

#![deny(clippy::disallowed_types)]

mod decode;
mod input_report;
mod limits;
mod mapping;
mod money;
mod number_format;
mod observations;
mod quantity;
mod reject;
mod time;
mod time_format;
mod vocabulary;

use compact_str::CompactString;
use smallvec::SmallVec;

pub use decode::{Columns, Decoder};
pub(crate) use input_report::InputReport;
pub use limits::RecordLimits;
pub(crate) use limits::{CUSTOMER_ID_BYTES_MAX, FIELD_BYTES_MAX};
pub(crate) use mapping::fold_spelling;
pub use mapping::{FieldSource, Mapping, Path, Step};
pub(crate) use mapping::{IdFormat, KeyFormat, NULL_BYTES_MAX, PLACEHOLDER_BYTES_MAX, TypeNames};
pub use money::CurrencyRates;
pub(crate) use number_format::NumberFormat;
pub use observations::Counts;
pub(crate) use observations::Observations;
pub use quantity::Quantity;
pub use reject::{Headers, RejectReason, Rejection};
pub use time::WallTime;
pub(crate) use time::parse_end_instant;
pub use time::{EventTime, Millis, Watermark, parse_instant};
pub(crate) use time_format::is_recent;
pub use time_format::{TimeFormat, TimeUnit};
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
    /// Kafka offset, or the place in a file ([`Position::in_file`]).
    pub offset: i64,
}

/// Lines of a file that positions distinguish.
const LINE_BITS: u32 = 36;
/// Records of one line that positions distinguish; those beyond share the last number.
const RECORD_BITS: u32 = 26;

impl Position {
    /// The position of a record that begins on a line, counted from 1, after `before` others that begin on it. The
    /// first record of a line has the line's number as its offset; the number of records before is in the higher bits.
    pub(crate) fn in_file(input: u32, line: u64, before: u32) -> Position {
        let line = line.min((1 << LINE_BITS) - 1) as i64;
        let before = i64::from(before.min((1 << RECORD_BITS) - 1));
        Position { input, offset: before << LINE_BITS | line }
    }

    /// The line of a file.
    pub fn line(self) -> i64 {
        self.offset & ((1 << LINE_BITS) - 1)
    }

    /// The number of the record on its line, from 1.
    pub(crate) fn record_of_line(self) -> i64 {
        (self.offset >> LINE_BITS) + 1
    }

    /// The line as a message shows it: `12`, or `12 (record 3)`.
    pub(crate) fn line_text(self) -> String {
        match self.record_of_line() {
            1 => self.line().to_string(),
            record => format!("{} (record {record})", self.line()),
        }
    }

    /// The order of positions in files: by input, line, and record of the line.
    pub(crate) fn file_order(self) -> (u32, i64, i64) {
        (self.input, self.line(), self.record_of_line())
    }
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
