//! The report for a terminal: sentences and tables of at most 100 columns.

use super::findings::Findings;
use super::format::format_instant;
use super::tables::{self, ReportTable};
use crate::backtest::Differences;
use crate::model::sanitize_for_terminal;

const WIDTH: usize = 100;
/// Spaces between two columns of a table.
const GAP: usize = 2;

pub(super) fn report(findings: &Findings<'_>) -> String {
    let versions = 0..findings.versions.len();
    let mut text = wrap(&format!("Backtest of {}", findings.scope()));
    for version in versions.clone() {
        text += &format!(
            "{:<6}{}\n",
            findings.label(version),
            findings.title(version)
        );
    }
    for line in findings.excluded_rows() {
        text += &format!("Left out: {line}\n");
    }
    text += "\nWHO MOVES\n";
    text += &wrap(&findings.moves_sentence());
    let differences = findings.backtest.differences.as_ref();
    if let Some(differences) = differences {
        text += &format_table(&tables::moves(differences));
        text += &format_table(&tables::arrivals(differences));
    }
    text += "\nWHERE CUSTOMERS ARE\n";
    text += &wrap(&findings.final_stages_sentence());
    text += &tables::matrix(findings)
        .map(|it| format_table(&it))
        .unwrap_or_default();
    if let Some(differences) = differences.filter(|it| it.is_comparable) {
        text += &format_table(&tables::stage_differences(findings, differences));
    }
    for version in versions.clone() {
        text += &format_table(&tables::population(findings, version));
    }
    text += "\nHOW LONG THEY STAY\n";
    text += &wrap(&findings.stay_lengths_sentence());
    text += &format_table(&tables::stays(findings));
    text += "\nFLAPPING\n";
    for version in versions.clone() {
        text += &wrap(&findings.flapping_sentence(version));
    }
    text += &format_table(&tables::undone_moves(findings));
    if let Some(prediction) = &findings.backtest.prediction {
        text += "\nPREDICTION\n";
        for line in findings.prediction_sentences(prediction) {
            text += &wrap(&line);
        }
        for version in versions.clone() {
            text += &wrap(&findings.lead_time_sentence(prediction, version));
        }
        text += &format_table(&tables::scores(findings, prediction));
        for version in versions {
            text += &format_table(&tables::scores_by_date(findings, prediction, version));
        }
    }
    if let Some(differences) = differences {
        text += &examples(findings, differences);
    }
    text += "\nWHAT IS COUNTED\n";
    for definition in findings.definitions() {
        text += &wrap(&format!("- {definition}"));
    }
    text
}

fn examples(findings: &Findings<'_>, differences: &Differences) -> String {
    let examples = differences.examples();
    if examples.is_empty() {
        return String::new();
    }
    let mut text = "\nSOME CUSTOMERS WHOSE HISTORIES DIFFER\n".to_owned();
    text += &wrap(&findings.sampling_sentence(differences));
    for example in examples {
        let customer = sanitize_for_terminal(example.customer.as_str());
        text += &format!("{customer}, since {}\n", format_instant(example.begin));
        for version in 0..2 {
            let label = findings.label(version);
            text += &wrap(&format!(
                "    {label} {}",
                findings.stage_history(example, version)
            ));
        }
    }
    text
}

/// A table under its caption; empty without rows. Columns that do not fit follow in a further block, which repeats
/// the first column.
fn format_table(table: &ReportTable) -> String {
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

/// Wraps a paragraph. If its first line is indented or a list item, further lines are indented by two more.
fn wrap(text: &str) -> String {
    let indent = text.len() - text.trim_start().len();
    let further = if indent > 0 || text.starts_with("- ") {
        indent + 2
    } else {
        0
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
