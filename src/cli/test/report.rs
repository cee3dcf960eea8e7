//! Prints test outcomes as text.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::{describe, sentence, table};
use crate::authoring::model_test::{
    ActualTransition, DroppedComment, TestId, TestOutcome, TimelineRow, UpdateError, UpdateResult,
    format_instant,
};
use crate::event::EventTime;
use crate::model::sanitize_for_terminal;

/// The tests that were to be updated: each with its outcome before, and the result.
pub(super) type UpdatedTests = BTreeMap<TestId, (TestOutcome, UpdateResult)>;

/// The most failures of one test that are printed as sentences; the table has all of them.
const SENTENCES_MAX: usize = 10;

pub(super) fn print(
    out: &mut impl Write,
    outcomes: &[TestOutcome],
    updated: &UpdatedTests,
) -> io::Result<()> {
    let (mut passed, mut updated_count, mut failed) = (0, 0, 0);
    for outcome in outcomes {
        match updated.get(&outcome.id) {
            Some((before, UpdateResult::Updated(dropped))) => {
                updated_count += 1;
                print_heading(out, "UPDATED", outcome, true)?;
                for line in changes(before, outcome) {
                    writeln!(out, "        {}", sanitize_for_terminal(&line))?;
                }
                for DroppedComment { line, text } in dropped {
                    let text = sanitize_for_terminal(text);
                    writeln!(out, "        dropped  former line {line}: {text}")?;
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
    if updated.is_empty() {
        writeln!(out, "{passed} passed, {failed} failed")
    } else {
        writeln!(out, "{passed} passed, {updated_count} updated, {failed} failed")
    }
}

fn print_heading(
    out: &mut impl Write,
    mark: &str,
    outcome: &TestOutcome,
    with_location: bool,
) -> io::Result<()> {
    let TestOutcome { model, name, file, .. } = outcome;
    writeln!(out, "{mark:<8}{model}: {}", sanitize_for_terminal(name))?;
    if with_location {
        writeln!(out, "        {}:{}", sanitize_for_terminal(file), outcome.location.line)?;
    }
    Ok(())
}

fn print_failure(
    out: &mut impl Write,
    outcome: &TestOutcome,
    refusal: Option<&UpdateError>,
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
    if let Some(UpdateError { location, message }) = refusal {
        let file = sanitize_for_terminal(&outcome.file);
        writeln!(out, "  not updated: {}", sanitize_for_terminal(message))?;
        writeln!(out, "  --> {file}:{}:{}", location.line, location.column)?;
    }
    writeln!(out)
}

/// The failures of a test.
pub(super) fn sentences(outcome: &TestOutcome) -> Vec<String> {
    let end = outcome.rows.iter().find_map(|row| match row {
        TimelineRow::End(until, _) => Some(*until),
        _ => None,
    });
    let until = end.unwrap_or(EventTime::MAX);
    let rows = outcome.rows.iter();
    rows.filter_map(|row| sentence::describe(row, until)).collect()
}

/// The changes of a test's expectations, with line numbers of the new file.
pub(super) fn changes(before: &TestOutcome, after: &TestOutcome) -> Vec<String> {
    let line = |row: &TimelineRow| {
        let same = |it: &&TimelineRow| it.happened() == row.happened();
        let mut transitions = after.rows.iter().filter(|it| it.happened().is_some());
        transitions.find(same).and_then(describe::file_line).unwrap_or_default()
    };
    let change = |row: &TimelineRow| match row {
        TimelineRow::Event(_) | TimelineRow::End(..) => None,
        TimelineRow::Matched(.., fields) if fields.is_empty() => None,
        TimelineRow::Missing { expected, .. } => {
            Some(format!("removed  {} at {}", expected.to, format_instant(expected.at)))
        }
        TimelineRow::Unexpected(ActualTransition { to, at, .. }) => {
            let line = line(row);
            Some(format!("added    line {line}: {to} at {}", format_instant(*at)))
        }
        TimelineRow::Matched(expected, actual, fields) => {
            let changes = fields.iter().map(|field| {
                let old = field.expected_value(expected).unwrap_or_default();
                let new = field.actual_value(actual);
                format!("{} {old} -> {new}", field.key())
            });
            let changes: Vec<String> = changes.collect();
            let line = line(row);
            Some(format!("changed  line {line}: {}, {}", expected.to, changes.join(", ")))
        }
    };
    before.rows.iter().filter_map(change).collect()
}
