//! All inputs as one, by (time, order of the files, line).

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::Error;
use super::merge_heap::MergeHeap;
use super::rows::{FileRow, RowDecoder, Rows};
use super::sort::{self, SortedRun};
use crate::event::{Decoder, EventTime, Position};
use crate::partition::Record;

/// What to do about input that is not in time order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputOrder {
    /// Look first; sort the files that need it.
    Sort,
    /// Read once, and refuse what is out of order.
    Presorted,
}

/// The merged inputs, record by record. Each file is held open, with one record of look-ahead.
pub struct MergedInputs {
    sources: Vec<MergeSource>,
    /// The next event of each source that has one.
    heap: MergeHeap<(EventTime, Position), Record>,
    order: InputOrder,
    files: usize,
    /// The row that is being looked at.
    row: FileRow,
}

impl std::fmt::Debug for MergedInputs {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Merged")
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
    /// Opens the files; `notice` is told which of them have to be sorted. Temporary files go to
    /// `folder` and vanish with this value.
    pub fn open(
        paths: &[PathBuf],
        decoder: &Decoder,
        order: InputOrder,
        folder: &Path,
        mut notice: impl FnMut(&Path),
    ) -> Result<MergedInputs, Error> {
        let mut sources = Vec::new();
        for (input, name) in paths.iter().enumerate() {
            let spooled = spool(name, order, folder)?;
            let path = spooled
                .as_ref()
                .map_or(name.as_path(), tempfile::NamedTempFile::path);
            let (rows, header) = Rows::open(path, name)?;
            let reading = RowDecoder::new(input as u32, decoder, header.as_ref(), name)?;
            let source = |rows| MergeSource {
                name: name.clone(),
                decoder: reading.clone(),
                rows,
                latest: EventTime::MIN,
            };
            if order == InputOrder::Presorted {
                sources.push(source(RowSource::File(rows)));
            } else if is_sorted(rows, &reading)? {
                sources.push(source(RowSource::File(Rows::open(path, name)?.0)));
            } else {
                notice(name);
                let rows = Rows::open(path, name)?.0;
                // A rejected row goes where the event before it goes.
                let mut time = EventTime::MIN;
                let key = |row: &FileRow| {
                    time = reading.event(row).map_or(time, |event| event.time);
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

    /// How many files there are.
    pub fn files(&self) -> usize {
        self.files
    }

    /// The next record; `None` at the end. A rejected row is handed out as it is met.
    pub fn next_record(&mut self) -> Result<Option<Record>, Error> {
        while let Some(source) = self.heap.pop_unread() {
            if let Some(rejected) = self.read_source(source)? {
                self.heap.push_unread(source);
                return Ok(Some(rejected));
            }
        }
        Ok(self.heap.pop().map(|(_, record)| record))
    }

    /// Reads one row of a source: its next event, or a rejected row, which is returned.
    fn read_source(&mut self, at: usize) -> Result<Option<Record>, Error> {
        let source = &mut self.sources[at];
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
            return Err(Error::OutOfOrder {
                path: source.name.clone(),
                line: row.line,
            });
        }
        source.latest = time;
        self.heap.push((time, record.position), at, record);
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

/// A pipe can be read once only; to look at its order first, it is kept in a file.
fn spool(
    name: &Path,
    order: InputOrder,
    folder: &Path,
) -> Result<Option<tempfile::NamedTempFile>, Error> {
    let standard_input = name == Path::new("-");
    // What cannot be looked at is reported when it is opened.
    let once = standard_input
        || std::fs::metadata(name).is_ok_and(|found| !found.is_file() && !found.is_dir());
    if !once || order == InputOrder::Presorted {
        return Ok(None);
    }
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(Error::Temporary)?;
    let copied = if standard_input {
        io::copy(&mut io::stdin().lock(), &mut file)
    } else {
        File::open(name).and_then(|mut pipe| io::copy(&mut pipe, &mut file))
    };
    copied.map_err(|source| Error::Io {
        path: name.to_owned(),
        source,
    })?;
    Ok(Some(file))
}

fn is_sorted(mut rows: Rows, reading: &RowDecoder) -> Result<bool, Error> {
    let (mut row, mut latest) = (FileRow::default(), EventTime::MIN);
    while rows.read(&mut row)? {
        if let Ok(event) = reading.event(&row) {
            if event.time < latest {
                return Ok(false);
            }
            latest = event.time;
        }
    }
    Ok(true)
}
