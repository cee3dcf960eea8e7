//! Events in files: JSON or CSV in their common forms, plain or compressed. Sorts events by time in bounded memory.

mod csv_reader;
mod encoding;
mod file_row;
mod grouped;
mod header;
mod history_range;
mod json_reader;
mod json_scan;
mod merge;
mod merge_heap;
mod not_text;
mod open;
mod options;
mod read_buffer;
mod rows;
mod sample;
mod sniff;
mod sort;

use std::io;
use std::path::PathBuf;

pub(crate) use encoding::TextEncoding;
pub(crate) use grouped::GroupingReport;
pub use grouped::{GroupedInputs, InputSummary};
pub(crate) use history_range::HistoryRange;
pub(crate) use merge::{InputNotice, InputOrder, MergedInputs};
pub use options::FileOptions;
pub(crate) use options::QuoteEscape;
pub(crate) use rows::{OPEN_QUOTE_HEADER, TRUNCATED_HEADER};
pub(crate) use sample::{FileSample, SAMPLE_RECORDS_MAX, SampleReading};
pub(crate) use sniff::is_delimiter;

/// Errors that stop reading. Invalid rows are no errors: they are rejected one by one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {path}")]
    Io {
        /// `-` is standard input.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The columns of a CSV file lack some that every event needs.
    #[error(
        "{path}: {subject} has no column {missing}; an event needs customer_id, type and time; found `{found}`; {remedy}"
    )]
    Header {
        path: PathBuf,
        /// What names the columns.
        subject: &'static str,
        missing: String,
        /// The beginning of the header in the file.
        found: String,
        remedy: String,
    },
    /// Two columns of a CSV file are read as the same field.
    #[error(
        "{path}: the columns {} (`{other}`) and {} (`{name}`) are the same field, and either could be meant; \
         rename or remove one of them",
        numbers.0, numbers.1
    )]
    RepeatedColumn {
        path: PathBuf,
        name: String,
        other: String,
        /// From 1.
        numbers: (usize, usize),
    },
    /// A file in a binary format.
    #[error("{path} is a file of {format}, and events are read from JSON and CSV; {remedy}")]
    NotText { path: PathBuf, format: &'static str, remedy: String },
    /// A row of a CSV file does not end, probably because of an open quote.
    #[error("{path}:{line}: this row is longer than {limit} bytes; is a quote left open?")]
    EndlessRow {
        path: PathBuf,
        /// The first line of the row.
        line: u64,
        /// In bytes.
        limit: usize,
    },
    /// Presorted input is not sorted.
    #[error(
        "{path}:{line}: this event is earlier than the one before it; leave out --presorted to have the input sorted"
    )]
    OutOfOrder { path: PathBuf, line: u64 },
    /// Sorting needs more runs than one merge can keep open.
    #[error("{path} is too large to sort; split it, or for a replay sort it by time first")]
    TooLarge { path: PathBuf },
    #[error("cannot write temporary files for sorting")]
    Temporary(#[source] io::Error),
}
