//! Silence where nobody says anything: while the inputs of a partition are idle, its watermark
//! follows the wall clock, so that "at risk" does not wait for somebody else's next event.
//!
//! Only from an instant at which it was confirmed, by asking the broker, that all there is has been
//! read: an unreachable leader or an open transaction is not silence. And never while history is
//! loaded: a loader that pauses in 1997 would make everybody churn.

use std::time::Duration;

use super::{OwnedPartition, Worker};
use crate::event::{EventTime, Millis, WallTime, Watermark};
use crate::kafka;
use crate::partition::{Batch, MinDelay};
use crate::runtime::clock_check::ClockReading;
use crate::runtime::context::error_chain;
use crate::runtime::restore::{Error, store_partition};
use crate::runtime::worker_io::WorkerIo;

/// Time between two looks at whether a timer is due.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The watermark moves at least so often, due timers or not.
const ADVANCE_INTERVAL: Millis = Millis(60_000);

/// What is known of a partition's silence.
#[derive(Debug, Default)]
pub(super) struct IdleState {
    last_checked: Duration,
    /// When the ends were last asked for, unless there was news since or a transaction is open.
    pub(super) observed: Option<Duration>,
    /// The ends up to which there is nothing to be read, by input; `None` after any news.
    pub(super) confirmed_ends: Option<Vec<i64>>,
    /// Where the watermark goes with the next commit.
    pub(super) advance: Option<EventTime>,
}

impl IdleState {
    /// Whether it is time to look again, which it then is not for a while.
    pub(super) fn try_start_check(&mut self, now: Duration) -> bool {
        let is_time = now.saturating_sub(self.last_checked) >= CHECK_INTERVAL;
        if is_time {
            self.last_checked = now;
        }
        is_time
    }
}

impl<W: WorkerIo> Worker<W> {
    /// Plans a step of the watermark for every partition that is due one.
    pub(super) fn advance_idle_watermarks(&mut self) -> Result<(), Error> {
        let Some(idle_after) = self.context.settings.idle_after else {
            return Ok(());
        };
        let now = self.io.uptime();
        let partitions: Vec<i32> = self
            .partitions
            .iter()
            .filter(|(_, own)| self.may_be_idle(own, now))
            .map(|(partition, _)| *partition)
            .collect();
        if self.has_append_time && self.clock_check.is_comparison_due(self.read_clocks()) {
            self.request_clock_comparison(&partitions, now);
            return Ok(());
        }
        for partition in partitions {
            let wall = self.trusted_wall_time();
            let behind = Millis(
                idle_after
                    .0
                    .saturating_add(self.context.settings.lateness.0),
            );
            let to = Watermark::from_event_time(EventTime(wall.0), behind);
            let is_worth_it = self.is_advance_due(partition, to);
            if self.quarantine_on_error(partition, is_worth_it)? != Some(true) {
                continue;
            }
            // The clock was read before the broker is asked: silence up to then is what it confirms.
            match self.confirm_idle(partition) {
                Ok(true) => self.plan_advance(partition, to),
                Ok(false) => {}
                // What is damaged or gone is found where it is read.
                Err(
                    error @ (kafka::Error::Retry { .. }
                    | kafka::Error::Damaged { .. }
                    | kafka::Error::OutOfRange { .. }),
                ) => {
                    tracing::debug!(partition, error = %error_chain(&error), "silence cannot be confirmed for now");
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok(())
    }

    /// Where the brokers' clock can be known, the own one is compared with it before it is followed: a commit
    /// tells, of however little.
    fn request_clock_comparison(&mut self, partitions: &[i32], now: Duration) {
        let first = partitions.first();
        if let Some(own) = first.and_then(|first| self.partitions.get_mut(first)) {
            own.must_commit = true;
            own.idle.last_checked = now;
        }
    }

    /// What does not need to ask anybody.
    fn may_be_idle(&self, own: &OwnedPartition, now: Duration) -> bool {
        let within = self.context.settings.live_within;
        let is_live = |quickest: MinDelay| quickest.delay <= within;
        own.merge.is_idle()
            && own.records.is_empty()
            && !own.must_commit
            && own.idle.advance.is_none()
            && now.saturating_sub(own.idle.last_checked) >= CHECK_INTERVAL
            && own.progress.min_delay.is_some_and(is_live)
    }

    /// The wall clock, as far as it can be believed.
    fn trusted_wall_time(&mut self) -> WallTime {
        let (now, jumped) = self.clock.read(self.io.wall_time(), self.io.uptime());
        if let Some(jump) = jumped {
            self.context.metrics.clock.jumps.inc();
            let seconds = jump.0 / 1000;
            tracing::warn!(
                seconds,
                "the wall clock has jumped; time goes on from before it. If the new time is right, restart"
            );
        }
        let uptime = self.io.uptime();
        self.clock_check
            .corrected(ClockReading { wall: now, uptime })
    }

    /// Whether a timer is due by then, or the watermark has stood for long.
    fn is_advance_due(&mut self, partition: i32, to: Watermark) -> Result<bool, Error> {
        let uptime = self.io.uptime();
        let Some(own) = self.partitions.get_mut(&partition) else {
            return Ok(false);
        };
        own.idle.last_checked = uptime;
        let progress = &own.progress;
        if to.0.saturating_sub(ADVANCE_INTERVAL.0) >= progress.watermark.0 {
            return Ok(true);
        }
        if to <= progress.watermark {
            return Ok(false);
        }
        let batch = Batch {
            advance_to: Some(EventTime(to.0)),
            ..Batch::default()
        };
        let view = self.io.store().prefetch(
            own.models.generations(),
            store_partition(partition),
            self.context.settings.lateness,
            progress,
            &batch,
        )?;
        Ok(!view.timers.is_empty())
    }

    /// Whether all that the broker has was read: each input ends, for all readers alike, where it
    /// is going to be read next, or only markers lie between.
    fn confirm_idle(&mut self, partition: i32) -> Result<bool, kafka::Error> {
        let Some(own) = self.partitions.get(&partition) else {
            return Ok(false);
        };
        let offsets = own.progress.offsets.clone();
        let known = own.idle.confirmed_ends.clone();
        let mut ends = Vec::with_capacity(offsets.len());
        for (input, offset) in offsets.iter().enumerate() {
            let found = self.io.input_ends(input as u32, partition)?;
            if !found.is_stable() {
                return Ok(false);
            }
            let end = found.end;
            let is_known = known.as_ref().is_some_and(|known| known[input] == end);
            if end > *offset
                && !is_known
                && !self
                    .io
                    .is_range_empty(input as u32, partition, *offset, end)?
            {
                return Ok(false);
            }
            ends.push(end);
        }
        if let Some(own) = self.partitions.get_mut(&partition) {
            own.idle.confirmed_ends = Some(ends);
        }
        Ok(true)
    }

    fn plan_advance(&mut self, partition: i32, to: Watermark) {
        if let Some(own) = self.partitions.get_mut(&partition) {
            own.idle.advance = (to > own.progress.watermark).then_some(EventTime(to.0));
        }
    }
}
