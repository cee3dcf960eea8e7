//! Prints what of event files was not understood.

use std::path::PathBuf;

use super::print_stderr;
use crate::event::{Decoder, InputReport, Observations, RejectReason};
use crate::model::sanitize_for_terminal;

/// One report for each input, in order.
pub(super) fn of_decoders<'r>(
    decoders: &'r [Decoder],
    observed: &'r [Observations],
) -> Vec<InputReport<'r>> {
    decoders.iter().zip(observed).map(|(decoder, observed)| decoder.report(observed)).collect()
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
pub(super) fn rejection(reports: &[InputReport<'_>], reason: RejectReason) -> String {
    let mut having = reports.iter().filter(|it| it.observed.rejected.contains_key(&reason));
    having.next().map_or_else(|| reason.hint().to_owned(), |report| report.rejection(reason))
}

/// Whether there were records and none of them could be read.
pub(super) fn nothing_was_read(reports: &[InputReport<'_>]) -> bool {
    let records: u64 = reports.iter().map(|report| report.observed.records).sum();
    let rejected: u64 = reports.iter().map(|report| report.observed.rejected_total()).sum();
    records > 0 && records == rejected
}
