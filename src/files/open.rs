//! Opens a file; detects compression and format by its first bytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

const BUFFER_BYTES: usize = 64 << 10;

/// The format of the rows of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileFormat {
    /// One JSON object per line.
    Json,
    /// Rows after a header.
    Csv,
}

/// Opens a file (`-` is standard input), decompressed.
pub(super) fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let raw: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    let mut raw = BufReader::with_capacity(BUFFER_BYTES, raw);
    let first = raw.fill_buf()?;
    let gzip = first.starts_with(&[0x1f, 0x8b]);
    let zstd = first.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    Ok(match (gzip, zstd) {
        (true, _) => Box::new(BufReader::with_capacity(
            BUFFER_BYTES,
            flate2::bufread::MultiGzDecoder::new(raw),
        )),
        (_, true) => {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, zstd::Decoder::with_buffer(raw)?))
        }
        (false, false) => Box::new(raw),
    })
}

/// JSON if the file begins with an object or array, or is empty.
pub(super) fn detect_format(rows: &mut dyn BufRead) -> io::Result<FileFormat> {
    let first = rows.fill_buf()?;
    let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    let is_json = first
        .iter()
        .find(|byte| !byte.is_ascii_whitespace())
        .is_none_or(|byte| *byte == b'{' || *byte == b'[');
    Ok(if is_json { FileFormat::Json } else { FileFormat::Csv })
}
