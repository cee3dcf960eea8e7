//! All inputs as one, customer by customer, each read by several decoders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Error;
use super::history_range::HistoryRange;
use super::merge_heap::MergeHeap;
use super::rows::{FileRow, RowDecoder, Rows};
use super::sort::{self, SortedRun};
use crate::event::{CustomerId, Decoder, Event, EventTime, Position, RejectReason};

/// Rows between two reports.
const REPORT_ROWS: u64 = 8192;

/// The inputs by (customer, time, order of the files, line), sorted on disk in bounded memory.
pub struct GroupedInputs {
    sources: Vec<GroupedSource>,
    heap: MergeHeap<(CustomerId, EventTime, Position), Vec<Event>>,
    row: FileRow,
}

impl std::fmt::Debug for GroupedInputs {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Grouped")
            .field("sources", &self.sources.len())
            .finish_non_exhaustive()
    }
}

struct GroupedSource {
    /// By decoder.
    decoders: Vec<RowDecoder>,
    rows: SortedRun,
}

/// One row, as each decoder reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct DecodedRow {
    /// Where it stands.
    pub position: Position,
    /// By decoder. They agree on customer and time.
    pub events: Vec<Event>,
}

/// What all inputs come to, known before the first occurrence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputSummary {
    /// Events, those that one of the decoders rejects left out.
    pub events: u64,
    /// Events later than the end.
    pub later: u64,
    /// Rows that one of the decoders rejects, by its reason, and where the first of them stands.
    pub rejected: BTreeMap<RejectReason, (u64, Position)>,
    /// Where the history begins and ends.
    pub range: Option<HistoryRange>,
}

impl InputSummary {
    /// Counts a row; its key, if it is taken.
    fn count_row(
        &mut self,
        readings: &[RowDecoder],
        until: EventTime,
        row: &FileRow,
    ) -> Option<(CustomerId, EventTime)> {
        let mut key = None;
        for reading in readings {
            match reading.event(row) {
                Ok(event) => key = Some((event.customer, event.time)),
                Err(reason) => {
                    let first = (0, reading.position(row));
                    self.rejected.entry(reason).or_insert(first).0 += 1;
                    return None;
                }
            }
        }
        let (customer, time) = key?;
        if time > until {
            self.later += 1;
            return None;
        }
        self.events += 1;
        HistoryRange::add(&mut self.range, time, readings.first()?.position(row));
        Some((customer, time))
    }
}

impl GroupedInputs {
    /// Reads all files, each once, and sorts them. A row that one of the decoders rejects is left out for
    /// all, and so is what is later than `until`. Temporary files go to `folder` and vanish with this value.
    pub fn open(
        paths: &[PathBuf],
        decoders: &[Decoder],
        until: Option<EventTime>,
        folder: &Path,
        mut report: impl FnMut(u64),
    ) -> Result<(GroupedInputs, InputSummary), Error> {
        let (mut sources, mut survey) = (Vec::new(), InputSummary::default());
        let (until, mut read) = (until.unwrap_or(EventTime::MAX), 0);
        for (input, path) in paths.iter().enumerate() {
            let (rows, header) = Rows::open(path, path)?;
            let readings = decoders
                .iter()
                .map(|decoder| RowDecoder::new(input as u32, decoder, header.as_ref(), path));
            let readings: Vec<RowDecoder> = readings.collect::<Result<_, _>>()?;
            let key = |row: &FileRow| {
                read += 1;
                if read % REPORT_ROWS == 0 {
                    report(read);
                }
                survey.count_row(&readings, until, row)
            };
            for rows in sort::sort_into_runs(rows, key, path, folder)? {
                let readings = readings.clone();
                sources.push(GroupedSource {
                    decoders: readings,
                    rows,
                });
            }
        }
        let grouped = GroupedInputs {
            heap: MergeHeap::new(sources.len()),
            sources,
            row: FileRow::default(),
        };
        Ok((grouped, survey))
    }

    /// The next occurrence and whose it is; `None` at the end.
    pub fn next_row(&mut self) -> Result<Option<(CustomerId, DecodedRow)>, Error> {
        while let Some(source) = self.heap.pop_unread() {
            self.read_source(source)?;
        }
        Ok(self
            .heap
            .pop()
            .map(|((customer, _, position), events)| (customer, DecodedRow { position, events })))
    }

    fn read_source(&mut self, at: usize) -> Result<(), Error> {
        let GroupedSource {
            decoders: readings,
            rows,
        } = &mut self.sources[at];
        if !rows.read(&mut self.row)? {
            return Ok(());
        }
        let events = readings.iter().map(|reading| reading.event(&self.row));
        let events: Result<Vec<Event>, RejectReason> = events.collect();
        let events = events.expect("only rows that every decoder accepts are kept");
        let first = &events[0];
        let key = (
            first.customer.clone(),
            first.time,
            readings[0].position(&self.row),
        );
        self.heap.push(key, at, events);
        Ok(())
    }
}
