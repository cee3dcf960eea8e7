//! Decodes rows of a CSV file. Its header names the same paths as the keys of a JSON object.

use std::borrow::Cow;

use super::{Decoder, RawFields, RawScalar};
use crate::event::mapping::FieldTarget;
use crate::event::{Event, RejectReason};

/// The targets of each column of a file.
#[derive(Clone, Debug)]
pub struct Columns {
    targets: Vec<Vec<FieldTarget>>,
    /// The first two columns that have a target in common. Then every row is rejected, since either could be meant.
    repeated: Option<(usize, usize)>,
}

impl Columns {
    /// Reads a header. A column has the name of its path (`properties.score`); for a property, the property's name
    /// is enough. `Err` lists the required columns that are missing.
    pub fn from_header<'h>(
        decoder: &Decoder,
        header: impl Iterator<Item = &'h str>,
    ) -> Result<Columns, Vec<String>> {
        let columns: Vec<Vec<FieldTarget>> =
            header.map(|name| column_targets(decoder, name.trim())).collect();
        let mapping = &decoder.mapping;
        let required = [
            (FieldTarget::Customer, &mapping.customer_id),
            (FieldTarget::EventType, &mapping.event_type),
            (FieldTarget::Time, &mapping.time),
        ];
        let missing: Vec<String> = required
            .iter()
            .filter(|(target, _)| !columns.iter().any(|targets| targets.contains(target)))
            .map(|(_, path)| path.0.join("."))
            .collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let shared = |one: &usize, at: usize| columns[*one].iter().any(|t| columns[at].contains(t));
        let repeated =
            (0..columns.len()).find_map(|at| Some(((0..at).find(|one| shared(one, at))?, at)));
        Ok(Columns { repeated, targets: columns })
    }

    /// Two columns, by index, that are read as the same field.
    pub fn repeated(&self) -> Option<(usize, usize)> {
        self.repeated
    }
}

fn column_targets(decoder: &Decoder, name: &str) -> Vec<FieldTarget> {
    let path: Vec<String> = name.split('.').map(str::to_owned).collect();
    let as_property: Vec<String> =
        decoder.mapping.properties.0.iter().chain(&path).cloned().collect();
    let node = decoder.tree.find(&path).or_else(|| decoder.tree.find(&as_property));
    node.map(|node| node.targets.clone()).unwrap_or_default()
}

impl Decoder {
    /// Decodes one row; an empty cell is an absent field.
    pub fn decode_row<'r>(
        &self,
        columns: &Columns,
        cells: impl ExactSizeIterator<Item = &'r [u8]>,
    ) -> Result<Event, RejectReason> {
        if cells.len() != columns.targets.len() {
            return Err(RejectReason::BadRow);
        }
        if columns.repeated.is_some() {
            return Err(RejectReason::DuplicateKey);
        }
        let mut draft = RawFields::default();
        let mut bytes = 0;
        for (targets, cell) in columns.targets.iter().zip(cells) {
            bytes += cell.len();
            if bytes > self.limits.record_bytes {
                return Err(RejectReason::TooLarge);
            }
            let text = std::str::from_utf8(cell).map_err(|_| RejectReason::NotUtf8)?;
            if text.len() > self.limits.text_bytes {
                return Err(RejectReason::TooLong);
            }
            if !text.is_empty() && !targets.is_empty() {
                draft.set(targets, RawScalar::Text(Cow::Borrowed(text)));
            }
        }
        self.build_event(draft)
    }
}
