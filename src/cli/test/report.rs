//! How tests came out, for people.

use std::io::{self, Write};

use super::{Updated, describe, sentence, table};
use crate::event::EventTime;
use crate::model::{Refusal, visible, written};
use crate::runtime::example::{Move, Outcome, Row, Verdict};

/// How many sentences are told of one test; all of them are in the table.
const SENTENCES_MAX: usize = 10;

pub(super) fn print(
    out: &mut impl Write,
    outcomes: &[Outcome],
    updated: &Updated,
) -> io::Result<()> {
    let (mut passed, mut written, mut failed) = (0, 0, 0);
    for outcome in outcomes {
        match updated.get(&outcome.number) {
            Some((before, Verdict::Updated)) => {
                written += 1;
                head(out, "UPDATED", outcome, true)?;
                for line in changes(before, outcome) {
                    writeln!(out, "        {}", visible(&line))?;
                }
            }
            Some((_, Verdict::Left(refusal))) => {
                failed += 1;
                failure(out, outcome, Some(refusal))?;
            }
            None if outcome.passed() => {
                passed += 1;
                head(out, "ok", outcome, false)?;
            }
            None => {
                failed += 1;
                failure(out, outcome, None)?;
            }
        }
    }
    match updated.is_empty() {
        true => writeln!(out, "{passed} passed, {failed} failed"),
        false => writeln!(out, "{passed} passed, {written} updated, {failed} failed"),
    }
}

fn head(out: &mut impl Write, mark: &str, outcome: &Outcome, place: bool) -> io::Result<()> {
    let Outcome {
        model, name, file, ..
    } = outcome;
    writeln!(out, "{mark:<8}{model}: {}", visible(name))?;
    if place {
        writeln!(out, "        {}:{}", visible(file), outcome.place.line)?;
    }
    Ok(())
}

fn failure(out: &mut impl Write, outcome: &Outcome, left: Option<&Refusal>) -> io::Result<()> {
    head(out, "FAILED", outcome, true)?;
    writeln!(out)?;
    for line in table::lines(&outcome.rows) {
        writeln!(out, "{line}")?;
    }
    writeln!(out)?;
    let sentences = sentences(outcome);
    for sentence in sentences.iter().take(SENTENCES_MAX) {
        writeln!(out, "  {}", visible(sentence))?;
    }
    if let Some(more @ 1..) = sentences.len().checked_sub(SENTENCES_MAX) {
        writeln!(out, "  and {more} more")?;
    }
    if let Some(Refusal { place, message }) = left {
        let file = visible(&outcome.file);
        writeln!(out, "  not updated: {}", visible(message))?;
        writeln!(out, "  --> {file}:{}:{}", place.line, place.column)?;
    }
    writeln!(out)
}

/// What went wrong in a test, in words.
pub(super) fn sentences(outcome: &Outcome) -> Vec<String> {
    let ends = outcome.rows.iter().find_map(|row| match row {
        Row::End(until, _) => Some(*until),
        _ => None,
    });
    let until = ends.unwrap_or(EventTime::MAX);
    let rows = outcome.rows.iter();
    rows.filter_map(|row| sentence::of(row, until)).collect()
}

/// What was changed in the file so that a test passes, with the lines of the file as it is now.
pub(super) fn changes(before: &Outcome, after: &Outcome) -> Vec<String> {
    let line = |row: &Row| {
        let same = |it: &&Row| it.happened() == row.happened();
        let now = after.rows.iter().filter(|it| it.happened().is_some());
        now.clone()
            .find(same)
            .and_then(describe::line)
            .unwrap_or_default()
    };
    let change = |row: &Row| match row {
        Row::Event(_) | Row::Same(..) | Row::End(..) => None,
        Row::Missing { expected, .. } => Some(format!(
            "removed  {} at {}",
            expected.to,
            written(expected.at)
        )),
        Row::Unexpected(Move { to, at, .. }) => {
            let line = line(row);
            Some(format!("added    line {line}: {to} at {}", written(*at)))
        }
        Row::Different(expected, happened, details) => {
            let each = details.iter().map(|detail| {
                let (wanted, actual) = (detail.wanted(expected), detail.actual(happened));
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
