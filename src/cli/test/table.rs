//! The timeline of a failed test as a table: expected and actual transitions side by side.

use std::iter;

use super::describe;
use crate::authoring::model_test::TimelineRow;
use crate::model::{TestTransition, sanitize_for_terminal};

/// The assumed width of the terminal.
const WIDTH: usize = 100;
/// The minimum width of a side.
const SIDE_MIN: usize = 20;
/// Of a longer timeline, only failures and their context are shown.
const ROWS_MAX: usize = 40;
/// The rows that are shown before and after a failure, then.
const CONTEXT_ROWS: usize = 5;

#[derive(Default)]
struct TableRow {
    line: String,
    mark: String,
    /// Expected and actual, each an instant and a text.
    cells: [Option<(String, String)>; 2],
    /// A text across both sides instead.
    across: String,
}

pub(super) fn lines(rows: &[TimelineRow]) -> Vec<String> {
    let table = table_rows(rows);
    let line_width = table.iter().map(|row| width(&row.line)).fold("line".len(), usize::max);
    let mark_width = table.iter().map(|row| width(&row.mark)).fold(0, usize::max);
    let margin_width = line_width + mark_width + 6;
    let sides = side_widths(&table, WIDTH.saturating_sub(margin_width + 2));
    let mut lines = Vec::new();
    if let Some([left, _]) = sides {
        let margin = format!("  {:<width$}", "line", width = margin_width - 2);
        lines.push(format!("{margin}{:<width$}  happened", "expected", width = left.width));
    }
    for row in &table {
        let content = match sides {
            _ if !row.across.is_empty() => {
                vec![truncate(&row.across, WIDTH.saturating_sub(margin_width))]
            }
            Some(sides) => side_by_side(row, sides),
            None => stacked(row),
        };
        let margin = format!("  {:>line_width$}  {:<mark_width$}  ", row.line, row.mark);
        let margins = iter::once(margin).chain(iter::repeat(" ".repeat(margin_width)));
        lines.extend(margins.zip(content).map(|(margin, text)| margin + &text));
    }
    lines
}

fn table_rows(rows: &[TimelineRow]) -> Vec<TableRow> {
    let has_missing = rows.iter().any(|row| matches!(row, TimelineRow::Missing { .. }));
    let is_of_interest = |(at, row): &(usize, &TimelineRow)| match row {
        // The end is, only with missing transitions, or rows after a stated end.
        TimelineRow::End(_, stated) => has_missing || *stated && at + 1 < rows.len(),
        _ => true,
    };
    let with_context = |(at, row): (usize, _)| {
        let around = &rows[at.saturating_sub(CONTEXT_ROWS)..rows.len().min(at + CONTEXT_ROWS + 1)];
        (rows.len() <= ROWS_MAX || around.iter().any(TimelineRow::is_failure), row)
    };
    let shown: Vec<(bool, &TimelineRow)> =
        rows.iter().enumerate().filter(is_of_interest).map(with_context).collect();
    let chunks = shown.chunk_by(|(a, _), (b, _)| a == b);
    let table = chunks.flat_map(|chunk| match chunk[0] {
        (true, _) => chunk.iter().map(|(_, row)| table_row(row)).collect(),
        (false, _) => {
            let across = format!("... {} rows in which nothing is wrong ...", chunk.len());
            vec![TableRow { across, ..TableRow::default() }]
        }
    });
    table.collect()
}

fn table_row(row: &TimelineRow) -> TableRow {
    let cell = |transition: &TestTransition, shows: &dyn Fn(&str) -> bool| {
        let text = sanitize_for_terminal(&describe::transition(transition, shows));
        Some((describe::instant_text(transition.at), text))
    };
    let expected = row.expected().and_then(|expected| cell(expected, &|_| true));
    let (mark, actual, across) = match row {
        TimelineRow::Event(event) => {
            let mark = if event.rejected.is_some() { "REJECTED" } else { "event" };
            let at = describe::instant_text(event.event.at);
            (mark.to_owned(), None, format!("{at}  {}", describe::event(event)))
        }
        TimelineRow::End(until, stated) => {
            let why = if *stated { "`until`" } else { "the last `at`" };
            let at = describe::end_text(*until);
            ("end".to_owned(), None, format!("{at}  {why}: the test ends here"))
        }
        TimelineRow::Matched(_, actual, differences) => {
            let differs = |key: &str| differences.contains(&key);
            (match_mark(differences), cell(actual, &differs), String::new())
        }
        TimelineRow::Missing { .. } => ("MISSING".to_owned(), None, String::new()),
        TimelineRow::Unexpected(actual) => {
            let shows = |key: &str| key == "cause" || is_named(actual);
            ("EXTRA".to_owned(), cell(actual, &shows), String::new())
        }
    };
    let line = describe::file_line(row).map(|line| line.to_string()).unwrap_or_default();
    let across = sanitize_for_terminal(&across);
    TableRow { line, mark, cells: [expected, actual], across }
}

