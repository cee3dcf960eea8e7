//! Other expectations in the text of a file, and everything else as it stands: byte for byte.

mod agree;
mod brackets;
mod dashes;
mod fill;

use super::patch::{Lines, Patch, patched};
use super::quote::{quoted, quoted_length, quoted_like, stands_for};
use crate::model::line_feeds;
use crate::model::problem::{Place, Problems};
use crate::model::yaml::{self, Key, Node, Value};

/// What becomes of the expectations of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The test, by its number in the file.
    pub test: usize,
    /// Expectations that are not named stay as they are.
    pub changes: Vec<Change>,
}

/// A change of the expectations of a test, which are named by their number in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A key that it has gets another value.
    Set {
        /// Which.
        expectation: usize,
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
    },
    /// It goes; a comment in it stays, as a line of its own.
    Remove {
        /// Which.
        expectation: usize,
    },
    /// There is a new one.
    Add {
        /// After which; as the first one where there is none. Those after the same one come in the order in
        /// which they are named.
        after: Option<usize>,
        /// Its keys and values.
        entries: Vec<(&'static str, String)>,
    },
}

/// Why expectations cannot be changed with certainty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Where.
    pub place: Place,
    /// Why, and what to do.
    pub message: String,
}

/// A model file as text, and where its expectations stand.
#[derive(Debug)]
pub struct Script {
    text: String,
    /// Whether the last line has a line end only here.
    ended: bool,
    root: Node,
}

impl Script {
    /// `None` where it cannot be read.
    pub fn read(text: &str) -> Option<Script> {
        let root = yaml::read(&line_feeds(text), &mut Problems::default())?;
        let ended = !text.ends_with(['\n', '\r']);
        let end = if ended {
            Lines::of(text).line_end()
        } else {
            ""
        };
        Some(Script {
            text: format!("{text}{end}"),
            ended,
            root,
        })
    }

    /// The text with other expectations, and the tests that stay as they are, with the reason.
    pub fn rewritten(&self, edits: &[Edit]) -> (String, Vec<(usize, Refusal)>) {
        let lines = Lines::of(&self.text);
        let (mut patches, mut refused) = (Vec::new(), Vec::new());
        for edit in edits {
            match self.patches(&lines, edit) {
                Ok(some) => patches.extend(some),
                Err(refusal) => refused.push((edit.test, refusal)),
            }
        }
        let mut text = patched(&self.text, patches);
        if self.ended {
            text.truncate(text.len() - lines.line_end().len());
        }
        (text, refused)
    }

    fn patches(&self, lines: &Lines<'_>, edit: &Edit) -> Result<Vec<Patch>, Refusal> {
        let tests = self.root.get("tests").map(|(_, tests)| &tests.value);
        let test = match tests {
            Some(Value::List(tests)) => tests.get(edit.test),
            _ => None,
        };
        let test = test.unwrap_or(&self.root);
        let Some((key, list)) = test.get("expect") else {
            return Err(refusal(test.place, "there is no `expect` to write into"));
        };
        let place = Spot {
            lines,
            test,
            key,
            list,
        };
        match &list.value {
            Value::List(items) if !items.is_empty() => match list.bracketed {
                true => place.in_brackets(items, &edit.changes),
                false => place.under_dashes(items, &edit.changes),
            },
            _ => place.filled(&edit.changes),
        }
    }
}

/// The expectations of one test in the text.
struct Spot<'s> {
    lines: &'s Lines<'s>,
    test: &'s Node,
    key: &'s Key,
    list: &'s Node,
}

/// How an expectation is written.
#[derive(Clone, Copy)]
enum Style<'t> {
    /// In braces, with this before the first key and after the last value.
    Braces(&'t str),
    /// A line for each key, beginning at this column.
    Lines(usize),
}

impl<'s> Spot<'s> {
    /// A key of an expectation gets another value, in the quotes that it has.
    fn set(&self, item: &Node, key: &str, value: &str) -> Result<Patch, Refusal> {
        let entry = item.get(key);
        let range = entry.and_then(|(_, node)| {
            let range = self.begin(node)?..self.end(node)?;
            let Value::Scalar { text, .. } = &node.value else {
                return None;
            };
            stands_for(self.lines.text().get(range.clone())?, text).then_some(range)
        });
        let Some(range) = range else {
            let message =
                format!("`{key}` is written in a way that is not changed here: put it on one line");
            let place = entry.map_or(item.place, |(key, _)| key.place);
            return Err(refusal(place, &message));
        };
        let text = quoted_like(&self.lines.text()[range.clone()], value);
        Ok(Patch { range, text })
    }

    fn begin(&self, node: &Node) -> Option<usize> {
        self.lines.offset((node.place.line, node.place.column))
    }

    /// Right after its text, its closing bracket, or the last value in it.
    fn end(&self, node: &Node) -> Option<usize> {
        let last = match &node.value {
            Value::Scalar { quoted: true, .. } => {
                let begin = self.begin(node)?;
                return Some(begin + quoted_length(&self.lines.text()[begin..])?);
            }
            Value::Scalar { .. } => None,
            Value::List(items) => items.last(),
            Value::Map(entries) => entries.last().map(|(_, node)| node),
        };
        match last {
            Some(last) if !node.bracketed => self.end(last),
            _ => self.lines.offset(node.end),
        }
    }

    /// How the things of a list are written.
    fn style(&self, item: &Node) -> Style<'s> {
        let after = self.begin(item).map(|at| &self.lines.text()[at..]);
        match after {
            Some(text) if item.bracketed => {
                Style::Braces(if text.starts_with("{ ") { " " } else { "" })
            }
            _ => Style::Lines(item.place.column),
        }
    }

    /// A new expectation.
    fn expectation(&self, style: Style<'_>, entries: &[(&'static str, String)]) -> String {
        let entries = entries
            .iter()
            .map(|(key, value)| format!("{key}: {}", quoted(value)));
        let entries: Vec<String> = entries.collect();
        match style {
            Style::Braces(space) => format!("{{{space}{}{space}}}", entries.join(", ")),
            Style::Lines(column) => {
                let indent = " ".repeat(column - 1);
                entries.join(&format!("{}{indent}", self.lines.line_end()))
            }
        }
    }

    /// Right behind the colon of `expect`.
    fn colon(&self) -> Option<usize> {
        let place = self.key.place;
        let end = self
            .lines
            .offset((place.line, place.column + place.width))?;
        let rest = &self.lines.text()[end..self.lines.range(place.line)?.end];
        let spaces = rest.len() - rest.trim_start().len();
        rest[spaces..].starts_with(':').then_some(end + spaces + 1)
    }
}

/// Whether nothing but perhaps a comment stands here, at the end of a line.
fn nothing_but_a_comment(rest: &str) -> bool {
    let text = rest.trim_start();
    text.is_empty() || text.starts_with('#') && text.len() < rest.len()
}

fn refusal(place: Place, message: &str) -> Refusal {
    Refusal {
        place,
        message: message.to_owned(),
    }
}
