//! The timeline of a failed test as a table: expected and actual transitions side by side.

use super::describe;
use crate::authoring::model_test::{ExpectationField, TimelineRow};
use crate::event::EventTime;
use crate::model::sanitize_for_terminal;

/// The assumed width of the terminal.
const WIDTH: usize = 100;
/// The minimum width of a side.
const SIDE_MIN: usize = 20;
/// Of a longer timeline, only failures and their context are shown.
const ROWS_MAX: usize = 40;
/// The rows that are shown before and after a failure, then.
const CONTEXT_ROWS: usize = 5;

struct TableRow {
    line: String,
    mark: String,
    content: RowContent,
}

enum RowContent {
    /// Expected and actual, each an instant and a text.
    Sides([Option<(String, String)>; 2]),
    /// A text across both sides.
    Across(String),
}

pub(super) fn lines(rows: &[TimelineRow]) -> Vec<String> {
    let mut table: Vec<TableRow> = Vec::new();
    let mut left_out = 0;
    let has_missing = rows.iter().any(|row| matches!(row, TimelineRow::Missing { .. }));
    for (at, row) in rows.iter().enumerate() {
        // The end is of interest only with missing transitions, or rows after a stated end.
        if let TimelineRow::End(_, stated) = row
            && !has_missing
            && (!stated || at + 1 == rows.len())
        {
            continue;
        }
        let around = &rows[at.saturating_sub(CONTEXT_ROWS)..rows.len().min(at + CONTEXT_ROWS + 1)];
        if rows.len() > ROWS_MAX && !around.iter().any(TimelineRow::is_failure) {
            left_out += 1;
            continue;
        }
        table.extend(omitted_rows(left_out));
        left_out = 0;
        table.push(table_row(row));
    }
    table.extend(omitted_rows(left_out));
    side_by_side(&table).unwrap_or_else(|| stacked(&table))
}

fn omitted_rows(left_out: usize) -> Option<TableRow> {
    let text = format!("... {left_out} rows in which nothing is wrong ...");
    (left_out > 0).then(|| across(String::new(), "", text))
}

fn across(line: String, mark: &str, text: String) -> TableRow {
    TableRow { line, mark: mark.to_owned(), content: RowContent::Across(text) }
}

fn table_row(row: &TimelineRow) -> TableRow {
    let line = describe::file_line(row).map(|line| line.to_string());
    let line = line.unwrap_or_default();
    let mark = match row {
        TimelineRow::Event(row) => {
            let mark = if row.rejected.is_some() { "REJECTED" } else { "event" };
            let at = describe::instant_text(row.event.at);
            let text = format!("{at}  {}", describe::event(row));
            return across(line, mark, sanitize_for_terminal(&text));
        }
        TimelineRow::End(until, stated) => {
            let why = if *stated { "`until`" } else { "the last `at`" };
            let text = format!("{}  {why}: the test ends here", describe::end_text(*until));
            return across(line, "end", text);
        }
        TimelineRow::Matched(.., fields) if fields.is_empty() => "same".to_owned(),
        TimelineRow::Matched(.., fields) => difference_mark(fields),
        TimelineRow::Missing { .. } => "MISSING".to_owned(),
        TimelineRow::Unexpected(_) => "EXTRA".to_owned(),
    };
    let side =
        |at: EventTime, text: String| (describe::instant_text(at), sanitize_for_terminal(&text));
    let expected = row.expected();
    let expected = expected.map(|it| side(it.at, describe::expected(it)));
    let actual = row.happened();
    let actual = actual.map(|it| side(it.at, describe::happened(row, it)));
    TableRow { line, mark, content: RowContent::Sides([expected, actual]) }
}

