//! Replaces the `expect` of a test in the text of a model file by new expectations in one canonical style, and leaves
//! every other byte as it is.

use std::ops::Range;

use crate::model::{DEFAULT_CUSTOMER, EXPECT_KEYS, Location, TestTransition, YamlNode, YamlValue};

/// A comment that is no longer in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedComment {
    /// In the file as it was.
    pub line: usize,
    /// With its `#`.
    pub text: String,
}

/// A text with line feeds. Lines and columns (in characters) count from 1.
pub(super) struct YamlText<'t> {
    text: &'t str,
    line_starts: Vec<usize>,
}

/// The text of a test's expectations.
pub(super) struct ExpectBlock<'t> {
    source: &'t YamlText<'t>,
    key: Location,
    /// From the colon of `expect` to the end of the last line; to the end of the value if the test is in braces.
    range: Range<usize>,
    items: Vec<(Location, Range<usize>)>,
    comments: Vec<Comment>,
    /// The indentation of new expectations; `None` if the test is in braces, so that they must be in brackets.
    indent: Option<usize>,
}

struct Comment {
    range: Range<usize>,
    /// The key `expect`, or the expectation on the same line or below.
    owner: Option<Location>,
    /// Whether nothing else is on its line.
    is_alone: bool,
}

impl<'t> YamlText<'t> {
    pub(super) fn new(text: &'t str) -> YamlText<'t> {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        YamlText { text, line_starts: [0].into_iter().chain(ends).collect() }
    }

    fn offset(&self, (line, column): (usize, usize)) -> Option<usize> {
        let start = *self.line_starts.get(line.checked_sub(1)?)?;
        let offsets = self.text[start..].char_indices().map(|(at, _)| start + at);
        offsets.chain([self.text.len()]).nth(column.checked_sub(1)?)
    }

    fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    fn line_start(&self, offset: usize) -> usize {
        self.line_starts[self.line(offset) - 1]
    }

    fn line_end(&self, offset: usize) -> usize {
        self.text[offset..].find('\n').map_or(self.text.len(), |at| offset + at)
    }

    /// From the start of a node to the end of its text, closing bracket or last value; `None` for a text after `|` or
    /// `>`.
    fn range(&self, node: &YamlNode) -> Option<Range<usize>> {
        let start = self.offset((node.location.line, node.location.column))?;
        let end = match &node.value {
            YamlValue::Scalar { quoted: true, .. } => {
                start + quoted_scalar_len(&self.text[start..])?
            }
            YamlValue::List(items) if !node.is_flow_style => self.range(items.last()?)?.end,
            YamlValue::Map(entries) if !node.is_flow_style => self.range(&entries.last()?.1)?.end,
            _ => self.offset(node.end)?,
        };
        Some(start..end)
    }
}

impl<'t> ExpectBlock<'t> {
    /// `None` if the text cannot be found.
    pub(super) fn find(source: &'t YamlText<'t>, test: &YamlNode) -> Option<ExpectBlock<'t>> {
        let (key, list) = test.get("expect")?;
        let key = key.location;
        let key_end = source.offset((key.line, key.column + key.width))?;
        let value = source.text[key_end..].trim_start_matches(' ');
        let begin = source.text.len() - value.strip_prefix(':')?.len();
        let items: &[YamlNode] = match &list.value {
            YamlValue::List(items) => items,
            _ => &[],
        };
        let value_end = match &list.value {
            YamlValue::Scalar { text, .. } if text.is_empty() => begin,
            _ => source.range(list)?.end,
        };
        let end = if test.is_flow_style { value_end } else { source.line_end(value_end) };
        let ranges = items
            .iter()
            .map(|item| Some((Location { width: 1, ..item.location }, source.range(item)?)));
        let mut block = ExpectBlock {
            source,
            key,
            range: begin..end,
            items: ranges.collect::<Option<_>>()?,
            comments: Vec::new(),
            indent: (!test.is_flow_style).then_some(key.column + 1),
        };
        let is_in_brackets = list.is_flow_style || items.is_empty();
        let bracket_end = if is_in_brackets { value_end } else { end };
        block.find_comments(&quoted_values(source, items), bracket_end);
        Some(block)
    }

