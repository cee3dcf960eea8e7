//! Records ahead of the clock: is their timestamp wrong, or this machine's clock?
//!
//! A process with a slow clock must not reject valid records, and one bad record must not stop a process. The brokers'
//! clock decides, where the changelog has it (`message.timestamp.type=LogAppendTime`). Otherwise the records after it in
//! its partition decide: they are later, so that if most of them are not ahead, the record is wrong. The records before
//! it decide nothing: they may be a backlog.

use std::time::Duration;

use crate::event::{Millis, WallTime};

/// Clocks that differ by no more count as equal: a commit may take this long to show the brokers' clock.
const SKEW_TOLERANCE: Millis = Millis(60_000);
/// Clocks that differ by more are compared at this interval.
const COMPARE_INTERVAL: Duration = Duration::from_secs(30);

/// Compares this machine's clock with the brokers'.
#[derive(Clone, Debug, Default)]
pub(super) struct ClockCheck {
    /// The brokers' clock when it was last observed, and the uptime then: unlike this machine's wall clock, the uptime
    /// never jumps.
    broker_clock: Option<(WallTime, Duration)>,
}

/// This machine's wall clock, and the monotonic time since the process began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClockReading {
    pub(super) wall: WallTime,
    pub(super) uptime: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimestampVerdict {
    /// The record is not ahead.
    Accept,
    /// The record is ahead, and its timestamp is wrong.
    Reject,
    /// Undecided until more records follow, the brokers' clock is known, or the clock is corrected.
    Wait,
}

impl ClockCheck {
    /// Records when the brokers appended something, which was just before `now`. Returns how far their clock is ahead.
    pub(super) fn observe_broker_clock(&mut self, brokers: WallTime, now: ClockReading) -> Millis {
        self.broker_clock = Some((brokers, now.uptime));
        Millis(brokers.0.saturating_sub(now.wall.0))
    }

    /// `is_outlier`: most records after this one are not ahead.
    pub(super) fn check_timestamp(
        &self,
        timestamp: i64,
        now: ClockReading,
        tolerance: Millis,
        is_outlier: bool,
    ) -> TimestampVerdict {
        if !self.is_ahead(timestamp, now, tolerance) {
            TimestampVerdict::Accept
        } else if is_outlier || self.broker_clock.is_some() {
            TimestampVerdict::Reject
        } else {
            TimestampVerdict::Wait
        }
    }

    /// This machine's clock, or the brokers' where the clocks are skewed and theirs is earlier.
    pub(super) fn corrected(&self, now: ClockReading) -> WallTime {
        match self.broker_time(now) {
            Some(brokers) if are_skewed(brokers, now.wall) => now.wall.min(brokers),
            _ => now.wall,
        }
    }

    /// Whether the brokers' clock is not known, or was last observed long ago while the clocks are skewed.
    pub(super) fn is_comparison_due(&self, now: ClockReading) -> bool {
        let Some((_, observed)) = self.broker_clock else {
            return true;
        };
        self.is_skewed(now) && now.uptime.saturating_sub(observed) >= COMPARE_INTERVAL
    }

    /// Whether the clocks differ by more than [`SKEW_TOLERANCE`].
    pub(super) fn is_skewed(&self, now: ClockReading) -> bool {
        self.broker_time(now).is_some_and(|brokers| are_skewed(brokers, now.wall))
    }

    /// The brokers' clock now, extrapolated from the last observation.
    fn broker_time(&self, now: ClockReading) -> Option<WallTime> {
        let (brokers, observed) = self.broker_clock?;
        let elapsed = now.uptime.saturating_sub(observed).as_millis();
        let elapsed = i64::try_from(elapsed).unwrap_or(i64::MAX);
        Some(WallTime(brokers.0.saturating_add(elapsed)))
    }

    /// Whether a timestamp is ahead of the later of the known clocks by more than `tolerance`.
    pub(super) fn is_ahead(&self, timestamp: i64, now: ClockReading, tolerance: Millis) -> bool {
        let latest = self.broker_time(now).map_or(now.wall, |brokers| brokers.max(now.wall));
        // Clocks are not exact to the millisecond, even where `tolerance` is 0.
        timestamp > latest.0.saturating_add(tolerance.0.max(SKEW_TOLERANCE.0))
    }
}

fn are_skewed(a: WallTime, b: WallTime) -> bool {
    a.0.saturating_sub(b.0).saturating_abs() > SKEW_TOLERANCE.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: i64 = 1_767_225_600_000;
    const TOLERANCE: Millis = Millis::DAY;

    fn after(days: i64) -> i64 {
        BEGIN + days * Millis::DAY.0
    }

    /// A wall clock that is `days` fast, `seconds` after the beginning.
    fn off(days: i64, seconds: u64) -> ClockReading {
        ClockReading {
            wall: WallTime(after(days) + seconds as i64 * 1000),
            uptime: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn a_record_ahead_of_the_clock_is_rejected_where_the_records_after_it_are_not_ahead() {
        let check = ClockCheck::default();
        let verdict = |timestamp, is_outlier| {
            check.check_timestamp(timestamp, off(0, 0), TOLERANCE, is_outlier)
        };
        assert_eq!(verdict(after(1), true), TimestampVerdict::Accept);
        assert_eq!(verdict(after(1) + 1, true), TimestampVerdict::Reject);
        assert_eq!(verdict(after(1) + 1, false), TimestampVerdict::Wait);
        assert_eq!(verdict(i64::MAX, true), TimestampVerdict::Reject);
        assert_eq!(verdict(i64::MIN, false), TimestampVerdict::Accept);
        // The clock is corrected.
        assert_eq!(
            check.check_timestamp(after(2), off(1, 0), TOLERANCE, false),
            TimestampVerdict::Accept
        );
    }

    #[test]
    fn the_brokers_clock_decides_also_after_the_wall_clock_was_set() {
        let mut check = ClockCheck::default();
        assert!(check.is_comparison_due(off(0, 0)));
        check.observe_broker_clock(WallTime(BEGIN), off(0, 0));
        assert!(!check.is_comparison_due(off(0, 60)));
        assert_eq!(
            check.check_timestamp(after(2), off(0, 60), TOLERANCE, false),
            TimestampVerdict::Reject
        );
        // Set back by two days: what was accepted before still is.
        assert_eq!(
            check.check_timestamp(after(1), off(-2, 60), TOLERANCE, false),
            TimestampVerdict::Accept
        );
        assert!(check.is_skewed(off(-2, 60)) && check.is_comparison_due(off(-2, 60)));
        assert_eq!(check.corrected(off(-2, 60)), off(-2, 60).wall);
        // Set ahead: idleness is measured by the brokers' clock.
        assert_eq!(check.corrected(off(2, 60)), off(0, 60).wall);
        // A difference of a few seconds is tolerated.
        let near = ClockReading { wall: WallTime(BEGIN + 65_000), ..off(0, 60) };
        assert_eq!(check.corrected(near), near.wall);
    }
}
