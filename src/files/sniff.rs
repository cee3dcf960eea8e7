//! Detects how a CSV file is written, from its beginning. A file with commas and doubled quotes is always read as that.

use csv::{ByteRecord, ReaderBuilder};

use super::options::{FileOptions, QuoteEscape};

/// The bytes of a file that detection reads.
pub(super) const SAMPLE_BYTES: usize = 256 << 10;

/// Tried in this order.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// How the cells of a CSV file are separated and quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) quote_escape: QuoteEscape,
}

impl Dialect {
    /// Detects what the options leave open. `sample` begins with the header, or with the first row if the options name
    /// the columns. `fits` is true for names among which are all that an event needs.
    pub(super) fn detect(
        sample: &[u8],
        options: &FileOptions,
        declared: Option<u8>,
        fits: &dyn Fn(&[String]) -> bool,
    ) -> Dialect {
        let delimiter = options.delimiter.or(declared);
        let delimiter = delimiter.unwrap_or_else(|| match &options.columns {
            Some(names) => find_delimiter(sample, &|cells| cells.len() == names.len()),
            None => find_delimiter(sample, fits),
        });
        let quote_escape =
            options.quote_escape.unwrap_or_else(|| detect_quote_escape(sample, delimiter));
        Dialect { delimiter, quote_escape }
    }

    pub(super) fn reader_builder(self) -> ReaderBuilder {
        let mut builder = ReaderBuilder::new();
        builder.flexible(true).has_headers(false).delimiter(self.delimiter);
        if self.quote_escape == QuoteEscape::Backslash {
            builder.escape(Some(b'\\'));
        }
        builder
    }

    /// What was detected and differs from the usual form, for a message.
    pub(super) fn differences(self, options: &FileOptions) -> Vec<String> {
        let mut differences = Vec::new();
        if self.delimiter != b',' && options.delimiter.is_none() {
            differences.push(format!("delimiter {}", delimiter_name(self.delimiter)));
        }
        if self.quote_escape == QuoteEscape::Backslash && options.quote_escape.is_none() {
            differences.push("quotes escaped by a backslash".to_owned());
        }
        differences
    }
}

fn delimiter_name(delimiter: u8) -> String {
    match delimiter {
        b'\t' => "tab".to_owned(),
        other => format!("'{}'", other.escape_ascii()),
    }
}

/// The delimiter that a first line `sep=;` declares, as Excel writes it, and the length of that line.
pub(super) fn declared_delimiter(sample: &[u8]) -> Option<(u8, usize)> {
    let end = memchr::memchr(b'\n', sample)?;
    let line = sample[..end].trim_ascii_end();
    let line = line.strip_prefix(b"\"").and_then(|it| it.strip_suffix(b"\"")).unwrap_or(line);
    // A tab at the end is trimmed.
    let delimiter = match line {
        [name @ .., b'=', delimiter] if name.eq_ignore_ascii_case(b"sep") => *delimiter,
        [name @ .., b'=']
            if name.eq_ignore_ascii_case(b"sep") && sample[..end].contains(&b'\t') =>
        {
            b'\t'
        }
        _ => return None,
    };
    is_delimiter(delimiter).then_some((delimiter, end + 1))
}

/// Whether a byte can separate cells.
pub(crate) fn is_delimiter(byte: u8) -> bool {
    byte.is_ascii()
        && !matches!(byte, b'"' | b'\\' | b'\n' | b'\r' | 0)
        && !byte.is_ascii_alphanumeric()
}

/// The first delimiter with which the first row fits; else the one that gives the most cells.
fn find_delimiter(sample: &[u8], fits: &dyn Fn(&[String]) -> bool) -> u8 {
    let mut most = (0, DELIMITERS[0]);
    for delimiter in DELIMITERS {
        let cells = first_row(sample, delimiter);
        if fits(&cells) {
            return delimiter;
        }
        if cells.len() > most.0 {
            most = (cells.len(), delimiter);
        }
    }
    most.1
}

fn first_row(sample: &[u8], delimiter: u8) -> Vec<String> {
    let dialect = Dialect { delimiter, quote_escape: QuoteEscape::Doubled };
    let mut row = ByteRecord::new();
    // Reading from memory does not fail.
    let _is_row = dialect.reader_builder().from_reader(sample).read_byte_record(&mut row);
    row.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect()
}

/// How many lines precede the header: the first of the next lines that fits as one.
pub(super) fn lines_before_header(
    sample: &[u8],
    delimiter: u8,
    fits: &dyn Fn(&[String]) -> bool,
) -> Option<u64> {
    const LINES_MAX: u64 = 20;
    let mut rest = sample;
    for line in 1..=LINES_MAX {
        let end = memchr::memchr(b'\n', rest)?;
        rest = &rest[end + 1..];
        if fits(&first_row(rest, delimiter)) {
            return Some(line);
        }
    }
    None
}

