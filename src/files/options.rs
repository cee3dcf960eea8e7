//! How files are read, where the user sets it.

use super::encoding::TextEncoding;

/// What the user sets about the files of a command. Whatever is not set is detected for each file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileOptions {
    /// Between the cells of a CSV file; ASCII.
    pub delimiter: Option<u8>,
    /// Files with a byte order mark have the encoding that it names.
    pub encoding: Option<TextEncoding>,
    pub quote_escape: Option<QuoteEscape>,
    /// The names of the columns, for CSV files without a header.
    pub columns: Option<Vec<String>>,
    /// Lines before the header, or before the first record.
    pub skip_lines: u64,
}

/// How a quote is written inside a quoted cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuoteEscape {
    /// As two quotes: `""`.
    #[default]
    Doubled,
    /// After a backslash, as Spark writes it: `\"`. Two quotes are read as well.
    Backslash,
}
