//! Finds lines, quoted scalars and comments in the text of a YAML file, and writes scalars.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::model::{YamlNode, YamlValue};

/// A text with its lines. Lines and columns (in characters) count from 1.
pub(super) struct YamlText<'t> {
    pub(super) text: &'t str,
    /// The offset of each line.
    lines: Vec<usize>,
}

impl<'t> YamlText<'t> {
    pub(super) fn new(text: &'t str) -> YamlText<'t> {
        let ends = text.match_indices(['\n', '\r']);
        // The carriage return of `\r\n` ends no line.
        let ends = ends.filter(|(at, end)| *end == "\n" || !text[at + 1..].starts_with('\n'));
        let lines = [0].into_iter().chain(ends.map(|(at, _)| at + 1));
        YamlText { text, lines: lines.collect() }
    }

    pub(super) fn offset(&self, (line, column): (usize, usize)) -> Option<usize> {
        let start = *self.lines.get(line.checked_sub(1)?)?;
        let offsets = self.text[start..].char_indices().map(|(at, _)| start + at);
        let mut offsets = offsets.chain([self.text.len()]);
        offsets.nth(column.checked_sub(1)?)
    }

    pub(super) fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset)
    }

    pub(super) fn line_start(&self, offset: usize) -> usize {
        self.lines[self.line(offset) - 1]
    }

    /// The offset of the end of a line, without its line end.
    pub(super) fn line_end(&self, offset: usize) -> usize {
        let end = self.text[offset..].find(['\n', '\r']);
        end.map_or(self.text.len(), |at| offset + at)
    }

    /// How the first line ends.
    pub(super) fn line_break(&self) -> &'static str {
        let rest = &self.text[self.line_end(0)..];
        let mut ends = ["\r\n", "\r"].into_iter();
        ends.find(|end| rest.starts_with(end)).unwrap_or("\n")
    }

    pub(super) fn start(&self, node: &YamlNode) -> Option<usize> {
        self.offset((node.location.line, node.location.column))
    }

    /// The offset after the node's text, closing bracket, or last value; `None` for a text after `|` or `>`.
    pub(super) fn end(&self, node: &YamlNode) -> Option<usize> {
        match &node.value {
            YamlValue::Scalar { quoted: true, .. } => {
                let start = self.start(node)?;
                Some(start + quoted_scalar_len(&self.text[start..])?)
            }
            YamlValue::List(items) if !node.is_flow_style => self.end(items.last()?),
            YamlValue::Map(entries) if !node.is_flow_style => self.end(&entries.last()?.1),
            _ => self.offset(node.end),
        }
    }

    /// The comments in a range, with the value `node` in it.
    pub(super) fn comments(&self, range: Range<usize>, node: &YamlNode) -> Vec<Range<usize>> {
        let mut scalars = BTreeSet::new();
        self.add_scalars(node, &mut scalars);
        let (mut at, mut comments) = (range.start, Vec::new());
        while at < range.end {
            let rest = &self.text[at..];
            if scalars.contains(&at)
                && let Some(length) = quoted_scalar_len(rest)
            {
                at += length;
            } else if rest.starts_with('#') && self.text[..at].ends_with(char::is_whitespace) {
                comments.push(at..self.line_end(at));
                at = self.line_end(at);
            } else {
                at += rest.chars().next().map_or(1, char::len_utf8);
            }
        }
        comments
    }

    /// Adds the offsets of all scalars, keys among them.
    fn add_scalars(&self, node: &YamlNode, offsets: &mut BTreeSet<usize>) {
        match &node.value {
            YamlValue::Scalar { .. } => offsets.extend(self.start(node)),
            YamlValue::List(items) => items.iter().for_each(|it| self.add_scalars(it, offsets)),
            YamlValue::Map(entries) => {
                for (key, value) in entries {
                    offsets.extend(self.offset((key.location.line, key.location.column)));
                    self.add_scalars(value, offsets);
                }
            }
        }
    }
}

/// A plain scalar if it is valid both in block and flow style, else a quoted one.
pub(super) fn quote_scalar(text: &str) -> String {
    let inside =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '+' | '@' | '>');
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(inside)
        && !text.ends_with(':')
        && text != "null";
    if is_plain {
        text.to_owned()
    } else {
        // A JSON string is a valid YAML scalar.
        serde_json::Value::from(text).to_string()
    }
}

/// The length in bytes of the quoted scalar at the beginning of `text`.
fn quoted_scalar_len(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut rest = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = rest.next() {
        let escapes = match quote {
            '"' => c == '\\',
            _ => c == quote && rest.peek().is_some_and(|(_, next)| *next == quote),
        };
        if escapes {
            rest.next();
        } else if c == quote {
            return Some(at + 1);
        }
    }
    None
}
