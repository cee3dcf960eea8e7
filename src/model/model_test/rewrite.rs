//! Edits expectations in the text of a model file, and leaves every other byte as it is.

mod block_sequence;
mod compare;
mod empty_sequence;
mod flow_sequence;

use super::patch::{LineIndex, Patch, apply_patches};
use super::quote::{is_source_of, quote_scalar, quote_scalar_like, quoted_scalar_len};
use crate::model::problem::{Location, ProblemList, normalize_line_ends};
use crate::model::yaml::{self, YamlKey, YamlNode, YamlValue};

/// Changes of one test's expectations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TestEdit {
    /// The index of the test in the file.
    pub test: usize,
    /// Other expectations stay as they are.
    pub changes: Vec<ExpectationChange>,
}

/// A change of one expectation, by its index in the test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ExpectationChange {
    /// Changes the value of a key that the expectation has.
    Set {
        expectation: usize,
        key: &'static str,
        value: String,
    },
    /// Removes the expectation. Its comments stay, as lines of their own.
    Remove { expectation: usize },
    Add {
        /// `None`: at the beginning. Several after the same one keep the order of the changes.
        after: Option<usize>,
        /// Keys and values.
        entries: Vec<(&'static str, String)>,
    },
}

/// Why expectations cannot be edited safely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditError {
    pub location: Location,
    /// The reason, and what to do.
    pub message: String,
}

/// A model file as text, with its syntax tree.
#[derive(Debug)]
pub(crate) struct ModelFileEditor {
    text: String,
    /// Whether `text` has a final line end that the file lacks.
    line_end_added: bool,
    root: YamlNode,
}

impl ModelFileEditor {
    /// `None` if the text is not valid YAML.
    pub(crate) fn parse(text: &str) -> Option<ModelFileEditor> {
        let root = yaml::parse(&normalize_line_ends(text), &mut ProblemList::default())?;
        let ended = !text.ends_with(['\n', '\r']);
        let end = if ended {
            LineIndex::new(text).line_end()
        } else {
            ""
        };
        Some(ModelFileEditor {
            text: format!("{text}{end}"),
            line_end_added: ended,
            root,
        })
    }

    /// The edited text, and the tests that could not be edited, with the reason.
    pub(crate) fn rewrite(&self, edits: &[TestEdit]) -> (String, Vec<(usize, EditError)>) {
        let lines = LineIndex::new(&self.text);
        let (mut patches, mut refused) = (Vec::new(), Vec::new());
        for edit in edits {
            match self.patches(&lines, edit) {
                Ok(some) => patches.extend(some),
                Err(refusal) => refused.push((edit.test, refusal)),
            }
        }
        let mut text = apply_patches(&self.text, patches);
        if self.line_end_added {
            text.truncate(text.len() - lines.line_end().len());
        }
        (text, refused)
    }

    fn patches(&self, lines: &LineIndex<'_>, edit: &TestEdit) -> Result<Vec<Patch>, EditError> {
        let tests = self.root.get("tests").map(|(_, tests)| &tests.value);
        let test = match tests {
            Some(YamlValue::List(tests)) => tests.get(edit.test),
            _ => None,
        };
        let test = test.unwrap_or(&self.root);
        let Some((key, list)) = test.get("expect") else {
            return Err(edit_error(
                test.location,
                "there is no `expect` to write into",
            ));
        };
        let expectations = ExpectationList {
            lines,
            test,
            key,
            list,
        };
        match &list.value {
            YamlValue::List(items) if !items.is_empty() => {
                if list.is_flow_style {
                    expectations.rewrite_flow_sequence(items, &edit.changes)
                } else {
                    expectations.rewrite_block_sequence(items, &edit.changes)
                }
            }
            _ => expectations.fill_empty_sequence(&edit.changes),
        }
    }
}

