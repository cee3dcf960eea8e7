//! How times are written in records: epoch numbers, RFC 3339 and its relatives, declared patterns, local times.

use std::ops::Range;

use jiff::civil;
use jiff::civil::DateTime;
use jiff::fmt::{rfc2822, strtime::BrokenDownTime};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::time::{from_timestamp, parse_instant};
use super::{EventTime, Quantity, RejectReason};

/// The unit of a number in the time field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    #[default]
    Milliseconds,
    /// Microseconds since 1970.
    Microseconds,
    /// Nanoseconds since 1970.
    Nanoseconds,
    /// Days since 1899-12-30 in local time, as in cells of spreadsheets; rounded to seconds.
    SpreadsheetDays,
}

impl TimeUnit {
    pub(crate) const ALL: [TimeUnit; 5] = [
        TimeUnit::Seconds,
        TimeUnit::Milliseconds,
        TimeUnit::Microseconds,
        TimeUnit::Nanoseconds,
        TimeUnit::SpreadsheetDays,
    ];

    /// The name in settings.
    pub fn name(self) -> &'static str {
        match self {
            TimeUnit::Seconds => "seconds",
            TimeUnit::Milliseconds => "milliseconds",
            TimeUnit::Microseconds => "microseconds",
            TimeUnit::Nanoseconds => "nanoseconds",
            TimeUnit::SpreadsheetDays => "spreadsheet_days",
        }
    }
}

/// How the time of an event is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeFormat {
    pub unit: TimeUnit,
    /// Patterns of `strftime`, tried in order; then no other form is accepted.
    pub patterns: Vec<String>,
    /// The zone of times without an offset; UTC if there is none.
    pub zone: Option<TimeZone>,
}

/// The first day of spreadsheets; the 60th day of 1900, which did not exist, counts.
const SPREADSHEET_DAY_0: civil::Date = civil::date(1899, 12, 30);

impl TimeFormat {
    /// The zone of an IANA name such as `America/New_York`.
    ///
    /// # Errors
    /// There is no such zone.
    pub(crate) fn find_zone(name: &str) -> Result<TimeZone, String> {
        TimeZone::get(name).map_err(|_| {
            format!("there is no time zone `{name}`; write an IANA name such as Europe/Berlin")
        })
    }

    /// Checks a pattern with the time of a test.
    ///
    /// # Errors
    /// The pattern is not valid, or has no date.
    pub(crate) fn check_pattern(pattern: &str) -> Result<(), String> {
        let sample = civil::date(2010, 12, 31).at(23, 58, 59, 0);
        let sample = TimeZone::UTC.to_zoned_datetime(sample).map_err(|error| error.to_string())?;
        let written =
            jiff::fmt::strtime::format(pattern, &sample).map_err(|error| error.to_string())?;
        let has_date = BrokenDownTime::parse(pattern, &written)
            .and_then(|read| read.to_date())
            .is_ok_and(|date| date == sample.date());
        if has_date {
            Ok(())
        } else {
            Err("it has no complete date (%Y-%m-%d, %d.%m.%Y …)".to_owned())
        }
    }

    /// Reads a text, which has no blanks around it.
    pub(crate) fn read_text(&self, text: &str) -> Result<EventTime, RejectReason> {
        if !self.patterns.is_empty() {
            let read = self.patterns.iter().find_map(|pattern| self.read_pattern(pattern, text));
            return read.ok_or(RejectReason::BadTime);
        }
        if is_numeric(text) {
            return self.read_number(text);
        }
        // Without a zone, the common form needs no calendar.
        if self.zone.is_none()
            && let Some(time) = parse_instant(text)
        {
            return Ok(time);
        }
        self.read_relative(text).ok_or(RejectReason::BadTime)
    }

    /// Reads an epoch number in the declared unit; the result is floored to milliseconds.
    pub(crate) fn read_number(&self, text: &str) -> Result<EventTime, RejectReason> {
        if !self.patterns.is_empty() {
            return self.read_text(text);
        }
        // The native form needs no division of 128 bits.
        if self.unit == TimeUnit::Milliseconds
            && let Ok(millis) = text.parse()
        {
            return Ok(EventTime(millis));
        }
        let number = Quantity::parse(text).ok_or_else(|| match text.parse::<f64>() {
            Ok(_) => RejectReason::TimeOutOfRange,
            Err(_) => RejectReason::BadTime,
        })?;
        let nanos_per_milli = match self.unit {
            TimeUnit::Seconds => 1_000_000,
            TimeUnit::Milliseconds => 1_000_000_000,
            TimeUnit::Microseconds => 1_000_000_000_000,
            TimeUnit::Nanoseconds => 1_000_000_000_000_000,
            TimeUnit::SpreadsheetDays => return self.read_days(number),
        };
        let millis = number.nanos().div_euclid(nanos_per_milli);
        i64::try_from(millis).map(EventTime).map_err(|_| RejectReason::TimeOutOfRange)
    }

