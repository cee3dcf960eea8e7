//! The timeline of a test that failed: expected and happened side by side.

use super::describe;
use crate::event::EventTime;
use crate::model::sanitize_for_terminal;
use crate::runtime::model_test::{ExpectationField, TimelineRow};

/// How wide a terminal is taken to be.
const WIDTH: usize = 100;
/// How wide a side is at least.
const SIDE_MIN: usize = 20;
/// A longer timeline is shown around what is wrong only.
const ROWS_MAX: usize = 40;
/// How many rows are shown before and after one that is wrong, then.
const CONTEXT_ROWS: usize = 5;

/// One row, as text.
struct TableRow {
    line: String,
    mark: String,
    content: RowContent,
}

enum RowContent {
    /// Of both sides: when, and what.
    Sides([Option<(String, String)>; 2]),
    /// Across both.
    Across(String),
}

/// The lines of the table.
pub(super) fn lines(rows: &[TimelineRow]) -> Vec<String> {
    let mut cells: Vec<TableRow> = Vec::new();
    let mut left_out = 0;
    let missing = rows
        .iter()
        .any(|row| matches!(row, TimelineRow::Missing { .. }));
    for (at, row) in rows.iter().enumerate() {
        // Where time ends tells something only of what does not come, or comes after it.
        if let TimelineRow::End(_, stated) = row
            && !missing
            && (!stated || at + 1 == rows.len())
        {
            continue;
        }
        let around = &rows[at.saturating_sub(CONTEXT_ROWS)..rows.len().min(at + CONTEXT_ROWS + 1)];
        if rows.len() > ROWS_MAX && !around.iter().any(TimelineRow::is_failure) {
            left_out += 1;
            continue;
        }
        cells.extend(omitted_rows(left_out));
        left_out = 0;
        cells.push(table_row(row));
    }
    cells.extend(omitted_rows(left_out));
    side_by_side(&cells).unwrap_or_else(|| stacked(&cells))
}

fn omitted_rows(left_out: usize) -> Option<TableRow> {
    let text = format!("... {left_out} rows in which nothing is wrong ...");
    (left_out > 0).then(|| across(String::new(), "", text))
}

fn across(line: String, mark: &str, text: String) -> TableRow {
    TableRow {
        line,
        mark: mark.to_owned(),
        content: RowContent::Across(text),
    }
}

fn table_row(row: &TimelineRow) -> TableRow {
    let line = describe::file_line(row).map(|line| line.to_string());
    let line = line.unwrap_or_default();
    let mark = match row {
        TimelineRow::Event(told) => {
            let mark = if told.rejected.is_some() {
                "REJECTED"
            } else {
                "event"
            };
            let at = describe::instant_text(told.event.at);
            let text = format!("{at}  {}", describe::event(told));
            return across(line, mark, sanitize_for_terminal(&text));
        }
        TimelineRow::End(until, stated) => {
            let why = if *stated { "`until`" } else { "the last `at`" };
            let text = format!("{}  {why}: the test ends here", describe::end_text(*until));
            return across(line, "end", text);
        }
        TimelineRow::Same(..) => "same".to_owned(),
        TimelineRow::Different(.., details) => difference_mark(details),
        TimelineRow::Missing { .. } => "MISSING".to_owned(),
        TimelineRow::Unexpected(_) => "EXTRA".to_owned(),
    };
    let expected = row.expected();
    let side =
        |at: EventTime, text: String| (describe::instant_text(at), sanitize_for_terminal(&text));
    let left = expected.map(|it| side(it.at, describe::expected(it)));
    let right = row.happened();
    let right = right.map(|it| side(it.at, describe::happened(row, it)));
    let what = RowContent::Sides([left, right]);
    TableRow {
        line,
        mark,
        content: what,
    }
}

