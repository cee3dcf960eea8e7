//! How tests came out, for people.

use std::io::{self, Write};

use super::{UpdatedTests, describe, sentence, table};
use crate::event::EventTime;
use crate::model::{EditError, format_instant, sanitize_for_terminal};
use crate::runtime::model_test::{ActualTransition, TestOutcome, TimelineRow, UpdateResult};

/// How many sentences are told of one test; all of them are in the table.
const SENTENCES_MAX: usize = 10;

pub(super) fn print(
    out: &mut impl Write,
    outcomes: &[TestOutcome],
    updated: &UpdatedTests,
) -> io::Result<()> {
    let (mut passed, mut written, mut failed) = (0, 0, 0);
    for outcome in outcomes {
        match updated.get(&outcome.id) {
            Some((before, UpdateResult::Updated)) => {
                written += 1;
                print_heading(out, "UPDATED", outcome, true)?;
                for line in changes(before, outcome) {
                    writeln!(out, "        {}", sanitize_for_terminal(&line))?;
                }
            }
            Some((_, UpdateResult::Unchanged(refusal))) => {
                failed += 1;
                print_failure(out, outcome, Some(refusal))?;
            }
            None if outcome.passed() => {
                passed += 1;
                print_heading(out, "ok", outcome, false)?;
            }
            None => {
                failed += 1;
                print_failure(out, outcome, None)?;
            }
        }
    }
    match updated.is_empty() {
        true => writeln!(out, "{passed} passed, {failed} failed"),
        false => writeln!(out, "{passed} passed, {written} updated, {failed} failed"),
    }
}

fn print_heading(
    out: &mut impl Write,
    mark: &str,
    outcome: &TestOutcome,
    place: bool,
) -> io::Result<()> {
    let TestOutcome {
        model, name, file, ..
    } = outcome;
    writeln!(out, "{mark:<8}{model}: {}", sanitize_for_terminal(name))?;
    if place {
        writeln!(
            out,
            "        {}:{}",
            sanitize_for_terminal(file),
            outcome.location.line
        )?;
    }
    Ok(())
}

fn print_failure(
    out: &mut impl Write,
    outcome: &TestOutcome,
    left: Option<&EditError>,
) -> io::Result<()> {
    print_heading(out, "FAILED", outcome, true)?;
    writeln!(out)?;
    for line in table::lines(&outcome.rows) {
        writeln!(out, "{line}")?;
    }
    writeln!(out)?;
    let sentences = sentences(outcome);
    for sentence in sentences.iter().take(SENTENCES_MAX) {
        writeln!(out, "  {}", sanitize_for_terminal(sentence))?;
    }
    if let Some(more @ 1..) = sentences.len().checked_sub(SENTENCES_MAX) {
        writeln!(out, "  and {more} more")?;
    }
    if let Some(EditError {
        location: place,
        message,
    }) = left
    {
        let file = sanitize_for_terminal(&outcome.file);
        writeln!(out, "  not updated: {}", sanitize_for_terminal(message))?;
        writeln!(out, "  --> {file}:{}:{}", place.line, place.column)?;
    }
    writeln!(out)
}

/// What went wrong in a test, in words.
pub(super) fn sentences(outcome: &TestOutcome) -> Vec<String> {
    let ends = outcome.rows.iter().find_map(|row| match row {
        TimelineRow::End(until, _) => Some(*until),
        _ => None,
    });
    let until = ends.unwrap_or(EventTime::MAX);
    let rows = outcome.rows.iter();
    rows.filter_map(|row| sentence::describe(row, until))
        .collect()
}

/// What was changed in the file so that a test passes, with the lines of the file as it is now.
pub(super) fn changes(before: &TestOutcome, after: &TestOutcome) -> Vec<String> {
    let line = |row: &TimelineRow| {
        let same = |it: &&TimelineRow| it.happened() == row.happened();
        let now = after.rows.iter().filter(|it| it.happened().is_some());
        now.clone()
            .find(same)
            .and_then(describe::file_line)
            .unwrap_or_default()
    };
    let change = |row: &TimelineRow| match row {
        TimelineRow::Event(_) | TimelineRow::Same(..) | TimelineRow::End(..) => None,
        TimelineRow::Missing { expected, .. } => Some(format!(
            "removed  {} at {}",
            expected.to,
            format_instant(expected.at)
        )),
        TimelineRow::Unexpected(ActualTransition { to, at, .. }) => {
            let line = line(row);
            Some(format!(
                "added    line {line}: {to} at {}",
                format_instant(*at)
            ))
        }
        TimelineRow::Different(expected, happened, details) => {
            let each = details.iter().map(|detail| {
                let (wanted, actual) = (
                    detail.expected_value(expected),
                    detail.actual_value(happened),
                );
                format!(
                    "{} {} -> {actual}",
                    detail.key(),
                    wanted.unwrap_or_default()
                )
            });
            let each: Vec<String> = each.collect();
            let line = line(row);
            Some(format!(
                "changed  line {line}: {}, {}",
                expected.to,
                each.join(", ")
            ))
        }
    };
    before.rows.iter().filter_map(change).collect()
}
