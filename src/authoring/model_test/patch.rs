//! The lines of a text, and replacements of byte ranges in it.

use std::ops::Range;

/// The replacement of a byte range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Patch {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

impl Patch {
    pub(super) fn insert(at: usize, text: String) -> Patch {
        Patch {
            range: at..at,
            text,
        }
    }
}

/// Applies patches, which must not overlap. Insertions at one offset keep their order, before a replacement there.
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

/// The lines of a text that ends with a line end. Lines and columns (in characters) count from 1.
pub(super) struct LineIndex<'t> {
    text: &'t str,
    /// By line: its range without the line end, and the start of the next line.
    lines: Vec<(Range<usize>, usize)>,
}

impl<'t> LineIndex<'t> {
    pub(super) fn new(text: &'t str) -> LineIndex<'t> {
        let (mut lines, mut begin) = (Vec::new(), 0);
        for (at, end) in text.match_indices(['\n', '\r']) {
            let pair = end == "\r" && text[at + 1..].starts_with('\n');
            // The line feed of `\r\n` belongs to the line end that the carriage return began.
            if at >= begin {
                let next = at + 1 + usize::from(pair);
                lines.push((begin..at, next));
                begin = next;
            }
        }
        LineIndex { text, lines }
    }

    /// The line end of the first line.
    pub(super) fn line_end(&self) -> &'t str {
        let first = self.lines.first();
        first.map_or("\n", |(line, next)| &self.text[line.end..*next])
    }

    /// The byte offset of a line and column.
    pub(super) fn offset(&self, (line, column): (usize, usize)) -> Option<usize> {
        let range = self.line_range(line)?;
        let content = &self.text[range.clone()];
        let mut offsets = content.char_indices().map(|(at, _)| at);
        let within = offsets.nth(column.checked_sub(1)?);
        let after = (content.chars().count() + 1 == column).then_some(content.len());
        Some(range.start + within.or(after)?)
    }

    /// The byte range of a line, without its line end.
    pub(super) fn line_range(&self, line: usize) -> Option<Range<usize>> {
        let (range, _) = self.lines.get(line.checked_sub(1)?)?;
        Some(range.clone())
    }

    /// The line of a byte offset.
    pub(super) fn line_at(&self, offset: usize) -> usize {
        self.lines.partition_point(|(_, next)| *next <= offset) + 1
    }

    /// The byte offset of the line after this one.
    pub(super) fn next_line_start(&self, line: usize) -> Option<usize> {
        self.lines.get(line.checked_sub(1)?).map(|(_, next)| *next)
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }
}
