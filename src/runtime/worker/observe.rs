//! What only a question to the broker or the disk tells, asked now and then.

use std::time::Duration;

use super::Worker;
use crate::runtime::restore::Error;
use crate::runtime::world::World;

const OBSERVE_EVERY: Duration = Duration::from_secs(5);
/// The same for a partition of which all was read, where nothing has come since.
const OBSERVE_QUIET_EVERY: Duration = Duration::from_secs(60);

impl<W: World> Worker<W> {
    pub(super) fn observe(&mut self) -> Result<(), Error> {
        let now = self.world.uptime();
        if now.saturating_sub(self.last_look) < OBSERVE_EVERY {
            return Ok(());
        }
        self.last_look = now;
        for (partition, own) in &mut self.partitions {
            let is_quiet =
                |at: Duration| own.merge.is_idle() && now.saturating_sub(at) < OBSERVE_QUIET_EVERY;
            if own.idle.observed.is_some_and(is_quiet) {
                continue;
            }
            let mut is_decided = true;
            for (input, offset) in own.progress.offsets.iter().enumerate() {
                let Ok(ends) = self.world.input_ends(input as u32, *partition) else {
                    is_decided = false;
                    continue;
                };
                self.shared.lag(input, *partition, *offset, ends);
                is_decided &= ends.agree();
            }
            own.idle.observed = is_decided.then_some(now);
        }
        self.look_on_bursts();
        self.world.observe(&self.shared.metrics);
        self.remove_what_is_elsewhere()
    }
}
