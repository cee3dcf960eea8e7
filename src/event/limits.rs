//! The limits of one record.

use super::{EventTime, Millis};

/// The limits of a record. A record beyond one of them is a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordLimits {
    /// Largest record, in bytes.
    pub record_bytes: usize,
    /// Deepest nesting of objects and arrays.
    pub depth: usize,
    /// Longest text, in bytes; also the longest customer id.
    pub text_bytes: usize,
    /// Most elements of one array or object.
    pub elements: usize,
    /// Earliest event time. It detects seconds that are read as milliseconds.
    pub time_floor: EventTime,
    /// Latest event time. For files it is now, because their events have no record timestamp to compare with.
    pub time_ceiling: EventTime,
    /// How much later than its record's timestamp an event time may be.
    pub future_tolerance: Millis,
}

/// Longest text of a field, in bytes; a longer one is truncated.
pub(crate) const FIELD_BYTES_MAX: usize = 1024;
/// Longest customer id, in bytes: it is part of every key.
pub(crate) const CUSTOMER_ID_BYTES_MAX: usize = 1024;

impl Default for RecordLimits {
    fn default() -> Self {
        RecordLimits {
            record_bytes: 1 << 20,
            depth: 32,
            text_bytes: 64 << 10,
            elements: 10_000,
            time_floor: EventTime(631_152_000_000), // 1990-01-01
            time_ceiling: EventTime::MAX,
            future_tolerance: Millis(Millis::DAY.0),
        }
    }
}