    fn find_comments(&mut self, quoted: &[Range<usize>], bracket_end: usize) {
        let YamlText { text, .. } = self.source;
        for (at, _) in text[self.range.clone()].match_indices('#') {
            let at = self.range.start + at;
            let mut others =
                self.comments.last().map(|comment| &comment.range).into_iter().chain(quoted);
            if others.any(|other| other.contains(&at)) || !text[..at].ends_with(char::is_whitespace)
            {
                continue;
            }
            self.comments.push(Comment {
                range: at..self.source.line_end(at),
                owner: self.owner(at, bracket_end),
                is_alone: text[self.source.line_start(at)..at].trim().is_empty(),
            });
        }
    }

    fn owner(&self, comment: usize, bracket_end: usize) -> Option<Location> {
        let line = self.source.line_start(comment);
        let mut items = self.items.iter();
        let on_same_line = |(_, item): &&(_, Range<usize>)| item.start < comment && line < item.end;
        let same_line = items.clone().rfind(on_same_line).map(|(item, _)| *item);
        let below = || items.find(|(_, item)| item.start > comment).map(|(item, _)| *item);
        if comment >= bracket_end {
            return Some(self.key);
        }
        let of_key = (line <= self.range.start).then_some(self.key);
        same_line.or(of_key).or_else(below)
    }

    /// The range to be replaced, its new text, and the comments that are not in it. Expectations have the locations of
    /// those whose comments they keep.
    pub(super) fn replace(
        mut self,
        new: &[TestTransition],
    ) -> (Range<usize>, String, Vec<DroppedComment>) {
        let text = match self.indent {
            Some(indent) => self.block_sequence(indent, new),
            None => {
                let new: Vec<String> = new.iter().map(format_expectation).collect();
                format!(" [{}]", new.join(", "))
            }
        };
        let dropped = self.comments.into_iter().map(|Comment { range, .. }| DroppedComment {
            line: self.source.line(range.start),
            text: self.source.text[range].to_owned(),
        });
        (self.range, text, dropped.collect())
    }

    /// Takes the comments that it contains out of the block.
    fn block_sequence(&mut self, indent: usize, new: &[TestTransition]) -> String {
        let source = self.source.text;
        let with_space = |comment: &Comment| {
            let before = source[..comment.range.start].trim_end().len();
            &source[before..comment.range.end]
        };
        let next_line = format!("\n{}", " ".repeat(indent));
        let mut text = if new.is_empty() { " []" } else { "" }.to_owned();
        if let Some(first) = self.comments.iter().position(|it| it.owner == Some(self.key)) {
            text += with_space(&self.comments.remove(first));
        }
        for new in new {
            let kept = self.comments.extract_if(.., |it| it.owner == Some(new.location));
            let (mut above, mut on_line): (Vec<_>, Vec<_>) = kept.partition(|it| it.is_alone);
            if on_line.len() > 1 {
                above.append(&mut on_line);
                above.sort_by_key(|comment| comment.range.start);
            }
            for comment in above {
                text += &format!("{next_line}{}", &source[comment.range]);
            }
            text += &format!("{next_line}- {}", format_expectation(new));
            text.extend(on_line.iter().map(with_space));
        }
        text
    }
}

/// The quoted values of expectations, which may contain a `#`.
fn quoted_values(source: &YamlText<'_>, items: &[YamlNode]) -> Vec<Range<usize>> {
    let entries = items.iter().flat_map(|item| match &item.value {
        YamlValue::Map(entries) => entries.as_slice(),
        _ => &[],
    });
    let quoted =
        entries.filter(|(_, value)| matches!(value.value, YamlValue::Scalar { quoted: true, .. }));
    quoted.filter_map(|(_, value)| source.range(value)).collect()
}

fn format_expectation(new: &TestTransition) -> String {
    let entries = EXPECT_KEYS.into_iter().filter_map(|key| Some((key, new.value(key)?)));
    let entries = entries.filter(|entry| *entry != ("customer", DEFAULT_CUSTOMER.to_owned()));
    let entries = entries.map(|(key, value)| format!("{key}: {}", quote_scalar(&value)));
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
}

/// A plain scalar if it is valid both in block and flow style, else a quoted one.
fn quote_scalar(text: &str) -> String {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || "_-.:+@>".contains(c);
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(is_inside)
        && !text.ends_with(':')
        && text != "null";
    // A JSON string is a valid YAML scalar.
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
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
