//! The rows of one file, one at a time, each with its line number.

use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder};

use super::Error;
use super::open::{Format, format, open};
use crate::event::{Columns, Decoder, Event, Position, Reason, Rejection};
use crate::partition::Record;

/// Longest line that is kept whole; of a longer one the beginning is rejected.
const LINE_BYTES_MAX: usize = 4 << 20;

/// What some programs begin UTF-8 files with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A row as it stands in the file: one JSON text, or the cells of a CSV row.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) cells: ByteRecord,
}

/// How rows of a file become records.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// The file's order among the inputs.
    pub(super) input: u32,
    pub(super) decoder: Decoder,
    /// The columns of a CSV file.
    pub(super) columns: Option<Columns>,
}

impl Reading {
    pub(super) fn event(&self, row: &Row) -> Result<Event, Reason> {
        match &self.columns {
            Some(columns) => self.decoder.row(columns, row.cells.iter()),
            None => self.decoder.json(&row.cells[0]),
        }
    }

    pub(super) fn record(&self, row: &Row) -> Record {
        let position = Position {
            input: self.input,
            offset: i64::try_from(row.line).unwrap_or(i64::MAX),
        };
        let content = self.event(row).map_err(|reason| Rejection {
            reason,
            key: None,
            value: Some(self.bytes(row)),
            headers: Vec::new(),
        });
        Record { position, content }
    }

    /// The row as text again. A CSV row is quoted anew where it needs to be.
    fn bytes(&self, row: &Row) -> Vec<u8> {
        if self.columns.is_none() {
            return row.cells[0].to_vec();
        }
        let mut writer = csv::WriterBuilder::new()
            .flexible(true)
            .from_writer(Vec::new());
        let written = writer
            .write_byte_record(&row.cells)
            .and_then(|()| writer.flush().map_err(Into::into));
        let mut bytes = written
            .ok()
            .and_then(|()| writer.into_inner().ok())
            .unwrap_or_default();
        bytes.pop();
        bytes
    }
}

/// A file that is being read.
pub(super) struct Rows {
    path: PathBuf,
    kind: Kind,
}

enum Kind {
    Json { lines: Box<dyn BufRead>, line: u64 },
    Csv(Box<csv::Reader<Guard<Box<dyn BufRead>>>>),
}

impl Rows {
    /// Opens a file and, if it is CSV, reads its header.
    pub(super) fn open(
        path: &Path,
        name: &Path,
        decoder: &Decoder,
    ) -> Result<(Rows, Option<Columns>), Error> {
        let fail = |source| Error::Io {
            path: name.to_owned(),
            source,
        };
        let mut bytes = open(path).map_err(fail)?;
        if format(&mut *bytes).map_err(fail)? == Format::Json {
            return Ok((
                Rows {
                    path: name.to_owned(),
                    kind: Kind::Json {
                        lines: bytes,
                        line: 0,
                    },
                },
                None,
            ));
        }
        let guard = Guard {
            inner: bytes,
            left: LINE_BYTES_MAX,
        };
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(guard);
        let header = reader
            .byte_headers()
            .map_err(|error| csv_error(name, 1, error))?;
        let names: Vec<String> = header
            .iter()
            .map(|cell| {
                String::from_utf8_lossy(cell)
                    .trim_start_matches('\u{feff}')
                    .to_owned()
            })
            .collect();
        let columns =
            Columns::from_header(decoder, names.iter().map(String::as_str)).map_err(|missing| {
                Error::Header {
                    path: name.to_owned(),
                    missing: missing.join(", "),
                }
            })?;
        Ok((
            Rows {
                path: name.to_owned(),
                kind: Kind::Csv(Box::new(reader)),
            },
            Some(columns),
        ))
    }

    /// The next row that is not empty; `false` at the end.
    pub(super) fn read(&mut self, row: &mut Row) -> Result<bool, Error> {
        match &mut self.kind {
            Kind::Json { lines, line } => loop {
                let mut bytes = Vec::new();
                *line += 1;
                let found = read_line(&mut **lines, &mut bytes);
                if !found.map_err(|source| Error::Io {
                    path: self.path.clone(),
                    source,
                })? {
                    return Ok(false);
                }
                let text = bytes
                    .strip_prefix(BYTE_ORDER_MARK)
                    .filter(|_| *line == 1)
                    .unwrap_or(&bytes)
                    .trim_ascii();
                if !text.is_empty() {
                    row.line = *line;
                    row.cells.clear();
                    row.cells.push_field(text);
                    return Ok(true);
                }
            },
            Kind::Csv(reader) => {
                reader.get_mut().left = LINE_BYTES_MAX;
                let line = reader.position().line();
                let found = reader
                    .read_byte_record(&mut row.cells)
                    .map_err(|error| csv_error(&self.path, line, error))?;
                row.line = row.cells.position().map_or(line, csv::Position::line);
                Ok(found)
            }
        }
    }
}

/// Reads up to the next line feed; what a line has beyond the bound is skipped.
fn read_line(lines: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    let mut any = false;
    loop {
        let buffer = lines.fill_buf()?;
        if buffer.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        line.extend_from_slice(&part[..part.len().min(LINE_BYTES_MAX - line.len())]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        lines.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

/// Ends a CSV row that does not end by itself, so that an open quote cannot fill the memory.
struct Guard<R> {
    inner: R,
    left: usize,
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "endless row"));
        }
        let read = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(read);
        Ok(read)
    }
}

fn csv_error(path: &Path, line: u64, error: csv::Error) -> Error {
    let path = path.to_owned();
    match error.into_kind() {
        csv::ErrorKind::Io(source) if source.kind() == io::ErrorKind::FileTooLarge => {
            Error::EndlessRow {
                path,
                line,
                limit: LINE_BYTES_MAX,
            }
        }
        csv::ErrorKind::Io(source) => Error::Io { path, source },
        other => Error::Io {
            path,
            source: io::Error::other(format!("{other:?}")),
        },
    }
}
