//! Opening a file: what it is compressed with and what is in it is seen from its first bytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

const BUFFER_BYTES: usize = 64 << 10;

/// How the rows of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileFormat {
    /// One JSON object per line.
    Json,
    /// Rows under a header.
    Csv,
}

/// Opens a file (`-` is standard input), decompressed.
pub(super) fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let raw: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path)?)
    };
    let mut raw = BufReader::with_capacity(BUFFER_BYTES, raw);
    let first = raw.fill_buf()?;
    let gzip = first.starts_with(&[0x1f, 0x8b]);
    let zstd = first.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    Ok(match (gzip, zstd) {
        (true, _) => Box::new(BufReader::with_capacity(
            BUFFER_BYTES,
            flate2::bufread::MultiGzDecoder::new(raw),
        )),
        (_, true) => Box::new(BufReader::with_capacity(
            BUFFER_BYTES,
            zstd::Decoder::with_buffer(raw)?,
        )),
        (false, false) => Box::new(raw),
    })
}

/// JSON if the first thing in it is an object; an empty file is one without rows.
pub(super) fn detect_format(rows: &mut dyn BufRead) -> io::Result<FileFormat> {
    let first = rows.fill_buf()?;
    let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    let json = first
        .iter()
        .find(|byte| !byte.is_ascii_whitespace())
        .is_none_or(|byte| *byte == b'{' || *byte == b'[');
    Ok(if json {
        FileFormat::Json
    } else {
        FileFormat::Csv
    })
}
