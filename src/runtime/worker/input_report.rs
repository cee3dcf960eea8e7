//! Reports by metric and log what of the inputs was not understood, so that no event is misread or lost silently.

use std::time::Duration;

use super::Worker;
use crate::event::{InputReport, Observations};
use crate::runtime::worker_io::WorkerIo;

/// Interval between reports about one input in the log.
const LOG_INTERVAL: Duration = Duration::from_secs(600);
/// Records before "most are rejected" is a finding.
const REJECTED_RECORDS_MIN: u64 = 20;

impl<W: WorkerIo> Worker<W> {
    pub(super) fn report_inputs(&mut self) {
        let now = self.io.uptime();
        let vocabulary = &self.context.models.vocabulary;
        for (topic, mappings) in self.context.settings.outputs.inputs.iter().zip(&mut self.mappings)
        {
            for mapping in mappings {
                if mapping.recent.records == 0 && mapping.recent.left_out == 0 {
                    continue;
                }
                let recent = mapping.take_recent();
                self.context.metrics.observe_input(topic, &recent, vocabulary);
                mapping.unreported.merge(&recent);
                let since = mapping.last_report.map(|at| now.saturating_sub(at));
                if since.is_some_and(|since| since < LOG_INTERVAL) {
                    continue;
                }
                let lines = lines(&mapping.decoder.report(&mapping.unreported));
                if lines.is_empty() {
                    continue;
                }
                for line in lines {
                    tracing::warn!(topic, "{line}");
                }
                mapping.last_report = Some(now);
                mapping.unreported = Observations::on(vocabulary.fields().count());
            }
        }
    }
}

/// One line for each finding.
fn lines(report: &InputReport<'_>) -> Vec<String> {
    let mut lines = report.lines();
    let Observations { records, rejected, .. } = report.observed;
    let count = report.observed.rejected_total();
    if *records >= REJECTED_RECORDS_MIN
        && count > records / 2
        && let Some((reason, _)) = rejected.iter().max_by_key(|(_, count)| **count)
    {
        let explained = report.rejection(*reason);
        lines.push(format!(
            "{count} of {records} records are rejected, most of them as {reason}{explained}"
        ));
    }
    lines
}
