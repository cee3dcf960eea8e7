//! Rejected records and their reason codes. A rejection is a value, not an error of the process.

use std::fmt;

/// A stable reason code, used in dead letters and as the label of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// The record has no value (a tombstone).
    Tombstone,
    /// The record has no key.
    NullKey,
    /// The record's key is not the customer id.
    KeyDiffers,
    /// The record is larger than the limit.
    TooLarge,
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The text is not a JSON object (truncated, NaN, trailing text and the like).
    NotJson,
    /// Objects and arrays are nested deeper than the limit.
    TooDeep,
    /// A text, array or object is longer than the limit.
    TooLong,
    /// A mapped key, or a column of a file, occurs twice.
    DuplicateKey,
    /// A row has more cells than the header of the file, or ends inside quotes.
    BadRow,
    /// No customer id, or an empty one.
    MissingCustomerId,
    /// The customer id is neither text nor a whole number, has control characters, or is longer
    /// than 1024 bytes.
    BadCustomerId,
    /// The customer id is a placeholder for a missing id, such as `null`.
    PlaceholderCustomerId,
    /// No event type.
    MissingType,
    /// No event time.
    MissingTime,
    /// The event time cannot be parsed.
    BadTime,
    /// The event time is before the floor (probably seconds read as milliseconds) or after 9999-12-30.
    TimeOutOfRange,
    /// The event time is too far after the record's timestamp; in a file, after now.
    TimeInFuture,
    /// The record has no timestamp to compare its event time with.
    NoTimestamp,
    /// The record's timestamp is too far ahead of the worker's clock.
    TimestampInFuture,
    /// A number in any field is not finite or does not fit.
    BadNumber,
    /// `value` is not a decimal number.
    BadValue,
    /// `value` does not fit into 64 bits of minor units.
    ValueOutOfRange,
    /// `value` is in a currency without a rate.
    UnknownCurrency,
    /// The mapping leaves it out: no event, and no dead letter either.
    LeftOut,
    /// Processing it panics, and an operator skipped it (`tenure state skip`).
    Skipped,
}

impl RejectReason {
    /// Every reason, for counters that must exist before the first rejection.
    pub(crate) const ALL: [RejectReason; 26] = [
        RejectReason::Tombstone,
        RejectReason::NullKey,
        RejectReason::KeyDiffers,
        RejectReason::TooLarge,
        RejectReason::NotUtf8,
        RejectReason::NotJson,
        RejectReason::TooDeep,
        RejectReason::TooLong,
        RejectReason::DuplicateKey,
        RejectReason::BadRow,
        RejectReason::MissingCustomerId,
        RejectReason::BadCustomerId,
        RejectReason::PlaceholderCustomerId,
        RejectReason::MissingType,
        RejectReason::MissingTime,
        RejectReason::BadTime,
        RejectReason::TimeOutOfRange,
        RejectReason::TimeInFuture,
        RejectReason::NoTimestamp,
        RejectReason::TimestampInFuture,
        RejectReason::BadNumber,
        RejectReason::BadValue,
        RejectReason::ValueOutOfRange,
        RejectReason::UnknownCurrency,
        RejectReason::LeftOut,
        RejectReason::Skipped,
    ];

    /// The code, as in dead-letter headers and metric labels.
    pub fn code(self) -> &'static str {
        match self {
            RejectReason::Tombstone => "tombstone",
            RejectReason::NullKey => "null_key",
            RejectReason::KeyDiffers => "key_differs",
            RejectReason::TooLarge => "too_large",
            RejectReason::NotUtf8 => "not_utf8",
            RejectReason::NotJson => "not_json",
            RejectReason::TooDeep => "too_deep",
            RejectReason::TooLong => "too_long",
            RejectReason::DuplicateKey => "duplicate_key",
            RejectReason::BadRow => "bad_row",
            RejectReason::MissingCustomerId => "missing_customer_id",
            RejectReason::BadCustomerId => "bad_customer_id",
            RejectReason::PlaceholderCustomerId => "placeholder_customer_id",
            RejectReason::MissingType => "missing_type",
            RejectReason::MissingTime => "missing_time",
            RejectReason::BadTime => "bad_time",
            RejectReason::TimeOutOfRange => "time_out_of_range",
            RejectReason::TimeInFuture => "time_in_future",
            RejectReason::NoTimestamp => "no_timestamp",
            RejectReason::TimestampInFuture => "timestamp_in_future",
            RejectReason::BadNumber => "bad_number",
            RejectReason::BadValue => "bad_value",
            RejectReason::ValueOutOfRange => "value_out_of_range",
            RejectReason::UnknownCurrency => "unknown_currency",
            RejectReason::LeftOut => "left_out",
            RejectReason::Skipped => "skipped",
        }
    }

    /// Advice for the author of a file, to be printed after the code; empty for most reasons.
    pub fn hint(self) -> &'static str {
        match self {
            RejectReason::NotJson => " (a record is a JSON object)",
            RejectReason::BadRow => " (a row has no more cells than the header)",
            RejectReason::BadTime => " (write 1997-01-31 or 1997-01-31T08:30:00Z)",
            RejectReason::TimeInFuture => {
                " (later than now; --allow-future accepts it in files, and event time then advances to it; in settings, \
                time.future is the tolerance)"
            }
            RejectReason::BadValue => {
                " (write an amount as 29.33, and its currency in a separate field)"
            }
            _ => "",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code())
    }
}

/// Names and values of a record's headers.
pub type Headers = Vec<(String, Option<Vec<u8>>)>;

/// A rejected record; key, value and headers are verbatim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub reason: RejectReason,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Headers,
}
