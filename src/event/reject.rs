//! Why a record was not accepted: a value, never an error.

use std::fmt;

/// A stable reason code; the dead letter carries it and a counter is labelled with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// The record has no value: a tombstone says nothing about a customer.
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
    /// Nested deeper than the limit.
    TooDeep,
    /// A text, array or object longer than the limit.
    TooLong,
    /// A key that Tenure reads stands there twice, or a column of a file does.
    DuplicateKey,
    /// A row of a file that has not the columns of its header.
    BadRow,
    /// No customer id, or an empty one.
    MissingCustomerId,
    /// A customer id that is neither text nor a whole number, has control characters, or is longer
    /// than 1024 bytes.
    BadCustomerId,
    /// No event type.
    MissingType,
    /// No event time.
    MissingTime,
    /// An event time that cannot be read.
    BadTime,
    /// An event time before the floor (seconds taken for milliseconds?) or after 9999-12-30.
    TimeOutOfRange,
    /// An event time too far after the record's own timestamp; in a file, after now.
    TimeInFuture,
    /// The record has no timestamp of its own, against which its event could be judged.
    NoTimestamp,
    /// The record's own timestamp is too far after the clock of whoever reads it.
    TimestampInFuture,
    /// A number, in whatever field, that is not finite or does not fit.
    BadNumber,
    /// A value that is no decimal number.
    BadValue,
    /// A value too large for its currency's minor units in 64 bits.
    ValueOutOfRange,
    /// A value in a currency without a rate.
    UnknownCurrency,
    /// An operator has it passed over: this version cannot process it.
    Skipped,
}

impl RejectReason {
    /// Every reason, for counters that must exist before the first rejection.
    pub const ALL: [RejectReason; 24] = [
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
        RejectReason::Skipped,
    ];

    /// The code, as in headers and labels.
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
            RejectReason::Skipped => "skipped",
        }
    }

    /// How it is written right, where a word of advice helps whoever wrote the file: what to put after the code,
    /// or nothing.
    pub fn hint(self) -> &'static str {
        match self {
            RejectReason::NotJson => " (write one JSON object per line)",
            RejectReason::BadRow => " (a row has as many cells as the header)",
            RejectReason::BadTime => " (write 1997-01-31 or 1997-01-31T08:30:00Z)",
            RejectReason::TimeInFuture => {
                " (later than now; --allow-future reads it, and time goes on up to it)"
            }
            RejectReason::BadValue => {
                " (write an amount as 29.33, and its currency in a field of its own)"
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

/// A record that was not accepted, with its bytes as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Why.
    pub reason: RejectReason,
    /// The key, verbatim.
    pub key: Option<Vec<u8>>,
    /// The value, verbatim.
    pub value: Option<Vec<u8>>,
    /// The headers, verbatim.
    pub headers: Headers,
}
