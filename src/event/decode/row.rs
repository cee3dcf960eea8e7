//! Rows of a CSV file, whose header names the same places as the keys of a JSON object.

use std::borrow::Cow;

use super::{Decoder, Draft, Token};
use crate::event::mapping::Target;
use crate::event::{Event, Reason};

/// What each column of a file is read for.
#[derive(Clone, Debug)]
pub struct Columns {
    targets: Vec<Vec<Target>>,
    /// Whether two columns are read for the same; then no row says which of them counts.
    ambiguous: bool,
}

impl Columns {
    /// Reads a header. A column is named by its path (`properties.score`) or, for a property, by its
    /// own name. `Err` lists the required columns that are missing.
    pub fn from_header<'h>(
        decoder: &Decoder,
        header: impl Iterator<Item = &'h str>,
    ) -> Result<Columns, Vec<String>> {
        let columns: Vec<Vec<Target>> = header.map(|name| targets(decoder, name.trim())).collect();
        let mapping = &decoder.mapping;
        let required = [
            (Target::Customer, &mapping.customer_id),
            (Target::Kind, &mapping.kind),
            (Target::Time, &mapping.time),
        ];
        let missing: Vec<String> = required
            .iter()
            .filter(|(target, _)| !columns.iter().any(|targets| targets.contains(target)))
            .map(|(_, path)| path.0.join("."))
            .collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let repeats = |at: usize| {
            columns[..at]
                .iter()
                .flatten()
                .any(|t| columns[at].contains(t))
        };
        Ok(Columns {
            ambiguous: (0..columns.len()).any(repeats),
            targets: columns,
        })
    }
}

fn targets(decoder: &Decoder, name: &str) -> Vec<Target> {
    let path: Vec<String> = name.split('.').map(str::to_owned).collect();
    let as_property: Vec<String> = decoder
        .mapping
        .properties
        .0
        .iter()
        .chain(&path)
        .cloned()
        .collect();
    let node = decoder
        .tree
        .at(&path)
        .or_else(|| decoder.tree.at(&as_property));
    node.map(|node| node.targets.clone()).unwrap_or_default()
}

impl Decoder {
    /// Reads one row; an empty cell is an absent field.
    pub fn row<'r>(
        &self,
        columns: &Columns,
        cells: impl ExactSizeIterator<Item = &'r [u8]>,
    ) -> Result<Event, Reason> {
        if cells.len() != columns.targets.len() {
            return Err(Reason::BadRow);
        }
        if columns.ambiguous {
            return Err(Reason::DuplicateKey);
        }
        let mut draft = Draft::default();
        let mut bytes = 0;
        for (targets, cell) in columns.targets.iter().zip(cells) {
            bytes += cell.len();
            if bytes > self.limits.record_bytes {
                return Err(Reason::TooLarge);
            }
            let text = std::str::from_utf8(cell).map_err(|_| Reason::NotUtf8)?;
            if text.len() > self.limits.text_bytes {
                return Err(Reason::TooLong);
            }
            if !text.is_empty() && !targets.is_empty() {
                draft.put(targets, Token::Text(Cow::Borrowed(text)));
            }
        }
        self.finish(draft)
    }
}
