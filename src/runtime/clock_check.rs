//! Records that claim to be of a time to come: is it their timestamp that is wrong, or the own clock?
//!
//! A process whose clock is slow must not reject good records, and one bad record must not stop a process. The
//! brokers' clock tells, where the changelog has it (`message.timestamp.type=LogAppendTime`). Where it does not,
//! the records behind it in its partition do: they are later, so that if most of them are not ahead, it is the
//! record that is wrong. What came before it tells nothing: it may be a backlog.

use std::time::Duration;

use crate::event::{Millis, WallTime};

/// Clocks that are no further apart are taken for equal: a transaction may take long to tell.
const SKEW_TOLERANCE: Millis = Millis(60_000);
/// Clocks that are further apart are compared again so often.
const COMPARE_INTERVAL: Duration = Duration::from_secs(30);

/// What is known of the own clock.
#[derive(Clone, Debug, Default)]
pub(super) struct ClockCheck {
    /// What the brokers' clock showed when it was last heard of, and the time since the process began: the own
    /// clock may be set in between, that one never is.
    broker_clock: Option<(WallTime, Duration)>,
}

/// The own clock, and the time since the process began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClockReading {
    pub(super) wall: WallTime,
    pub(super) uptime: Duration,
}

/// What is to be done with a record that may be ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimestampVerdict {
    /// It is not.
    Accept,
    /// It is, and its timestamp is wrong.
    Reject,
    /// Nobody can tell: more records, the brokers or whoever sets the clock will.
    Wait,
}

impl ClockCheck {
    /// Records when the brokers appended something, which was just before now. How far their clock is ahead.
    pub(super) fn observe_broker_clock(&mut self, brokers: WallTime, now: ClockReading) -> Millis {
        self.broker_clock = Some((brokers, now.uptime));
        Millis(brokers.0.saturating_sub(now.wall.0))
    }

    /// What to do with a record of this timestamp; `is_outlier`: most records behind it are not ahead.
    pub(super) fn check_timestamp(
        &self,
        timestamp: i64,
        now: ClockReading,
        future: Millis,
        is_outlier: bool,
    ) -> TimestampVerdict {
        match self.is_ahead(timestamp, now, future) {
            false => TimestampVerdict::Accept,
            true if is_outlier || self.broker_clock.is_some() => TimestampVerdict::Reject,
            true => TimestampVerdict::Wait,
        }
    }

    /// The own clock, or that of the brokers where the own is ahead of it.
    pub(super) fn corrected(&self, now: ClockReading) -> WallTime {
        match self.broker_time(now) {
            Some(brokers) if are_skewed(brokers, now.wall) => now.wall.min(brokers),
            _ => now.wall,
        }
    }

    /// Whether the brokers' clock is not known, or is so far off that what is known of it should not be old.
    pub(super) fn is_comparison_due(&self, now: ClockReading) -> bool {
        let Some((_, heard)) = self.broker_clock else {
            return true;
        };
        self.is_skewed(now) && now.uptime.saturating_sub(heard) >= COMPARE_INTERVAL
    }

    /// Whether the own clock and that of the brokers are so far apart that somebody should know.
    pub(super) fn is_skewed(&self, now: ClockReading) -> bool {
        self.broker_time(now)
            .is_some_and(|brokers| are_skewed(brokers, now.wall))
    }

    /// What the clock of the brokers shows now.
    fn broker_time(&self, now: ClockReading) -> Option<WallTime> {
        let (brokers, heard) = self.broker_clock?;
        let since = now.uptime.saturating_sub(heard).as_millis();
        let since = i64::try_from(since).unwrap_or(i64::MAX);
        Some(WallTime(brokers.0.saturating_add(since)))
    }

    /// Compared with the later of both clocks, where both are known.
    pub(super) fn is_ahead(&self, timestamp: i64, now: ClockReading, future: Millis) -> bool {
        let latest = self
            .broker_time(now)
            .map_or(now.wall, |brokers| brokers.max(now.wall));
        // A clock is not right to the millisecond, even where no time to come is accepted.
        timestamp > latest.0.saturating_add(future.0.max(SKEW_TOLERANCE.0))
    }
}

fn are_skewed(one: WallTime, other: WallTime) -> bool {
    one.0.saturating_sub(other.0).saturating_abs() > SKEW_TOLERANCE.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: i64 = 1_767_225_600_000;
    const FUTURE: Millis = Millis::DAY;

    fn after(days: i64) -> i64 {
        BEGIN + days * Millis::DAY.0
    }

    /// The own clock shows so many days too much, so many seconds after the beginning.
    fn off(days: i64, seconds: u64) -> ClockReading {
        ClockReading {
            wall: WallTime(after(days) + seconds as i64 * 1000),
            uptime: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn a_record_of_a_time_to_come_is_rejected_where_those_behind_it_are_of_the_present() {
        let doubt = ClockCheck::default();
        let verdict =
            |timestamp, is_outlier| doubt.check_timestamp(timestamp, off(0, 0), FUTURE, is_outlier);
        assert_eq!(verdict(after(1), true), TimestampVerdict::Accept);
        assert_eq!(verdict(after(1) + 1, true), TimestampVerdict::Reject);
        assert_eq!(verdict(after(1) + 1, false), TimestampVerdict::Wait);
        assert_eq!(verdict(i64::MAX, true), TimestampVerdict::Reject);
        assert_eq!(verdict(i64::MIN, false), TimestampVerdict::Accept);
        // The clock is set right.
        assert_eq!(
            doubt.check_timestamp(after(2), off(1, 0), FUTURE, false),
            TimestampVerdict::Accept
        );
    }

    #[test]
    fn what_the_brokers_say_ends_all_doubt_also_after_the_own_clock_was_set() {
        let mut doubt = ClockCheck::default();
        assert!(doubt.is_comparison_due(off(0, 0)));
        doubt.observe_broker_clock(WallTime(BEGIN), off(0, 0));
        assert!(!doubt.is_comparison_due(off(0, 60)));
        assert_eq!(
            doubt.check_timestamp(after(2), off(0, 60), FUTURE, false),
            TimestampVerdict::Reject
        );
        // Set back by two days: what was fine before is so now.
        assert_eq!(
            doubt.check_timestamp(after(1), off(-2, 60), FUTURE, false),
            TimestampVerdict::Accept
        );
        assert!(doubt.is_skewed(off(-2, 60)) && doubt.is_comparison_due(off(-2, 60)));
        assert_eq!(doubt.corrected(off(-2, 60)), off(-2, 60).wall);
        // Set ahead: silence is not counted by it.
        assert_eq!(doubt.corrected(off(2, 60)), off(0, 60).wall);
        // A few seconds apart are not worth it.
        let near = ClockReading {
            wall: WallTime(BEGIN + 65_000),
            ..off(0, 60)
        };
        assert_eq!(doubt.corrected(near), near.wall);
    }
}
