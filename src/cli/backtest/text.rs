//! The report for people at a terminal: a sentence each, and tables of at most 100 columns.

use super::findings::Findings;
use super::tables::{self, Table};
use super::words::day;
use crate::backtest::Differences;
use crate::model::visible;

/// Most columns of a line.
const WIDTH: usize = 100;
/// Between two columns of a table.
const GAP: usize = 2;

pub(super) fn report(findings: &Findings<'_>) -> String {
    let versions = 0..findings.versions.len();
    let mut text = wrapped(&format!("Backtest of {}", findings.scope()));
    for version in versions.clone() {
        text += &format!(
            "{:<6}{}\n",
            findings.label(version),
            findings.title(version)
        );
    }
    for line in findings.left_out() {
        text += &format!("Left out: {line}\n");
    }
    text += "\nWHO MOVES\n";
    text += &wrapped(&findings.moved());
    let differences = findings.backtest.differences.as_ref();
    if let Some(differences) = differences {
        text += &table(&tables::moves(differences));
        text += &table(&tables::arrivals(differences));
    }
    text += "\nWHERE CUSTOMERS ARE\n";
    text += &wrapped(&findings.settled());
    text += &tables::matrix(findings)
        .map(|it| table(&it))
        .unwrap_or_default();
    if let Some(differences) = differences.filter(|it| it.comparable) {
        text += &table(&tables::apart(findings, differences));
    }
    for version in versions.clone() {
        text += &table(&tables::population(findings, version));
    }
    text += "\nHOW LONG THEY STAY\n";
    text += &wrapped(&findings.lasting());
    text += &table(&tables::stays(findings));
    text += "\nFLAPPING\n";
    for version in versions.clone() {
        text += &wrapped(&findings.restless(version));
    }
    text += &table(&tables::undone(findings));
    if let Some(prediction) = &findings.backtest.prediction {
        text += "\nPREDICTION\n";
        for line in findings.predicted(prediction) {
            text += &wrapped(&line);
        }
        for version in versions.clone() {
            text += &wrapped(&findings.early(prediction, version));
        }
        text += &table(&tables::scores(findings, prediction));
        for version in versions {
            text += &table(&tables::scores_by_date(findings, prediction, version));
        }
    }
    if let Some(differences) = differences {
        text += &examples(findings, differences);
    }
    text += "\nWHAT IS COUNTED\n";
    for definition in findings.definitions() {
        text += &wrapped(&format!("- {definition}"));
    }
    text
}

fn examples(findings: &Findings<'_>, differences: &Differences) -> String {
    let examples = differences.examples();
    if examples.is_empty() {
        return String::new();
    }
    let mut text = "\nSOME CUSTOMERS WHOSE HISTORIES DIFFER\n".to_owned();
    text += &wrapped(&findings.chosen(differences));
    for example in examples {
        let customer = visible(example.customer.as_str());
        text += &format!("{customer}, since {}\n", day(example.begin));
        for version in 0..2 {
            let label = findings.label(version);
            text += &wrapped(&format!("    {label} {}", findings.path(example, version)));
        }
    }
    text
}

/// A table under its caption; nothing without rows. What does not fit beside each other comes below, under
/// the first column again.
fn table(table: &Table) -> String {
    if table.rows.is_empty() {
        return String::new();
    }
    let columns = table.header.len();
    let lines = || std::iter::once(&table.header).chain(&table.rows);
    let width = |column: usize| {
        let cells = lines().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let is_text = |column: usize| {
        let mut cells = table.rows.iter().map(|row| &row[column]);
        column == 0 || cells.any(|cell| cell.starts_with(|c: char| c.is_ascii_alphabetic()))
    };
    let mut text = format!("\n{}:\n", table.caption);
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
                line += &match is_text(column) {
                    true => format!("{cell:<width$}"),
                    false => format!("{cell:>width$}"),
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

/// A paragraph. Where its first line is indented, or an item of a list, the others are two more.
fn wrapped(text: &str) -> String {
    let indent = text.len() - text.trim_start().len();
    let further = match indent > 0 || text.starts_with("- ") {
        true => indent + 2,
        false => 0,
    };
    let (mut out, mut column) = (" ".repeat(indent), indent);
    for (at, word) in text.split_whitespace().enumerate() {
        let length = word.chars().count();
        if at > 0 && column + 1 + length > WIDTH {
            out += "\n";
            out += &" ".repeat(further);
            column = further;
        } else if at > 0 {
            out.push(' ');
            column += 1;
        }
        out += word;
        column += length;
    }
    out.push('\n');
    out
}
