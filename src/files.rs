//! Layer 5: events in files. NDJSON or CSV, plain or compressed, in time order whatever the order
//! they were written in, in bounded memory.

mod csv_reader;
mod grouped;
mod history_range;
mod merge;
mod merge_heap;
mod open;
mod rows;
mod sort;

use std::io;
use std::path::PathBuf;

pub use grouped::{DecodedRow, GroupedInputs, InputSummary};
pub use history_range::{HistoryRange, Outlier};
pub use merge::{InputOrder, MergedInputs};
pub use rows::{OPEN_QUOTE_HEADER, TRUNCATED_HEADER};

/// Why a file cannot be read on. Bad rows are no error: they are rejected one by one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened or read.
    #[error("cannot read {path}")]
    Io {
        /// The file; `-` is standard input.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The header of a CSV file lacks columns that every event needs.
    #[error(
        "{path}: the header has no column {missing}; an event needs customer_id, type and time; found `{found}`{expected}"
    )]
    Header {
        /// The file.
        path: PathBuf,
        /// The missing columns.
        missing: String,
        /// The beginning of the header as it stands there.
        found: String,
        /// What to do about it.
        expected: &'static str,
    },
    /// A row of a CSV file does not end.
    #[error("{path}:{line}: this row is longer than {limit} bytes; is a quote left open?")]
    EndlessRow {
        /// The file.
        path: PathBuf,
        /// Where it begins.
        line: u64,
        /// The bound.
        limit: usize,
    },
    /// Presorted input is not sorted.
    #[error(
        "{path}:{line}: this event is earlier than the one before it; leave out --presorted to have the input sorted"
    )]
    OutOfOrder {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
    },
    /// More runs than the merge of one unsorted file can hold open.
    #[error(
        "{path} is too large to be sorted here; split it, or for a replay sort it by time first"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The temporary folder cannot be written.
    #[error("cannot write temporary files for sorting")]
    Temporary(#[source] io::Error),
}
