//! Replaces the `expect` of tests in the text of a model file by new expectations in one canonical style, and leaves
//! every other byte as it is.

use std::ops::Range;

use super::expectations::NewExpectation;
use super::yaml_text::{YamlText, quote_scalar};
use crate::model::{Location, ProblemList, YamlNode, YamlValue, normalize_line_ends, parse_yaml};

/// A comment that is no longer in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedComment {
    /// In the file as it was.
    pub line: usize,
    /// With its `#`.
    pub text: String,
}

/// The new text of a test's expectations.
pub(super) struct Replacement {
    pub(super) range: Range<usize>,
    pub(super) text: String,
    pub(super) dropped: Vec<DroppedComment>,
}

/// A model file as text, with its syntax tree.
pub(super) struct TestFile<'t> {
    text: YamlText<'t>,
    tests: Vec<YamlNode>,
}

impl<'t> TestFile<'t> {
    /// Without tests if the text is not valid YAML.
    pub(super) fn parse(text: &'t str) -> TestFile<'t> {
        let root = parse_yaml(&normalize_line_ends(text), &mut ProblemList::default());
        let tests = root.as_ref().and_then(|root| root.get("tests"));
        let tests = match tests.map(|(_, tests)| &tests.value) {
            Some(YamlValue::List(tests)) => tests.clone(),
            _ => Vec::new(),
        };
        TestFile { text: YamlText::new(text), tests }
    }

    /// `None` if the text of the test's `expect` cannot be found.
    pub(super) fn replace(&self, test: usize, new: &[NewExpectation]) -> Option<Replacement> {
        let block = ExpectBlock::find(&self.text, self.tests.get(test)?)?;
        let mut comments = block.comments();
        let text = match block.indent {
            None => block.flow_sequence(new),
            Some(indent) => block.block_sequence(indent, new, &mut comments),
        };
        let dropped = comments.into_iter().map(|comment| DroppedComment {
            line: self.text.line(comment.range.start),
            text: self.text.text[comment.range].to_owned(),
        });
        Some(Replacement { range: block.range.clone(), text, dropped: dropped.collect() })
    }
}

/// The text of a test's expectations.
struct ExpectBlock<'t> {
    source: &'t YamlText<'t>,
    list: &'t YamlNode,
    /// From the colon of `expect` to the end of the last line; to the end of the value if the test is in braces.
    range: Range<usize>,
    /// Where the value ends.
    value_end: usize,
    items: Vec<(Location, Range<usize>)>,
    /// The indentation of new expectations; `None` if the test is in braces, so that they must be in brackets.
    indent: Option<usize>,
}

struct Comment {
    range: Range<usize>,
    owner: CommentOwner,
    /// Whether nothing else is on its line.
    is_alone: bool,
}

#[derive(PartialEq, Eq)]
enum CommentOwner {
    /// The key `expect`.
    Key,
    /// The expectation below, or on the same line.
    Item(Location),
    None,
}

impl<'t> ExpectBlock<'t> {
    fn find(source: &'t YamlText<'t>, test: &'t YamlNode) -> Option<ExpectBlock<'t>> {
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
            _ => source.end(list)?,
        };
        let end = if test.is_flow_style { value_end } else { source.line_end(value_end) };
        let items =
            items.iter().map(|item| Some((item.location, source.start(item)?..source.end(item)?)));
        Some(ExpectBlock {
            source,
            list,
            range: begin..end,
            value_end,
            items: items.collect::<Option<_>>()?,
            indent: (!test.is_flow_style).then_some(key.column + 1),
        })
    }

    fn comments(&self) -> Vec<Comment> {
        let ranges = self.source.comments(self.range.clone(), self.list);
        let comment = |range: Range<usize>| Comment {
            owner: self.owner(range.start),
            is_alone: self.source.text[self.source.line_start(range.start)..range.start]
                .trim()
                .is_empty(),
            range,
        };
        ranges.into_iter().map(comment).collect()
    }

    fn owner(&self, comment: usize) -> CommentOwner {
        let is_in_brackets = self.list.is_flow_style || self.items.is_empty();
        if is_in_brackets && comment >= self.value_end {
            return CommentOwner::Key;
        }
        let line = self.source.line_start(comment);
        let mut items = self.items.iter();
        let on_same_line = |(_, item): &&(_, Range<usize>)| item.start < comment && line < item.end;
        if let Some((item, _)) = items.clone().rfind(on_same_line) {
            CommentOwner::Item(*item)
        } else if line <= self.range.start {
            CommentOwner::Key
        } else {
            let below = items.find(|(_, item)| item.start > comment);
            below.map_or(CommentOwner::None, |(item, _)| CommentOwner::Item(*item))
        }
    }

    fn flow_sequence(&self, new: &[NewExpectation]) -> String {
        let new: Vec<String> = new.iter().map(format_expectation).collect();
        format!(" [{}]", new.join(", "))
    }

    /// Takes the comments that it contains out of `comments`.
    fn block_sequence(
        &self,
        indent: usize,
        new: &[NewExpectation],
        comments: &mut Vec<Comment>,
    ) -> String {
        let next_line = format!("{}{}", self.source.line_break(), " ".repeat(indent));
        let mut text = if new.is_empty() { " []" } else { "" }.to_owned();
        let mut is_first = true;
        let head = comments
            .extract_if(.., |it| it.owner == CommentOwner::Key && std::mem::take(&mut is_first));
        head.for_each(|comment| text += self.with_space_before(&comment));
        for new in new {
            let kept = |it: &mut Comment| match (&it.owner, new.former) {
                (CommentOwner::Item(item), Some(former)) => {
                    (item.line, item.column) == (former.line, former.column)
                }
                _ => false,
            };
            let kept: Vec<Comment> = comments.extract_if(.., kept).collect();
            let mut on_line: Vec<&Comment> = kept.iter().filter(|it| !it.is_alone).collect();
            if on_line.len() > 1 {
                on_line.clear();
            }
            for comment in &kept {
                if comment.is_alone || on_line.is_empty() {
                    text += &format!("{next_line}{}", &self.source.text[comment.range.clone()]);
                }
            }
            text += &format!("{next_line}- {}", format_expectation(new));
            text.extend(on_line.into_iter().map(|it| self.with_space_before(it)));
        }
        text
    }

    fn with_space_before(&self, comment: &Comment) -> &'t str {
        let before = self.source.text[..comment.range.start].trim_end().len();
        &self.source.text[before..comment.range.end]
    }
}

fn format_expectation(new: &NewExpectation) -> String {
    let entries = new.entries.iter();
    let entries = entries.map(|(key, value)| format!("{key}: {}", quote_scalar(value)));
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
}
