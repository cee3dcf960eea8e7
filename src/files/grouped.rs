//! Merges all inputs customer by customer, and decodes each row with several decoders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Error;
use super::file_row::{FilePosition, FileRow};
use super::history_range::HistoryRange;
use super::merge_heap::MergeHeap;
use super::options::FileOptions;
use super::rows::{OpenedRows, RowDecoder, Rows};
use super::sort::{self, SortedRun};
use crate::event::{CustomerId, Decoder, Event, EventTime, Observations, Position, RejectReason};

/// Rows between two progress reports.
const REPORT_ROWS: u64 = 8192;

/// The inputs ordered by (customer, time, index of the file, line), sorted on disk in bounded memory.
pub struct GroupedInputs {
    sources: Vec<GroupedSource>,
    heap: MergeHeap<(CustomerId, EventTime, FilePosition), Vec<Event>>,
    row: FileRow,
}

impl std::fmt::Debug for GroupedInputs {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("GroupedInputs")
            .field("sources", &self.sources.len())
            .finish_non_exhaustive()
    }
}

struct GroupedSource {
    decoders: Vec<RowDecoder>,
    rows: SortedRun,
}

/// What is reported while files are read.
#[derive(Clone, Copy, Debug)]
pub enum GroupingReport<'r> {
    /// The number of rows read.
    Rows(u64),
    /// A file, and what was detected that is not the usual form.
    Detected(&'r Path, &'r str),
}

/// One row, decoded by each decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct DecodedRow {
    pub position: Position,
    /// By decoder; all have the same customer and time.
    pub events: Vec<Event>,
}

/// Totals of all inputs, available before the first row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputSummary {
    /// Rows that all decoders accept, up to the end of the range.
    pub events: u64,
    /// Events that are left out because they are later than the end.
    pub later: u64,
    /// Rows that a decoder rejects, by reason: their number and the first position.
    pub rejected: BTreeMap<RejectReason, (u64, Position)>,
    pub range: Option<HistoryRange>,
    /// What the last decoder found, by input.
    pub observed: Vec<Observations>,
}

impl InputSummary {
    /// Counts a row. Returns its sort key, or `None` if the row is left out.
    fn count_row(
        &mut self,
        decoders: &mut [RowDecoder],
        until: EventTime,
        row: &FileRow,
    ) -> Option<(CustomerId, EventTime)> {
        let mut key = None;
        for decoder in &mut *decoders {
            match decoder.observed_event(row) {
                Ok(event) => key = Some((event.customer, event.time)),
                Err(RejectReason::LeftOut) => return None,
                Err(reason) => {
                    let first = (0, decoder.position(row));
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
        HistoryRange::add(&mut self.range, time, decoders.first()?.position(row));
        Some((customer, time))
    }
}

impl GroupedInputs {
    /// Reads each file once and sorts its rows. Leaves out rows that any decoder rejects, and events later than
    /// `until`. Temporary files are in `folder` and are deleted with this value.
    pub fn open(
        paths: &[PathBuf],
        options: &FileOptions,
        decoders: &[Vec<Decoder>],
        until: Option<EventTime>,
        folder: &Path,
        mut report: impl FnMut(GroupingReport<'_>),
    ) -> Result<(GroupedInputs, InputSummary), Error> {
        let (mut sources, mut summary) = (Vec::new(), InputSummary::default());
        let (until, mut read) = (until.unwrap_or(EventTime::MAX), 0);
        for (input, (path, decoders)) in paths.iter().zip(decoders).enumerate() {
            let OpenedRows { rows, header, detected } =
                Rows::open(path, path, options, &decoders[0])?;
            if let Some(detected) = &detected {
                report(GroupingReport::Detected(path, detected));
            }
            let row_decoders = decoders
                .iter()
                .map(|decoder| RowDecoder::new(input as u32, decoder, header.as_ref(), path));
            let mut row_decoders: Vec<RowDecoder> = row_decoders.collect::<Result<_, _>>()?;
            let key = |row: &FileRow| {
                read += 1;
                if read % REPORT_ROWS == 0 {
                    report(GroupingReport::Rows(read));
                }
                summary.count_row(&mut row_decoders, until, row)
            };
            let runs = sort::sort_into_runs(rows, key, path, folder)?;
            summary.observed.extend(row_decoders.last().map(|decoder| decoder.observed.clone()));
            sources.extend(
                runs.into_iter().map(|rows| GroupedSource { decoders: row_decoders.clone(), rows }),
            );
        }
        let grouped =
            GroupedInputs { heap: MergeHeap::new(sources.len()), sources, row: FileRow::default() };
        Ok((grouped, summary))
    }

    /// The next row and its customer; `None` at the end.
    pub fn next_row(&mut self) -> Result<Option<(CustomerId, DecodedRow)>, Error> {
        while let Some(source) = self.heap.pop_unread() {
            self.read_source(source)?;
        }
        Ok(self
            .heap
            .pop()
            .map(|((customer, _, at), events)| (customer, DecodedRow { position: at.0, events })))
    }

    fn read_source(&mut self, source: usize) -> Result<(), Error> {
        let GroupedSource { decoders, rows } = &mut self.sources[source];
        if !rows.read(&mut self.row)? {
            return Ok(());
        }
        let decoded: Result<Vec<Event>, RejectReason> =
            decoders.iter().map(|decoder| decoder.event(&self.row)).collect();
        let events = decoded.expect("runs contain only rows that every decoder accepts");
        let first = &events[0];
        let position = FilePosition(decoders[0].position(&self.row));
        let key = (first.customer.clone(), first.time, position);
        self.heap.push(key, source, events);
        Ok(())
    }
}
