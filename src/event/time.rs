//! Event time, watermark and wall clock as three types; durations; and how instants are parsed and formatted.
//!
//! All are UTC milliseconds since 1970, floored (`config/models/RULES.md` rule 1), and lie between
//! 0001-01-01 and 9999-12-30, so that adding any duration a model can name cannot overflow.

use std::fmt;

use jiff::{Timestamp, civil::Date, tz::Offset};

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

impl Millis {
    pub const DAY: Millis = Millis(86_400_000);
    pub const HOUR: Millis = Millis(3_600_000);
    /// Longer than any span between two valid instants; durations are bounded by it.
    pub const MAX: Millis = Millis(10_000 * 366 * 86_400_000);
}

impl Millis {
    /// Parses a duration as in model files: `45d`, `1d12h`, `90s`, `250ms`, `2w`. Bounded by
    /// [`Millis::MAX`]; a sign, a fraction or a number without a unit is refused.
    pub fn parse(text: &str) -> Option<Millis> {
        let (mut rest, mut total) = (text, 0_i64);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let number: i64 = rest[..digits].parse().ok()?;
            rest = &rest[digits..];
            let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let unit = match &rest[..letters] {
                "w" => 7 * Millis::DAY.0,
                "d" => Millis::DAY.0,
                "h" => Millis::HOUR.0,
                "m" => 60_000,
                "s" => 1_000,
                "ms" => 1,
                _ => return None,
            };
            rest = &rest[letters..];
            total = number.checked_mul(unit)?.checked_add(total)?;
        }
        (!text.is_empty() && total <= Millis::MAX.0).then_some(Millis(total))
    }
}

impl fmt::Display for Millis {
    /// As in model files: `45d`, `1d12h`, `90s`, `250ms`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return out.write_str("0s");
        }
        if self.0 < 0 {
            out.write_str("-")?;
        }
        let mut rest = self.0.unsigned_abs();
        for (unit, name) in
            [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")]
        {
            if rest >= unit {
                write!(out, "{}{name}", rest / unit)?;
                rest %= unit;
            }
        }
        Ok(())
    }
}

/// The time at which an event happened, as the event itself states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(pub i64);

impl EventTime {
    /// 9999-12-30T22:00:00.999Z, the last millisecond that can be written as RFC 3339 in every zone.
    pub const MAX: EventTime = EventTime(253_402_207_200_999);
    /// 0001-01-01T00:00:00Z.
    pub const MIN: EventTime = EventTime(-62_135_596_800_000);

    /// This instant plus a duration; `None` past the last valid instant.
    pub fn checked_add(self, span: Millis) -> Option<EventTime> {
        self.0
            .checked_add(span.0)
            .map(EventTime)
            .filter(|t| *t <= EventTime::MAX && *t >= EventTime::MIN)
    }

    /// The duration from `earlier` to this instant; negative if `earlier` is later. It saturates, because the
    /// timestamps of records can be any number.
    pub fn duration_since(self, earlier: EventTime) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }

    /// This instant minus a duration, saturating at `i64::MIN`. The result is a bound for comparisons and may be
    /// before [`EventTime::MIN`].
    pub fn saturating_sub(self, span: Millis) -> EventTime {
        EventTime(self.0.saturating_sub(span.0))
    }

    /// One millisecond later. A timer that is due at this instant is overdue at that one.
    pub(crate) fn just_after(self) -> EventTime {
        EventTime(self.0.saturating_add(1))
    }
}

impl fmt::Display for EventTime {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `Timestamp::from_millisecond` refuses the last valid second.
        let (second, millis) = (self.0.div_euclid(1_000), self.0.rem_euclid(1_000));
        match Timestamp::new(second, millis as i32 * 1_000_000) {
            Ok(instant) => write!(out, "{instant:.3}"),
            Err(_) => write!(out, "{} ms", self.0),
        }
    }
}

/// All events earlier than this are assumed to have been read. Timers that are due before it may fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Watermark(pub i64);

impl Watermark {
    /// Before the first event.
    pub(crate) const NONE: Watermark = Watermark(i64::MIN);

    /// Whether a timer due at `due` may fire. The watermark must be strictly later, so that events at `due` are
    /// applied first.
    pub fn has_passed(self, due: EventTime) -> bool {
        due.0 < self.0
    }

    /// The watermark after an event at `time`: `lateness` before it.
    pub(crate) fn from_event_time(time: EventTime, lateness: Millis) -> Watermark {
        Watermark(time.saturating_sub(lateness).0)
    }
}

/// A reading of the wall clock. Only the shell reads it (`runtime/clock.rs`); the core gets it as an argument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime(pub i64);

impl WallTime {
    /// The duration from `earlier` to this reading; negative if the clock was set back in between.
    pub fn duration_since(self, earlier: WallTime) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        EventTime(self.0).fmt(out)
    }
}

/// Parses RFC 3339, or a bare date, which means midnight. Without an offset (as databases print instants) it is UTC.
pub fn parse_instant(text: &str) -> Option<EventTime> {
    let instant = if is_bare_date(text) {
        let date = text.parse::<Date>().ok()?;
        Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?
    } else if is_without_offset(text) {
        Offset::UTC.to_timestamp(text.parse().ok()?).ok()?
    } else {
        text.parse::<Timestamp>().ok()?
    };
    from_timestamp(instant)
}

/// Floored to milliseconds; `None` outside of the valid years.
pub(super) fn from_timestamp(instant: Timestamp) -> Option<EventTime> {
    // `as_millisecond` rounds towards zero; before 1970 that would be up.
    let floored = instant.as_nanosecond().div_euclid(1_000_000);
    i64::try_from(floored)
        .ok()
        .map(EventTime)
        .filter(|t| *t >= EventTime::MIN && *t <= EventTime::MAX)
}

