//! The beginning of a file, to try mappings on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Error;
use super::file_row::FileRow;
use super::header::Header;
use super::options::FileOptions;
use super::rows::{OpenedRows, RowDecoder, Rows};
use crate::event::{Decoder, Observations, Position, RejectReason};
use crate::sample::Profile;

/// Most records of a sample.
pub(crate) const SAMPLE_RECORDS_MAX: usize = 10_000;
/// Bytes of records after which a sample ends.
pub(crate) const SAMPLE_RECORD_BYTES_MAX: usize = 16 << 20;

/// The first records of a file, undecoded.
pub(crate) struct FileSample {
    name: PathBuf,
    header: Option<Header>,
    rows: Vec<FileRow>,
    /// How the file is written, where that is unusual.
    pub(crate) detected: Option<String>,
    /// Whether these are all records.
    pub(crate) is_whole: bool,
}

/// What a decoder reads from a sample.
#[derive(Debug, Default)]
pub(crate) struct SampleReading {
    pub(crate) observed: Observations,
    pub(crate) first_rejections: BTreeMap<RejectReason, Position>,
    /// By the index of the type.
    pub(crate) seen_types: Vec<bool>,
}

impl FileSample {
    /// Reads the beginning of a file. `decoder` shows which delimiter is the right one.
    pub(crate) fn read(
        path: &Path,
        options: &FileOptions,
        decoder: &Decoder,
    ) -> Result<FileSample, Error> {
        let OpenedRows { rows: mut source, header, detected } =
            Rows::open(path, path, options, decoder)?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        let mut is_whole = true;
        let mut row = FileRow::default();
        while source.read(&mut row)? {
            if rows.len() >= SAMPLE_RECORDS_MAX || bytes >= SAMPLE_RECORD_BYTES_MAX {
                is_whole = false;
                break;
            }
            bytes += row.raw.len();
            rows.push(std::mem::take(&mut row));
        }
        Ok(FileSample { name: path.to_owned(), header, rows, detected, is_whole })
    }

    /// The names of the columns; `None` for JSON.
    pub(crate) fn names(&self) -> Option<&[String]> {
        self.header.as_ref().map(|header| header.names.as_slice())
    }

    pub(crate) fn profile(&self) -> Profile {
        let Some(names) = self.names() else {
            let mut profile = Profile::default();
            self.rows.iter().for_each(|row| profile.add_json(&row.raw));
            return profile;
        };
        let (mut profile, columns) = Profile::of_names(names.iter().map(String::as_str));
        self.rows.iter().for_each(|row| profile.add_row(&columns, row.cells.iter()));
        profile
    }

    /// Decodes the sample.
    ///
    /// # Errors
    /// The columns lack some that every event needs.
    pub(crate) fn decode(&self, decoder: &Decoder) -> Result<SampleReading, Error> {
        let mut rows = RowDecoder::new(0, decoder, self.header.as_ref(), &self.name)?;
        let seen_types = vec![false; decoder.vocabulary().type_count()];
        let mut reading = SampleReading { seen_types, ..SampleReading::default() };
        for row in &self.rows {
            match rows.observed_event(row) {
                Ok(event) => {
                    let seen = reading.seen_types.get_mut(event.event_type.index());
                    seen.into_iter().for_each(|seen| *seen = true);
                }
                Err(RejectReason::LeftOut) => {}
                Err(reason) => {
                    reading.first_rejections.entry(reason).or_insert_with(|| rows.position(row));
                }
            }
        }
        reading.observed = rows.observed;
        Ok(reading)
    }
}

impl SampleReading {
    /// How many records became events.
    pub(crate) fn read(&self) -> u64 {
        self.observed.accepted()
    }
}
