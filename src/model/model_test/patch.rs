//! A text by its lines, and what comes in place of stretches of it.

use std::ops::Range;

/// A stretch of a text, and what comes in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Patch {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

impl Patch {
    /// Puts in, and takes nothing out.
    pub(super) fn insert(at: usize, text: String) -> Patch {
        Patch {
            range: at..at,
            text,
        }
    }
}

/// The text with its patches. They do not overlap; at one place, what is put in comes before what is taken
/// out, in the order given.
pub(super) fn apply_patches(text: &str, mut patches: Vec<Patch>) -> String {
    patches.sort_by_key(|patch| (patch.range.start, patch.range.end));
    let mut done = String::with_capacity(text.len());
    let mut from = 0;
    for patch in &patches {
        done.push_str(&text[from..patch.range.start]);
        done.push_str(&patch.text);
        from = patch.range.end;
    }
    done + &text[from..]
}

/// The lines of a text that ends with a line end. As everywhere in models, they count from 1, and so do
/// columns, in characters.
pub(super) struct LineIndex<'t> {
    text: &'t str,
    /// Each without its line end, and with where the next one begins.
    lines: Vec<(Range<usize>, usize)>,
}

impl<'t> LineIndex<'t> {
    pub(super) fn new(text: &'t str) -> LineIndex<'t> {
        let (mut lines, mut begin) = (Vec::new(), 0);
        for (at, end) in text.match_indices(['\n', '\r']) {
            let pair = end == "\r" && text[at + 1..].starts_with('\n');
            // The line feed of a pair ends the line that the carriage return has ended.
            if at >= begin {
                let next = at + 1 + usize::from(pair);
                lines.push((begin..at, next));
                begin = next;
            }
        }
        LineIndex { text, lines }
    }

    /// The line end that most of the text has: that of its first line.
    pub(super) fn line_end(&self) -> &'t str {
        let first = self.lines.first();
        first.map_or("\n", |(line, next)| &self.text[line.end..*next])
    }

    /// Where a line and column is in the text.
    pub(super) fn offset(&self, (line, column): (usize, usize)) -> Option<usize> {
        let range = self.line_range(line)?;
        let content = &self.text[range.clone()];
        let mut places = content.char_indices().map(|(at, _)| at);
        let within = places.nth(column.checked_sub(1)?);
        let after = (content.chars().count() + 1 == column).then_some(content.len());
        Some(range.start + within.or(after)?)
    }

    /// A line, without its line end.
    pub(super) fn line_range(&self, line: usize) -> Option<Range<usize>> {
        let (range, _) = self.lines.get(line.checked_sub(1)?)?;
        Some(range.clone())
    }

    /// The line that a place of the text is on.
    pub(super) fn line_at(&self, offset: usize) -> usize {
        self.lines.partition_point(|(_, next)| *next <= offset) + 1
    }

    /// Where the line after it begins.
    pub(super) fn next_line_start(&self, line: usize) -> Option<usize> {
        self.lines.get(line.checked_sub(1)?).map(|(_, next)| *next)
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }
}
