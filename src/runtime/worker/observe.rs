//! What only a question to the broker or the disk tells, asked now and then.

use std::time::Duration;

use super::Worker;
use crate::runtime::world::World;

const OBSERVE_EVERY: Duration = Duration::from_secs(5);

impl<W: World> Worker<W> {
    pub(super) fn observe(&mut self) {
        let now = self.world.uptime();
        if now.saturating_sub(self.last_look) < OBSERVE_EVERY {
            return;
        }
        self.last_look = now;
        for (partition, own) in &self.partitions {
            for (input, offset) in own.progress.offsets.iter().enumerate() {
                if let Ok(ends) = self.world.input_ends(input as u32, *partition) {
                    self.shared.lag(input, *partition, *offset, ends);
                }
            }
        }
        self.look_on_bursts();
        self.world.observe(&self.shared.metrics);
    }
}
