//! A row of a file, and its bound.

use csv::ByteRecord;

/// Maximum bytes of a line. A longer line is truncated, which the truncated header shows.
pub(super) const LINE_BYTES_MAX: usize = 4 << 20;

/// The undecoded row of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct FileRow {
    pub(super) line: u64,
    /// The bytes without the line ending.
    pub(super) raw: Vec<u8>,
    /// Empty for JSON.
    pub(super) cells: ByteRecord,
    pub(super) is_truncated: bool,
    /// The line of a quote that was open at the end of the file.
    pub(super) open_quote: Option<u64>,
}
