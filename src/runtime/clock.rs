//! Clocks: the one place that reads the wall clock, and how far it is believed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::event::{Millis, WallTime};

/// What the clock on the wall shows now.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> WallTime {
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    WallTime(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}

/// The wall clock, never believed beyond what a clock that only ticks allows: a machine whose time
/// is set to next year must not make every customer silent for a year.
#[derive(Debug)]
pub(super) struct SlewingClock {
    /// The latest time that it can be, in microseconds since 1970, as of `uptime`.
    latest: i64,
    uptime: Duration,
    /// Whether the last reading was off.
    jumped: bool,
}

/// A wall clock that is set right gradually is followed: by a thousandth, twice what NTP allows
/// itself.
const SLEW_DIVISOR: i64 = 1000;
/// Further apart than this, somebody has set the clock.
const JUMP_TOLERANCE: Millis = Millis(60_000);

impl SlewingClock {
    pub(super) fn new(wall: WallTime, uptime: Duration) -> SlewingClock {
        SlewingClock {
            latest: wall.0.saturating_mul(1000),
            uptime,
            jumped: false,
        }
    }

    /// The earlier of what the wall says and what can be, and how far they are apart when that
    /// has just become too much.
    pub(super) fn read(&mut self, wall: WallTime, uptime: Duration) -> (WallTime, Option<Millis>) {
        let ticked = uptime.saturating_sub(self.uptime).as_micros();
        let ticked = i64::try_from(ticked).unwrap_or(i64::MAX);
        let latest = self.latest.saturating_add(ticked);
        let slewed = latest.saturating_add(ticked / SLEW_DIVISOR);
        let apart = Millis(wall.0.saturating_sub(slewed.div_euclid(1000)));
        let is_far = apart.0.saturating_abs() > JUMP_TOLERANCE.0;
        let news = is_far && !self.jumped;
        self.jumped = is_far;
        self.uptime = uptime;
        // A small step back is followed; after a large one, time is expected to be set right again.
        self.latest = match is_far {
            true => latest,
            false => slewed.min(wall.0.saturating_mul(1000)),
        };
        let now = wall.min(WallTime(slewed.div_euclid(1000)));
        (now, news.then_some(apart))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn after(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    /// At most so far ahead as is followed in a minute.
    fn assert_about(now: WallTime, expected: i64) {
        let ahead = now.0 - expected;
        assert!((0..=60).contains(&ahead), "{now:?}, not {expected}");
    }

    #[test]
    fn a_wall_clock_that_jumps_ahead_is_told_once_and_not_followed() {
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
            // Set right again.
            let (now, jump) = clock.read(WallTime(4 * MINUTE), after(4));
            assert_eq!((now, jump), (WallTime(4 * MINUTE), None));
        }
    }

    #[test]
    fn a_wall_clock_that_is_set_back_holds_time_back_until_it_is_set_right() {
        let mut clock = SlewingClock::new(WallTime(60 * MINUTE), after(0));
        let (now, jump) = clock.read(WallTime(0), after(1));
        assert_eq!(now, WallTime(0));
        assert!(jump.is_some_and(|jump| jump.0 < -60 * MINUTE), "{jump:?}");
        let (now, jump) = clock.read(WallTime(62 * MINUTE), after(2));
        assert_eq!((now, jump), (WallTime(62 * MINUTE), None));
    }

    #[test]
    fn drift_is_followed_however_often_it_is_looked() {
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
