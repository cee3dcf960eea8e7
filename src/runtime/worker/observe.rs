//! Metrics that need a request to the broker or a read of the disk, updated at intervals.

use std::time::Duration;

use super::Worker;
use crate::runtime::restore::Error;
use crate::runtime::worker_io::WorkerIo;

const OBSERVE_INTERVAL: Duration = Duration::from_secs(5);
/// The same for a partition whose records have all been read, without new ones since.
const OBSERVE_IDLE_INTERVAL: Duration = Duration::from_secs(60);

impl<W: WorkerIo> Worker<W> {
    pub(super) fn observe(&mut self) -> Result<(), Error> {
        let now = self.io.uptime();
        if now.saturating_sub(self.last_observed) < OBSERVE_INTERVAL {
            return Ok(());
        }
        self.last_observed = now;
        for (partition, owned) in &mut self.partitions {
            let is_recent = |at: Duration| {
                owned.merge.is_idle() && now.saturating_sub(at) < OBSERVE_IDLE_INTERVAL
            };
            if owned.idle.observed.is_some_and(is_recent) {
                continue;
            }
            let mut is_stable = true;
            for (input, offset) in owned.progress.offsets.iter().enumerate() {
                let Ok(ends) = self.io.input_ends(input as u32, *partition) else {
                    is_stable = false;
                    continue;
                };
                let topic = &self.context.settings.outputs.inputs[input];
                let (last_stable, end) = (ends.last_stable, ends.end);
                let metrics = &self.context.metrics;
                metrics.observe_lag(topic, *partition, *offset, last_stable, end);
                is_stable &= ends.is_stable();
            }
            owned.idle.observed = is_stable.then_some(now);
        }
        self.report_inputs();
        self.observe_bursts();
        self.io.observe(&self.context.metrics);
        self.clean_up_stale_state()
    }
}
