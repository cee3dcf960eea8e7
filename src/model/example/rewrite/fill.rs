//! Expectations where there are none yet.

use super::{Change, Patch, Refusal, Spot, Style, nothing_but_a_comment, refusal};
use crate::model::yaml::{Node, Value};

impl Spot<'_> {
    /// `expect: []` and `expect:` become a list with dashes, which looks like that of the events.
    pub(super) fn filled(&self, changes: &[Change]) -> Result<Vec<Patch>, Refusal> {
        let new: Vec<_> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Add { entries, .. } => Some(entries),
                _ => None,
            })
            .collect();
        let unclear = || refusal(self.list.place, "write `expect: []` on a line of its own");
        let text = self.lines.text();
        let range = self.begin(self.list).zip(self.end(self.list));
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
        if self.test.bracketed {
            let new = new
                .iter()
                .map(|entries| self.expectation(Style::Braces(" "), entries));
            let new: Vec<String> = new.collect();
            brackets.ok_or_else(unclear)?;
            let text = format!("[{}]", new.join(", "));
            return Ok(vec![Patch {
                range: begin..end,
                text,
            }]);
        }
        let line = self.key.place.line;
        let (colon, of_line) = self
            .colon()
            .zip(self.lines.range(line))
            .ok_or_else(unclear)?;
        let end = if empty.is_empty() { colon } else { end };
        // On the line of the key, with nothing else between and behind.
        let alone = colon <= end
            && end <= of_line.end
            && text[colon..end].trim_start() == empty
            && nothing_but_a_comment(&text[end..of_line.end]);
        let after = self
            .lines
            .after(line)
            .filter(|_| alone)
            .ok_or_else(unclear)?;
        let (dash, style) = self.as_events();
        let new = new.into_iter().map(|entries| {
            let text = self.expectation(style, entries);
            Patch::insert(after, format!("{dash}{text}{}", self.lines.line_end()))
        });
        let emptied = Patch {
            range: colon..end,
            text: String::new(),
        };
        Ok([emptied].into_iter().chain(new).collect())
    }

    /// What stands before each event of the test, and how it is written.
    fn as_events(&self) -> (String, Style<'_>) {
        let events = self.test.get("events").map(|(_, events)| events);
        let first = match events {
            Some(Node {
                value: Value::List(items),
                bracketed: false,
                ..
            }) => items.first(),
            _ => None,
        };
        let first =
            first.and_then(|item| Some((self.dash(item).ok()?.to_owned(), self.style(item))));
        first.unwrap_or_else(|| {
            let indent = " ".repeat(self.key.place.column + 1);
            (format!("{indent}- "), Style::Braces(" "))
        })
    }
}
