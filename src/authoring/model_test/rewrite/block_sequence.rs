//! Edits expectations in a YAML block sequence: one below the other, each after a dash.

use std::ops::RangeInclusive;

use super::{
    EditError, ExpectationChange, ExpectationList, Patch, edit_error, is_blank_or_comment,
};
use crate::model::{YamlKey, YamlNode, YamlValue};

impl ExpectationList<'_> {
    pub(super) fn rewrite_block_sequence(
        &self,
        items: &[YamlNode],
        changes: &[ExpectationChange],
    ) -> Result<Vec<Patch>, EditError> {
        let mut patches = Vec::new();
        let mut remaining = items.len();
        for change in changes {
            patches.push(match change {
                ExpectationChange::Set {
                    expectation,
                    key,
                    value,
                } => self.set_value(&items[*expectation], key, value)?,
                ExpectationChange::Remove { expectation } => {
                    remaining -= 1;
                    self.remove_item(&items[*expectation])?
                }
                ExpectationChange::Add { after, entries } => {
                    remaining += 1;
                    let near = &items[after.unwrap_or(0)];
                    let (line, dash) = (self.line_extent(near)?, self.dash_prefix(near)?);
                    let line = after.map_or(self.key.location.line, |_| *line.end());
                    let text = self.format_expectation(self.style(near), entries);
                    let text = format!("{dash}{text}{}", self.lines.line_end());
                    let at = self
                        .lines
                        .next_line_start(line)
                        .ok_or_else(|| unclear(near))?;
                    Patch::insert(at, text)
                }
            });
        }
        if remaining == 0 {
            let colon = self
                .offset_after_colon()
                .ok_or_else(|| unclear(self.list))?;
            patches.push(Patch::insert(colon, " []".to_owned()));
        }
        Ok(patches)
    }

    /// Removes the item's lines, but keeps its comments: the reason for an expectation is most useful where the
    /// transition did not happen.
    fn remove_item(&self, item: &YamlNode) -> Result<Patch, EditError> {
        let extent = self.line_extent(item)?;
        let comments = self.comments(item).ok_or_else(|| unclear(item))?;
        let indent = " ".repeat(self.list.location.column - 1);
        let comments = comments.iter();
        let comments = comments.map(|text| format!("{indent}{text}{}", self.lines.line_end()));
        let begin = self
            .lines
            .line_range(*extent.start())
            .map(|line| line.start);
        let end = self.lines.next_line_start(*extent.end());
        let (begin, end) = begin.zip(end).ok_or_else(|| unclear(item))?;
        Ok(Patch {
            range: begin..end,
            text: comments.collect(),
        })
    }

    /// The lines of the item, which must not contain anything else.
    fn line_extent(&self, item: &YamlNode) -> Result<RangeInclusive<usize>, EditError> {
        self.dash_prefix(item)?;
        let end = self.end_offset(item).ok_or_else(|| unclear(item))?;
        let last = self.lines.line_at(end);
        let line = self.lines.line_range(last).ok_or_else(|| unclear(item))?;
        if is_blank_or_comment(&self.lines.text()[end..line.end]) {
            Ok(item.location.line..=last)
        } else {
            Err(unclear(item))
        }
    }

    /// The text before the item: spaces, the dash, spaces.
    pub(super) fn dash_prefix(&self, item: &YamlNode) -> Result<&str, EditError> {
        let line = self.lines.line_range(item.location.line);
        let before = line.zip(self.start_offset(item));
        let before = before.map(|(line, item)| &self.lines.text()[line.start..item]);
        before
            .filter(|before| before.trim_matches(' ') == "-")
            .ok_or_else(|| unclear(item))
    }

    /// The comments between its keys and values, and after the last one on its line.
    fn comments(&self, item: &YamlNode) -> Option<Vec<&str>> {
        let YamlValue::Map(entries) = &item.value else {
            return None;
        };
        let (mut comments, mut from) = (Vec::new(), self.start_offset(item)?);
        let gap = |from, to| Some(comments_in_gap(self.lines.text().get(from..to)?));
        for (YamlKey { location, .. }, node) in entries {
            let key = |column| self.lines.offset((location.line, column));
            comments.extend(gap(from, key(location.column)?)?);
            comments.extend(gap(
                key(location.column + location.width)?,
                self.start_offset(node)?,
            )?);
            from = self.end_offset(node)?;
        }
        let end = self
            .lines
            .line_range(self.lines.line_at(self.end_offset(item)?))?
            .end;
        comments.extend(gap(from, end)?);
        Some(comments)
    }
}

/// The comments of a part of the file without keys and values.
fn comments_in_gap(gap: &str) -> impl Iterator<Item = &str> {
    gap.split(['\n', '\r'])
        .filter_map(|line| line.find('#').map(|at| line[at..].trim_end()))
}

fn unclear(item: &YamlNode) -> EditError {
    edit_error(
        item.location,
        "each expectation needs lines of its own: write `- { at: …, to: … }`, with nothing but a comment behind it",
    )
}
