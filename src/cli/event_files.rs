//! The event files of a command: how they are written, and which files a folder or pattern means.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use super::print_stderr;
use crate::files::{FileOptions, QuoteEscape, TextEncoding, is_delimiter};

/// How event files are written. What is not set is detected for each file.
#[derive(Debug, Default, Args)]
pub(super) struct FileArgs {
    /// What separates the cells of CSV files: a character, or comma, semicolon, tab, pipe. Detected by default.
    #[arg(long, value_name = "CHARACTER", value_parser = parse_delimiter)]
    delimiter: Option<u8>,
    /// The encoding of the files, unless a file begins with a byte order mark. UTF-8 by default, and UTF-16 where it is
    /// detected.
    #[arg(long, value_enum, value_name = "NAME")]
    encoding: Option<EncodingName>,
    /// How CSV files write a quote inside a quoted cell: as two quotes, or after a backslash. Detected by default.
    #[arg(long, value_enum, value_name = "STYLE")]
    quote_escape: Option<QuoteEscapeName>,
    /// The names of the columns, separated by commas, for CSV files without a header. Leave a name empty to ignore the
    /// column.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// The number of lines before the header, or before the first record.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    skip_lines: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum EncodingName {
    #[value(name = "utf-8", alias = "utf8")]
    Utf8,
    /// As windows-1252, which has all of its characters.
    #[value(name = "latin-1", aliases = ["latin1", "iso-8859-1"])]
    Latin1,
    #[value(name = "windows-1252", alias = "cp1252")]
    Windows1252,
    #[value(name = "utf-16le", aliases = ["utf16le", "utf-16"])]
    Utf16Le,
    #[value(name = "utf-16be", alias = "utf16be")]
    Utf16Be,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum QuoteEscapeName {
    Doubled,
    Backslash,
}

impl FileArgs {
    /// Whether any of these arguments is given.
    pub(super) fn is_given(&self) -> bool {
        !self.flags().is_empty()
    }

    /// These arguments for a command line.
    pub(super) fn flags(&self) -> Vec<String> {
        let named = |value: &dyn Fn() -> Option<String>, flag: &str| {
            value().map(|value| format!("--{flag} {}", shell_word(&value)))
        };
        let encoding = || Some(self.encoding?.to_possible_value()?.get_name().to_owned());
        let quotes = || Some(self.quote_escape?.to_possible_value()?.get_name().to_owned());
        let skipped = || (self.skip_lines > 0).then(|| self.skip_lines.to_string());
        let delimiter = || match self.delimiter? {
            b'\t' => Some("tab".to_owned()),
            other => Some(char::from(other).to_string()),
        };
        [
            named(&delimiter, "delimiter"),
            named(&encoding, "encoding"),
            named(&quotes, "quote-escape"),
            named(&|| Some(self.columns.as_ref()?.join(",")), "columns"),
            named(&skipped, "skip-lines"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    pub(super) fn options(&self) -> FileOptions {
        FileOptions {
            delimiter: self.delimiter,
            encoding: self.encoding.map(|name| match name {
                EncodingName::Utf8 => TextEncoding::Utf8,
                EncodingName::Latin1 | EncodingName::Windows1252 => TextEncoding::Windows1252,
                EncodingName::Utf16Le => TextEncoding::Utf16Le,
                EncodingName::Utf16Be => TextEncoding::Utf16Be,
            }),
            quote_escape: self.quote_escape.map(|name| match name {
                QuoteEscapeName::Doubled => QuoteEscape::Doubled,
                QuoteEscapeName::Backslash => QuoteEscape::Backslash,
            }),
            columns: self.columns.clone(),
            skip_lines: self.skip_lines.into(),
        }
    }
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match (text, text.as_bytes()) {
        ("comma", _) => Ok(b','),
        ("semicolon", _) => Ok(b';'),
        ("tab" | "\\t", _) => Ok(b'\t'),
        ("pipe", _) => Ok(b'|'),
        (_, [byte]) if is_delimiter(*byte) => Ok(*byte),
        _ => Err("write one ASCII character, or comma, semicolon, tab or pipe".to_owned()),
    }
}

/// A word of a shell's command line, in quotes where it needs them.
pub(super) fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,+@".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// Prints how a file is written, where that is unusual.
pub(super) fn print_detected(path: &Path, detected: &str) {
    print_stderr(&format!("{}: {detected}", path.display()));
}

/// Files of one folder or pattern: each is open while its events are read.
const EXPANDED_MAX: usize = 1000;

/// The files that the inputs mean, in order: a folder means its files, a pattern those that match it, by name.
pub(super) fn expand(inputs: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for input in inputs {
        let expanded = match input.to_str() {
            _ if input.is_dir() => files_of_folder(input)?,
            Some(pattern) if pattern.contains(['*', '?', '[']) && !input.exists() => {
                files_of_pattern(pattern)?
            }
            _ => vec![input.clone()],
        };
        if expanded.len() > EXPANDED_MAX {
            bail!(
                "cannot read {}: it means {} files, and {EXPANDED_MAX} can be open at once; join some of them",
                input.display(),
                expanded.len()
            );
        }
        files.extend(expanded);
    }
    Ok(files)
}

/// Without hidden files and those that other programs leave as marks, such as `_SUCCESS`.
fn files_of_folder(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let context = || format!("cannot read the folder {}", folder.display());
    let mut files = Vec::new();
    let mut has_folders = false;
    for entry in fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let is_mark = name.starts_with(b".") || name.starts_with(b"_");
        has_folders |= path.is_dir() && !is_mark;
        if path.is_file() && !is_mark {
            files.push(path);
        }
    }
    if files.is_empty() {
        let name = folder.display();
        let hint = if has_folders {
            let pattern = folder.join("*/*");
            format!("; folders in it are not read, but '{}' means their files", pattern.display())
        } else {
            String::new()
        };
        bail!("cannot read {name}: the folder has no files{hint}");
    }
    files.sort();
    Ok(files)
}

fn files_of_pattern(pattern: &str) -> anyhow::Result<Vec<PathBuf>> {
    let options =
        glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
    let paths = glob::glob_with(pattern, options)
        .with_context(|| format!("cannot read {pattern}: it is neither a file nor a pattern"))?;
    let mut files = Vec::new();
    for path in paths {
        let path = path.with_context(|| format!("cannot read {pattern}"))?;
        if path.is_file() {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("cannot read {pattern}: no file matches the pattern");
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::parse_delimiter;

    #[test]
    fn a_delimiter_is_a_character_or_its_name() {
        for (text, delimiter) in
            [(";", b';'), ("semicolon", b';'), ("tab", b'\t'), ("\\t", b'\t'), ("~", b'~')]
        {
            assert_eq!(parse_delimiter(text), Ok(delimiter), "{text}");
        }
        for text in ["", ";;", "\"", "a", "é", "\\"] {
            assert!(parse_delimiter(text).is_err(), "{text}");
        }
    }
}