    fn read_days(&self, days: Quantity) -> Result<EventTime, RejectReason> {
        let seconds = days.checked_mul(Quantity::from_whole(86_400));
        let seconds = seconds.and_then(|seconds| seconds.rounded(0).whole_part());
        let local = seconds
            .and_then(|seconds| jiff::Span::new().try_seconds(seconds).ok())
            .and_then(|span| SPREADSHEET_DAY_0.at(0, 0, 0, 0).checked_add(span).ok());
        local.and_then(|local| self.at_zone(local)).ok_or(RejectReason::TimeOutOfRange)
    }

    fn read_pattern(&self, pattern: &str, text: &str) -> Option<EventTime> {
        let read = BrokenDownTime::parse(pattern, text).ok()?;
        if read.offset().is_some() || read.iana_time_zone().is_some() {
            return from_timestamp(read.to_timestamp().ok()?);
        }
        let local = read.to_datetime().or_else(|_| read.to_date().map(|date| date.at(0, 0, 0, 0)));
        self.at_zone(local.ok()?)
    }

    /// Forms that databases and mail write: `2019-10-01 00:00:00 UTC`, `… +0200`, RFC 2822; and local times.
    fn read_relative(&self, text: &str) -> Option<EventTime> {
        if text.starts_with(|c: char| c.is_ascii_alphabetic())
            || text.as_bytes().get(4) != Some(&b'-')
        {
            let mail = rfc2822::DateTimeParser::new().relaxed_weekday(true);
            return from_timestamp(mail.parse_timestamp(text).ok()?);
        }
        let mut parts = text.split_ascii_whitespace();
        let (first, rest) = (parts.next()?, parts.collect::<Vec<_>>());
        // Blanks separate date, time and offset, one or several.
        let (clock, offset) = match rest[..] {
            [] => (None, None),
            [one] if first.contains(['T', 't']) => (None, Some(one)),
            [clock] => (Some(clock), None),
            [clock, offset] => (Some(clock), Some(offset)),
            _ => return None,
        };
        let local = clock.map_or_else(|| first.to_owned(), |clock| format!("{first}T{clock}"));
        let (local, offset) = match offset {
            Some(offset) => (local.as_str(), offset),
            None => split_offset(&local),
        };
        match offset {
            "" => {
                let date = || local.parse().map(|date: civil::Date| date.at(0, 0, 0, 0));
                let local = if local.len() == 10 { date() } else { local.parse::<DateTime>() };
                self.at_zone(local.ok()?)
            }
            "UTC" | "GMT" | "Z" | "z" => parse_instant(&format!("{local}Z")),
            offset => parse_instant(&format!("{local}{}", with_colon(offset)?)),
        }
    }

    /// An hour that occurs twice at the end of daylight saving time is its first occurrence; a time that is skipped at
    /// the beginning is as much later.
    fn at_zone(&self, local: DateTime) -> Option<EventTime> {
        let zone = self.zone.clone().unwrap_or(TimeZone::UTC);
        from_timestamp(zone.to_timestamp(local).ok()?)
    }
}

/// Splits an offset such as `+0200` from a time; it has none if there is no sign after the date.
fn split_offset(text: &str) -> (&str, &str) {
    let time = text.find(['T', 't']).unwrap_or(text.len());
    match text[time..].find(['+', '-', 'Z', 'z', '\u{2212}']) {
        Some(at) => text.split_at(time + at),
        None => (text, ""),
    }
}

/// `+0200`, `+02` and `+02:00` as `+02:00`.
fn with_colon(offset: &str) -> Option<String> {
    let digits: String = offset.chars().skip(1).filter(|c| *c != ':').collect();
    let is_offset =
        offset.starts_with(['+', '-']) && digits.bytes().all(|byte| byte.is_ascii_digit());
    match (is_offset, digits.len()) {
        (true, 2) => Some(format!("{}{digits}:00", &offset[..1])),
        (true, 4) => Some(format!("{}{}:{}", &offset[..1], &digits[..2], &digits[2..])),
        _ => None,
    }
}

fn is_numeric(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-')
        && text.bytes().filter(|byte| *byte == b'-').count() <= 1
}

/// The unit in which a number is a time of the last decades, if it is not one in `unit`.
pub(super) fn likely_unit(text: &str, unit: TimeUnit) -> Option<TimeUnit> {
    let fits = |unit: &TimeUnit| {
        let format = TimeFormat { unit: *unit, ..TimeFormat::default() };
        format.read_number(text).is_ok_and(is_recent)
    };
    TimeUnit::ALL.into_iter().filter(|other| *other != unit).find(fits)
}

