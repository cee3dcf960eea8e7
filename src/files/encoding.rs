//! Text encodings: how they are recognised, and their conversion to UTF-8 while a file is read.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::read_buffer::ReadBuffer;

/// The encoding of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextEncoding {
    /// Bytes stay as they are.
    #[default]
    Utf8,
    /// A superset of Latin-1 without its control characters. As in browsers, it stands for Latin-1 too.
    Windows1252,
    Utf16Le,
    Utf16Be,
}

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const CONVERTED_BYTES: usize = 32 << 10;

impl TextEncoding {
    pub fn name(self) -> &'static str {
        match self {
            TextEncoding::Utf8 => "UTF-8",
            TextEncoding::Windows1252 => "windows-1252",
            TextEncoding::Utf16Le => "UTF-16LE",
            TextEncoding::Utf16Be => "UTF-16BE",
        }
    }

    /// By the byte order mark, or by the zero bytes of ASCII characters in UTF-16; `None` without such evidence.
    pub(super) fn detect(first: &[u8]) -> Option<TextEncoding> {
        match first {
            _ if first.starts_with(UTF8_MARK) => Some(TextEncoding::Utf8),
            [0xff, 0xfe, ..] => Some(TextEncoding::Utf16Le),
            [0xfe, 0xff, ..] => Some(TextEncoding::Utf16Be),
            [a, 0, b, 0, ..] if *a > 0 && *b > 0 => Some(TextEncoding::Utf16Le),
            [0, a, 0, b, ..] if *a > 0 && *b > 0 => Some(TextEncoding::Utf16Be),
            _ => None,
        }
    }
}

/// Reads the same text as UTF-8, without a byte order mark.
pub(super) fn to_utf8(mut bytes: ReadBuffer, encoding: TextEncoding) -> io::Result<ReadBuffer> {
    let encoding = match encoding {
        TextEncoding::Utf8 => {
            if bytes.peek(UTF8_MARK.len())?.starts_with(UTF8_MARK) {
                bytes.consume(UTF8_MARK.len());
            }
            return Ok(bytes);
        }
        TextEncoding::Windows1252 => WINDOWS_1252,
        TextEncoding::Utf16Le => UTF_16LE,
        TextEncoding::Utf16Be => UTF_16BE,
    };
    let decoder = encoding.new_decoder_with_bom_removal();
    let converter = Utf8Converter { source: bytes, decoder, converted: ConvertedBytes::default() };
    Ok(ReadBuffer::new(Box::new(converter)))
}

struct Utf8Converter {
    source: ReadBuffer,
    decoder: Decoder,
    converted: ConvertedBytes,
}

/// Converted bytes that are not read yet.
#[derive(Default)]
struct ConvertedBytes {
    storage: Vec<u8>,
    start: usize,
    end: usize,
    is_last: bool,
}

impl Utf8Converter {
    fn convert(&mut self) -> io::Result<()> {
        let Utf8Converter { source, decoder, converted } = self;
        converted.storage.resize(CONVERTED_BYTES, 0);
        (converted.start, converted.end) = (0, 0);
        while converted.end == 0 && !converted.is_last {
            let is_last = source.unread().is_empty() && !source.fill()?;
            let (result, used, written, _) =
                decoder.decode_to_utf8(source.unread(), &mut converted.storage, is_last);
            source.consume(used);
            converted.end = written;
            converted.is_last = is_last && result == CoderResult::InputEmpty;
        }
        Ok(())
    }
}

impl Read for Utf8Converter {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.converted.start == self.converted.end {
            self.convert()?;
        }
        let ConvertedBytes { storage, start, end, .. } = &mut self.converted;
        let count = target.len().min(*end - *start);
        target[..count].copy_from_slice(&storage[*start..*start + count]);
        *start += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &'static [u8], encoding: TextEncoding) -> String {
        let buffer = ReadBuffer::new(Box::new(bytes));
        let mut text = String::new();
        to_utf8(buffer, encoding).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn text_is_converted_without_its_byte_order_mark() {
        assert_eq!(read(b"\xef\xbb\xbfa\xc3\xa9", TextEncoding::Utf8), "aé");
        assert_eq!(read(b"\xa35 \x80", TextEncoding::Windows1252), "£5 €");
        assert_eq!(read(b"\xff\xfea\0\xe9\0", TextEncoding::Utf16Le), "aé");
        assert_eq!(read(b"\0a\0\xe9", TextEncoding::Utf16Be), "aé");
        // Half a character at the end is replaced, not dropped.
        assert_eq!(read(b"a\0b", TextEncoding::Utf16Le), "a\u{fffd}");
        assert_eq!(read(b"", TextEncoding::Utf16Le), "");
    }

    #[test]
    fn only_a_mark_or_the_zero_bytes_of_utf_16_are_evidence() {
        assert_eq!(TextEncoding::detect(b"\xff\xfea\0"), Some(TextEncoding::Utf16Le));
        assert_eq!(TextEncoding::detect(b"\xfe\xff\0a"), Some(TextEncoding::Utf16Be));
        assert_eq!(TextEncoding::detect(b"a\0b\0"), Some(TextEncoding::Utf16Le));
        assert_eq!(TextEncoding::detect(b"\0a\0b"), Some(TextEncoding::Utf16Be));
        assert_eq!(TextEncoding::detect(b"\xef\xbb\xbfa"), Some(TextEncoding::Utf8));
        for other in [&b"a,b,"[..], b"", b"a\0", b"\xa3abc", b"\0\0\0a"] {
            assert_eq!(TextEncoding::detect(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_long_text_is_the_same_in_every_encoding() {
        let text: String =
            (0..100_000).map(|at| ['a', 'é', '€', '\u{1f600}'][at * 7 % 4]).collect();
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let buffer = ReadBuffer::new(Box::new(io::Cursor::new(little)));
        let mut read = String::new();
        to_utf8(buffer, TextEncoding::Utf16Le).unwrap().read_to_string(&mut read).unwrap();
        assert!(read == text);
    }
}
