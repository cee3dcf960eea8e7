//! What is known of the idleness of one partition's inputs.

use std::time::Duration;

use crate::event::EventTime;

/// Interval at which a partition is checked for due timers.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct IdleState {
    pub(super) last_checked: Duration,
    /// By input, the end offset up to which everything has been read; `None` after new records.
    pub(super) confirmed_ends: Option<Vec<i64>>,
    /// The step of the watermark in the next commit.
    pub(super) advance: Option<EventTime>,
}

impl IdleState {
    /// Whether a check is due; if so, the next one is due after another interval.
    pub(super) fn try_start_check(&mut self, now: Duration) -> bool {
        let is_due = now.saturating_sub(self.last_checked) >= CHECK_INTERVAL;
        if is_due {
            self.last_checked = now;
        }
        is_due
    }
}