/// Whether it is a time of the last decades.
pub(crate) fn is_recent(time: EventTime) -> bool {
    /// 1990-01-01 and 2100-01-01.
    const DECADES: Range<EventTime> = EventTime(631_152_000_000)..EventTime(4_102_444_800_000);
    DECADES.contains(&time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(format: &TimeFormat, text: &str) -> Option<String> {
        format.read_text(text).ok().map(|time| time.to_string())
    }

    fn with_pattern(pattern: &str) -> TimeFormat {
        TimeFormat::check_pattern(pattern).unwrap();
        TimeFormat { patterns: vec![pattern.to_owned()], ..TimeFormat::default() }
    }

    #[test]
    fn what_databases_and_mail_write_is_read() {
        let format = TimeFormat::default();
        for (text, expected) in [
            ("2019-10-01 00:00:00 UTC", "2019-10-01T00:00:00.000Z"),
            ("2019-10-01 00:00:00.123456 UTC", "2019-10-01T00:00:00.123Z"),
            ("2026-05-01 10:00:00 +0200", "2026-05-01T08:00:00.000Z"),
            ("2026-05-01 10:00:00+02", "2026-05-01T08:00:00.000Z"),
            ("2026-05-01T10:00:00-0530", "2026-05-01T15:30:00.000Z"),
            ("2026-05-01T10:00:00 +02:00", "2026-05-01T08:00:00.000Z"),
            ("2024-03-13  12:00:00", "2024-03-13T12:00:00.000Z"),
            ("Wed, 13 Mar 2024 12:00:00 +0000", "2024-03-13T12:00:00.000Z"),
            ("13 Mar 2024 12:00:00 GMT", "2024-03-13T12:00:00.000Z"),
        ] {
            assert_eq!(read(&format, text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "2024-03-13 12:00:00 CET",
            "2024-03-13 a b c",
            "12/1/2010 8:26",
            "2024-03-13T12:00:00+2",
            "soon",
            "2024-03-13 12:00 +",
        ] {
            assert_eq!(read(&format, text), None, "{text}");
        }
    }

    #[test]
    fn a_declared_pattern_is_the_only_form() {
        let format = with_pattern("%m/%d/%Y %H:%M");
        assert_eq!(read(&format, "12/1/2010 8:26").as_deref(), Some("2010-12-01T08:26:00.000Z"));
        assert_eq!(read(&format, "13/1/2010 8:26"), None);
        assert_eq!(read(&format, "2010-12-01T08:26:00Z"), None);
        assert_eq!(
            read(&with_pattern("%Y%m%d"), "20240313").as_deref(),
            Some("2024-03-13T00:00:00.000Z")
        );
        assert_eq!(
            read(&with_pattern("%d.%m.%Y %H:%M:%S %z"), "01.05.2026 10:00:00 +0200").as_deref(),
            Some("2026-05-01T08:00:00.000Z")
        );
        for pattern in ["%H:%M", "%Q %d", "%m/%Y", "no pattern"] {
            assert!(TimeFormat::check_pattern(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn local_times_have_the_declared_zone_and_a_repeated_hour_is_its_first_occurrence() {
        let zone = Some(TimeFormat::find_zone("America/New_York").unwrap());
        let format = TimeFormat { zone, ..TimeFormat::default() };
        for (text, expected) in [
            ("2024-01-01 23:30:00", "2024-01-02T04:30:00.000Z"),
            ("2024-07-01", "2024-07-01T04:00:00.000Z"),
            ("2024-07-01T00:00:00Z", "2024-07-01T00:00:00.000Z"),
            ("2024-11-03T01:30:00", "2024-11-03T05:30:00.000Z"),
            ("2024-03-10T02:30:00", "2024-03-10T07:30:00.000Z"),
        ] {
            assert_eq!(read(&format, text).as_deref(), Some(expected), "{text}");
        }
        assert!(TimeFormat::find_zone("Mars/Olympus").is_err());
    }

    #[test]
    fn numbers_have_the_declared_unit() {
        for (unit, text) in [
            (TimeUnit::Seconds, "1710331200.5"),
            (TimeUnit::Milliseconds, "1710331200500"),
            (TimeUnit::Microseconds, "1710331200500999"),
            (TimeUnit::Nanoseconds, "1710331200500999999"),
        ] {
            let format = TimeFormat { unit, ..TimeFormat::default() };
            assert_eq!(read(&format, text).as_deref(), Some("2024-03-13T12:00:00.500Z"), "{text}");
            let other =
                if unit == TimeUnit::Seconds { TimeUnit::Milliseconds } else { TimeUnit::Seconds };
            assert_eq!(likely_unit(text, other), Some(unit), "{text}");
        }
        let days = TimeFormat { unit: TimeUnit::SpreadsheetDays, ..TimeFormat::default() };
        assert_eq!(read(&days, "45364.520833").as_deref(), Some("2024-03-13T12:30:00.000Z"));
        assert_eq!(read(&days, "1").as_deref(), Some("1899-12-31T00:00:00.000Z"));
        assert_eq!(read(&days, "99999999999"), None);
        assert_eq!(
            likely_unit("45364.52", TimeUnit::Milliseconds),
            Some(TimeUnit::SpreadsheetDays)
        );
        assert_eq!(likely_unit("20240313", TimeUnit::Milliseconds), None);
    }
}
