//! Reads the rows of one file with their line numbers, and decodes them to records.

use std::io;
use std::path::{Path, PathBuf};

use super::Error;
use super::csv_reader::{CsvReader, count_line_feeds};
use super::file_row::FileRow;
use super::header::{self, Header};
use super::json_reader::{JsonReader, RECORD_SEPARATOR};
use super::open::{OpenedFile, open};
use super::options::FileOptions;
use super::read_buffer::ReadBuffer;
use super::sniff::{Dialect, SAMPLE_BYTES, declared_delimiter, lines_before_header};
use crate::event::{
    Columns, Decoder, Event, Headers, Observations, Position, RejectReason, Rejection,
};
use crate::partition::Record;

/// The dead-letter header of a row that was truncated at the bound.
pub(crate) const TRUNCATED_HEADER: &str = "cut";
/// The dead-letter header of a row that the end of the file cut inside quotes; its value is the quote's line.
pub(crate) const OPEN_QUOTE_HEADER: &str = "open_quote";

/// Decodes the rows of one file.
#[derive(Clone, Debug)]
pub(super) struct RowDecoder {
    /// Index of the file.
    pub(super) input: u32,
    pub(super) decoder: Decoder,
    /// `None` for JSON.
    pub(super) columns: Option<Columns>,
    pub(super) observed: Observations,
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
        let observed = Observations::on(decoder.vocabulary().fields().count());
        Ok(RowDecoder { input, decoder: decoder.clone(), columns: columns.transpose()?, observed })
    }

    pub(super) fn event(&self, row: &FileRow) -> Result<Event, RejectReason> {
        decode(&self.decoder, self.columns.as_ref(), row, &mut Observations::off())
    }

    /// As [`RowDecoder::event`], and counts what was found.
    pub(super) fn observed_event(&mut self, row: &FileRow) -> Result<Event, RejectReason> {
        decode(&self.decoder, self.columns.as_ref(), row, &mut self.observed)
    }

    pub(super) fn position(&self, row: &FileRow) -> Position {
        Position::in_file(self.input, row.line, row.record)
    }

    pub(super) fn record(&mut self, row: &FileRow) -> Record {
        let position = self.position(row);
        let content = self.observed_event(row).map_err(|reason| Rejection {
            reason,
            key: None,
            value: Some(row.raw.clone()),
            headers: rejection_headers(row),
        });
        Record { position, timestamp: None, content }
    }
}

fn decode(
    decoder: &Decoder,
    columns: Option<&Columns>,
    row: &FileRow,
    observed: &mut Observations,
) -> Result<Event, RejectReason> {
    match columns {
        // The cell after the quote may contain many rows, or the file is incomplete.
        Some(_) if row.open_quote.is_some() => {
            let rejected = Err(RejectReason::BadRow);
            observed.count(&rejected);
            rejected
        }
        Some(columns) => decoder.decode_row_observed(columns, row.cells.iter(), observed),
        None => decoder.decode_json_observed(&row.raw, observed),
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

/// The rows of an open file.
pub(super) struct Rows {
    path: PathBuf,
    kind: RowsKind,
}

enum RowsKind {
    Json(JsonReader),
    Csv(CsvReader),
}

/// A file whose format is known.
pub(super) struct OpenedRows {
    pub(super) rows: Rows,
    /// `None` for JSON.
    pub(super) header: Option<Header>,
    /// What was detected that is not the usual form, for a message.
    pub(super) detected: Option<String>,
}

impl Rows {
    /// Opens the file at `path`, which errors call `name`. If it is CSV, reads its header; `decoder` shows with which
    /// delimiter the header has the columns that are needed.
    pub(super) fn open(
        path: &Path,
        name: &Path,
        options: &FileOptions,
        decoder: &Decoder,
    ) -> Result<OpenedRows, Error> {
        let io_error = |source| Error::Io { path: name.to_owned(), source };
        let OpenedFile { mut bytes, detected, mut line } = open(path, name, options)?;
        let declared = declared_delimiter(bytes.peek(DECLARATION_BYTES).map_err(io_error)?);
        if let Some((_, length)) = declared {
            bytes.consume(length);
            line += 1;
        }
        let mut differences = Vec::new();
        let (kind, header) = if declared.is_none() && is_json(&mut bytes).map_err(io_error)? {
            (RowsKind::Json(JsonReader::new(bytes, line)), None)
        } else {
            let sample = bytes.peek(SAMPLE_BYTES).map_err(io_error)?;
            let sample = &sample[..sample.len().min(SAMPLE_BYTES)];
            let fits = |names: &[String]| header::fits(decoder, names);
            let dialect =
                Dialect::detect(sample, options, declared.map(|(delimiter, _)| delimiter), &fits);
            let lines_to_skip = lines_before_header(sample, dialect.delimiter, &fits);
            let not_utf8 = not_utf8_note(sample, line);
            let columns = options.columns.as_deref();
            let (reader, mut header) = CsvReader::open(bytes, name, dialect, line, columns)?;
            header.set_lines_to_skip(lines_to_skip.map(|lines| line - 1 + lines));
            differences.extend(dialect.differences(options));
            differences.extend(not_utf8);
            (RowsKind::Csv(reader), Some(header))
        };
        differences.extend(detected.map(|encoding| format!("encoding {}", encoding.name())));
        let detected = (!differences.is_empty()).then(|| differences.join(", "));
        Ok(OpenedRows { rows: Rows { path: name.to_owned(), kind }, header, detected })
    }

    /// The next row that is not empty; `false` at the end.
    pub(super) fn read(&mut self, row: &mut FileRow) -> Result<bool, Error> {
        match &mut self.kind {
            RowsKind::Json(reader) => {
                reader.read(row).map_err(|source| Error::Io { path: self.path.clone(), source })
            }
            RowsKind::Csv(reader) => reader.read(&self.path, row),
        }
    }
}

/// A note about bytes that are not UTF-8. They stay as they are, which matters only where they are read.
fn not_utf8_note(sample: &[u8], line: u64) -> Option<String> {
    let error = std::str::from_utf8(sample).err()?;
    // The sample may end inside a character.
    error.error_len()?;
    let line = line + count_line_feeds(&sample[..error.valid_up_to()]);
    Some(format!("not UTF-8 in line {line}; if it is Latin-1, use --encoding latin-1"))
}

/// The first line of Excel fits into these bytes.
const DECLARATION_BYTES: usize = 16;
/// The bytes before the first character, at most.
const BLANK_BYTES_MAX: usize = 64 << 10;

/// JSON if the file begins with an object or array, or is empty.
fn is_json(bytes: &mut ReadBuffer) -> io::Result<bool> {
    for at in 0..BLANK_BYTES_MAX {
        match bytes.byte(at)? {
            None | Some(b'{' | b'[' | RECORD_SEPARATOR) => return Ok(true),
            Some(byte) if byte.is_ascii_whitespace() => {}
            Some(_) => return Ok(false),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
