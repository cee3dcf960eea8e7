//! A table of a report, and its form as text.

use super::format::WIDTH;

/// Spaces between two columns.
const GAP: usize = 2;

/// Rows under a header; the first cell of a row names it.
pub(super) struct ReportTable {
    pub(super) caption: String,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl ReportTable {
    pub(super) fn new<const N: usize>(
        caption: impl Into<String>,
        header: [&str; N],
    ) -> ReportTable {
        ReportTable {
            caption: caption.into(),
            header: header.map(str::to_owned).to_vec(),
            rows: Vec::new(),
        }
    }

    pub(super) fn add_row<const N: usize>(&mut self, row: [String; N]) {
        self.rows.push(row.to_vec());
    }

    /// The table under its caption; empty without rows. Columns that do not fit follow in a further block, which repeats
    /// the first column.
    pub(super) fn to_text(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let columns = self.header.len();
        let lines = || std::iter::once(&self.header).chain(&self.rows);
        let width = |column: usize| {
            let cells = lines().map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let is_text = |column: usize| {
            let mut cells = self.rows.iter().map(|row| &row[column]);
            column == 0 || cells.any(|cell| cell.starts_with(|c: char| c.is_ascii_alphabetic()))
        };
        let mut text = format!("\n{}:\n", self.caption);
        let mut from = 1;
        while from < columns {
            let (mut to, mut used) = (from, width(0));
            while to < columns && (to == from || used + GAP + width(to) <= WIDTH) {
                used += GAP + width(to);
                to += 1;
            }
            for row in lines() {
                let mut line = String::new();
                for column in std::iter::once(0).chain(from..to) {
                    let (cell, width) = (&row[column], width(column));
                    line += &if is_text(column) {
                        format!("{cell:<width$}")
                    } else {
                        format!("{cell:>width$}")
                    };
                    line += &" ".repeat(GAP);
                }
                text += line.trim_end();
                text += "\n";
            }
            from = to;
        }
        text
    }
}
