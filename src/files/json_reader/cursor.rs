//! The place in a JSON file, by lines and by records of a line.

use crate::files::file_row::{FileRow, LINE_BYTES_MAX};
use crate::files::read_buffer::ReadBuffer;

pub(in crate::files) struct JsonCursor {
    pub(super) bytes: ReadBuffer,
    /// The line of the next byte, from 1.
    pub(super) line: u64,
    /// The bytes of this line before the next byte.
    pub(super) column: u64,
    /// Records that begin on this line before the next byte.
    pub(super) records: u32,
}

/// The bytes in which the end of a line is searched before the line is scanned.
pub(super) const LINE_LOOKAHEAD_BYTES: usize = 64 << 10;
/// Begins each record of a JSON text sequence (RFC 7464).
pub(in crate::files) const RECORD_SEPARATOR: u8 = 0x1e;

/// What can be between records, apart from line feeds.
pub(super) fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b',' | b'[' | b']' | RECORD_SEPARATOR)
}

impl JsonCursor {
    pub(super) fn new(bytes: ReadBuffer, line: u64) -> JsonCursor {
        JsonCursor { bytes, line, column: 0, records: 0 }
    }

    /// Moves bytes into a row, and continues after them.
    pub(super) fn take(&mut self, start: usize, end: usize, row: &mut FileRow) {
        row.raw.clear();
        row.is_truncated = end - start > LINE_BYTES_MAX;
        row.raw.extend_from_slice(&self.bytes.unread()[start..end.min(start + LINE_BYTES_MAX)]);
        self.records = self.records.saturating_add(1);
        self.advance(end);
    }

    /// Continues after `count` bytes, and counts their lines.
    pub(super) fn advance(&mut self, count: usize) {
        let bytes = &self.bytes.unread()[..count];
        let lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
        match memchr::memrchr(b'\n', bytes) {
            Some(last) => {
                self.line += lines;
                self.column = (count - last - 1) as u64;
                self.records = 0;
            }
            None => self.column += count as u64,
        }
        self.bytes.consume(count);
    }
}
