//! The timeline of a test that failed: expected and happened side by side.

use super::describe;
use crate::event::EventTime;
use crate::model::visible;
use crate::runtime::example::{Detail, Row};

/// How wide a terminal is taken to be.
const WIDTH: usize = 100;
/// How wide a side is at least.
const SIDE_MIN: usize = 20;
/// A longer timeline is shown around what is wrong only.
const ROWS_MAX: usize = 40;
/// How many rows are shown before and after one that is wrong, then.
const AROUND: usize = 5;

/// One row, as text.
struct Cells {
    line: String,
    mark: String,
    what: What,
}

enum What {
    /// Of both sides: when, and what.
    Sides([Option<(String, String)>; 2]),
    /// Across both.
    Across(String),
}

/// The lines of the table.
pub(super) fn lines(rows: &[Row]) -> Vec<String> {
    let mut cells: Vec<Cells> = Vec::new();
    let mut left_out = 0;
    let missing = rows.iter().any(|row| matches!(row, Row::Missing { .. }));
    for (at, row) in rows.iter().enumerate() {
        // Where time ends tells something only of what does not come, or comes after it.
        if let Row::End(_, stated) = row
            && !missing
            && (!stated || at + 1 == rows.len())
        {
            continue;
        }
        let around = &rows[at.saturating_sub(AROUND)..rows.len().min(at + AROUND + 1)];
        if rows.len() > ROWS_MAX && !around.iter().any(Row::is_wrong) {
            left_out += 1;
            continue;
        }
        cells.extend(gap(left_out));
        left_out = 0;
        cells.push(of(row));
    }
    cells.extend(gap(left_out));
    beside(&cells).unwrap_or_else(|| below(&cells))
}

fn gap(left_out: usize) -> Option<Cells> {
    let text = format!("... {left_out} rows in which nothing is wrong ...");
    (left_out > 0).then(|| across(String::new(), "", text))
}

fn across(line: String, mark: &str, text: String) -> Cells {
    Cells {
        line,
        mark: mark.to_owned(),
        what: What::Across(text),
    }
}

fn of(row: &Row) -> Cells {
    let line = describe::line(row).map(|line| line.to_string());
    let line = line.unwrap_or_default();
    let mark = match row {
        Row::Event(told) => {
            let mark = if told.rejected.is_some() {
                "REJECTED"
            } else {
                "event"
            };
            let at = describe::when(told.occurrence.at);
            let text = format!("{at}  {}", describe::event(told));
            return across(line, mark, visible(&text));
        }
        Row::End(until, stated) => {
            let why = if *stated { "`until`" } else { "the last `at`" };
            let text = format!("{}  {why}: the test ends here", describe::last_day(*until));
            return across(line, "end", text);
        }
        Row::Same(..) => "same".to_owned(),
        Row::Different(.., details) => other(details),
        Row::Missing { .. } => "MISSING".to_owned(),
        Row::Unexpected(_) => "EXTRA".to_owned(),
    };
    let expected = row.expected();
    let side = |at: EventTime, text: String| (describe::when(at), visible(&text));
    let left = expected.map(|it| side(it.at, describe::expected(it)));
    let right = row.happened();
    let right = right.map(|it| side(it.at, describe::happened(row, it)));
    let what = What::Sides([left, right]);
    Cells { line, mark, what }
}

fn other(details: &[Detail]) -> String {
    let names = details.iter().map(|detail| match detail {
        Detail::At => "TIME",
        Detail::To => "STAGE",
        Detail::From => "FROM",
        Detail::Cause => "CAUSE",
        Detail::Transition => "NAME",
    });
    format!("OTHER {}", names.collect::<Vec<_>>().join(", "))
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// The columns of line and mark, and how wide they are together.
fn margin(cells: &[Cells]) -> (impl Fn(&Cells) -> String, usize) {
    let line = cells
        .iter()
        .map(|it| width(&it.line))
        .max()
        .unwrap_or(0)
        .max("line".len());
    let mark = cells.iter().map(|it| width(&it.mark)).max().unwrap_or(0);
    let margin = move |it: &Cells| format!("  {:>line$}  {:<mark$}  ", it.line, it.mark);
    (margin, line + mark + 6)
}

/// Both sides side by side, each cell in as many lines as it needs; `None` where a word does not fit.
fn beside(cells: &[Cells]) -> Option<Vec<String>> {
    let (margin, begin) = margin(cells);
    let sides = [0, 1].map(|side| Side::of(cells, side));
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
        let both = match &it.what {
            What::Across(text) => {
                lines.push(margin + &clipped(text, WIDTH - begin));
                continue;
            }
            What::Sides(both) => [0, 1].map(|it| sides[it].lines(both[it].as_ref(), widths[it])),
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
struct Side {
    at: usize,
    text: usize,
    word: usize,
}

impl Side {
    fn of(cells: &[Cells], side: usize) -> Side {
        let all = cells.iter().filter_map(|it| match &it.what {
            What::Sides(both) => both[side].as_ref(),
            What::Across(_) => None,
        });
        let none = Side {
            at: 0,
            text: 0,
            word: 0,
        };
        all.fold(none, |most, (at, text)| Side {
            at: most.at.max(width(at)),
            text: most.text.max(width(text)),
            word: text.split(' ').map(width).fold(most.word, usize::max),
        })
    }

    fn lines(self, cell: Option<&(String, String)>, most: usize) -> Vec<String> {
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
fn below(cells: &[Cells]) -> Vec<String> {
    let (margin, begin) = margin(cells);
    let indent = " ".repeat(begin);
    let mut lines = Vec::new();
    for it in cells {
        match &it.what {
            What::Across(text) => {
                lines.push(margin(it) + &clipped(text, WIDTH.saturating_sub(begin)))
            }
            What::Sides([expected, happened]) => {
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

fn clipped(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(3)).collect();
    kept + "..."
}
