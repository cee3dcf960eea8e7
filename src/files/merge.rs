//! Merges all inputs by (time, index of the file, line).

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::Error;
use super::file_row::{FilePosition, FileRow};
use super::merge_heap::MergeHeap;
use super::options::FileOptions;
use super::rows::{OpenedRows, RowDecoder, Rows};
use super::sort::{self, SortedRun};
use crate::event::{Decoder, EventTime, Observations, RejectReason, Rejection};
use crate::partition::Record;

/// How to handle input that is not in time order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputOrder {
    /// Check each file first, and sort those that need it.
    Sort,
    /// Read once; fail on input that is out of order.
    Presorted,
}

/// Something unusual about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputNotice<'n> {
    /// How it is written, which was detected.
    Detected(&'n str),
    /// It must be sorted first.
    Unsorted,
}

/// The merged inputs, record by record. Every file stays open, with one record of lookahead.
pub(crate) struct MergedInputs {
    sources: Vec<MergeSource>,
    /// The next event of each source that has one.
    heap: MergeHeap<(EventTime, FilePosition), Record>,
    order: InputOrder,
    files: usize,
    /// Buffer for the current row.
    row: FileRow,
}

impl std::fmt::Debug for MergedInputs {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("MergedInputs")
            .field("sources", &self.sources.len())
            .finish_non_exhaustive()
    }
}

struct MergeSource {
    name: PathBuf,
    decoder: RowDecoder,
    rows: RowSource,
    latest: EventTime,
}

enum RowSource {
    File(Rows),
    Run(SortedRun),
}

impl MergedInputs {
    /// Opens the files, each with its decoder; calls `notify` about those that are unusual. Temporary files are in `folder` and are deleted with
    /// this value.
    pub(crate) fn open(
        paths: &[PathBuf],
        options: &FileOptions,
        decoders: &[Decoder],
        order: InputOrder,
        folder: &Path,
        mut notify: impl FnMut(&Path, InputNotice<'_>),
    ) -> Result<MergedInputs, Error> {
        let mut sources = Vec::new();
        for (input, (name, decoder)) in paths.iter().zip(decoders).enumerate() {
            let spooled = spool(name, order, folder)?;
            let path = spooled.as_ref().map_or(name.as_path(), tempfile::NamedTempFile::path);
            let reopen = || Rows::open(path, name, options, decoder);
            let OpenedRows { rows, header, detected } = reopen()?;
            if let Some(detected) = &detected {
                notify(name, InputNotice::Detected(detected));
            }
            let decoder = RowDecoder::new(input as u32, decoder, header.as_ref(), name)?;
            let source = |rows| MergeSource {
                name: name.clone(),
                decoder: decoder.clone(),
                rows,
                latest: EventTime::MIN,
            };
            if order == InputOrder::Presorted {
                sources.push(source(RowSource::File(rows)));
            } else if is_sorted(rows, &decoder)? {
                sources.push(source(RowSource::File(reopen()?.rows)));
            } else {
                notify(name, InputNotice::Unsorted);
                let rows = reopen()?.rows;
                // A rejected row has no time of its own: it is sorted with the event before it.
                let mut time = EventTime::MIN;
                let key = |row: &FileRow| {
                    time = decoder.event(row).map_or(time, |event| event.time);
                    Some(time)
                };
                sources.extend(
                    sort::sort_into_runs(rows, key, name, folder)?
                        .into_iter()
                        .map(RowSource::Run)
                        .map(source),
                );
            }
        }
        Ok(MergedInputs {
            heap: MergeHeap::new(sources.len()),
            sources,
            order,
            files: paths.len(),
            row: FileRow::default(),
        })
    }

    /// The number of files.
    pub(crate) fn files(&self) -> usize {
        self.files
    }

    /// What was found in each input so far.
    pub(crate) fn observed(&self) -> Vec<Observations> {
        let mut observed = vec![Observations::off(); self.files];
        for source in &self.sources {
            observed[source.decoder.input as usize].merge(&source.decoder.observed);
        }
        observed
    }

    /// The next record; `None` at the end. Rows that the mapping leaves out are skipped. A rejected row is returned as soon as it is read.
    pub(crate) fn next_record(&mut self) -> Result<Option<Record>, Error> {
        while let Some(source) = self.heap.pop_unread() {
            if let Some(rejected) = self.read_source(source)? {
                self.heap.push_unread(source);
                let is_left_out = |rejection: &Rejection| rejection.reason == RejectReason::LeftOut;
                if !rejected.content.as_ref().is_err_and(is_left_out) {
                    return Ok(Some(rejected));
                }
            }
        }
        Ok(self.heap.pop().map(|(_, record)| record))
    }

    /// Reads the next row of a source. Pushes an event to the heap; returns a rejected row.
    fn read_source(&mut self, index: usize) -> Result<Option<Record>, Error> {
        let source = &mut self.sources[index];
        let row = &mut self.row;
        if !source.rows.read(row)? {
            return Ok(None);
        }
        let record = source.decoder.record(row);
        let Ok(event) = &record.content else {
            return Ok(Some(record));
        };
        let time = event.time;
        if self.order == InputOrder::Presorted && time < source.latest {
            return Err(Error::OutOfOrder { path: source.name.clone(), line: row.line });
        }
        source.latest = time;
        self.heap.push((time, FilePosition(record.position)), index, record);
        Ok(None)
    }
}

impl RowSource {
    fn read(&mut self, row: &mut FileRow) -> Result<bool, Error> {
        match self {
            RowSource::File(rows) => rows.read(row),
            RowSource::Run(run) => run.read(row),
        }
    }
}

/// Copies a pipe to a file: it can be read only once, but its order must be checked first.
fn spool(
    name: &Path,
    order: InputOrder,
    folder: &Path,
) -> Result<Option<tempfile::NamedTempFile>, Error> {
    let is_stdin = name == Path::new("-");
    // An error here is ignored: opening the file reports it.
    let is_pipe = is_stdin
        || std::fs::metadata(name).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
    if !is_pipe || order == InputOrder::Presorted {
        return Ok(None);
    }
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(Error::Temporary)?;
    let copied = if is_stdin {
        io::copy(&mut io::stdin().lock(), &mut file)
    } else {
        File::open(name).and_then(|mut pipe| io::copy(&mut pipe, &mut file))
    };
    copied.map_err(|source| Error::Io { path: name.to_owned(), source })?;
    Ok(Some(file))
}

fn is_sorted(mut rows: Rows, decoder: &RowDecoder) -> Result<bool, Error> {
    let (mut row, mut latest) = (FileRow::default(), EventTime::MIN);
    while rows.read(&mut row)? {
        if let Ok(event) = decoder.event(&row) {
            if event.time < latest {
                return Ok(false);
            }
            latest = event.time;
        }
    }
    Ok(true)
}