/// The expectations of one test in the text.
struct ExpectationList<'s> {
    lines: &'s LineIndex<'s>,
    test: &'s YamlNode,
    key: &'s YamlKey,
    list: &'s YamlNode,
}

/// How an expectation is written.
#[derive(Clone, Copy)]
enum ExpectationStyle<'t> {
    /// In braces, with this before the first key and after the last value.
    Flow(&'t str),
    /// A line for each key, beginning at this column.
    Block(usize),
}

impl<'s> ExpectationList<'s> {
    /// Changes the value of a key, in the same quotes.
    fn set_value(&self, item: &YamlNode, key: &str, value: &str) -> Result<Patch, EditError> {
        let entry = item.get(key);
        let range = entry.and_then(|(_, node)| {
            let range = self.start_offset(node)?..self.end_offset(node)?;
            let YamlValue::Scalar { text, .. } = &node.value else {
                return None;
            };
            is_source_of(self.lines.text().get(range.clone())?, text).then_some(range)
        });
        let Some(range) = range else {
            let message =
                format!("`{key}` is written in a way that is not changed here: put it on one line");
            let location = entry.map_or(item.location, |(key, _)| key.location);
            return Err(edit_error(location, &message));
        };
        let text = quote_scalar_like(&self.lines.text()[range.clone()], value);
        Ok(Patch { range, text })
    }

    fn start_offset(&self, node: &YamlNode) -> Option<usize> {
        self.lines
            .offset((node.location.line, node.location.column))
    }

    /// The offset after the node's text, closing bracket, or last value.
    fn end_offset(&self, node: &YamlNode) -> Option<usize> {
        let last = match &node.value {
            YamlValue::Scalar { quoted: true, .. } => {
                let begin = self.start_offset(node)?;
                return Some(begin + quoted_scalar_len(&self.lines.text()[begin..])?);
            }
            YamlValue::Scalar { .. } => None,
            YamlValue::List(items) => items.last(),
            YamlValue::Map(entries) => entries.last().map(|(_, node)| node),
        };
        match last {
            Some(last) if !node.is_flow_style => self.end_offset(last),
            _ => self.lines.offset(node.end),
        }
    }

    /// The style of a list's item.
    fn style(&self, item: &YamlNode) -> ExpectationStyle<'s> {
        let after = self.start_offset(item).map(|at| &self.lines.text()[at..]);
        match after {
            Some(text) if item.is_flow_style => {
                ExpectationStyle::Flow(if text.starts_with("{ ") { " " } else { "" })
            }
            _ => ExpectationStyle::Block(item.location.column),
        }
    }

    fn format_expectation(
        &self,
        style: ExpectationStyle<'_>,
        entries: &[(&'static str, String)],
    ) -> String {
        let entries = entries
            .iter()
            .map(|(key, value)| format!("{key}: {}", quote_scalar(value)));
        let entries: Vec<String> = entries.collect();
        match style {
            ExpectationStyle::Flow(space) => format!("{{{space}{}{space}}}", entries.join(", ")),
            ExpectationStyle::Block(column) => {
                let indent = " ".repeat(column - 1);
                entries.join(&format!("{}{indent}", self.lines.line_end()))
            }
        }
    }

    /// The offset after the colon of `expect`.
    fn offset_after_colon(&self) -> Option<usize> {
        let key = self.key.location;
        let end = self.lines.offset((key.line, key.column + key.width))?;
        let rest = &self.lines.text()[end..self.lines.line_range(key.line)?.end];
        let spaces = rest.len() - rest.trim_start().len();
        rest[spaces..].starts_with(':').then_some(end + spaces + 1)
    }
}

/// Whether the rest of a line has at most a comment.
fn is_blank_or_comment(rest: &str) -> bool {
    let text = rest.trim_start();
    text.is_empty() || text.starts_with('#') && text.len() < rest.len()
}

fn edit_error(location: Location, message: &str) -> EditError {
    EditError {
        location,
        message: message.to_owned(),
    }
}
