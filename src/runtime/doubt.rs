//! Records that claim to be of a time to come: is it their timestamp that is wrong, or the own clock?
//!
//! A process whose clock is slow must not reject good records, and one bad record must not stop a process. The
//! brokers' clock tells, where the changelog has it (`message.timestamp.type=LogAppendTime`). Where it does not,
//! the records behind it in its partition do: they are later, so that if most of them are not ahead, it is the
//! record that is wrong. What came before it tells nothing: it may be a backlog.

use std::time::Duration;

use crate::event::{Millis, WallTime};

/// Clocks that are no further apart are taken for equal: a transaction may take long to tell.
const TOLERANCE: Millis = Millis(60_000);
/// Clocks that are further apart are compared again so often.
const ASK_EVERY: Duration = Duration::from_secs(30);

/// What is known of the own clock.
#[derive(Clone, Debug, Default)]
pub(super) struct Doubt {
    /// What the brokers' clock showed when it was last heard of, and the time since the process began: the own
    /// clock may be set in between, that one never is.
    brokers: Option<(WallTime, Duration)>,
}

/// The own clock, and the time since the process began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Now {
    pub(super) wall: WallTime,
    pub(super) uptime: Duration,
}

/// What is to be done with a record that may be ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not.
    Fine,
    /// It is, and its timestamp is wrong.
    Reject,
    /// Nobody can tell: more records, the brokers or whoever sets the clock will.
    Wait,
}

impl Doubt {
    /// Records when the brokers appended something, which was just before now. How far their clock is ahead.
    pub(super) fn compare(&mut self, brokers: WallTime, now: Now) -> Millis {
        self.brokers = Some((brokers, now.uptime));
        Millis(brokers.0.saturating_sub(now.wall.0))
    }

    /// What to do with a record of this timestamp; `is_outlier`: most records behind it are not ahead.
    pub(super) fn verdict(
        &self,
        timestamp: i64,
        now: Now,
        future: Millis,
        is_outlier: bool,
    ) -> Verdict {
        match self.is_ahead(timestamp, now, future) {
            false => Verdict::Fine,
            true if is_outlier || self.brokers.is_some() => Verdict::Reject,
            true => Verdict::Wait,
        }
    }

    /// The own clock, or that of the brokers where the own is ahead of it.
    pub(super) fn corrected(&self, now: Now) -> WallTime {
        match self.by_brokers(now) {
            Some(brokers) if is_far(brokers, now.wall) => now.wall.min(brokers),
            _ => now.wall,
        }
    }

    /// Whether the brokers' clock is not known, or is so far off that what is known of it should not be old.
    pub(super) fn has_to_ask(&self, now: Now) -> bool {
        let Some((_, heard)) = self.brokers else {
            return true;
        };
        self.is_far_off(now) && now.uptime.saturating_sub(heard) >= ASK_EVERY
    }

    /// Whether the own clock and that of the brokers are so far apart that somebody should know.
    pub(super) fn is_far_off(&self, now: Now) -> bool {
        self.by_brokers(now)
            .is_some_and(|brokers| is_far(brokers, now.wall))
    }

    /// What the clock of the brokers shows now.
    fn by_brokers(&self, now: Now) -> Option<WallTime> {
        let (brokers, heard) = self.brokers?;
        let since = now.uptime.saturating_sub(heard).as_millis();
        let since = i64::try_from(since).unwrap_or(i64::MAX);
        Some(WallTime(brokers.0.saturating_add(since)))
    }

    /// Compared with the later of both clocks, where both are known.
    pub(super) fn is_ahead(&self, timestamp: i64, now: Now, future: Millis) -> bool {
        let latest = self
            .by_brokers(now)
            .map_or(now.wall, |brokers| brokers.max(now.wall));
        // A clock is not right to the millisecond, even where no time to come is accepted.
        timestamp > latest.0.saturating_add(future.0.max(TOLERANCE.0))
    }
}

fn is_far(one: WallTime, other: WallTime) -> bool {
    one.0.saturating_sub(other.0).saturating_abs() > TOLERANCE.0
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
    fn off(days: i64, seconds: u64) -> Now {
        Now {
            wall: WallTime(after(days) + seconds as i64 * 1000),
            uptime: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn a_record_of_a_time_to_come_is_rejected_where_those_behind_it_are_of_the_present() {
        let doubt = Doubt::default();
        let verdict =
            |timestamp, is_outlier| doubt.verdict(timestamp, off(0, 0), FUTURE, is_outlier);
        assert_eq!(verdict(after(1), true), Verdict::Fine);
        assert_eq!(verdict(after(1) + 1, true), Verdict::Reject);
        assert_eq!(verdict(after(1) + 1, false), Verdict::Wait);
        assert_eq!(verdict(i64::MAX, true), Verdict::Reject);
        assert_eq!(verdict(i64::MIN, false), Verdict::Fine);
        // The clock is set right.
        assert_eq!(
            doubt.verdict(after(2), off(1, 0), FUTURE, false),
            Verdict::Fine
        );
    }

    #[test]
    fn what_the_brokers_say_ends_all_doubt_also_after_the_own_clock_was_set() {
        let mut doubt = Doubt::default();
        assert!(doubt.has_to_ask(off(0, 0)));
        doubt.compare(WallTime(BEGIN), off(0, 0));
        assert!(!doubt.has_to_ask(off(0, 60)));
        assert_eq!(
            doubt.verdict(after(2), off(0, 60), FUTURE, false),
            Verdict::Reject
        );
        // Set back by two days: what was fine before is so now.
        assert_eq!(
            doubt.verdict(after(1), off(-2, 60), FUTURE, false),
            Verdict::Fine
        );
        assert!(doubt.is_far_off(off(-2, 60)) && doubt.has_to_ask(off(-2, 60)));
        assert_eq!(doubt.corrected(off(-2, 60)), off(-2, 60).wall);
        // Set ahead: silence is not counted by it.
        assert_eq!(doubt.corrected(off(2, 60)), off(0, 60).wall);
        // A few seconds apart are not worth it.
        let near = Now {
            wall: WallTime(BEGIN + 65_000),
            ..off(0, 60)
        };
        assert_eq!(doubt.corrected(near), near.wall);
    }
}
