//! Reads CSV rows with their bytes and line numbers.

use std::io::{self, BufRead, Read};
use std::path::Path;

use csv::ReaderBuilder;

use super::Error;
use super::file_row::{FileRow, LINE_BYTES_MAX};
use crate::event::{Columns, Decoder};
use crate::model::sanitize_for_terminal;

pub(super) struct CsvReader {
    reader: Box<csv::Reader<RowBuffer>>,
    /// The line after the previous row; empty lines may follow before the next row.
    line: u64,
}

impl CsvReader {
    /// Opens the file and reads its header.
    pub(super) fn open(bytes: Box<dyn BufRead>, name: &Path) -> Result<(CsvReader, Header), Error> {
        let row_buffer = RowBuffer {
            inner: bytes,
            buffered: Vec::new(),
            start_offset: 0,
            consumed: 0,
            is_at_end: false,
        };
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(row_buffer);
        let header = reader.byte_headers().map_err(|error| csv_error(name, 1, error))?;
        let names: Vec<String> = header
            .iter()
            .map(|cell| String::from_utf8_lossy(cell).trim_start_matches('\u{feff}').to_owned())
            .collect();
        // Takes the header's bytes like those of a row, to count its lines.
        let (mut line, end) = (1, reader.position().byte());
        let mut header = FileRow::default();
        reader.get_mut().take_row(end, &mut line, &mut header);
        let reader = Box::new(reader);
        let raw = header.raw;
        Ok((CsvReader { reader, line }, Header { names, raw }))
    }

    /// The next row; `false` at the end.
    pub(super) fn read(&mut self, path: &Path, row: &mut FileRow) -> Result<bool, Error> {
        let result = self.reader.read_byte_record(&mut row.cells);
        let is_row = result.map_err(|error| csv_error(path, self.line, error))?;
        let end = self.reader.position().byte();
        self.reader.get_mut().take_row(end, &mut self.line, row);
        Ok(is_row)
    }
}

/// The first row of a CSV file.
pub(super) struct Header {
    names: Vec<String>,
    raw: Vec<u8>,
}

impl Header {
    /// Maps the columns to the fields that a decoder reads.
    pub(super) fn columns(&self, path: &Path, decoder: &Decoder) -> Result<Columns, Error> {
        Columns::from_header(decoder, self.names.iter().map(String::as_str))
            .map_err(|missing| header_error(path, &missing, &self.raw))
    }
}

/// Characters of a header that an error shows.
const HEADER_CHARS_MAX: usize = 80;

fn header_error(path: &Path, missing: &[String], header: &[u8]) -> Error {
    let text = String::from_utf8_lossy(header);
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().next().unwrap_or_default();
    let mut found =
        sanitize_for_terminal(&first.chars().take(HEADER_CHARS_MAX).collect::<String>());
    if first.chars().count() > HEADER_CHARS_MAX {
        found += "…";
    }
    let json = first.starts_with('"') && first.contains("\":");
    let separated = !first.contains(',') && first.contains([';', '\t', '|']);
    let expected = match (json, separated) {
        (true, _) => "; JSON is read as one object per line, each in { }",
        (_, true) => "; columns are separated by commas",
        (false, false) => {
            "; if a column has another name, map it, for example --map customer_id=user_id"
        }
    };
    Error::Header { path: path.to_owned(), missing: missing.join(", "), found, expected }
}

/// Buffers the bytes of the current row. Fails if a row exceeds the bound: an open quote must not fill
/// the memory.
struct RowBuffer {
    inner: Box<dyn BufRead>,
    buffered: Vec<u8>,
    /// Offset of `buffered` in the file.
    start_offset: u64,
    /// Bytes at the start of `buffered` that belong to earlier rows.
    consumed: usize,
    /// Whether the end of the file was read.
    is_at_end: bool,
}

impl RowBuffer {
    /// Sets bytes and line of the row that ends at offset `end` of the file; skips empty lines before it.
    /// Advances `line` to the line after the row.
    fn take_row(&mut self, end: u64, line: &mut u64, row: &mut FileRow) {
        let row_end = usize::try_from(end - self.start_offset).unwrap_or(usize::MAX);
        let row_end = row_end.min(self.buffered.len());
        let all = &self.buffered[self.consumed..row_end];
        let empty = all.iter().take_while(|byte| is_line_end(**byte)).count();
        row.line = *line + count_line_feeds(&all[..empty]);
        let raw = &all[empty..];
        // The last row of a file may end inside quotes.
        row.open_quote = (self.is_at_end && row_end == self.buffered.len())
            .then(|| find_open_quote(raw))
            .flatten()
            .map(|index| row.line + count_line_feeds(&raw[..index]));
        let end = raw.len() - usize::from(raw.last().is_some_and(|byte| is_line_end(*byte)));
        row.raw.clear();
        row.raw.extend_from_slice(&raw[..end]);
        *line += count_line_feeds(all);
        self.consumed = row_end;
    }
}

impl Read for RowBuffer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Drained here and not after each row, so that the bytes after a row are not moved for every row.
        self.buffered.drain(..self.consumed);
        self.start_offset += self.consumed as u64;
        self.consumed = 0;
        if self.buffered.len() > LINE_BYTES_MAX {
            let kind = io::ErrorKind::FileTooLarge;
            return Err(io::Error::new(kind, "endless row"));
        }
        let read = self.inner.read(buffer)?;
        self.buffered.extend_from_slice(&buffer[..read]);
        self.is_at_end = read == 0;
        Ok(read)
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn count_line_feeds(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// The index of the quote that is not closed in this row.
fn find_open_quote(row: &[u8]) -> Option<usize> {
    let (mut open, mut is_cell_start, mut index) = (None, true, 0);
    while let Some(byte) = row.get(index) {
        match (open, *byte) {
            (Some(_), b'"') if row.get(index + 1) == Some(&b'"') => index += 1,
            (Some(_), b'"') => open = None,
            (None, b'"') if is_cell_start => open = Some(index),
            _ => {}
        }
        is_cell_start = *byte == b',';
        index += 1;
    }
    open
}

fn csv_error(path: &Path, line: u64, error: csv::Error) -> Error {
    let path = path.to_owned();
    match error.into_kind() {
        csv::ErrorKind::Io(source) if source.kind() == io::ErrorKind::FileTooLarge => {
            Error::EndlessRow { path, line, limit: LINE_BYTES_MAX }
        }
        csv::ErrorKind::Io(source) => Error::Io { path, source },
        other => Error::Io { path, source: io::Error::other(format!("{other:?}")) },
    }
}

#[cfg(test)]
mod tests {
    use super::find_open_quote;

    #[test]
    fn a_quote_is_open_until_a_single_one_closes_it() {
        for closed in ["", "a,b", "\"a,b\"", "\"a \"\"b\"\"\",c", "a\"b,c", "\"\",\"\""] {
            assert_eq!(find_open_quote(closed.as_bytes()), None, "{closed}");
        }
        assert_eq!(find_open_quote(b"a,\"b,c\n"), Some(2));
        assert_eq!(find_open_quote(b"\"a\"\",b"), Some(0));
    }
}
