//! Reports by metric and log what of the inputs was not understood, so that no event is misread or lost silently.

use std::time::Duration;

use super::Worker;
use crate::event::Observations;
use crate::runtime::worker_io::WorkerIo;

/// Interval between reports about one input in the log.
const LOG_INTERVAL: Duration = Duration::from_secs(600);
/// Records before "most are rejected" is a finding.
const REJECTED_RECORDS_MIN: u64 = 20;

impl<W: WorkerIo> Worker<W> {
    pub(super) fn report_inputs(&mut self) {
        let now = self.io.uptime();
        let fields = self.context.models.vocabulary.fields().count();
        for (input, observations) in self.observations.iter_mut().enumerate() {
            if observations.recent.records == 0 && observations.recent.left_out == 0 {
                continue;
            }
            let recent = std::mem::replace(&mut observations.recent, Observations::on(fields));
            let topic = &self.context.settings.outputs.inputs[input];
            let vocabulary = &self.context.models.vocabulary;
            self.context.metrics.observe_input(topic, &recent, vocabulary);
            observations.unreported.merge(&recent);
            let since = observations.last_report.map(|at| now.saturating_sub(at));
            if since.is_some_and(|since| since < LOG_INTERVAL) {
                continue;
            }
            let report = self.decoders[input].report(&observations.unreported);
            let Observations { records, rejected, .. } = &observations.unreported;
            let count = observations.unreported.rejected_total();
            let mut lines = report.lines();
            if *records >= REJECTED_RECORDS_MIN
                && count > records / 2
                && let Some((reason, _)) = rejected.iter().max_by_key(|(_, count)| **count)
            {
                let explained = report.rejection(*reason);
                lines.push(format!(
                    "{count} of {records} records are rejected, most of them as {reason}{explained}"
                ));
            }
            if lines.is_empty() {
                continue;
            }
            for line in lines {
                tracing::warn!(topic, "{line}");
            }
            observations.last_report = Some(now);
            observations.unreported = Observations::on(fields);
        }
    }
}
