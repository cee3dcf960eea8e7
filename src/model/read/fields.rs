//! Reads maps with known keys, and plain values: text, numbers, durations, names.

use std::ops::Range;

use super::model_reader::ModelReader;
use crate::event::Millis;
use crate::model::lower::STAGE_FACT_NAMES;
use crate::model::problem::{Location, closest_match};
use crate::model::yaml::{YamlKey, YamlNode, YamlValue};

/// The entries of a map whose keys are known.
pub(super) struct Fields<'n> {
    entries: &'n [(YamlKey, YamlNode)],
    /// The known keys that unknown ones seem to be misspellings of.
    misspelled: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, key: &str) -> Option<&'n YamlNode> {
        self.entries.iter().find(|(known, _)| known.text == key).map(|(_, node)| node)
    }

    /// Whether this key seems to be there in another spelling.
    pub(super) fn is_misspelled(&self, key: &str) -> bool {
        self.misspelled.contains(&key)
    }
}

/// Longest name of a model, stage or fact.
pub(crate) const NAME_BYTES_MAX: usize = 64;
/// Words with a meaning in conditions; they cannot be names of facts.
pub(crate) const RESERVED_NAMES: [&str; 13] = [
    "any", "true", "false", "null", "in", "since", "days", "hours", "minutes", "has", "over",
    "before", "where",
];

impl ModelReader<'_> {
    /// Reads a map and reports every key that is not in `known`; those in `later` are reported as not supported yet.
    pub(super) fn read_fields<'n>(
        &mut self,
        node: &'n YamlNode,
        subject: &str,
        known: &[&'static str],
        later: &[&str],
    ) -> Option<Fields<'n>> {
        let entries =
            self.read_map(node, &format!("{subject} is a map with the keys {}", known.join(", ")))?;
        let mut misspelled = Vec::new();
        for (key, value) in entries {
            if key.text.contains(' ') && value.is_null() {
                let help = "inside { } a comma ends the value: put the text in quotes";
                self.add_error(
                    key.location,
                    format!("`{}` is read as a separate key", key.text),
                    Some(help),
                );
            } else if later.contains(&key.text.as_str()) {
                self.add_error(
                    key.location,
                    format!("`{}` is not supported by this version yet", key.text),
                    None,
                );
            } else if !known.contains(&key.text.as_str()) {
                let meant = if self.problems.is_full() {
                    None
                } else {
                    closest_match(&key.text, known.iter().copied())
                };
                misspelled.extend(meant);
                let help = match meant {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("the keys are {}", known.join(", ")),
                };
                self.add_error(
                    key.location,
                    format!("{subject} has no key `{}`", key.text),
                    Some(&help),
                );
            }
        }
        Some(Fields { entries, misspelled })
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
        location: Location,
    ) -> Option<&'n YamlNode> {
        let node = fields.get(key);
        if node.is_none() && !fields.is_misspelled(key) {
            self.add_error(Location { width: 1, ..location }, format!("`{key}` is missing"), None);
        }
        node
    }

    pub(super) fn read_text<'n>(&mut self, node: &'n YamlNode) -> Option<&'n str> {
        match &node.value {
            YamlValue::Scalar { text, .. } if !node.is_null() => Some(text),
            _ => {
                let message = format!("expected text, found {}", node.kind_name());
                self.add_error(node.location, message, None);
                None
            }
        }
    }

    pub(super) fn read_description(&mut self, fields: &Fields<'_>) -> Option<String> {
        let text = self.read_text(fields.get("description")?)?;
        Some(text.to_owned())
    }

    pub(super) fn read_whole_number(&mut self, node: &YamlNode) -> Option<u64> {
        let text = self.read_text(node)?;
        let number = text.parse().ok().filter(|number| *number <= i64::MAX as u64);
        if number.is_none() {
            self.add_error(node.location, format!("`{text}` is not a whole number"), None);
        }
        number
    }

    /// The items of a list; any other value is a list of one.
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
                format!("`{text}` is not a duration"),
                Some("write 45d, 12h, 30m, 90s or 1d12h"),
            );
        }
        duration
    }

    /// Reads a name of a model or stage.
    pub(super) fn read_name(&mut self, node: &YamlNode) -> Option<String> {
        let name = self.read_text(node)?;
        self.check_name(name, node.location);
        Some(name.to_owned())
    }

    pub(super) fn check_name(&mut self, name: &str, location: Location) {
        if let Some(help) = name_fault(name) {
            self.add_error(location, format!("`{name}` cannot be a name"), Some(&help));
        }
    }

    pub(super) fn check_fact_name(&mut self, name: &str, location: Location) {
        self.check_name(name, location);
        if name.contains('-') {
            self.add_error(
                location,
                format!("`{name}` would be read as a subtraction in a condition"),
                Some("use `_`"),
            );
        }
        if RESERVED_NAMES.contains(&name) || STAGE_FACT_NAMES.contains(&name) {
            self.add_error(
                location,
                format!("`{name}` is a reserved word of conditions"),
                Some("give the fact another name"),
            );
        }
    }

    /// The location of a byte span of a node's text. It is exact if the file has the text verbatim; otherwise
    /// (escapes, several lines) it is the start of the node.
    pub(super) fn location_within(&self, node: &YamlNode, span: Range<usize>) -> Location {
        let YamlValue::Scalar { text, quoted } = &node.value else {
            return node.location;
        };
        if self.problems.is_full() {
            return node.location; // The problem is not shown, so a long line need not be searched.
        }
        let quote = usize::from(*quoted);
        let line = self.lines.get(node.location.line - 1).unwrap_or(&"");
        let after_quote: String = line.chars().skip(node.location.column - 1 + quote).collect();
        if !after_quote.starts_with(text.as_str())
            || !text.is_char_boundary(span.start.min(text.len()))
        {
            return node.location;
        }
        let before = text[..span.start.min(text.len())].chars().count();
        let width = text.get(span.start..span.end).map_or(1, |part| part.chars().count()).max(1);
        Location { line: node.location.line, column: node.location.column + quote + before, width }
    }
}

/// The rule for names of models, stages and facts, if `name` violates it.
pub(crate) fn name_fault(name: &str) -> Option<String> {
    let is_valid = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        && name.len() <= NAME_BYTES_MAX;
    (!is_valid).then(|| {
        format!(
            "a name begins with a letter and has letters, digits, `_` and `-`, at most {NAME_BYTES_MAX}"
        )
    })
}
