//! What decoding found in an input, until it is reported.

use std::time::Duration;

use crate::event::Observations;

/// What was found in one input.
#[derive(Debug)]
pub(super) struct InputObservations {
    /// Since the metrics were last updated.
    pub(super) recent: Observations,
    /// Since the last report in the log.
    pub(super) unreported: Observations,
    pub(super) last_report: Option<Duration>,
}

impl InputObservations {
    pub(super) fn new(fields: usize) -> InputObservations {
        let (recent, unreported) = (Observations::on(fields), Observations::on(fields));
        InputObservations { recent, unreported, last_report: None }
    }
}
