//! Decodes rows of a CSV file. Its header names the same paths as the keys of a JSON object.

use std::borrow::Cow;

use super::{Decoder, RawFields, RawScalar, json, passes};
use crate::event::mapping::{FieldTarget, MappingNode, RankedTarget};
use crate::event::{Event, FieldSource, Observations, Path, RejectReason, Step};

/// What is read from each column of a file.
#[derive(Clone, Debug)]
pub struct Columns {
    /// `None` for a column that is not read.
    nodes: Vec<Option<MappingNode>>,
    /// The columns of the mapping's filter, with the texts that pass.
    filter: Vec<(usize, Vec<String>)>,
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
        let names: Vec<&str> = header.map(str::trim).collect();
        let nodes: Vec<Option<MappingNode>> =
            names.iter().map(|name| column_node(decoder, name).cloned()).collect();
        let mapping = &decoder.mapping;
        let required = [
            (FieldTarget::Customer, &mapping.customer_id),
            (FieldTarget::EventType, &mapping.event_type),
            (FieldTarget::Time, &mapping.time),
        ];
        let has = |target: FieldTarget| nodes.iter().flatten().any(|node| reads(node, target));
        let mut missing: Vec<String> = required
            .iter()
            .filter(|(target, source)| source.constant.is_none() && !has(*target))
            .map(|(_, source)| path_texts(source))
            .collect();
        let mut filter = Vec::new();
        for (path, texts) in &mapping.filter {
            match names.iter().position(|name| name == path) {
                Some(at) => filter.push((at, texts.clone())),
                None => missing.push(path.clone()),
            }
        }
        if !missing.is_empty() {
            return Err(missing);
        }
        let targets = |at: usize| nodes[at].iter().flat_map(|node| &node.targets);
        let shared = |one: usize, at: usize| {
            targets(one).any(|target| targets(at).any(|other| other == target))
        };
        let repeated =
            (0..nodes.len()).find_map(|at| Some(((0..at).find(|one| shared(*one, at))?, at)));
        Ok(Columns { nodes, filter, repeated })
    }

    /// Two columns, by index, that are read as the same field.
    pub fn repeated(&self) -> Option<(usize, usize)> {
        self.repeated
    }
}

/// The paths of a field, any of which would do.
fn path_texts(source: &FieldSource) -> String {
    let texts: Vec<String> = source.paths.iter().map(Path::to_string).collect();
    texts.join(" or ")
}

fn reads(node: &MappingNode, target: FieldTarget) -> bool {
    let is_target = |ranked: &RankedTarget| ranked.target == target;
    node.targets.iter().any(is_target)
        || node.children.iter().any(|(_, child)| reads(child, target))
        || node.elements.iter().any(|(_, child)| reads(child, target))
}

fn column_node<'d>(decoder: &'d Decoder, name: &str) -> Option<&'d MappingNode> {
    if name.is_empty() {
        return None;
    }
    let whole = Path(vec![Step::Key(name.to_owned())]);
    let tree = &decoder.tree;
    let direct = tree.find(&whole).or_else(|| tree.find(&Path::of_keys(name)));
    let mut as_property = decoder.mapping.properties.paths.iter().map(|path| path.property(name));
    direct.or_else(|| as_property.find_map(|path| tree.find(&path)))
}

impl Decoder {
    /// Decodes one row; an empty cell is an absent field.
    pub fn decode_row<'r>(
        &self,
        columns: &Columns,
        cells: impl ExactSizeIterator<Item = &'r [u8]>,
    ) -> Result<Event, RejectReason> {
        self.decode_row_observed(columns, cells, &mut Observations::off())
    }

    /// As [`Decoder::decode_row`], and adds to `observed` what was found and what could not be read.
    pub(crate) fn decode_row_observed<'r>(
        &self,
        columns: &Columns,
        cells: impl ExactSizeIterator<Item = &'r [u8]>,
        observed: &mut Observations,
    ) -> Result<Event, RejectReason> {
        let decoded = self.try_decode_row(columns, cells, observed);
        observed.count(&decoded);
        decoded
    }

    fn try_decode_row<'r>(
        &self,
        columns: &Columns,
        cells: impl ExactSizeIterator<Item = &'r [u8]>,
        observed: &mut Observations,
    ) -> Result<Event, RejectReason> {
        if cells.len() != columns.nodes.len() {
            return Err(RejectReason::BadRow);
        }
        if columns.repeated.is_some() {
            return Err(RejectReason::DuplicateKey);
        }
        let mut draft = RawFields::new(&self.mapping);
        let mut bytes = 0;
        for (at, (node, cell)) in columns.nodes.iter().zip(cells).enumerate() {
            bytes += cell.len();
            if bytes > self.limits.record_bytes {
                return Err(RejectReason::TooLarge);
            }
            let filter = columns.filter.iter().find(|(column, _)| *column == at);
            if node.is_none() && filter.is_none() {
                continue;
            }
            let text = std::str::from_utf8(cell).map_err(|_| RejectReason::NotUtf8)?;
            if text.len() > self.limits.text_bytes {
                return Err(RejectReason::TooLong);
            }
            let token = RawScalar::Text(Cow::Borrowed(text.trim()));
            if let Some((_, texts)) = filter
                && !passes(Some(&token), texts)
            {
                return Err(RejectReason::LeftOut);
            }
            if let Some(node) = node {
                if node.is_inner() {
                    json::decode_inner(text.trim(), node, &self.limits, &mut draft)?;
                }
                draft.offer(&node.targets, token);
            }
        }
        self.build_event(&mut draft, observed)
    }
}
