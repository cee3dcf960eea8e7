//! Records that claim to be of a time to come: is it their timestamp that is wrong, or the own clock?
//!
//! A process whose clock is slow must not reject good records, and one bad record must not stop a process. The
//! brokers' clock tells, where the changelog has it (`message.timestamp.type=LogAppendTime`). Where it does not,
//! the records do: if most of those read last are ahead, it is the own clock.

use std::time::Duration;

use crate::event::{Millis, WallTime};

/// Records that are looked back at.
const RECENT: u32 = 64;
/// Clocks that are no further apart are taken for equal: a transaction may take long to tell.
const TOLERANCE: Millis = Millis(60_000);
/// Clocks that are further apart are compared again so often.
const ASK_EVERY: Duration = Duration::from_secs(30);

/// What is known of the own clock.
#[derive(Clone, Debug, Default)]
pub(super) struct Doubt {
    /// A bit for each of the last records: whether it was ahead.
    ahead: u64,
    /// How many there were, up to so many as are looked back at.
    seen: u32,
    /// How far the brokers' clock was ahead of the own when it was last heard of.
    brokers: Option<Millis>,
    /// When that was, in time since the process began.
    heard: Duration,
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
    /// Takes down a record that has just been read.
    pub(super) fn see(&mut self, timestamp: i64, wall: WallTime, future: Millis) {
        let is_ahead = self.is_ahead(timestamp, wall, future);
        self.ahead = self.ahead << 1 | u64::from(is_ahead);
        self.seen = (self.seen + 1).min(RECENT);
    }

    /// Takes down when the brokers appended something, which was just before the own clock showed `wall`.
    pub(super) fn compare(
        &mut self,
        brokers: WallTime,
        wall: WallTime,
        uptime: Duration,
    ) -> Millis {
        let apart = Millis(brokers.0.saturating_sub(wall.0));
        (self.brokers, self.heard) = (Some(apart), uptime);
        apart
    }

    /// What to do with a record of this timestamp.
    pub(super) fn verdict(&self, timestamp: i64, wall: WallTime, future: Millis) -> Verdict {
        let most = self.ahead.count_ones() * 2 > self.seen;
        match (self.is_ahead(timestamp, wall, future), self.brokers) {
            (false, _) => Verdict::Fine,
            (true, None) if most => Verdict::Wait,
            (true, _) => Verdict::Reject,
        }
    }

    /// The own clock, set back to that of the brokers where it is ahead of it.
    pub(super) fn corrected(&self, wall: WallTime) -> WallTime {
        match self.brokers {
            Some(apart) if apart.0 < -TOLERANCE.0 => WallTime(wall.0.saturating_add(apart.0)),
            _ => wall,
        }
    }

    /// How far the brokers' clock was ahead when it was last heard of.
    pub(super) fn apart(&self) -> Option<Millis> {
        self.brokers
    }

    /// Whether the brokers' clock is not known, or was so far off that it may have been set right since.
    pub(super) fn has_to_ask(&self, uptime: Duration) -> bool {
        let is_old = || uptime.saturating_sub(self.heard) >= ASK_EVERY;
        self.brokers
            .is_none_or(|apart| Doubt::is_far(apart) && is_old())
    }

    /// Whether two clocks are so far apart that somebody should know.
    pub(super) fn is_far(apart: Millis) -> bool {
        apart.0.saturating_abs() > TOLERANCE.0
    }

    /// Compared with the later of both clocks, where both are known.
    fn is_ahead(&self, timestamp: i64, wall: WallTime, future: Millis) -> bool {
        let behind = self.brokers.map_or(0, |apart| apart.0.max(0));
        let latest = wall.0.saturating_add(behind).saturating_add(future.0);
        timestamp > latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime(1_767_225_600_000);
    const FUTURE: Millis = Millis::DAY;

    fn after(days: i64) -> i64 {
        NOW.0 + days * Millis::DAY.0
    }

    fn seen(days: &[i64]) -> Doubt {
        let mut doubt = Doubt::default();
        days.iter()
            .for_each(|days| doubt.see(after(*days), NOW, FUTURE));
        doubt
    }

    #[test]
    fn a_single_record_of_a_time_to_come_is_rejected_and_the_first_waits_for_a_second() {
        assert_eq!(seen(&[]).verdict(after(1), NOW, FUTURE), Verdict::Fine);
        assert_eq!(seen(&[2]).verdict(after(2), NOW, FUTURE), Verdict::Wait);
        assert_eq!(
            seen(&[2, 0]).verdict(after(2), NOW, FUTURE),
            Verdict::Reject
        );
        assert_eq!(
            seen(&[0, 0, 0, 2]).verdict(i64::MAX, NOW, FUTURE),
            Verdict::Reject
        );
        assert_eq!(
            seen(&[0, 0, 0, 2]).verdict(i64::MIN, NOW, FUTURE),
            Verdict::Fine
        );
    }

    #[test]
    fn where_most_of_the_last_records_are_ahead_the_own_clock_is_suspect() {
        assert_eq!(
            seen(&[0, 2, 2]).verdict(after(2), NOW, FUTURE),
            Verdict::Wait
        );
        let mut doubt = seen(&[0; 100]);
        (0..32).for_each(|_| doubt.see(after(2), NOW, FUTURE));
        assert_eq!(doubt.verdict(after(2), NOW, FUTURE), Verdict::Reject);
        doubt.see(after(2), NOW, FUTURE);
        assert_eq!(doubt.verdict(after(2), NOW, FUTURE), Verdict::Wait);
        // The clock is set right.
        assert_eq!(
            doubt.verdict(after(2), WallTime(after(1)), FUTURE),
            Verdict::Fine
        );
    }

    #[test]
    fn what_the_brokers_say_ends_all_doubt() {
        let mut doubt = seen(&[2, 2, 2]);
        let [begin, soon, later] = [0, 10, 60].map(Duration::from_secs);
        assert!(doubt.has_to_ask(begin));
        assert!(!Doubt::is_far(doubt.compare(NOW, NOW, begin)));
        assert!(!doubt.has_to_ask(later));
        assert_eq!(doubt.verdict(after(2), NOW, FUTURE), Verdict::Reject);
        // The own clock is two days slow.
        assert!(Doubt::is_far(doubt.compare(WallTime(after(2)), NOW, begin)));
        assert!(!doubt.has_to_ask(soon) && doubt.has_to_ask(later));
        assert_eq!(doubt.verdict(after(3), NOW, FUTURE), Verdict::Fine);
        assert_eq!(doubt.verdict(after(4), NOW, FUTURE), Verdict::Reject);
        assert_eq!(doubt.corrected(NOW), NOW);
        // The own clock is two days fast: silence is not counted by it.
        doubt.compare(WallTime(after(-2)), NOW, later);
        assert_eq!(doubt.corrected(NOW), WallTime(after(-2)));
        assert_eq!(doubt.verdict(after(2), NOW, FUTURE), Verdict::Reject);
    }
}