/// Backslash, if a quote after one is followed by something that no closing quote is followed by.
fn detect_quote_escape(sample: &[u8], delimiter: u8) -> QuoteEscape {
    let (mut at, mut is_cell_start) = (0, true);
    while let Some(byte) = sample.get(at) {
        if is_cell_start && *byte == b'"' {
            let Some(close) = closing_quote(sample, at) else {
                return QuoteEscape::Doubled;
            };
            let after = sample[close + 1..].iter().find(|byte| **byte != b' ');
            let is_end = after.is_none_or(|it| *it == delimiter || matches!(it, b'\n' | b'\r'));
            if !is_end && close > at + 1 && sample[close - 1] == b'\\' {
                return QuoteEscape::Backslash;
            }
            at = close;
        }
        is_cell_start = *byte == delimiter || *byte == b'\n' || *byte == b'\r';
        at += 1;
    }
    QuoteEscape::Doubled
}

/// The quote that closes the one at `open`, where two quotes stand for one.
fn closing_quote(sample: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += memchr::memchr(b'"', sample.get(at..)?)?;
        if sample.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(text: &str) -> Dialect {
        let fits =
            |names: &[String]| ["id", "time"].iter().all(|name| names.iter().any(|it| it == name));
        Dialect::detect(text.as_bytes(), &FileOptions::default(), None, &fits)
    }

    #[test]
    fn the_delimiter_is_the_one_with_which_the_header_has_the_columns_that_are_needed() {
        for (header, delimiter) in [
            ("id,time", b','),
            ("id;time", b';'),
            ("id\ttime\tnote", b'\t'),
            ("id|\"time\"", b'|'),
            // A comma with which it fits comes first, however many others there are.
            ("id,time,a;b;c;d;e", b','),
            ("\"a,b\";id;time", b';'),
            // With none of them it fits: the one with the most cells, for the message.
            ("Id;Zeit;Wert", b';'),
            ("a,b;c", b','),
            ("", b','),
        ] {
            assert_eq!(detect(header).delimiter, delimiter, "{header}");
        }
    }

    #[test]
    fn without_a_header_the_delimiter_is_the_one_that_gives_as_many_cells_as_names() {
        let columns = Some(vec!["a".to_owned(), "b".to_owned()]);
        let options = FileOptions { columns, ..FileOptions::default() };
        let detect =
            |text: &str| Dialect::detect(text.as_bytes(), &options, None, &|_| false).delimiter;
        assert_eq!(detect("1,5;2\n"), b',');
        assert_eq!(detect("1;2,5,6\n"), b';');
        assert_eq!(detect("1\t2\n"), b'\t');
    }

    #[test]
    fn quotes_are_escaped_by_a_backslash_only_where_no_quote_can_close() {
        let escape = |rows: &str| detect(&format!("id,time\n{rows}")).quote_escape;
        assert_eq!(escape("a,\"{\\\"k\\\":1}\"\n"), QuoteEscape::Backslash);
        assert_eq!(escape("a,\"x\"\nb,\"say \\\"hi\\\" now\"\n"), QuoteEscape::Backslash);
        for doubled in [
            "a,\"C:\\\"\nb,\"D:\\\",x\n",
            "a,\"C:\\\" ,x\n",
            "a,\"say \"\"hi\"\"\"\n",
            "a,\"{\"\"k\"\":\"\"\\\"\"\"\"}\"\n",
            "a,x\\\"y\n",
            "a,\"x\"y\n",
            "a,\"open \\",
            "a,\"open",
        ] {
            assert_eq!(escape(doubled), QuoteEscape::Doubled, "{doubled}");
        }
    }

    #[test]
    fn the_first_line_of_excel_declares_the_delimiter() {
        assert_eq!(declared_delimiter(b"sep=;\r\nid;time\n"), Some((b';', 7)));
        assert_eq!(declared_delimiter(b"\"SEP=|\"\nid\n"), Some((b'|', 8)));
        assert_eq!(declared_delimiter(b"sep=\t\nid\n"), Some((b'\t', 6)));
        for other in ["sep=\nid\n", "sep=ab\n", "separator,id\n", "sep=;", "", "sep=\"\n"] {
            assert_eq!(declared_delimiter(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_header_after_other_lines_is_found() {
        let fits = |names: &[String]| names.contains(&"id".to_owned());
        assert_eq!(lines_before_header(b"Report\nof\nid,time\n", b',', &fits), Some(2));
        assert_eq!(lines_before_header(b"Report\n\nname\n", b',', &fits), None);
    }
}
