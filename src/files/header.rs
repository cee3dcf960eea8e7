//! The names of the columns of a CSV file, and what is wrong with them.

use std::path::Path;

use super::Error;
use crate::event::{Columns, Decoder, Mapping, fold_spelling};
use crate::model::sanitize_for_terminal;

/// Names the columns of a CSV file.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) names: Vec<String>,
    pub(super) source: HeaderSource,
}

/// Where the names come from.
#[derive(Clone, Debug)]
pub(super) enum HeaderSource {
    /// The user.
    Options,
    /// The first row.
    File {
        raw: Vec<u8>,
        /// How many lines of the file precede a later one that would fit as the header.
        lines_to_skip: Option<u64>,
    },
}

/// Whether the columns have all that an event needs.
pub(super) fn fits(decoder: &Decoder, names: &[String]) -> bool {
    Columns::from_header(decoder, names.iter().map(String::as_str)).is_ok()
}

impl Header {
    /// Maps the columns to the fields that a decoder reads.
    pub(super) fn columns(&self, path: &Path, decoder: &Decoder) -> Result<Columns, Error> {
        let columns = Columns::from_header(decoder, self.names.iter().map(String::as_str))
            .map_err(|missing| self.missing_error(path, &missing))?;
        match columns.repeated() {
            None => Ok(columns),
            Some((first, second)) => Err(Error::RepeatedColumn {
                path: path.to_owned(),
                name: self.shown_name(second),
                other: self.shown_name(first),
                numbers: (first + 1, second + 1),
            }),
        }
    }

    pub(super) fn set_lines_to_skip(&mut self, lines: Option<u64>) {
        if let HeaderSource::File { lines_to_skip, .. } = &mut self.source {
            *lines_to_skip = lines;
        }
    }

    fn shown_name(&self, column: usize) -> String {
        sanitize_for_terminal(self.names.get(column).map_or("", |name| name.trim()))
    }

    fn missing_error(&self, path: &Path, missing: &[String]) -> Error {
        let (subject, found) = match &self.source {
            HeaderSource::Options => ("--columns", self.names.join(",").into_bytes()),
            HeaderSource::File { raw, .. } => ("the header", raw.clone()),
        };
        let text = String::from_utf8_lossy(&found);
        let first = text.lines().next().unwrap_or_default();
        let mut shown =
            sanitize_for_terminal(&first.chars().take(SHOWN_CHARS_MAX).collect::<String>());
        if first.chars().count() > SHOWN_CHARS_MAX {
            shown += "…";
        }
        let remedy = self.remedy(first, missing);
        let missing = missing.join(", ");
        Error::Header { path: path.to_owned(), subject, missing, found: shown, remedy }
    }

    fn remedy(&self, first: &str, missing: &[String]) -> String {
        let flags = self.mapping_flags(missing);
        if !flags.is_empty() {
            return format!("names must match exactly: use {}", flags.join(" "));
        }
        if let Some(name) = missing.iter().find_map(|path| self.similar_name(path)) {
            return format!(
                "names must match exactly: the file has `{}`",
                sanitize_for_terminal(name)
            );
        }
        match &self.source {
            HeaderSource::File { lines_to_skip: Some(lines), .. } => {
                format!("a line after it looks like the header: use --skip-lines {lines}")
            }
            HeaderSource::File { .. } if first.starts_with('"') && first.contains("\":") => {
                "a JSON file begins with { or [".to_owned()
            }
            HeaderSource::File { .. } => {
                "if a column has another name, map it, for example --map customer_id=user_id; \
                 if the file has no header, name its columns with --columns"
                    .to_owned()
            }
            HeaderSource::Options => {
                "name the columns as an event names its fields, or map them with --map".to_owned()
            }
        }
    }

    /// The flags that map all fields whose columns are written differently, if one that is missing is among them.
    fn mapping_flags(&self, missing: &[String]) -> Vec<String> {
        let is_native =
            |path: &String| Mapping::is_required(path) && self.similar_name(path).is_some();
        if !missing.iter().any(is_native) {
            return Vec::new();
        }
        let flag = |field: &&str| {
            let entry = format!("{field}={}", sanitize_for_terminal(self.similar_name(field)?));
            let is_special = |c: char| !c.is_ascii_alphanumeric() && !"_-.=".contains(c);
            Some(if entry.contains(is_special) {
                format!("--map '{entry}'")
            } else {
                format!("--map {entry}")
            })
        };
        Mapping::FIELDS.iter().filter_map(flag).collect()
    }

    /// A name that differs from `path` by case, blanks and punctuation only; `None` if the path is there itself.
    fn similar_name(&self, path: &str) -> Option<&str> {
        let mut names = self.names.iter().map(|name| name.trim());
        if names.clone().any(|name| name == path) {
            return None;
        }
        names.find(|name| fold_spelling(name) == fold_spelling(path))
    }
}

/// Characters of a header that an error shows.
const SHOWN_CHARS_MAX: usize = 80;