fn difference_mark(details: &[ExpectationField]) -> String {
    let names = details.iter().map(|detail| match detail {
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

/// The columns of line and mark, and how wide they are together.
fn margin(cells: &[TableRow]) -> (impl Fn(&TableRow) -> String, usize) {
    let line = cells
        .iter()
        .map(|it| width(&it.line))
        .max()
        .unwrap_or(0)
        .max("line".len());
    let mark = cells.iter().map(|it| width(&it.mark)).max().unwrap_or(0);
    let margin = move |it: &TableRow| format!("  {:>line$}  {:<mark$}  ", it.line, it.mark);
    (margin, line + mark + 6)
}

/// Both sides side by side, each cell in as many lines as it needs; `None` where a word does not fit.
fn side_by_side(cells: &[TableRow]) -> Option<Vec<String>> {
    let (margin, begin) = margin(cells);
    let sides = [0, 1].map(|side| SideWidths::measure(cells, side));
    let room = WIDTH.saturating_sub(begin + 2);
    let natural = sides.map(|side| (side.at + 2 + side.text).max(SIDE_MIN));
    let half = room / 2;
    let widths = match natural {
        [left, right] if left + right <= room => [left, right],
        [left, _] if left <= half => [left, room - left],
        [_, right] if right <= half => [room - right, right],
        _ => [half, half],
    };
    if (0..2).any(|it| sides[it].at + 2 + sides[it].word > widths[it]) {
        return None;
    }
    let left = widths[0];
    let indent = " ".repeat(begin - 6);
    let mut lines = vec![format!("  line{indent}{:<left$}  happened", "expected")];
    for it in cells {
        let mut margin = margin(it);
        let both = match &it.content {
            RowContent::Across(text) => {
                lines.push(margin + &truncate(text, WIDTH - begin));
                continue;
            }
            RowContent::Sides(both) => {
                [0, 1].map(|it| sides[it].wrap(both[it].as_ref(), widths[it]))
            }
        };
        for at in 0..both[0].len().max(both[1].len()) {
            let [expected, happened] = [0, 1].map(|it| both[it].get(at).map_or("", |it| it));
            let line = format!("{margin}{expected:<left$}  {happened}");
            lines.push(line.trim_end().to_owned());
            margin = " ".repeat(begin);
        }
    }
    Some(lines)
}

/// How wide one side is.
#[derive(Clone, Copy)]
struct SideWidths {
    at: usize,
    text: usize,
    word: usize,
}

impl SideWidths {
    fn measure(cells: &[TableRow], side: usize) -> SideWidths {
        let all = cells.iter().filter_map(|it| match &it.content {
            RowContent::Sides(both) => both[side].as_ref(),
            RowContent::Across(_) => None,
        });
        let none = SideWidths {
            at: 0,
            text: 0,
            word: 0,
        };
        all.fold(none, |most, (at, text)| SideWidths {
            at: most.at.max(width(at)),
            text: most.text.max(width(text)),
            word: text.split(' ').map(width).fold(most.word, usize::max),
        })
    }

    fn wrap(self, cell: Option<&(String, String)>, most: usize) -> Vec<String> {
        let Some((at, text)) = cell else {
            return Vec::new();
        };
        let begin = self.at + 2;
        let mut lines = vec![format!("{at:<begin$}")];
        for word in text.split(' ') {
            let line = lines.last().map_or(0, |line| width(line));
            match lines.last_mut() {
                Some(last) if line == begin => last.push_str(word),
                Some(last) if line + 1 + width(word) <= most => {
                    last.push(' ');
                    last.push_str(word);
                }
                _ => lines.push(" ".repeat(begin) + word),
            }
        }
        lines
    }
}

/// What happened below what was expected, for long names.
fn stacked(cells: &[TableRow]) -> Vec<String> {
    let (margin, begin) = margin(cells);
    let indent = " ".repeat(begin);
    let mut lines = Vec::new();
    for it in cells {
        match &it.content {
            RowContent::Across(text) => {
                lines.push(margin(it) + &truncate(text, WIDTH.saturating_sub(begin)))
            }
            RowContent::Sides([expected, happened]) => {
                let names = ["expected", "happened"];
                let mut before = margin(it);
                for ((at, what), name) in [expected, happened]
                    .into_iter()
                    .zip(names)
                    .filter_map(|(it, name)| it.as_ref().zip(Some(name)))
                {
                    lines.push(format!("{before}{name}  {at}  {what}"));
                    before.clone_from(&indent);
                }
            }
        }
    }
    lines
}

fn truncate(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(3)).collect();
    kept + "..."
}
