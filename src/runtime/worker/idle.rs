//! Silence where nobody says anything: while the inputs of a partition are idle, its watermark
//! follows the wall clock, so that "at risk" does not wait for somebody else's next event.
//!
//! Only from an instant at which it was confirmed, by asking the broker, that all there is has been
//! read: an unreachable leader or an open transaction is not silence. And never while history is
//! loaded: a loader that pauses in 1997 would make everybody churn.

use std::time::Duration;

use super::{Partition, Worker};
use crate::event::{EventTime, Millis, WallTime, Watermark};
use crate::kafka;
use crate::partition::{Batch, Quickest};
use crate::runtime::doubt::Now;
use crate::runtime::report::chain;
use crate::runtime::restore::{Error, key};
use crate::runtime::world::World;

/// Time between two looks at whether a timer is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The watermark moves at least so often, due timers or not.
const ADVANCE_EVERY: Millis = Millis(60_000);

/// What is known of a partition's silence.
#[derive(Debug, Default)]
pub(super) struct Idle {
    looked: Duration,
    /// When the ends were last asked for, unless there was news since or a transaction is open.
    pub(super) observed: Option<Duration>,
    /// The ends up to which there is nothing to be read, by input; `None` after any news.
    pub(super) confirmed: Option<Vec<i64>>,
    /// Where the watermark goes with the next commit.
    pub(super) advance: Option<EventTime>,
}

impl Idle {
    /// Whether it is time to look again, which it then is not for a while.
    pub(super) fn is_looked_at(&mut self, now: Duration) -> bool {
        let is_time = now.saturating_sub(self.looked) >= LOOK_EVERY;
        if is_time {
            self.looked = now;
        }
        is_time
    }
}

impl<W: World> Worker<W> {
    /// Plans a step of the watermark for every partition that is due one.
    pub(super) fn follow_the_clock(&mut self) -> Result<(), Error> {
        let Some(idle_after) = self.shared.settings.idle_after else {
            return Ok(());
        };
        let now = self.world.uptime();
        let partitions: Vec<i32> = self
            .partitions
            .iter()
            .filter(|(_, own)| self.may_be_idle(own, now))
            .map(|(partition, _)| *partition)
            .collect();
        if self.appends_time && self.doubt.has_to_ask(self.clocks()) {
            self.ask_the_time(&partitions, now);
            return Ok(());
        }
        for partition in partitions {
            let wall = self.now();
            let behind = Millis(idle_after.0.saturating_add(self.shared.settings.lateness.0));
            let to = Watermark::behind(EventTime(wall.0), behind);
            let is_worth_it = self.is_worth_it(partition, to);
            if self.contain(partition, is_worth_it)? != Some(true) {
                continue;
            }
            // The clock was read before the broker is asked: silence up to then is what it confirms.
            match self.confirm(partition) {
                Ok(true) => self.plan(partition, to),
                Ok(false) => {}
                // What is damaged or gone is found where it is read.
                Err(
                    error @ (kafka::Error::Retry { .. }
                    | kafka::Error::Damaged { .. }
                    | kafka::Error::OutOfRange { .. }),
                ) => {
                    tracing::debug!(partition, error = %chain(&error), "silence cannot be confirmed for now");
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok(())
    }

    /// Where the brokers' clock can be known, the own one is compared with it before it is followed: a commit
    /// tells, of however little.
    fn ask_the_time(&mut self, partitions: &[i32], now: Duration) {
        let first = partitions.first();
        if let Some(own) = first.and_then(|first| self.partitions.get_mut(first)) {
            own.pending = true;
            own.idle.looked = now;
        }
    }

    /// What does not need to ask anybody.
    fn may_be_idle(&self, own: &Partition, now: Duration) -> bool {
        let within = self.shared.settings.live_within;
        let is_live = |quickest: Quickest| quickest.delay <= within;
        own.merge.is_idle()
            && own.records.is_empty()
            && !own.pending
            && own.idle.advance.is_none()
            && now.saturating_sub(own.idle.looked) >= LOOK_EVERY
            && own.progress.quickest.is_some_and(is_live)
    }

    /// The wall clock, as far as it can be believed.
    fn now(&mut self) -> WallTime {
        let (now, jumped) = self.clock.read(self.world.wall(), self.world.uptime());
        if let Some(jump) = jumped {
            self.shared.metrics.clock.jumps.inc();
            let seconds = jump.0 / 1000;
            tracing::warn!(
                seconds,
                "the wall clock has jumped; time goes on from before it. If the new time is right, restart"
            );
        }
        let uptime = self.world.uptime();
        self.doubt.corrected(Now { wall: now, uptime })
    }

    /// Whether a timer is due by then, or the watermark has stood for long.
    fn is_worth_it(&mut self, partition: i32, to: Watermark) -> Result<bool, Error> {
        let uptime = self.world.uptime();
        let Some(own) = self.partitions.get_mut(&partition) else {
            return Ok(false);
        };
        own.idle.looked = uptime;
        let progress = &own.progress;
        if to.0.saturating_sub(ADVANCE_EVERY.0) >= progress.watermark.0 {
            return Ok(true);
        }
        if to <= progress.watermark {
            return Ok(false);
        }
        let batch = Batch {
            advance: Some(EventTime(to.0)),
            ..Batch::default()
        };
        let view = self.world.store().prefetch(
            own.under.lineage(),
            key(partition),
            self.shared.settings.lateness,
            progress,
            &batch,
        )?;
        Ok(!view.timers.is_empty())
    }

    /// Whether all that the broker has was read: each input ends, for all readers alike, where it
    /// is going to be read next, or only markers lie between.
    fn confirm(&mut self, partition: i32) -> Result<bool, kafka::Error> {
        let Some(own) = self.partitions.get(&partition) else {
            return Ok(false);
        };
        let offsets = own.progress.offsets.clone();
        let known = own.idle.confirmed.clone();
        let mut ends = Vec::with_capacity(offsets.len());
        for (input, offset) in offsets.iter().enumerate() {
            let found = self.world.input_ends(input as u32, partition)?;
            if !found.agree() {
                return Ok(false);
            }
            let end = found.end;
            let is_known = known.as_ref().is_some_and(|known| known[input] == end);
            if end > *offset
                && !is_known
                && !self.world.is_empty(input as u32, partition, *offset, end)?
            {
                return Ok(false);
            }
            ends.push(end);
        }
        if let Some(own) = self.partitions.get_mut(&partition) {
            own.idle.confirmed = Some(ends);
        }
        Ok(true)
    }

    fn plan(&mut self, partition: i32, to: Watermark) {
        if let Some(own) = self.partitions.get_mut(&partition) {
            own.idle.advance = (to > own.progress.watermark).then_some(EventTime(to.0));
        }
    }
}
