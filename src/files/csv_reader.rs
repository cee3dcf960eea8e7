//! Reads CSV rows with their bytes and line numbers.

use std::io::{self, Read};
use std::path::Path;

use super::Error;
use super::file_row::{FileRow, LINE_BYTES_MAX};
use super::header::{Header, HeaderSource};
use super::options::QuoteEscape;
use super::read_buffer::ReadBuffer;
use super::sniff::Dialect;

pub(super) struct CsvReader {
    reader: Box<csv::Reader<RowBuffer>>,
    /// The line after the previous row; empty lines may follow before the next row.
    line: u64,
    /// The number of columns.
    width: usize,
}

impl CsvReader {
    /// Reads the header, unless the user gives the names of the columns. `line` is the number of the first line.
    pub(super) fn open(
        bytes: ReadBuffer,
        name: &Path,
        dialect: Dialect,
        line: u64,
        columns: Option<&[String]>,
    ) -> Result<(CsvReader, Header), Error> {
        let row_buffer = RowBuffer {
            inner: bytes,
            dialect,
            buffered: Vec::new(),
            start_offset: 0,
            consumed: 0,
            is_at_end: false,
        };
        let reader = Box::new(dialect.reader_builder().from_reader(row_buffer));
        let mut csv = CsvReader { reader, line, width: 0 };
        let header = match columns {
            Some(names) => Header { names: names.to_vec(), source: HeaderSource::Options },
            None => csv.read_header(name)?,
        };
        csv.width = header.names.len();
        Ok((csv, header))
    }

    fn read_header(&mut self, path: &Path) -> Result<Header, Error> {
        let mut row = FileRow::default();
        self.read_cells(path, &mut row)?;
        let name = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
        let names = row.cells.iter().map(name).collect();
        let source = HeaderSource::File { raw: row.raw, lines_to_skip: None };
        Ok(Header { names, source })
    }

    /// The next row; `false` at the end.
    pub(super) fn read(&mut self, path: &Path, row: &mut FileRow) -> Result<bool, Error> {
        let is_row = self.read_cells(path, row)?;
        if row.cells.len() != self.width {
            fit_cells(row, self.width);
        }
        Ok(is_row)
    }

    fn read_cells(&mut self, path: &Path, row: &mut FileRow) -> Result<bool, Error> {
        let result = self.reader.read_byte_record(&mut row.cells);
        let is_row = result.map_err(|error| csv_error(path, self.line, error))?;
        let end = self.reader.position().byte();
        self.reader.get_mut().take_row(end, &mut self.line, row);
        Ok(is_row)
    }
}

/// Programs leave out empty cells at the end of a row, or add some: they are added or removed. More cells with content
/// than columns stay, and the row is rejected.
fn fit_cells(row: &mut FileRow, width: usize) {
    while row.cells.len() < width {
        row.cells.push_field(b"");
    }
    if row.cells.iter().skip(width).all(<[u8]>::is_empty) {
        row.cells.truncate(width);
    }
}

/// Buffers the bytes of the current row. Fails if a row exceeds the bound: an open quote must not fill
/// the memory.
struct RowBuffer {
    inner: ReadBuffer,
    dialect: Dialect,
    buffered: Vec<u8>,
    /// Offset of `buffered` in the text.
    start_offset: u64,
    /// Bytes at the start of `buffered` that belong to earlier rows.
    consumed: usize,
    /// Whether the end of the file was read.
    is_at_end: bool,
}

impl RowBuffer {
    /// Sets bytes and line of the row that ends at offset `end` of the text; skips empty lines before it.
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
            .then(|| find_open_quote(raw, self.dialect))
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

pub(super) fn count_line_feeds(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// The index of the quote that is not closed in this row.
fn find_open_quote(row: &[u8], dialect: Dialect) -> Option<usize> {
    let is_escape = |byte| byte == b'\\' && dialect.quote_escape == QuoteEscape::Backslash;
    let (mut open, mut is_cell_start, mut index) = (None, true, 0);
    while let Some(byte) = row.get(index) {
        match (open, *byte) {
            (Some(_), byte) if is_escape(byte) => index += 1,
            (Some(_), b'"') if row.get(index + 1) == Some(&b'"') => index += 1,
            (Some(_), b'"') => open = None,
            (None, b'"') if is_cell_start => open = Some(index),
            _ => {}
        }
        is_cell_start = *byte == dialect.delimiter;
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
    use super::*;

    #[test]
    fn a_quote_is_open_until_a_single_one_closes_it() {
        let doubled = Dialect { delimiter: b',', quote_escape: QuoteEscape::Doubled };
        for closed in ["", "a,b", "\"a,b\"", "\"a \"\"b\"\"\",c", "a\"b,c", "\"\",\"\"", "\"a\\\""]
        {
            assert_eq!(find_open_quote(closed.as_bytes(), doubled), None, "{closed}");
        }
        assert_eq!(find_open_quote(b"a,\"b,c\n", doubled), Some(2));
        assert_eq!(find_open_quote(b"\"a\"\",b", doubled), Some(0));
        let escaped = Dialect { delimiter: b';', quote_escape: QuoteEscape::Backslash };
        assert_eq!(find_open_quote(b"a;\"\\\"b\\\\\"", escaped), None);
        assert_eq!(find_open_quote(b"a;\"\\\"", escaped), Some(2));
    }

    #[test]
    fn cells_that_are_left_out_or_added_at_the_end_are_empty() {
        let fitted = |cells: &[&str]| {
            let mut row = FileRow { cells: cells.to_vec().into(), ..FileRow::default() };
            fit_cells(&mut row, 3);
            row.cells
                .iter()
                .map(|cell| String::from_utf8_lossy(cell).into_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(fitted(&["a"]), ["a", "", ""]);
        assert_eq!(fitted(&["a", "b", "c", "", ""]), ["a", "b", "c"]);
        assert_eq!(fitted(&["a", "b", "c", "", "d"]), ["a", "b", "c", "", "d"]);
    }
}