/// As [`parse_instant`], but a bare date means its whole day: its last millisecond.
pub(crate) fn parse_end_instant(text: &str) -> Option<EventTime> {
    let instant = parse_instant(text)?;
    if is_bare_date(text) {
        // The last valid day ends before midnight.
        return Some(EventTime(instant.0 + Millis::DAY.0 - 1).min(EventTime::MAX));
    }
    Some(instant)
}

fn is_bare_date(text: &str) -> bool {
    text.len() == 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-'
}

/// A date and a time of at least hours and minutes, without anything that could name a zone.
fn is_without_offset(text: &str) -> bool {
    let Some((date, time)) = text.split_at_checked(10) else {
        return false;
    };
    let digits = |byte: u8| byte.is_ascii_digit() || matches!(byte, b':' | b'.');
    is_bare_date(date)
        && time.len() >= 6
        && time.starts_with([' ', 'T', 't'])
        && time.bytes().skip(1).all(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_floored_to_the_millisecond_on_both_sides_of_1970() {
        assert_eq!(parse_instant("1970-01-01T00:00:00.0019Z"), Some(EventTime(1)));
        assert_eq!(parse_instant("1969-12-31T23:59:59.9981Z"), Some(EventTime(-2)));
        assert_eq!(parse_instant("1970-01-01T01:00:00+01:00"), Some(EventTime(0)));
    }

    #[test]
    fn without_an_offset_a_time_is_that_of_utc() {
        let noon = parse_instant("2024-03-13T12:00:00Z");
        assert!(noon.is_some());
        for same in ["2024-03-13 12:00:00", "2024-03-13T12:00", "2024-03-13 12:00:00.000"] {
            assert_eq!(parse_instant(same), noon, "{same}");
        }
        for refused in [
            "2024-03-13 12",
            "2024-03-13 25:00:00",
            "2024-03-13 12:00:00 CET",
            "2024-03-13T12:00:00[Europe/Berlin]",
            "2024-03-13T12:00:00+",
            "2024-03-13_12:00:00",
            "13.03.2024 12:00:00",
            "2024-03-1312:00:00",
            "2024-03-13 12:00:00:00",
            "2024-03-13 1200.0",
        ] {
            assert_eq!(parse_instant(refused), None, "{refused}");
        }
    }

    #[test]
    fn a_bare_date_is_midnight_but_as_an_end_it_is_the_whole_day() {
        assert_eq!(parse_instant("1970-01-02"), Some(EventTime(86_400_000)));
        assert_eq!(parse_end_instant("1970-01-02"), Some(EventTime(2 * 86_400_000 - 1)));
        assert_eq!(parse_end_instant("1970-01-02T00:00:00Z"), Some(EventTime(86_400_000)));
    }

    #[test]
    fn a_text_that_is_not_an_instant_is_refused() {
        for text in ["", "tomorrow", "1970-13-01", "19700101", "éééééé", "2026-02-30"] {
            assert_eq!(parse_instant(text), None, "{text}");
        }
    }

    #[test]
    fn the_edges_of_time_do_not_overflow() {
        assert_eq!(EventTime::MAX.checked_add(Millis(1)), None);
        let last = Timestamp::MAX.as_nanosecond().div_euclid(1_000_000);
        assert_eq!(i128::from(EventTime::MAX.0), last);
        assert_eq!(EventTime::MAX.to_string(), "9999-12-30T22:00:00.999Z");
        assert_eq!(EventTime::MIN.to_string(), "0001-01-01T00:00:00.000Z");
        assert_eq!(parse_end_instant("9999-12-30"), Some(EventTime::MAX));
        assert_eq!(parse_end_instant("9999-12-31"), None);
        assert_eq!(EventTime(i64::MAX).checked_add(Millis::MAX), None);
        assert_eq!(
            Watermark::from_event_time(EventTime(i64::MIN), Millis::MAX),
            Watermark(i64::MIN)
        );
    }

    #[test]
    fn timestamps_that_no_event_can_have_are_as_far_away_as_can_be() {
        let (first, last) = (EventTime(i64::MIN), EventTime(i64::MAX));
        assert_eq!(last.duration_since(EventTime(-1)), Millis(i64::MAX));
        assert_eq!(first.duration_since(EventTime(1)), Millis(i64::MIN));
        assert_eq!(last.duration_since(last), Millis(0));
        assert_eq!(first.saturating_sub(Millis(1)), first);
        assert_eq!(last.just_after(), last);
        assert_eq!(EventTime::MAX.just_after().saturating_sub(Millis(1)), EventTime::MAX);
        let set_back = WallTime(i64::MIN).duration_since(WallTime(1));
        assert_eq!(set_back, Millis(i64::MIN));
    }

    #[test]
    fn durations_read_as_in_model_files() {
        assert_eq!(Millis(45 * 86_400_000).to_string(), "45d");
        assert_eq!(Millis(129_600_000).to_string(), "1d12h");
        assert_eq!(Millis(-1_250).to_string(), "-1s250ms");
        for text in ["45d", "1d12h", "250ms", "0s"] {
            assert_eq!(Millis::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Millis::parse("2w"), Some(Millis(14 * Millis::DAY.0)));
        for text in
            ["", "3", "d", "-3d", "1.5d", "3 d", "3y", "99999999999999999999d", "9999999999d", "3é"]
        {
            assert_eq!(Millis::parse(text), None, "{text}");
        }
        assert_eq!(EventTime(0).to_string(), "1970-01-01T00:00:00.000Z");
    }
}
