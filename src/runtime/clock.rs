//! The only reader of the wall clock, and a wall clock that does not follow jumps.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::event::{Millis, WallTime};

#[expect(clippy::disallowed_methods, reason = "the only reader of the wall clock")]
pub fn now() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}

/// A wall clock bounded by a monotonic clock: a machine whose time is set to next year must not make every customer
/// inactive for a year.
#[derive(Debug)]
pub(super) struct SlewingClock {
    /// The latest accepted time at `uptime`, in microseconds since 1970.
    latest: i64,
    uptime: Duration,
    /// Whether the last reading was a jump.
    jumped: bool,
}

/// A gradual correction of the wall clock is followed at a rate of 1/1000, twice the rate of NTP.
const SLEW_DIVISOR: i64 = 1000;
/// A larger difference is a jump: the clock was set.
const JUMP_TOLERANCE: Millis = Millis(60_000);

impl SlewingClock {
    pub(super) fn new(wall: WallTime, uptime: Duration) -> SlewingClock {
        SlewingClock { latest: wall.0.saturating_mul(1000), uptime, jumped: false }
    }

    /// The earlier of the wall clock and the latest accepted time; and their difference, when a jump has just begun.
    pub(super) fn read(&mut self, wall: WallTime, uptime: Duration) -> (WallTime, Option<Millis>) {
        let ticked = uptime.saturating_sub(self.uptime).as_micros();
        let ticked = i64::try_from(ticked).unwrap_or(i64::MAX);
        let latest = self.latest.saturating_add(ticked);
        let slewed = latest.saturating_add(ticked / SLEW_DIVISOR);
        let apart = Millis(wall.0.saturating_sub(slewed.div_euclid(1000)));
        let is_far = apart.0.saturating_abs() > JUMP_TOLERANCE.0;
        let is_new_jump = is_far && !self.jumped;
        self.jumped = is_far;
        self.uptime = uptime;
        // A small step back is followed. A large one is not: the clock is expected to be corrected.
        self.latest = if is_far { latest } else { slewed.min(wall.0.saturating_mul(1000)) };
        let now = wall.min(WallTime(slewed.div_euclid(1000)));
        (now, is_new_jump.then_some(apart))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn after(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    /// `now` is at most as far ahead as a clock is followed in a minute.
    fn assert_about(now: WallTime, expected: i64) {
        let ahead = now.0 - expected;
        assert!((0..=60).contains(&ahead), "{now:?}, not {expected}");
    }

    #[test]
    fn a_jump_of_the_wall_clock_is_reported_once_and_not_followed() {
        let year = 365 * 24 * 60 * MINUTE;
        for ahead in [10_000, 50_000, year] {
            let mut clock = SlewingClock::new(WallTime(0), after(0));
            let (now, jump) = clock.read(WallTime(MINUTE), after(1));
            assert_eq!((now, jump), (WallTime(MINUTE), None));
            let (now, jump) = clock.read(WallTime(2 * MINUTE + ahead), after(2));
            assert_about(now, 2 * MINUTE);
            assert_eq!(jump.is_some(), ahead == year);
            let (now, jump) = clock.read(WallTime(3 * MINUTE + ahead), after(3));
            assert!(now.0 < 3 * MINUTE + 130, "{now:?}");
            assert_eq!(jump, None);
            // The clock is corrected.
            let (now, jump) = clock.read(WallTime(4 * MINUTE), after(4));
            assert_eq!((now, jump), (WallTime(4 * MINUTE), None));
        }
    }

    #[test]
    fn a_wall_clock_that_is_set_back_is_followed_until_it_is_corrected() {
        let mut clock = SlewingClock::new(WallTime(60 * MINUTE), after(0));
        let (now, jump) = clock.read(WallTime(0), after(1));
        assert_eq!(now, WallTime(0));
        assert!(jump.is_some_and(|jump| jump.0 < -60 * MINUTE), "{jump:?}");
        let (now, jump) = clock.read(WallTime(62 * MINUTE), after(2));
        assert_eq!((now, jump), (WallTime(62 * MINUTE), None));
    }

    #[test]
    fn drift_is_followed_at_any_reading_interval() {
        let mut clock = SlewingClock::new(WallTime(0), after(0));
        for tick in 1..1_000_000 {
            // Half a thousandth too fast, read every 10 ms.
            let wall = WallTime(tick * 10 + tick / 200);
            let (now, jump) = clock.read(wall, Duration::from_millis(tick.unsigned_abs() * 10));
            assert_eq!(jump, None);
            assert!(wall.0 - now.0 <= 1, "{now:?} at {wall:?}");
        }
    }
}
