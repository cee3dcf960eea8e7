//! Idle inputs: while the inputs of a partition have no new records, its watermark follows the wall clock, so that
//! timers of inactive customers do not wait for another customer's next event.
//!
//! It advances only to an instant at which the broker's ends showed that all records have been read: an unreachable
//! leader or an open transaction is not idleness. It never advances while history is loaded: a loader that pauses in
//! 1997 would make all customers inactive.

use std::time::Duration;

use super::Worker;
use super::idle_state::CHECK_INTERVAL;
use super::owned_partition::OwnedPartition;
use crate::event::{EventTime, Millis, WallTime, Watermark};
use crate::kafka::{self, EndOffsets};
use crate::partition::{Batch, MinDelay};
use crate::runtime::clock_check::ClockReading;
use crate::runtime::restore::Error;
use crate::runtime::worker_io::WorkerIo;
use crate::store::store_partition;
use crate::telemetry::error_chain;

/// The watermark advances at least this often, even without due timers.
const ADVANCE_INTERVAL: Millis = Millis(60_000);
/// An older observation of the ends does not count: its leader does not respond now.
const OBSERVATION_MAX_AGE: Duration = Duration::from_secs(5);

impl<W: WorkerIo> Worker<W> {
    /// Plans a step of the watermark for every partition that is idle and due for one.
    pub(super) fn advance_idle_watermarks(&mut self) -> Result<(), Error> {
        let Some(idle_after) = self.context.settings.idle_after else {
            return Ok(());
        };
        let now = self.io.uptime();
        let partitions: Vec<i32> = self
            .partitions
            .iter()
            .filter(|(_, owned)| self.may_be_idle(owned, now))
            .map(|(partition, _)| *partition)
            .collect();
        if self.has_append_time && self.clock_check.is_comparison_due(self.read_clocks()) {
            self.request_clock_comparison(&partitions, now);
            return Ok(());
        }
        for partition in partitions {
            // The clock is read before the age, so that `to` is not after the observation.
            let wall = self.trusted_wall_time();
            let Some((ends, age)) = self.observed_ends(partition) else {
                continue;
            };
            let age = i64::try_from(age.as_micros().div_ceil(1000)).unwrap_or(i64::MAX);
            let delay = idle_after.0.saturating_add(self.context.settings.lateness.0);
            let delay = Millis(delay.saturating_add(age));
            let to = Watermark::from_event_time(EventTime(wall.0), delay);
            let is_due = self.is_advance_due(partition, to);
            if self.quarantine_on_error(partition, is_due)? != Some(true) {
                continue;
            }
            match self.confirm_idle(partition, &ends) {
                Ok(true) => {
                    self.context.input_ends.confirm(partition, &ends);
                    self.plan_advance(partition, to);
                }
                Ok(false) => {}
                // Reading the input reports damaged or missing records.
                Err(
                    error @ (kafka::Error::Retry { .. }
                    | kafka::Error::Damaged { .. }
                    | kafka::Error::OutOfRange { .. }),
                ) => {
                    tracing::debug!(partition, error = %error_chain(&error), "confirming that the inputs are idle failed; retrying");
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok(())
    }

    /// Requests a commit of one partition, however little it has: with `LogAppendTime`, a commit shows the brokers'
    /// clock, and this machine's clock is compared with it before the watermark follows it.
    fn request_clock_comparison(&mut self, partitions: &[i32], now: Duration) {
        let first = partitions.first();
        if let Some(owned) = first.and_then(|first| self.partitions.get_mut(first)) {
            owned.must_commit = true;
            owned.idle.last_checked = now;
        }
    }

    /// The conditions that need neither the broker nor the disk.
    fn may_be_idle(&self, owned: &OwnedPartition, now: Duration) -> bool {
        let live_within = self.context.settings.live_within;
        let is_live = |min_delay: MinDelay| min_delay.delay <= live_within;
        owned.merge.is_idle()
            && owned.records.is_empty()
            && !owned.must_commit
            && owned.idle.advance.is_none()
            && now.saturating_sub(owned.idle.last_checked) >= CHECK_INTERVAL
            && owned.progress.min_delay.is_some_and(is_live)
    }

    /// The wall clock without jumps, and corrected by the brokers' clock.
    fn trusted_wall_time(&mut self) -> WallTime {
        let (wall, jump) = self.clock.read(self.io.wall_time(), self.io.uptime());
        if let Some(jump) = jump {
            self.context.metrics.clock.jumps.inc();
            let seconds = jump.0 / 1000;
            tracing::warn!(
                seconds,
                "the wall clock jumped; the jump is ignored. If the new time is right, restart the process"
            );
        }
        let uptime = self.io.uptime();
        self.clock_check.corrected(ClockReading { wall, uptime })
    }

    /// Whether a timer is due by `to`, or the watermark has not advanced for [`ADVANCE_INTERVAL`].
    fn is_advance_due(&mut self, partition: i32, to: Watermark) -> Result<bool, Error> {
        let uptime = self.io.uptime();
        let Some(owned) = self.partitions.get_mut(&partition) else {
            return Ok(false);
        };
        owned.idle.last_checked = uptime;
        let progress = &owned.progress;
        if to.0.saturating_sub(ADVANCE_INTERVAL.0) >= progress.watermark.0 {
            return Ok(true);
        }
        if to <= progress.watermark {
            return Ok(false);
        }
        let batch = Batch { advance_to: Some(EventTime(to.0)), ..Batch::default() };
        let view = self.io.store().prefetch(
            owned.models.generations(),
            store_partition(partition),
            self.context.settings.lateness,
            progress,
            &batch,
        )?;
        Ok(!view.timers.is_empty())
    }

    /// The ends of all inputs, and the age of the oldest observation. `None` if one is unknown or too old.
    fn observed_ends(&self, partition: i32) -> Option<(Vec<EndOffsets>, Duration)> {
        let inputs = 0..self.context.settings.outputs.inputs.len() as u32;
        let observed = inputs.map(|input| self.io.observed_ends(input, partition));
        let (ends, ages): (Vec<_>, Vec<_>) =
            observed.collect::<Option<Vec<_>>>()?.into_iter().unzip();
        let age = ages.into_iter().max()?;
        (age <= OBSERVATION_MAX_AGE).then_some((ends, age))
    }

    /// Whether all records on the broker have been read: the end of each input is stable (no transaction is open), and
    /// no committed record lies between the next offset and it.
    fn confirm_idle(
        &mut self,
        partition: i32,
        observed: &[EndOffsets],
    ) -> Result<bool, kafka::Error> {
        let Some(owned) = self.partitions.get(&partition) else {
            return Ok(false);
        };
        let offsets = owned.progress.offsets.clone();
        let confirmed = owned.idle.confirmed_ends.clone();
        let mut ends = Vec::with_capacity(offsets.len());
        for (input, (offset, observed)) in offsets.iter().zip(observed).enumerate() {
            let EndOffsets { last_stable, end } = *observed;
            if last_stable < end {
                return Ok(false);
            }
            let is_confirmed = confirmed.as_ref().is_some_and(|ends| ends[input] == end);
            if end > *offset
                && !is_confirmed
                && !self.io.is_range_empty(input as u32, partition, *offset, end)?
            {
                return Ok(false);
            }
            ends.push(end);
        }
        if let Some(owned) = self.partitions.get_mut(&partition) {
            owned.idle.confirmed_ends = Some(ends);
        }
        Ok(true)
    }

    fn plan_advance(&mut self, partition: i32, to: Watermark) {
        if let Some(owned) = self.partitions.get_mut(&partition) {
            owned.idle.advance = (to > owned.progress.watermark).then_some(EventTime(to.0));
        }
    }
}