fn difference_mark(fields: &[ExpectationField]) -> String {
    let names = fields.iter().map(|field| match field {
        ExpectationField::At => "TIME",
        ExpectationField::To => "STAGE",
        ExpectationField::From => "FROM",
        ExpectationField::Cause => "CAUSE",
        ExpectationField::Transition => "NAME",
    });
    format!("OTHER {}", names.collect::<Vec<_>>().join(", "))
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// The columns of line and mark of a row, and their width.
fn margin(rows: &[TableRow]) -> (impl Fn(&TableRow) -> String, usize) {
    let line = rows.iter().map(|row| width(&row.line)).max().unwrap_or(0).max("line".len());
    let mark = rows.iter().map(|row| width(&row.mark)).max().unwrap_or(0);
    let margin = move |row: &TableRow| format!("  {:>line$}  {:<mark$}  ", row.line, row.mark);
    (margin, line + mark + 6)
}

/// Both sides next to each other, with long texts wrapped; `None` if a word does not fit.
fn side_by_side(rows: &[TableRow]) -> Option<Vec<String>> {
    let (margin, margin_width) = margin(rows);
    let sides = [0, 1].map(|side| SideWidths::measure(rows, side));
    let room = WIDTH.saturating_sub(margin_width + 2);
    let natural = sides.map(|side| (side.at + 2 + side.text).max(SIDE_MIN));
    let half = room / 2;
    let widths = match natural {
        [left, right] if left + right <= room => [left, right],
        [left, _] if left <= half => [left, room - left],
        [_, right] if right <= half => [room - right, right],
        _ => [half, half],
    };
    if (0..2).any(|side| sides[side].at + 2 + sides[side].word > widths[side]) {
        return None;
    }
    let left = widths[0];
    let indent = " ".repeat(margin_width - 6);
    let mut lines = vec![format!("  line{indent}{:<left$}  happened", "expected")];
    for row in rows {
        let mut margin = margin(row);
        let wrapped = match &row.content {
            RowContent::Across(text) => {
                lines.push(margin + &truncate(text, WIDTH - margin_width));
                continue;
            }
            RowContent::Sides(cells) => {
                [0, 1].map(|side| sides[side].wrap(cells[side].as_ref(), widths[side]))
            }
        };
        for at in 0..wrapped[0].len().max(wrapped[1].len()) {
            let [expected, actual] = [0, 1].map(|side| wrapped[side].get(at).map_or("", |it| it));
            let line = format!("{margin}{expected:<left$}  {actual}");
            lines.push(line.trim_end().to_owned());
            margin = " ".repeat(margin_width);
        }
    }
    Some(lines)
}

/// The maximum widths of one side's instants, texts, and single words.
#[derive(Clone, Copy)]
struct SideWidths {
    at: usize,
    text: usize,
    word: usize,
}

impl SideWidths {
    fn measure(rows: &[TableRow], side: usize) -> SideWidths {
        let cells = rows.iter().filter_map(|row| match &row.content {
            RowContent::Sides(cells) => cells[side].as_ref(),
            RowContent::Across(_) => None,
        });
        let zero = SideWidths { at: 0, text: 0, word: 0 };
        cells.fold(zero, |max, (at, text)| SideWidths {
            at: max.at.max(width(at)),
            text: max.text.max(width(text)),
            word: text.split(' ').map(width).fold(max.word, usize::max),
        })
    }

    /// The lines of a cell, with its instant in the first one.
    fn wrap(self, cell: Option<&(String, String)>, width_max: usize) -> Vec<String> {
        let Some((at, text)) = cell else {
            return Vec::new();
        };
        let indent = self.at + 2;
        let mut lines = vec![format!("{at:<indent$}")];
        for word in text.split(' ') {
            let used = lines.last().map_or(0, |line| width(line));
            match lines.last_mut() {
                Some(last) if used == indent => last.push_str(word),
                Some(last) if used + 1 + width(word) <= width_max => {
                    last.push(' ');
                    last.push_str(word);
                }
                _ => lines.push(" ".repeat(indent) + word),
            }
        }
        lines
    }
}

/// The actual transition below the expected one, for long names.
fn stacked(rows: &[TableRow]) -> Vec<String> {
    let (margin, margin_width) = margin(rows);
    let indent = " ".repeat(margin_width);
    let mut lines = Vec::new();
    for row in rows {
        match &row.content {
            RowContent::Across(text) => {
                lines.push(margin(row) + &truncate(text, WIDTH.saturating_sub(margin_width)))
            }
            RowContent::Sides(cells) => {
                let mut before = margin(row);
                for (cell, name) in cells.iter().zip(["expected", "happened"]) {
                    if let Some((at, text)) = cell {
                        lines.push(format!("{before}{name}  {at}  {text}"));
                        before.clone_from(&indent);
                    }
                }
            }
        }
    }
    lines
}

fn truncate(text: &str, width_max: usize) -> String {
    if width(text) <= width_max {
        return text.to_owned();
    }
    let start: String = text.chars().take(width_max.saturating_sub(3)).collect();
    start + "..."
}
