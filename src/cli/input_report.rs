//! Prints what of event files was not understood.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::print_stderr;
use crate::event::{Decoder, InputReport, Observations, Position, RejectReason, Vocabulary};
use crate::model::sanitize_for_terminal;

/// One report for each input, in order.
pub(super) fn of_decoders<'r>(
    decoders: &'r [Decoder],
    observed: &'r [Observations],
) -> Vec<InputReport<'r>> {
    decoders.iter().zip(observed).map(|(decoder, observed)| decoder.report(observed)).collect()
}

/// How many events and rejections there are, and the rejections by reason, each with its first position and advice.
pub(super) fn summary_text(
    inputs: &[PathBuf],
    reports: &[InputReport<'_>],
    first_rejections: &BTreeMap<RejectReason, Position>,
) -> String {
    let sum =
        |count: &dyn Fn(&Observations) -> u64| reports.iter().map(|it| count(it.observed)).sum();
    let rejected: u64 = sum(&Observations::rejected_total);
    let left_out: u64 = sum(&|observed| observed.left_out);
    let accepted: u64 = sum(&Observations::accepted);
    let mut text = format!("{accepted} events");
    if rejected > 0 {
        text += &format!(", {rejected} rejected");
    }
    if left_out > 0 {
        text += &format!(", {left_out} left out by the mapping");
    }
    for (reason, first) in first_rejections {
        let count: u64 = sum(&|observed| observed.rejected.get(reason).copied().unwrap_or(0));
        let file = inputs.get(first.input as usize).map(|path| path.display().to_string());
        let first = (file.as_deref().unwrap_or_default(), *first);
        text += &format!("\n{}", rejection_line(reports, *reason, count, Some(first)));
    }
    text
}

/// How many records were rejected for a reason, the file and the place of the first, and advice.
pub(super) fn rejection_line(
    reports: &[InputReport<'_>],
    reason: RejectReason,
    count: u64,
    first: Option<(&str, Position)>,
) -> String {
    let place = first.map(|(file, at)| format!(", first at {file}:{}", at.line_text()));
    let (place, advice) = (place.unwrap_or_default(), rejection(reports, reason));
    sanitize_for_terminal(&format!("{count} rejected: {reason}{place}{advice}"))
}

/// Event types that models name and that did not occur: they are most often misspelled. `seen` is by the index of the type.
pub(super) fn missing_types<'v>(vocabulary: &'v Vocabulary, seen: &[bool]) -> Vec<&'v str> {
    let named = vocabulary.named_types();
    let missing = named.filter(|(kind, _)| seen.get(kind.index()) == Some(&false));
    missing.map(|(_, name)| name).collect()
}

pub(super) fn missing_types_line(missing: &[&str]) -> String {
    format!("event types of the models that did not occur: {}", missing.join(", "))
}

/// Prints one line for each thing that was not understood, with the file where there are several.
pub(super) fn print(inputs: &[PathBuf], reports: &[InputReport<'_>]) {
    for (input, report) in inputs.iter().zip(reports) {
        let file = input.display().to_string();
        for line in report.lines() {
            let line = if inputs.len() > 1 { format!("{file}: {line}") } else { line };
            print_stderr(&sanitize_for_terminal(&line));
        }
    }
}

/// Prints which fields that the models read no event has.
pub(super) fn print_never_found(reports: &[InputReport<'_>]) {
    let mut all = Observations::default();
    reports.iter().for_each(|report| all.merge(report.observed));
    if let Some(first) = reports.first()
        && let Some(line) = (InputReport { observed: &all, ..*first }).never_found()
    {
        print_stderr(&sanitize_for_terminal(&line));
    }
}

/// What explains the rejections for a reason, in the first input that has any.
fn rejection(reports: &[InputReport<'_>], reason: RejectReason) -> String {
    let mut having = reports.iter().filter(|it| it.observed.rejected.contains_key(&reason));
    having.next().map_or_else(|| reason.hint().to_owned(), |report| report.rejection(reason))
}

/// Whether there were records and none of them could be read.
pub(super) fn nothing_was_read(reports: &[InputReport<'_>]) -> bool {
    let records: u64 = reports.iter().map(|report| report.observed.records).sum();
    let rejected: u64 = reports.iter().map(|report| report.observed.rejected_total()).sum();
    records > 0 && records == rejected
}
