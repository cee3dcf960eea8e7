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

/// A row as it stands in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) line: u64,
    /// Its bytes without the line's end.
    pub(super) raw: Vec<u8>,
    /// The cells, if it is one of a CSV file.
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
            None => self.decoder.json(&row.raw),
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
            value: Some(row.raw.clone()),
            headers: Vec::new(),
        });
        Record { position, content }
    }
}

/// A file that is being read.
pub(super) struct Rows {
    path: PathBuf,
    kind: Kind,
}

enum Kind {
    Json {
        lines: Box<dyn BufRead>,
        line: u64,
    },
    Csv {
        reader: Box<csv::Reader<Guard<Box<dyn BufRead>>>>,
        /// Where the next row begins, empty lines before it aside.
        line: u64,
    },
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
            kept: Vec::new(),
            from: 0,
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
        // The header's own bytes are taken like a row's, for the count of lines.
        let (mut line, end) = (1, reader.position().byte());
        reader.get_mut().take(end, &mut line, &mut Row::default());
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
                kind: Kind::Csv {
                    reader: Box::new(reader),
                    line,
                },
            },
            Some(columns),
        ))
    }

    /// The next row that is not empty; `false` at the end.
    pub(super) fn read(&mut self, row: &mut Row) -> Result<bool, Error> {
        match &mut self.kind {
            Kind::Json { lines, line } => loop {
                row.raw.clear();
                *line += 1;
                let found = read_line(&mut **lines, &mut row.raw);
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
            Kind::Csv { reader, line } => {
                let found = reader.read_byte_record(&mut row.cells);
                let found = found.map_err(|error| csv_error(&self.path, *line, error))?;
                let end = reader.position().byte();
                reader.get_mut().take(end, line, row);
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

/// Keeps the bytes of the row that is being read, and ends one that does not end by itself: an open
/// quote must not fill the memory.
struct Guard<R> {
    inner: R,
    kept: Vec<u8>,
    /// Where in the file the kept bytes begin.
    from: u64,
}

impl<R> Guard<R> {
    /// Gives the row its bytes, which go up to `end` of the file, and its line; empty lines before
    /// it are passed over. `line` moves on to what comes after it.
    fn take(&mut self, end: u64, line: &mut u64, row: &mut Row) {
        let length = usize::try_from(end - self.from).unwrap_or(usize::MAX);
        let all = &self.kept[..length.min(self.kept.len())];
        let feeds = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        let empty = all
            .iter()
            .take_while(|byte| matches!(byte, b'\n' | b'\r'))
            .count();
        row.line = *line + feeds(&all[..empty]);
        let mut raw = &all[empty..];
        while let [rest @ .., b'\n' | b'\r'] = raw {
            raw = rest;
        }
        row.raw.clear();
        row.raw.extend_from_slice(raw);
        *line += feeds(all);
        self.kept.drain(..length.min(self.kept.len()));
        self.from = end;
    }
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.kept.len() > LINE_BYTES_MAX {
            let kind = io::ErrorKind::FileTooLarge;
            return Err(io::Error::new(kind, "endless row"));
        }
        let read = self.inner.read(buffer)?;
        self.kept.extend_from_slice(&buffer[..read]);
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
