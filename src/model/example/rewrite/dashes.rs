//! Expectations that are written one under the other, each after a dash.

use std::ops::RangeInclusive;

use super::{Change, Patch, Refusal, Spot, nothing_but_a_comment, refusal};
use crate::model::yaml::{Key, Node, Value};

impl Spot<'_> {
    pub(super) fn under_dashes(
        &self,
        items: &[Node],
        changes: &[Change],
    ) -> Result<Vec<Patch>, Refusal> {
        let mut patches = Vec::new();
        let mut left = items.len();
        for change in changes {
            patches.push(match change {
                Change::Set {
                    expectation,
                    key,
                    value,
                } => self.set(&items[*expectation], key, value)?,
                Change::Remove { expectation } => {
                    left -= 1;
                    self.removed(&items[*expectation])?
                }
                Change::Add { after, entries } => {
                    left += 1;
                    let near = &items[after.unwrap_or(0)];
                    let (line, dash) = (self.extent(near)?, self.dash(near)?);
                    let line = after.map_or(self.key.place.line, |_| *line.end());
                    let text = self.expectation(self.style(near), entries);
                    let text = format!("{dash}{text}{}", self.lines.line_end());
                    let at = self.lines.after(line).ok_or_else(|| unclear(near))?;
                    Patch::insert(at, text)
                }
            });
        }
        if left == 0 {
            let colon = self.colon().ok_or_else(|| unclear(self.list))?;
            patches.push(Patch::insert(colon, " []".to_owned()));
        }
        Ok(patches)
    }

    /// All of its lines go. What people have written about it does not: the reason why something should
    /// happen is worth most where it did not.
    fn removed(&self, item: &Node) -> Result<Patch, Refusal> {
        let extent = self.extent(item)?;
        let comments = self.comments(item).ok_or_else(|| unclear(item))?;
        let indent = " ".repeat(self.list.place.column - 1);
        let comments = comments.iter();
        let comments = comments.map(|text| format!("{indent}{text}{}", self.lines.line_end()));
        let begin = self.lines.range(*extent.start()).map(|line| line.start);
        let end = self.lines.after(*extent.end());
        let (begin, end) = begin.zip(end).ok_or_else(|| unclear(item))?;
        Ok(Patch {
            range: begin..end,
            text: comments.collect(),
        })
    }

    /// The lines that it has for itself.
    fn extent(&self, item: &Node) -> Result<RangeInclusive<usize>, Refusal> {
        self.dash(item)?;
        let end = self.end(item).ok_or_else(|| unclear(item))?;
        let last = self.lines.line(end);
        let line = self.lines.range(last).ok_or_else(|| unclear(item))?;
        match nothing_but_a_comment(&self.lines.text()[end..line.end]) {
            true => Ok(item.place.line..=last),
            false => Err(unclear(item)),
        }
    }

    /// What stands before it: spaces, the dash, spaces.
    pub(super) fn dash(&self, item: &Node) -> Result<&str, Refusal> {
        let line = self.lines.range(item.place.line);
        let before = line.zip(self.begin(item));
        let before = before.map(|(line, item)| &self.lines.text()[line.start..item]);
        before
            .filter(|before| before.trim_matches(' ') == "-")
            .ok_or_else(|| unclear(item))
    }

    /// The comments between its keys and values, and after the last one on its line.
    fn comments(&self, item: &Node) -> Option<Vec<&str>> {
        let Value::Map(entries) = &item.value else {
            return None;
        };
        let (mut comments, mut from) = (Vec::new(), self.begin(item)?);
        let gap = |from, to| Some(in_gap(self.lines.text().get(from..to)?));
        for (Key { place, .. }, node) in entries {
            let key = |column| self.lines.offset((place.line, column));
            comments.extend(gap(from, key(place.column)?)?);
            comments.extend(gap(key(place.column + place.width)?, self.begin(node)?)?);
            from = self.end(node)?;
        }
        let end = self.lines.range(self.lines.line(self.end(item)?))?.end;
        comments.extend(gap(from, end)?);
        Some(comments)
    }
}

/// The comments of a stretch in which there is no text.
fn in_gap(gap: &str) -> impl Iterator<Item = &str> {
    gap.split(['\n', '\r'])
        .filter_map(|line| line.find('#').map(|at| line[at..].trim_end()))
}

fn unclear(item: &Node) -> Refusal {
    refusal(
        item.place,
        "each expectation needs lines of its own: write `- { at: …, to: … }`, with nothing but a comment behind it",
    )
}
