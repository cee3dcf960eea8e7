//! Reads the rows of one file with their line numbers, and decodes them to records.

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use super::Error;
use super::csv_reader::{CsvReader, Header};
use super::file_row::{FileRow, LINE_BYTES_MAX};
use super::open::{FileFormat, detect_format, open};
use crate::event::{Columns, Decoder, Event, Headers, Position, RejectReason, Rejection};
use crate::partition::Record;

/// The dead-letter header of a row that was truncated at the bound.
pub(crate) const TRUNCATED_HEADER: &str = "cut";
/// The dead-letter header of a row that the end of the file cut inside quotes; its value is the quote's line.
pub(crate) const OPEN_QUOTE_HEADER: &str = "open_quote";

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Decodes the rows of one file.
#[derive(Clone, Debug)]
pub(super) struct RowDecoder {
    /// Index of the file.
    pub(super) input: u32,
    pub(super) decoder: Decoder,
    /// `None` for JSON.
    pub(super) columns: Option<Columns>,
}

impl RowDecoder {
    /// `name` is the file's name in errors; `header` is set if the file is CSV.
    pub(super) fn new(
        input: u32,
        decoder: &Decoder,
        header: Option<&Header>,
        name: &Path,
    ) -> Result<RowDecoder, Error> {
        let columns = header.map(|header| header.columns(name, decoder));
        Ok(RowDecoder { input, decoder: decoder.clone(), columns: columns.transpose()? })
    }

    pub(super) fn event(&self, row: &FileRow) -> Result<Event, RejectReason> {
        match &self.columns {
            // The cell after the quote may contain many rows, or the file is incomplete.
            Some(_) if row.open_quote.is_some() => Err(RejectReason::BadRow),
            Some(columns) => self.decoder.decode_row(columns, row.cells.iter()),
            None => self.decoder.decode_json(&row.raw),
        }
    }

    pub(super) fn position(&self, row: &FileRow) -> Position {
        Position { input: self.input, offset: i64::try_from(row.line).unwrap_or(i64::MAX) }
    }

    pub(super) fn record(&self, row: &FileRow) -> Record {
        let position = self.position(row);
        let content = self.event(row).map_err(|reason| Rejection {
            reason,
            key: None,
            value: Some(row.raw.clone()),
            headers: rejection_headers(row),
        });
        Record { position, timestamp: None, content }
    }
}

/// Headers that explain why the bytes of a dead letter are incomplete.
fn rejection_headers(row: &FileRow) -> Headers {
    let quote = row.open_quote.map(|line| {
        let line = line.to_string().into_bytes();
        (OPEN_QUOTE_HEADER.to_owned(), Some(line))
    });
    let truncated = row.is_truncated.then(|| (TRUNCATED_HEADER.to_owned(), None));
    quote.into_iter().chain(truncated).collect()
}

pub(super) struct Rows {
    path: PathBuf,
    kind: RowsKind,
}

enum RowsKind {
    Json { lines: Box<dyn BufRead>, line: u64 },
    Csv(CsvReader),
}

impl Rows {
    /// Opens the file at `path`, which errors call `name`. If it is CSV, reads its header.
    pub(super) fn open(path: &Path, name: &Path) -> Result<(Rows, Option<Header>), Error> {
        let io_error = |source| Error::Io { path: name.to_owned(), source };
        let mut bytes = open(path).map_err(io_error)?;
        if detect_format(&mut *bytes).map_err(io_error)? == FileFormat::Json {
            return Ok((
                Rows { path: name.to_owned(), kind: RowsKind::Json { lines: bytes, line: 0 } },
                None,
            ));
        }
        let (reader, header) = CsvReader::open(bytes, name)?;
        Ok((Rows { path: name.to_owned(), kind: RowsKind::Csv(reader) }, Some(header)))
    }

    /// The next row that is not empty; `false` at the end.
    pub(super) fn read(&mut self, row: &mut FileRow) -> Result<bool, Error> {
        match &mut self.kind {
            RowsKind::Json { lines, line } => loop {
                *line += 1;
                let is_line = read_line(&mut **lines, row)
                    .map_err(|source| Error::Io { path: self.path.clone(), source })?;
                if !is_line {
                    return Ok(false);
                }
                if *line == 1 && row.raw.starts_with(BYTE_ORDER_MARK) {
                    row.raw.drain(..BYTE_ORDER_MARK.len());
                }
                if !row.raw.trim_ascii().is_empty() {
                    row.line = *line;
                    return Ok(true);
                }
            },
            RowsKind::Csv(reader) => reader.read(&self.path, row),
        }
    }
}

/// Reads up to the next line feed, or `false` at the end. Skips the bytes of a line beyond the bound.
fn read_line(lines: &mut dyn BufRead, row: &mut FileRow) -> io::Result<bool> {
    row.raw.clear();
    row.is_truncated = false;
    let mut is_line = false;
    loop {
        let buffer = lines.fill_buf()?;
        if buffer.is_empty() {
            return Ok(is_line);
        }
        is_line = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        let room = LINE_BYTES_MAX - row.raw.len();
        row.raw.extend_from_slice(&part[..part.len().min(room)]);
        row.is_truncated |= part.len() > room;
        let used = end.map_or(buffer.len(), |end| end + 1);
        lines.consume(used);
        if end.is_some() {
            if row.raw.ends_with(b"\r") && !row.is_truncated {
                row.raw.pop();
            }
            return Ok(true);
        }
    }
}
