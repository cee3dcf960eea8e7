//! A row of a file, and its bound.

use csv::ByteRecord;

use crate::event::Position;

/// Maximum bytes of a line. A longer line is truncated, which the truncated header shows.
pub(super) const LINE_BYTES_MAX: usize = 4 << 20;

/// The undecoded row of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct FileRow {
    /// The line on which it begins.
    pub(super) line: u64,
    /// The rows that begin before it on that line.
    pub(super) record: u32,
    /// The bytes without the line ending.
    pub(super) raw: Vec<u8>,
    /// Empty for JSON.
    pub(super) cells: ByteRecord,
    pub(super) is_truncated: bool,
    /// The line of a quote that was open at the end of the file.
    pub(super) open_quote: Option<u64>,
}

impl FileRow {
    pub(super) fn order(&self) -> (u64, u32) {
        (self.line, self.record)
    }
}

/// A position, ordered as positions of files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FilePosition(pub(super) Position);

impl Ord for FilePosition {
    fn cmp(&self, other: &FilePosition) -> std::cmp::Ordering {
        self.0.file_order().cmp(&other.0.file_order())
    }
}

impl PartialOrd for FilePosition {
    fn partial_cmp(&self, other: &FilePosition) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
