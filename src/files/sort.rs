//! External sort: sorted runs in temporary files.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::Error;
use super::file_row::FileRow;
use super::rows::Rows;

/// Memory for one run while it is being sorted.
const RUN_BYTES: usize = 48 << 20;
/// Memory of a row in addition to its bytes.
const ROW_OVERHEAD_BYTES: usize = 256;
/// Maximum runs of one file: each needs a small buffer and an open file.
const RUNS_MAX: usize = 512;

/// A sorted part of an input, in a temporary file.
pub(super) struct SortedRun(BufReader<File>);

/// Divides a file into runs that are sorted by key and place in the file. Leaves out rows without a key.
pub(super) fn sort_into_runs<K: Ord>(
    mut rows: Rows,
    mut key: impl FnMut(&FileRow) -> Option<K>,
    path: &Path,
    folder: &Path,
) -> Result<Vec<SortedRun>, Error> {
    let mut runs = Vec::new();
    let mut pending: Vec<(K, FileRow)> = Vec::new();
    let (mut row, mut bytes) = (FileRow::default(), 0);
    while rows.read(&mut row)? {
        let Some(key) = key(&row) else {
            continue;
        };
        bytes += row.raw.len() + row.cells.as_slice().len() + ROW_OVERHEAD_BYTES;
        pending.push((key, std::mem::take(&mut row)));
        if bytes >= RUN_BYTES {
            runs.push(spill(&mut pending, folder)?);
            bytes = 0;
        }
        if runs.len() > RUNS_MAX {
            return Err(Error::TooLarge { path: path.to_owned() });
        }
    }
    runs.push(spill(&mut pending, folder)?);
    Ok(runs)
}

fn spill<K: Ord>(pending: &mut Vec<(K, FileRow)>, folder: &Path) -> Result<SortedRun, Error> {
    pending.sort_by(|(key_a, a), (key_b, b)| (key_a, a.order()).cmp(&(key_b, b.order())));
    write_run(pending, folder).map_err(Error::Temporary)
}

/// Row format, little-endian: line (u64), rows before it on the line (u32), line of an open quote or 0 (u64), truncated
/// (u8), bytes with their length (u32), number of cells (u32), each cell with its length (u32).
fn write_run<K>(pending: &mut Vec<(K, FileRow)>, folder: &Path) -> io::Result<SortedRun> {
    let mut out = BufWriter::new(tempfile::tempfile_in(folder)?);
    for (_, row) in pending.drain(..) {
        out.write_all(&row.line.to_le_bytes())?;
        out.write_all(&row.record.to_le_bytes())?;
        out.write_all(&row.open_quote.unwrap_or_default().to_le_bytes())?;
        out.write_all(&[row.is_truncated.into()])?;
        out.write_all(&(row.raw.len() as u32).to_le_bytes())?;
        out.write_all(&row.raw)?;
        out.write_all(&(row.cells.len() as u32).to_le_bytes())?;
        for cell in &row.cells {
            out.write_all(&(cell.len() as u32).to_le_bytes())?;
            out.write_all(cell)?;
        }
    }
    let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(SortedRun(BufReader::new(file)))
}

impl SortedRun {
    /// The next row; `false` at the end.
    pub(super) fn read(&mut self, row: &mut FileRow) -> Result<bool, Error> {
        self.read_row(row).map_err(Error::Temporary)
    }

    fn read_row(&mut self, row: &mut FileRow) -> io::Result<bool> {
        let mut line = [0; 8];
        match self.0.read_exact(&mut line) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            other => other?,
        }
        row.line = u64::from_le_bytes(line);
        row.record = self.read_u32()?;
        // 0 is none: lines count from 1.
        self.0.read_exact(&mut line)?;
        row.open_quote = Some(u64::from_le_bytes(line)).filter(|line| *line > 0);
        let mut truncated = [0];
        self.0.read_exact(&mut truncated)?;
        row.is_truncated = truncated[0] != 0;
        row.raw.resize(self.read_u32()? as usize, 0);
        self.0.read_exact(&mut row.raw)?;
        row.cells.clear();
        let cells = self.read_u32()?;
        let mut cell = Vec::new();
        for _ in 0..cells {
            cell.resize(self.read_u32()? as usize, 0);
            self.0.read_exact(&mut cell)?;
            row.cells.push_field(&cell);
        }
        Ok(true)
    }

    fn read_u32(&mut self) -> io::Result<u32> {
        let mut number = [0; 4];
        self.0.read_exact(&mut number)?;
        Ok(u32::from_le_bytes(number))
    }
}