/// Whether the transition has a name of its own.
fn is_named(actual: &TestTransition) -> bool {
    let default = actual.from.as_ref().map(|from| format!("{from}->{}", actual.to));
    actual.transition != default && actual.transition != actual.cause
}

fn match_mark(differences: &[&str]) -> String {
    let names = differences.iter().map(|key| match *key {
        "at" => "TIME".to_owned(),
        "to" => "STAGE".to_owned(),
        "transition" => "NAME".to_owned(),
        other => other.to_uppercase(),
    });
    let names: Vec<String> = names.collect();
    if names.is_empty() { "same".to_owned() } else { format!("OTHER {}", names.join(", ")) }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[derive(Clone, Copy)]
struct SideWidth {
    /// The width of its instants, with the space after them.
    indent: usize,
    width: usize,
}

/// The widths of the sides within `room`; `None` if a word does not fit.
fn side_widths(rows: &[TableRow], room: usize) -> Option<[SideWidth; 2]> {
    let cells = |side: usize| rows.iter().filter_map(move |row| row.cells[side].as_ref());
    let indents = [0, 1].map(|side| cells(side).map(|(at, _)| width(at)).fold(0, usize::max) + 2);
    let natural = [0, 1].map(|side| {
        let text = cells(side).map(|(_, text)| width(text)).fold(0, usize::max);
        (indents[side] + text).max(SIDE_MIN)
    });
    let half = room / 2;
    let widths = match natural {
        [left, right] if left + right <= room => [left, right],
        [left, _] if left <= half => [left, room - left],
        [_, right] if right <= half => [room - right, right],
        _ => [half, half],
    };
    let fits = |side: usize| {
        let mut words = cells(side).flat_map(|(_, text)| text.split(' '));
        words.all(|word| indents[side] + width(word) <= widths[side])
    };
    let sides = [0, 1].map(|side| SideWidth { indent: indents[side], width: widths[side] });
    (fits(0) && fits(1)).then_some(sides)
}

/// Both sides next to each other, with long texts wrapped.
fn side_by_side(row: &TableRow, sides: [SideWidth; 2]) -> Vec<String> {
    let [left, right] = [0, 1].map(|side| wrap(row.cells[side].as_ref(), sides[side]));
    let line = |at: usize| {
        let [left, right] = [&left, &right].map(|lines| lines.get(at).map_or("", String::as_str));
        format!("{left:<width$}  {right}", width = sides[0].width).trim_end().to_owned()
    };
    (0..left.len().max(right.len())).map(line).collect()
}

/// The lines of a cell, with its instant in the first one.
fn wrap(cell: Option<&(String, String)>, side: SideWidth) -> Vec<String> {
    let Some((at, text)) = cell else { return Vec::new() };
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(last) if side.indent + width(last) + 1 + width(word) <= side.width => {
                *last += " ";
                *last += word;
            }
            _ => lines.push(word.to_owned()),
        }
    }
    let instants = iter::once(at.as_str()).chain(iter::repeat(""));
    instants
        .zip(lines)
        .map(|(at, line)| format!("{at:<indent$}{line}", indent = side.indent))
        .collect()
}

/// The actual transition below the expected one, for long names.
fn stacked(row: &TableRow) -> Vec<String> {
    let named = row.cells.iter().zip(["expected", "happened"]);
    named
        .filter_map(|(cell, name)| cell.as_ref().map(|(at, text)| format!("{name}  {at}  {text}")))
        .collect()
}

fn truncate(text: &str, width_max: usize) -> String {
    if width(text) <= width_max {
        return text.to_owned();
    }
    let start: String = text.chars().take(width_max.saturating_sub(3)).collect();
    start + "..."
}
