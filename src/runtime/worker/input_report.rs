//! Reports by metric and log what of the inputs was not understood, so that no event is misread or lost silently.

use std::time::Duration;

use super::Worker;
use super::input_mapping::InputMapping;
use crate::event::{InputReport, Observations};
use crate::runtime::worker_io::WorkerIo;

/// Interval between reports about one input in the log.
const LOG_INTERVAL: Duration = Duration::from_secs(600);
/// Records without a finding are forgotten after this time, so that they do not hide later ones.
const WINDOW: Duration = Duration::from_secs(60);
/// Records before rejections are a finding.
const REJECTED_RECORDS_MIN: u64 = 20;
/// The share of rejected records that is a finding.
const REJECTED_PERCENT_MIN: u64 = 1;

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
                for line in mapping.report(&recent, now) {
                    tracing::warn!(topic, "{line}");
                }
            }
        }
    }
}

impl InputMapping {
    /// What is to be logged now.
    fn report(&mut self, recent: &Observations, now: Duration) -> Vec<String> {
        self.unreported.merge(recent);
        if self.last_report.is_some_and(|at| now.saturating_sub(at) < LOG_INTERVAL) {
            return Vec::new();
        }
        let lines = lines(&self.decoder.report(&self.unreported));
        if !lines.is_empty() {
            self.last_report = Some(now);
        }
        let is_judged = self.unreported.records >= REJECTED_RECORDS_MIN;
        let is_over = is_judged && now.saturating_sub(self.window_start) >= WINDOW;
        if !lines.is_empty() || is_over {
            self.window_start = now;
            self.unreported = Observations::on(self.decoder.vocabulary().fields().count());
        }
        lines
    }
}

/// One line for each finding.
fn lines(report: &InputReport<'_>) -> Vec<String> {
    let mut lines = report.lines();
    let Observations { records, rejected, .. } = report.observed;
    let count = report.observed.rejected_total();
    if *records >= REJECTED_RECORDS_MIN
        && count * 100 >= records * REJECTED_PERCENT_MIN
        && let Some((reason, _)) = rejected.iter().max_by_key(|(_, count)| **count)
    {
        let explained = report.rejection(*reason);
        lines.push(format!(
            "{count} of {records} records are rejected, most of them as {reason}{explained}"
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CurrencyRates, Decoder, Mapping, RecordLimits, RejectReason, Vocabulary};

    #[test]
    fn an_input_that_is_rejected_after_a_long_healthy_time_is_reported_within_a_minute() {
        let (money, limits) = (CurrencyRates::default(), RecordLimits::default());
        let decoder = Decoder::new(Mapping::default(), Vocabulary::default(), money, limits);
        let mut mapping = InputMapping::new(decoder);
        let observed = |records, rejected| {
            let mut observed = Observations::on(0);
            observed.records = records;
            observed.rejected.extend((rejected > 0).then_some((RejectReason::BadTime, rejected)));
            observed
        };
        let mut report = |minutes: u64, records, rejected| {
            let now = Duration::from_secs(60 * minutes);
            mapping.report(&observed(records, rejected), now)
        };
        for minute in 0..1000 {
            assert_eq!(report(minute, 10_000, 0), [""; 0]);
        }
        let lines = report(1000, 1_000, 500);
        assert!(lines[0].starts_with("500 of 1000 records are rejected"), "{lines:?}");
        // Once within the interval, with all that was rejected meanwhile.
        assert_eq!(report(1005, 1_000, 10), [""; 0]);
        let lines = report(1010, 1_000, 10);
        assert!(lines[0].starts_with("20 of 2000 records are rejected"), "{lines:?}");
        // Fewer are none.
        assert_eq!(report(1030, 1_000, 9), [""; 0]);
        // Few records are judged together.
        for minute in 1040..1049 {
            assert_eq!(report(minute, 2, 2), [""; 0]);
        }
        let lines = report(1049, 2, 2);
        assert!(lines[0].starts_with("20 of 20 records are rejected"), "{lines:?}");
    }
}
