//! What only a question to the broker or the disk tells, asked now and then.

use std::time::Duration;

use super::Worker;
use crate::runtime::restore::Error;
use crate::runtime::worker_io::WorkerIo;

const OBSERVE_INTERVAL: Duration = Duration::from_secs(5);
/// The same for a partition of which all was read, where nothing has come since.
const OBSERVE_IDLE_INTERVAL: Duration = Duration::from_secs(60);

impl<W: WorkerIo> Worker<W> {
    pub(super) fn observe(&mut self) -> Result<(), Error> {
        let now = self.io.uptime();
        if now.saturating_sub(self.last_observed) < OBSERVE_INTERVAL {
            return Ok(());
        }
        self.last_observed = now;
        for (partition, own) in &mut self.partitions {
            let is_quiet = |at: Duration| {
                own.merge.is_idle() && now.saturating_sub(at) < OBSERVE_IDLE_INTERVAL
            };
            if own.idle.observed.is_some_and(is_quiet) {
                continue;
            }
            let mut is_decided = true;
            for (input, offset) in own.progress.offsets.iter().enumerate() {
                let Ok(ends) = self.io.input_ends(input as u32, *partition) else {
                    is_decided = false;
                    continue;
                };
                self.context.observe_lag(input, *partition, *offset, ends);
                is_decided &= ends.is_stable();
            }
            own.idle.observed = is_decided.then_some(now);
        }
        self.observe_bursts();
        self.io.observe(&self.context.metrics);
        self.clean_up_stale_state()
    }
}
