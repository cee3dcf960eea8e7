//! Metrics that need a read of the disk, updated at intervals.

use std::time::Duration;

use super::Worker;
use crate::runtime::restore::Error;
use crate::runtime::worker_io::WorkerIo;

const OBSERVE_INTERVAL: Duration = Duration::from_secs(5);

impl<W: WorkerIo> Worker<W> {
    pub(super) fn observe(&mut self) -> Result<(), Error> {
        let now = self.io.uptime();
        if now.saturating_sub(self.last_observed) < OBSERVE_INTERVAL {
            return Ok(());
        }
        self.last_observed = now;
        self.report_inputs();
        self.observe_bursts();
        let partitions = self.partitions.iter();
        let partitions: Vec<_> = partitions.map(|(it, owned)| (*it, &owned.progress)).collect();
        self.io.observe(&self.context.metrics, &partitions);
        self.clean_up_stale_state()
    }
}
