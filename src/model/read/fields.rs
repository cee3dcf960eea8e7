//! Maps with known keys, and plain values with a meaning.

use std::ops::Range;

use super::Reader;
use crate::event::Millis;
use crate::model::lower::STAGE_NAMES;
use crate::model::problem::{Place, closest};
use crate::model::yaml::{Key, Node, Value};

/// The entries of a map whose keys are known.
pub(super) struct Fields<'n> {
    entries: &'n [(Key, Node)],
    /// The keys that others seem to be meant for.
    misspelt: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries
            .iter()
            .find(|(known, _)| known.text == key)
            .map(|(_, node)| node)
    }

    /// Whether this key seems to stand there in another spelling.
    pub(super) fn is_misspelt(&self, key: &str) -> bool {
        self.misspelt.contains(&key)
    }
}

/// Longest name of a model, stage or fact.
pub(in crate::model) const NAME_BYTES_MAX: usize = 64;
/// Words that have a meaning in conditions, and so are no names of facts.
pub(in crate::model) const RESERVED: [&str; 13] = [
    "any", "true", "false", "null", "in", "since", "days", "hours", "minutes", "has", "over",
    "before", "where",
];

impl Reader<'_> {
    /// Reports every key that is not in `known`; those in `later` as not supported yet.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[&'static str],
        later: &[&str],
    ) -> Option<Fields<'n>> {
        let entries = self.map(
            node,
            &format!("{what} is a map with the keys {}", known.join(", ")),
        )?;
        let mut misspelt = Vec::new();
        for (key, value) in entries {
            if key.text.contains(' ') && value.is_null() {
                let help = "inside { } a comma ends the value: put the text in quotes";
                self.error(
                    key.place,
                    format!("`{}` reads as a key of its own", key.text),
                    Some(help),
                );
            } else if later.contains(&key.text.as_str()) {
                self.error(
                    key.place,
                    format!("`{}` is not supported by this version yet", key.text),
                    None,
                );
            } else if !known.contains(&key.text.as_str()) {
                let meant = match self.problems.is_full() {
                    true => None,
                    false => closest(&key.text, known.iter().copied()),
                };
                misspelt.extend(meant);
                let help = match meant {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("the keys are {}", known.join(", ")),
                };
                self.error(
                    key.place,
                    format!("{what} has no key `{}`", key.text),
                    Some(&help),
                );
            }
        }
        Some(Fields { entries, misspelt })
    }

    pub(super) fn map<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n [(Key, Node)]> {
        match &node.value {
            Value::Map(entries) => Some(entries),
            _ => {
                self.error(
                    node.place,
                    format!("expected a map, found {}", node.what()),
                    Some(expected),
                );
                None
            }
        }
    }

    pub(super) fn required<'n>(
        &mut self,
        fields: &Fields<'n>,
        key: &str,
        place: Place,
    ) -> Option<&'n Node> {
        let node = fields.get(key);
        if node.is_none() && !fields.is_misspelt(key) {
            self.error(
                Place { width: 1, ..place },
                format!("`{key}` is missing"),
                None,
            );
        }
        node
    }

    pub(super) fn text<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        match &node.value {
            Value::Scalar { text, .. } if !node.is_null() => Some(text),
            _ => {
                let found = if node.is_null() {
                    "nothing"
                } else {
                    node.what()
                };
                self.error(node.place, format!("expected text, found {found}"), None);
                None
            }
        }
    }

    /// What something is, for people.
    pub(super) fn description(&mut self, fields: &Fields<'_>) -> Option<String> {
        let text = self.text(fields.get("description")?)?;
        Some(text.to_owned())
    }

    pub(super) fn whole_number(&mut self, node: &Node) -> Option<u64> {
        let text = self.text(node)?;
        let number = text
            .parse()
            .ok()
            .filter(|number| *number <= i64::MAX as u64);
        if number.is_none() {
            self.error(node.place, format!("`{text}` is no whole number"), None);
        }
        number
    }

    /// The values of a list, or the one that stands alone.
    pub(super) fn one_or_many(node: &Node) -> &[Node] {
        match &node.value {
            Value::List(items) => items,
            _ => std::slice::from_ref(node),
        }
    }

    pub(super) fn truth(&mut self, node: &Node) -> Option<bool> {
        let text = self.text(node)?;
        let truth = text.parse().ok();
        if truth.is_none() {
            let message = format!("`{text}` is neither true nor false");
            self.error(node.place, message, None);
        }
        truth
    }

    pub(super) fn duration(&mut self, node: &Node) -> Option<Millis> {
        let text = self.text(node)?;
        let duration = Millis::parse(text);
        if duration.is_none() {
            self.error(
                node.place,
                format!("`{text}` is no duration"),
                Some("write 45d, 12h, 30m, 90s or 1d12h"),
            );
        }
        duration
    }

    /// A name of a model or stage.
    pub(super) fn name(&mut self, node: &Node) -> Option<String> {
        let name = self.text(node)?;
        self.check_name(name, node.place);
        Some(name.to_owned())
    }

    pub(super) fn check_name(&mut self, name: &str, place: Place) {
        if let Some(help) = name_fault(name) {
            self.error(place, format!("`{name}` cannot be a name"), Some(&help));
        }
    }

    pub(super) fn check_fact_name(&mut self, name: &str, place: Place) {
        self.check_name(name, place);
        if name.contains('-') {
            self.error(
                place,
                format!("`{name}` would read as a subtraction in a condition"),
                Some("use `_`"),
            );
        }
        if RESERVED.contains(&name) || STAGE_NAMES.contains(&name) {
            self.error(
                place,
                format!("`{name}` has a meaning of its own in conditions"),
                Some("give the fact another name"),
            );
        }
    }

    /// The place of some bytes of a node's text: exact where the text stands in the file as it is,
    /// else (escapes, several lines) the node's beginning.
    pub(super) fn place_within(&self, node: &Node, span: Range<usize>) -> Place {
        let Value::Scalar { text, quoted } = &node.value else {
            return node.place;
        };
        if self.problems.is_full() {
            return node.place; // A long line is not searched for what nobody will see.
        }
        let quote = usize::from(*quoted);
        let line = self.lines.get(node.place.line - 1).unwrap_or(&"");
        let rest: String = line.chars().skip(node.place.column - 1 + quote).collect();
        if !rest.starts_with(text.as_str()) || !text.is_char_boundary(span.start.min(text.len())) {
            return node.place;
        }
        let before = text[..span.start.min(text.len())].chars().count();
        let width = text
            .get(span.start..span.end)
            .map_or(1, |part| part.chars().count())
            .max(1);
        Place {
            line: node.place.line,
            column: node.place.column + quote + before,
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
