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
pub(super) struct Steady {
    wall: WallTime,
    uptime: Duration,
    /// Whether the last reading was off.
    jumped: bool,
}

/// How far the two may drift apart.
const TOLERANCE: Millis = Millis(60_000);

impl Steady {
    pub(super) fn new(wall: WallTime, uptime: Duration) -> Steady {
        Steady {
            wall,
            uptime,
            jumped: false,
        }
    }

    /// The earlier of what the wall says and what can be, and how far they are apart when that
    /// has just become too much.
    pub(super) fn read(&mut self, wall: WallTime, uptime: Duration) -> (WallTime, Option<Millis>) {
        let ticked = uptime.saturating_sub(self.uptime).as_millis();
        let ticked = i64::try_from(ticked).unwrap_or(i64::MAX);
        let possible = WallTime(self.wall.0.saturating_add(ticked));
        let apart = Millis(wall.0.saturating_sub(possible.0));
        let is_far = apart.0.saturating_abs() > TOLERANCE.0;
        let news = is_far && !self.jumped;
        self.jumped = is_far;
        if !is_far {
            // Slow drift, corrected bit by bit, is followed.
            *self = Steady::new(wall, uptime);
        }
        (wall.min(possible), news.then_some(apart))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn after(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    #[test]
    fn a_wall_clock_that_jumps_ahead_is_told_once_and_not_followed() {
        let mut clock = Steady::new(WallTime(0), after(0));
        assert_eq!(
            clock.read(WallTime(MINUTE), after(1)),
            (WallTime(MINUTE), None)
        );
        let year = 365 * 24 * 60 * MINUTE;
        let (now, jump) = clock.read(WallTime(year), after(2));
        assert_eq!(
            (now, jump),
            (WallTime(2 * MINUTE), Some(Millis(year - 2 * MINUTE)))
        );
        assert_eq!(
            clock.read(WallTime(year), after(3)),
            (WallTime(3 * MINUTE), None)
        );
        // Set right again.
        assert_eq!(
            clock.read(WallTime(4 * MINUTE), after(4)),
            (WallTime(4 * MINUTE), None)
        );
    }

    #[test]
    fn a_wall_clock_that_is_set_back_holds_time_back() {
        let mut clock = Steady::new(WallTime(60 * MINUTE), after(0));
        let (now, jump) = clock.read(WallTime(0), after(1));
        assert_eq!((now, jump), (WallTime(0), Some(Millis(-61 * MINUTE))));
    }

    #[test]
    fn drift_is_followed() {
        let mut clock = Steady::new(WallTime(0), after(0));
        for minute in 1..1_000 {
            // A second per minute too fast.
            let wall = WallTime(minute * (MINUTE + 1_000));
            let (now, jump) = clock.read(wall, after(minute.unsigned_abs()));
            assert_eq!(jump, None);
            assert!(wall.0 - now.0 <= 1_000, "{now:?} at {wall:?}");
        }
    }
}
