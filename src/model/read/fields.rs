//! Maps with known keys, and plain values with a meaning.

use std::ops::Range;

use super::ModelReader;
use crate::event::Millis;
use crate::model::lower::STAGE_FACT_NAMES;
use crate::model::problem::{Location, closest_match};
use crate::model::yaml::{YamlKey, YamlNode, YamlValue};

/// The entries of a map whose keys are known.
pub(super) struct Fields<'n> {
    entries: &'n [(YamlKey, YamlNode)],
    /// The keys that others seem to be meant for.
    misspelled: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, key: &str) -> Option<&'n YamlNode> {
        self.entries
            .iter()
            .find(|(known, _)| known.text == key)
            .map(|(_, node)| node)
    }

    /// Whether this key seems to stand there in another spelling.
    pub(super) fn is_misspelled(&self, key: &str) -> bool {
        self.misspelled.contains(&key)
    }
}

/// Longest name of a model, stage or fact.
pub(crate) const NAME_BYTES_MAX: usize = 64;
/// Words that have a meaning in conditions, and so are no names of facts.
pub(crate) const RESERVED_NAMES: [&str; 13] = [
    "any", "true", "false", "null", "in", "since", "days", "hours", "minutes", "has", "over",
    "before", "where",
];

impl ModelReader<'_> {
    /// Reports every key that is not in `known`; those in `later` as not supported yet.
    pub(super) fn read_fields<'n>(
        &mut self,
        node: &'n YamlNode,
        what: &str,
        known: &[&'static str],
        later: &[&str],
    ) -> Option<Fields<'n>> {
        let entries = self.read_map(
            node,
            &format!("{what} is a map with the keys {}", known.join(", ")),
        )?;
        let mut misspelt = Vec::new();
        for (key, value) in entries {
            if key.text.contains(' ') && value.is_null() {
                let help = "inside { } a comma ends the value: put the text in quotes";
                self.add_error(
                    key.location,
                    format!("`{}` reads as a key of its own", key.text),
                    Some(help),
                );
            } else if later.contains(&key.text.as_str()) {
                self.add_error(
                    key.location,
                    format!("`{}` is not supported by this version yet", key.text),
                    None,
                );
            } else if !known.contains(&key.text.as_str()) {
                let meant = match self.problems.is_full() {
                    true => None,
                    false => closest_match(&key.text, known.iter().copied()),
                };
                misspelt.extend(meant);
                let help = match meant {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("the keys are {}", known.join(", ")),
                };
                self.add_error(
                    key.location,
                    format!("{what} has no key `{}`", key.text),
                    Some(&help),
                );
            }
        }
        Some(Fields {
            entries,
            misspelled: misspelt,
        })
    }

    pub(super) fn read_map<'n>(
        &mut self,
        node: &'n YamlNode,
        expected: &str,
    ) -> Option<&'n [(YamlKey, YamlNode)]> {
        match &node.value {
            YamlValue::Map(entries) => Some(entries),
            _ => {
                self.add_error(
                    node.location,
                    format!("expected a map, found {}", node.kind_name()),
                    Some(expected),
                );
                None
            }
        }
    }

    pub(super) fn required_field<'n>(
        &mut self,
        fields: &Fields<'n>,
        key: &str,
        place: Location,
    ) -> Option<&'n YamlNode> {
        let node = fields.get(key);
        if node.is_none() && !fields.is_misspelled(key) {
            self.add_error(
                Location { width: 1, ..place },
                format!("`{key}` is missing"),
                None,
            );
        }
        node
    }

    pub(super) fn read_text<'n>(&mut self, node: &'n YamlNode) -> Option<&'n str> {
        match &node.value {
            YamlValue::Scalar { text, .. } if !node.is_null() => Some(text),
            _ => {
                let found = if node.is_null() {
                    "nothing"
                } else {
                    node.kind_name()
                };
                self.add_error(node.location, format!("expected text, found {found}"), None);
                None
            }
        }
    }

    /// What something is, for people.
    pub(super) fn read_description(&mut self, fields: &Fields<'_>) -> Option<String> {
        let text = self.read_text(fields.get("description")?)?;
        Some(text.to_owned())
    }

    pub(super) fn read_whole_number(&mut self, node: &YamlNode) -> Option<u64> {
        let text = self.read_text(node)?;
        let number = text
            .parse()
            .ok()
            .filter(|number| *number <= i64::MAX as u64);
        if number.is_none() {
            self.add_error(node.location, format!("`{text}` is no whole number"), None);
        }
        number
    }

    /// The values of a list, or the one that stands alone.
    pub(super) fn items(node: &YamlNode) -> &[YamlNode] {
        match &node.value {
            YamlValue::List(items) => items,
            _ => std::slice::from_ref(node),
        }
    }

    pub(super) fn read_bool(&mut self, node: &YamlNode) -> Option<bool> {
        let text = self.read_text(node)?;
        let truth = text.parse().ok();
        if truth.is_none() {
            let message = format!("`{text}` is neither true nor false");
            self.add_error(node.location, message, None);
        }
        truth
    }

    pub(super) fn read_duration(&mut self, node: &YamlNode) -> Option<Millis> {
        let text = self.read_text(node)?;
        let duration = Millis::parse(text);
        if duration.is_none() {
            self.add_error(
                node.location,
                format!("`{text}` is no duration"),
                Some("write 45d, 12h, 30m, 90s or 1d12h"),
            );
        }
        duration
    }

    /// A name of a model or stage.
    pub(super) fn read_name(&mut self, node: &YamlNode) -> Option<String> {
        let name = self.read_text(node)?;
        self.check_name(name, node.location);
        Some(name.to_owned())
    }

    pub(super) fn check_name(&mut self, name: &str, place: Location) {
        if let Some(help) = name_fault(name) {
            self.add_error(place, format!("`{name}` cannot be a name"), Some(&help));
        }
    }

    pub(super) fn check_fact_name(&mut self, name: &str, place: Location) {
        self.check_name(name, place);
        if name.contains('-') {
            self.add_error(
                place,
                format!("`{name}` would read as a subtraction in a condition"),
                Some("use `_`"),
            );
        }
        if RESERVED_NAMES.contains(&name) || STAGE_FACT_NAMES.contains(&name) {
            self.add_error(
                place,
                format!("`{name}` has a meaning of its own in conditions"),
                Some("give the fact another name"),
            );
        }
    }

    /// The place of some bytes of a node's text: exact where the text stands in the file as it is,
    /// else (escapes, several lines) the node's beginning.
    pub(super) fn location_within(&self, node: &YamlNode, span: Range<usize>) -> Location {
        let YamlValue::Scalar { text, quoted } = &node.value else {
            return node.location;
        };
        if self.problems.is_full() {
            return node.location; // A long line is not searched for what nobody will see.
        }
        let quote = usize::from(*quoted);
        let line = self.lines.get(node.location.line - 1).unwrap_or(&"");
        let rest: String = line
            .chars()
            .skip(node.location.column - 1 + quote)
            .collect();
        if !rest.starts_with(text.as_str()) || !text.is_char_boundary(span.start.min(text.len())) {
            return node.location;
        }
        let before = text[..span.start.min(text.len())].chars().count();
        let width = text
            .get(span.start..span.end)
            .map_or(1, |part| part.chars().count())
            .max(1);
        Location {
            line: node.location.line,
            column: node.location.column + quote + before,
            width,
        }
    }
}

/// What names of models and stages are like, if this is none.
pub fn name_fault(name: &str) -> Option<String> {
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        && name.len() <= NAME_BYTES_MAX;
    (!good).then(|| {
        format!(
            "a name begins with a letter and has letters, digits, `_` and `-`, at most {NAME_BYTES_MAX}"
        )
    })
}
