//! Adds expectations to an empty list.

use super::{
    EditError, ExpectationChange, ExpectationList, ExpectationStyle, Patch, edit_error,
    is_blank_or_comment,
};
use crate::model::{YamlNode, YamlValue};

impl ExpectationList<'_> {
    /// Replaces `expect: []` or `expect:` by a block sequence in the style of the events.
    pub(super) fn fill_empty_sequence(
        &self,
        changes: &[ExpectationChange],
    ) -> Result<Vec<Patch>, EditError> {
        let new: Vec<_> = changes
            .iter()
            .filter_map(|change| match change {
                ExpectationChange::Add { entries, .. } => Some(entries),
                _ => None,
            })
            .collect();
        let unclear = || {
            edit_error(
                self.list.location,
                "write `expect: []` on a line of its own",
            )
        };
        let text = self.lines.text();
        let range = self.start_offset(self.list).zip(self.end_offset(self.list));
        let (begin, end) = range.ok_or_else(unclear)?;
        let empty = text.get(begin..end).ok_or_else(unclear)?;
        let brackets = empty
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if !(brackets.is_some_and(|inner| inner.trim().is_empty())
            || matches!(empty, "" | "~" | "null"))
        {
            return Err(unclear());
        }
        if self.test.is_flow_style {
            let new = new
                .iter()
                .map(|entries| self.format_expectation(ExpectationStyle::Flow(" "), entries));
            let new: Vec<String> = new.collect();
            brackets.ok_or_else(unclear)?;
            let text = format!("[{}]", new.join(", "));
            return Ok(vec![Patch {
                range: begin..end,
                text,
            }]);
        }
        let line = self.key.location.line;
        let (colon, key_line) = self
            .offset_after_colon()
            .zip(self.lines.line_range(line))
            .ok_or_else(unclear)?;
        let end = if empty.is_empty() { colon } else { end };
        // The value is on the line of the key, followed by at most a comment.
        let alone = colon <= end
            && end <= key_line.end
            && text[colon..end].trim_start() == empty
            && is_blank_or_comment(&text[end..key_line.end]);
        let after = self
            .lines
            .next_line_start(line)
            .filter(|_| alone)
            .ok_or_else(unclear)?;
        let (dash, style) = self.event_style();
        let new = new.into_iter().map(|entries| {
            let text = self.format_expectation(style, entries);
            Patch::insert(after, format!("{dash}{text}{}", self.lines.line_end()))
        });
        let emptied = Patch {
            range: colon..end,
            text: String::new(),
        };
        Ok([emptied].into_iter().chain(new).collect())
    }

    /// The text before each event of the test, and the style of events.
    fn event_style(&self) -> (String, ExpectationStyle<'_>) {
        let events = self.test.get("events").map(|(_, events)| events);
        let first = match events {
            Some(YamlNode {
                value: YamlValue::List(items),
                is_flow_style: false,
                ..
            }) => items.first(),
            _ => None,
        };
        let first = first
            .and_then(|item| Some((self.dash_prefix(item).ok()?.to_owned(), self.style(item))));
        first.unwrap_or_else(|| {
            let indent = " ".repeat(self.key.location.column + 1);
            (format!("{indent}- "), ExpectationStyle::Flow(" "))
        })
    }
}
