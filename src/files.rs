//! Events in files: NDJSON or CSV, plain or compressed. Sorts events by time in bounded memory.

mod csv_reader;
mod file_row;
mod grouped;
mod history_range;
mod merge;
mod merge_heap;
mod open;
mod rows;
mod sort;

use std::io;
use std::path::PathBuf;

pub use grouped::{GroupedInputs, InputSummary};
pub(crate) use history_range::HistoryRange;
pub(crate) use merge::{InputOrder, MergedInputs};
pub(crate) use rows::{OPEN_QUOTE_HEADER, TRUNCATED_HEADER};

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
    /// The header of a CSV file lacks columns that every event needs.
    #[error(
        "{path}: the header has no column {missing}; an event needs customer_id, type and time; found `{found}`{expected}"
    )]
    Header {
        path: PathBuf,
        missing: String,
        /// The beginning of the header in the file.
        found: String,
        /// A hint for the user.
        expected: &'static str,
    },
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
