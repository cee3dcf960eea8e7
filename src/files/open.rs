//! Opens a file as UTF-8 text: decompresses and converts it, and refuses what is no text.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::Error;
use super::encoding::{TextEncoding, to_utf8};
use super::not_text;
use super::options::FileOptions;
use super::read_buffer::ReadBuffer;

/// A file that is open, and what was found out about it.
#[derive(Debug)]
pub(super) struct OpenedFile {
    /// After the lines to skip.
    pub(super) bytes: ReadBuffer,
    /// The encoding in the file, if it was detected and needs a conversion.
    pub(super) detected: Option<TextEncoding>,
    /// The number of the next line.
    pub(super) line: u64,
}

/// Opens the file at `path` (`-` is standard input), which errors call `name`.
pub(super) fn open(path: &Path, name: &Path, options: &FileOptions) -> Result<OpenedFile, Error> {
    let io_error = |source| Error::Io { path: name.to_owned(), source };
    let mut bytes = decompress(path).map_err(io_error)?;
    let first = bytes.peek(not_text::MAGIC_BYTES).map_err(io_error)?;
    if let Some((format, remedy)) = not_text::detect(first, &name.display().to_string()) {
        return Err(Error::NotText { path: name.to_owned(), format, remedy });
    }
    let detected = TextEncoding::detect(first);
    let encoding = detected.or(options.encoding).unwrap_or_default();
    let mut bytes = to_utf8(bytes, encoding).map_err(io_error)?;
    skip_lines(&mut bytes, options.skip_lines).map_err(io_error)?;
    let detected = detected.filter(|encoding| *encoding != TextEncoding::Utf8);
    Ok(OpenedFile { bytes, detected, line: options.skip_lines + 1 })
}

fn decompress(path: &Path) -> io::Result<ReadBuffer> {
    let raw: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    let mut raw = ReadBuffer::new(raw);
    let first = raw.peek(4)?;
    let gzip = first.starts_with(&[0x1f, 0x8b]);
    let zstd = first.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    Ok(match (gzip, zstd) {
        (true, _) => ReadBuffer::new(Box::new(flate2::read::MultiGzDecoder::new(raw))),
        (_, true) => ReadBuffer::new(Box::new(zstd::Decoder::new(raw)?)),
        (false, false) => raw,
    })
}

fn skip_lines(bytes: &mut ReadBuffer, lines: u64) -> io::Result<()> {
    let mut left = lines;
    while left > 0 {
        if bytes.unread().is_empty() && !bytes.fill()? {
            break;
        }
        let end = memchr::memchr(b'\n', bytes.unread());
        left -= u64::from(end.is_some());
        bytes.consume(end.map_or(bytes.unread().len(), |end| end + 1));
    }
    Ok(())
}
