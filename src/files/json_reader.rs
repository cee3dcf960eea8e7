//! Reads JSON records: one per line, in an array, or one after the other.
//!
//! Almost all files have one object per line, so a line that is one is found with two passes over its bytes at most.
//! Everything else is scanned. Between records are blanks, commas, brackets of arrays, and the record separator of
//! RFC 7464. Whatever else is there is a record that the decoder rejects: nothing is skipped.

mod broken;
mod cursor;

use std::io;

use super::file_row::{FileRow, LINE_BYTES_MAX};
use super::json_scan::{JsonScan, ScanStep};
use super::read_buffer::ReadBuffer;
use broken::Brackets;
use cursor::{JsonCursor, LINE_LOOKAHEAD_BYTES, is_separator};

pub(super) use cursor::RECORD_SEPARATOR;

pub(super) struct JsonReader {
    cursor: JsonCursor,
    /// Whether the array that contains the records is open.
    in_array: bool,
}

impl JsonReader {
    /// `line` is the number of the first line.
    pub(super) fn new(bytes: ReadBuffer, line: u64) -> JsonReader {
        JsonReader { cursor: JsonCursor::new(bytes, line), in_array: false }
    }

    /// The next record; `false` at the end.
    pub(super) fn read(&mut self, row: &mut FileRow) -> io::Result<bool> {
        row.is_truncated = false;
        loop {
            if self.cursor.column == 0 {
                match self.read_line(row)? {
                    LineContent::Record => return Ok(true),
                    LineContent::Nothing => continue,
                    LineContent::End => return Ok(false),
                    LineContent::Other => {}
                }
            }
            if let Some(start) = self.skip_separators()? {
                self.read_record(start, row)?;
                return Ok(true);
            }
        }
    }

    /// Reads the next line if it is one record or none.
    fn read_line(&mut self, row: &mut FileRow) -> io::Result<LineContent> {
        let mut searched = 0;
        let (length, end) = loop {
            let bytes = self.cursor.bytes.unread();
            if let Some(found) = memchr::memchr(b'\n', &bytes[searched..]) {
                break (searched + found, 1);
            }
            searched = bytes.len();
            if searched > LINE_LOOKAHEAD_BYTES {
                return Ok(LineContent::Other);
            }
            if !self.cursor.bytes.fill()? {
                break (searched, 0);
            }
        };
        if length + end == 0 {
            return Ok(LineContent::End);
        }
        let line = &self.cursor.bytes.unread()[..length];
        let content = trim(line);
        let first = content.first().copied();
        if first == Some(b'{') && !is_one_object(content) {
            return Ok(LineContent::Other);
        }
        let has_more = content.len() < line.trim_ascii().len();
        if has_more {
            self.in_array |= line.trim_ascii_start().starts_with(b"[");
            self.in_array &= !line.trim_ascii_end().ends_with(b"]");
        }
        if first.is_some() {
            // A line without an object is rejected as it is.
            let raw = if has_more && first == Some(b'{') { content } else { without_return(line) };
            row.raw.clear();
            row.raw.extend_from_slice(raw);
            (row.line, row.record) = (self.cursor.line, 0);
        }
        self.cursor.bytes.consume(length + end);
        self.cursor.line += 1;
        Ok(if first.is_some() { LineContent::Record } else { LineContent::Nothing })
    }

    /// Where the next record begins on this line; `None` at the end of the line or of the file.
    fn skip_separators(&mut self) -> io::Result<Option<usize>> {
        let mut at = 0;
        while let Some(byte) = self.cursor.bytes.byte(at)? {
            match byte {
                b'\n' => {
                    self.cursor.advance(at + 1);
                    return Ok(None);
                }
                b'[' => self.in_array = true,
                b']' => self.in_array = false,
                byte if is_separator(byte) => {}
                _ => return Ok(Some(at)),
            }
            at += 1;
            if at > LINE_LOOKAHEAD_BYTES {
                self.cursor.advance(at);
                at = 0;
            }
        }
        self.cursor.advance(at);
        // The next line is none, which `read_line` finds.
        self.cursor.column = 0;
        Ok(None)
    }

    /// Reads the record that begins `start` bytes from here.
    fn read_record(&mut self, start: usize, row: &mut FileRow) -> io::Result<()> {
        (row.line, row.record) = (self.cursor.line, self.cursor.records);
        let mut scan = JsonScan::new();
        let mut at = start;
        if self.cursor.bytes.byte(start)? != Some(b'{') {
            return self.cursor.read_junk(start, row);
        }
        let error_at = loop {
            match scan.run(&self.cursor.bytes.unread()[at..]) {
                ScanStep::Complete(length) => {
                    let end = at + length;
                    match self.find_junk(end)? {
                        Some(junk) => break junk,
                        None => {
                            self.cursor.take(start, end, row);
                            return Ok(());
                        }
                    }
                }
                ScanStep::Broken(length) => break at + length,
                ScanStep::More => at = self.cursor.bytes.unread().len(),
            }
            if at - start > LINE_BYTES_MAX {
                let brackets = Brackets {
                    depth: scan.depth,
                    in_text: scan.in_text,
                    is_escaped: scan.is_escaped,
                };
                return self.cursor.read_long(start, at, brackets, row);
            }
            if !self.cursor.bytes.fill()? {
                break at;
            }
        };
        self.cursor.read_broken(start, error_at, &scan, row)
    }

    /// Where something follows an object that is no further record; the object is damaged, then.
    fn find_junk(&mut self, end: usize) -> io::Result<Option<usize>> {
        let mut at = end;
        loop {
            match self.cursor.bytes.byte(at)? {
                None | Some(b'{' | b'\n') => return Ok(None),
                Some(b',' | b']') if self.in_array => return Ok(None),
                Some(byte) if is_separator(byte) && at - end < LINE_LOOKAHEAD_BYTES => at += 1,
                Some(_) => return Ok(Some(at)),
            }
        }
    }
}

/// What a line is, if it need not be scanned.
enum LineContent {
    Record,
    Nothing,
    Other,
    End,
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The line without what can be around a record.
fn trim(line: &[u8]) -> &[u8] {
    let is_outside = |byte: &u8| is_separator(*byte) || byte.is_ascii_whitespace();
    let start = line.iter().position(|byte| !is_outside(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !is_outside(byte)).map_or(start, |last| last + 1);
    &line[start..end]
}

/// Whether a text that begins with `{` is one object, as far as brackets show it; `false` if that is not clear. Brackets in
/// texts count, so that no text has to be parsed: then it is not clear.
fn is_one_object(content: &[u8]) -> bool {
    let mut depth = 0_i64;
    for at in memchr::memchr2_iter(b'{', b'}', content) {
        if content[at] == b'{' {
            depth += 1;
            continue;
        }
        depth -= 1;
        let rest = &content[at + 1..];
        if rest.is_empty() {
            return depth == 0;
        }
        let next = rest.iter().find(|byte| !is_separator(**byte));
        if depth <= 0 || next == Some(&b'{') {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests;
