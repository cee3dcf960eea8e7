//! The rows of one file, one at a time, each with its line number.

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use csv::ByteRecord;

use super::Error;
use super::csv_reader::{CsvReader, Header};
use super::open::{FileFormat, detect_format, open};
use crate::event::{Columns, Decoder, Event, Headers, Position, RejectReason, Rejection};
use crate::partition::Record;

/// Longest line that is kept whole; of a longer one the beginning is rejected.
pub(super) const LINE_BYTES_MAX: usize = 4 << 20;

/// The header of a rejection whose row went on beyond the bound.
pub const TRUNCATED_HEADER: &str = "cut";
/// The header of a rejection whose row ends with its file, inside quotes: the line of the quote.
pub const OPEN_QUOTE_HEADER: &str = "open_quote";

/// What some programs begin UTF-8 files with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A row as it stands in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct FileRow {
    pub(super) line: u64,
    /// Its bytes without the line's end.
    pub(super) raw: Vec<u8>,
    /// The cells, if it is one of a CSV file.
    pub(super) cells: ByteRecord,
    /// Whether it went on beyond the bound.
    pub(super) is_truncated: bool,
    /// The line of a quote that was still open when the file ended.
    pub(super) open_quote: Option<u64>,
}

/// How rows of a file become records.
#[derive(Clone, Debug)]
pub(super) struct RowDecoder {
    /// The file's order among the inputs.
    pub(super) input: u32,
    pub(super) decoder: Decoder,
    /// The columns of a CSV file.
    pub(super) columns: Option<Columns>,
}

impl RowDecoder {
    /// Of the file of this name and order, by a decoder; `header` if it is CSV.
    pub(super) fn new(
        input: u32,
        decoder: &Decoder,
        header: Option<&Header>,
        name: &Path,
    ) -> Result<RowDecoder, Error> {
        let columns = header.map(|header| header.columns(name, decoder));
        Ok(RowDecoder {
            input,
            decoder: decoder.clone(),
            columns: columns.transpose()?,
        })
    }

    pub(super) fn event(&self, row: &FileRow) -> Result<Event, RejectReason> {
        match &self.columns {
            // What follows the quote may be many rows, or the file is cut off.
            Some(_) if row.open_quote.is_some() => Err(RejectReason::BadRow),
            Some(columns) => self.decoder.decode_row(columns, row.cells.iter()),
            None => self.decoder.decode_json(&row.raw),
        }
    }

    pub(super) fn position(&self, row: &FileRow) -> Position {
        Position {
            input: self.input,
            offset: i64::try_from(row.line).unwrap_or(i64::MAX),
        }
    }

    pub(super) fn record(&self, row: &FileRow) -> Record {
        let position = self.position(row);
        let content = self.event(row).map_err(|reason| Rejection {
            reason,
            key: None,
            value: Some(row.raw.clone()),
            headers: rejection_headers(row),
        });
        Record {
            position,
            timestamp: None,
            content,
        }
    }
}

/// What a reader of the dead letter has to know beside the bytes.
fn rejection_headers(row: &FileRow) -> Headers {
    let quote = row.open_quote.map(|line| {
        let line = line.to_string().into_bytes();
        (OPEN_QUOTE_HEADER.to_owned(), Some(line))
    });
    let cut = row
        .is_truncated
        .then(|| (TRUNCATED_HEADER.to_owned(), None));
    quote.into_iter().chain(cut).collect()
}

/// A file that is being read.
pub(super) struct Rows {
    path: PathBuf,
    kind: RowsKind,
}

enum RowsKind {
    Json { lines: Box<dyn BufRead>, line: u64 },
    Csv(CsvReader),
}

impl Rows {
    /// Opens a file and, if it is CSV, reads its header.
    pub(super) fn open(path: &Path, name: &Path) -> Result<(Rows, Option<Header>), Error> {
        let fail = |source| Error::Io {
            path: name.to_owned(),
            source,
        };
        let mut bytes = open(path).map_err(fail)?;
        if detect_format(&mut *bytes).map_err(fail)? == FileFormat::Json {
            return Ok((
                Rows {
                    path: name.to_owned(),
                    kind: RowsKind::Json {
                        lines: bytes,
                        line: 0,
                    },
                },
                None,
            ));
        }
        let (table, header) = CsvReader::open(bytes, name)?;
        Ok((
            Rows {
                path: name.to_owned(),
                kind: RowsKind::Csv(table),
            },
            Some(header),
        ))
    }

    /// The next row that is not empty; `false` at the end.
    pub(super) fn read(&mut self, row: &mut FileRow) -> Result<bool, Error> {
        match &mut self.kind {
            RowsKind::Json { lines, line } => loop {
                *line += 1;
                let found = read_line(&mut **lines, row);
                if !found.map_err(|source| Error::Io {
                    path: self.path.clone(),
                    source,
                })? {
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
            RowsKind::Csv(table) => table.read(&self.path, row),
        }
    }
}

/// Reads up to the next line feed; what a line has beyond the bound is skipped.
fn read_line(lines: &mut dyn BufRead, row: &mut FileRow) -> io::Result<bool> {
    row.raw.clear();
    row.is_truncated = false;
    let mut any = false;
    loop {
        let buffer = lines.fill_buf()?;
        if buffer.is_empty() {
            return Ok(any);
        }
        any = true;
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
