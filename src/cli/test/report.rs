//! Prints test outcomes as text.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::{describe, sentence, table};
use crate::authoring::model_test::{
    DroppedComment, TestId, TestOutcome, TimelineRow, UpdateError, UpdateResult, format_instant,
};
use crate::event::EventTime;
use crate::model::{TestTransition, sanitize_for_terminal};

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
        let refusal = match updated.get(&outcome.id) {
            Some((before, UpdateResult::Updated(dropped))) => {
                updated_count += 1;
                print_update(out, before, outcome, dropped)?;
                continue;
            }
            Some((_, UpdateResult::Unchanged(refusal))) => Some(refusal),
            None => None,
        };
        if outcome.passed() {
            passed += 1;
            print_heading(out, "ok", outcome)?;
        } else {
            failed += 1;
            print_failure(out, outcome, refusal)?;
        }
    }
    let updated_count = (!updated.is_empty()).then(|| format!(" {updated_count} updated,"));
    writeln!(out, "{passed} passed,{} {failed} failed", updated_count.unwrap_or_default())
}

fn print_heading(out: &mut impl Write, mark: &str, outcome: &TestOutcome) -> io::Result<()> {
    let TestOutcome { model, name, file, .. } = outcome;
    writeln!(out, "{mark:<8}{model}: {}", sanitize_for_terminal(name))?;
    if mark != "ok" {
        writeln!(out, "        {}:{}", sanitize_for_terminal(file), outcome.location.line)?;
    }
    Ok(())
}

fn print_update(
    out: &mut impl Write,
    before: &TestOutcome,
    after: &TestOutcome,
    dropped: &[DroppedComment],
) -> io::Result<()> {
    print_heading(out, "UPDATED", after)?;
    let dropped = dropped.iter();
    let dropped = dropped.map(|it| format!("dropped  former line {}: {}", it.line, it.text));
    for line in changes(before, after).into_iter().chain(dropped) {
        writeln!(out, "        {}", sanitize_for_terminal(&line))?;
    }
    Ok(())
}

fn print_failure(
    out: &mut impl Write,
    outcome: &TestOutcome,
    refusal: Option<&UpdateError>,
) -> io::Result<()> {
    print_heading(out, "FAILED", outcome)?;
    writeln!(out, "\n{}\n", table::lines(&outcome.rows).join("\n"))?;
    let sentences = sentences(outcome);
    for sentence in sentences.iter().take(SENTENCES_MAX) {
        writeln!(out, "  {}", sanitize_for_terminal(sentence))?;
    }
    if let Some(more @ 1..) = sentences.len().checked_sub(SENTENCES_MAX) {
        writeln!(out, "  and {more} more")?;
    }
    if let Some(UpdateError { location, message }) = refusal {
        let file = sanitize_for_terminal(&outcome.file);
        writeln!(
            out,
            "  not updated: {message}\n  --> {file}:{}:{}",
            location.line, location.column
        )?;
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
    outcome.rows.iter().filter_map(|row| sentence::describe(row, until)).collect()
}

/// The changes of a test's expectations, with line numbers of the new file.
pub(super) fn changes(before: &TestOutcome, after: &TestOutcome) -> Vec<String> {
    let change = |row: &TimelineRow| {
        let same = |it: &&TimelineRow| it.happened().is_some() && it.happened() == row.happened();
        let line = after.rows.iter().find(same).and_then(describe::file_line).unwrap_or_default();
        match row {
            TimelineRow::Missing { expected, .. } => {
                Some(format!("removed  {} at {}", expected.to, format_instant(expected.at)))
            }
            TimelineRow::Unexpected(actual) => {
                let at = format_instant(actual.at);
                Some(format!("added    line {line}: {} at {at}", actual.to))
            }
            TimelineRow::Matched(expected, actual, differences) if row.is_failure() => {
                let value = |it: &TestTransition, key| it.value(key).unwrap_or_default();
                let changes = differences
                    .iter()
                    .map(|key| format!("{key} {} -> {}", value(expected, key), value(actual, key)));
                let changes: Vec<String> = changes.collect();
                Some(format!("changed  line {line}: {}, {}", expected.to, changes.join(", ")))
            }
            TimelineRow::Event(_) | TimelineRow::Matched(..) | TimelineRow::End(..) => None,
        }
    };
    before.rows.iter().filter_map(change).collect()
}
