//! How the times of a column are written.

use super::column::{Column, Value};
use crate::event::{EventTime, TimeFormat, TimeUnit, parse_instant};

/// Values of a column that are tried.
const TRIED_MAX: usize = 300;
/// Patterns of one column, if its times are written in several ways.
const PATTERNS_MAX: usize = 3;

/// Day before month; the second of each pair is the other reading of the same text.
const DATES: [(&str, Option<&str>); 15] = [
    ("%d.%m.%Y", None),
    ("%d.%m.%y", None),
    ("%Y/%m/%d", None),
    ("%Y.%m.%d", None),
    ("%Y%m%d", None),
    ("%m/%d/%Y", Some("%d/%m/%Y")),
    ("%d/%m/%Y", Some("%m/%d/%Y")),
    ("%m/%d/%y", Some("%d/%m/%y")),
    ("%d/%m/%y", Some("%m/%d/%y")),
    ("%d-%m-%Y", Some("%m-%d-%Y")),
    ("%m-%d-%Y", Some("%d-%m-%Y")),
    ("%d-%b-%Y", None),
    ("%d %b %Y", None),
    ("%b %d, %Y", None),
    ("%B %d, %Y", None),
];
const CLOCKS: [&str; 10] = [
    "",
    " %H:%M:%S",
    " %H:%M",
    " %I:%M:%S %p",
    " %I:%M %p",
    ", %H:%M:%S",
    ", %H:%M",
    "T%H:%M:%S",
    " %H:%M:%S %z",
    "%H%M%S",
];

/// How times are written, as settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TimeGuess {
    pub(super) unit: TimeUnit,
    pub(super) patterns: Vec<String>,
    /// Another pattern that reads the values as well.
    pub(super) ambiguous: Option<String>,
    /// Whether the texts have no offset from UTC.
    pub(super) is_local: bool,
}

/// The writing with which at least nine of ten values are times of the last decades; the default where it reads as many.
pub(super) fn guess(column: &Column) -> Option<TimeGuess> {
    let step = column.values.len().div_ceil(TRIED_MAX).max(1);
    let values: Vec<&Value> = column.values.iter().step_by(step).collect();
    let is_enough = |count: usize| !values.is_empty() && count * 10 >= values.len() * 9;
    for unit in [
        TimeUnit::Milliseconds,
        TimeUnit::Seconds,
        TimeUnit::Microseconds,
        TimeUnit::Nanoseconds,
        TimeUnit::SpreadsheetDays,
    ] {
        let format = TimeFormat { unit, ..TimeFormat::default() };
        if is_enough(count(&format, &values))
            && (unit == TimeUnit::Milliseconds || is_numeric(&values))
        {
            let is_local = unit == TimeUnit::Milliseconds && has_local(&values)
                || unit == TimeUnit::SpreadsheetDays;
            return Some(TimeGuess { unit, is_local, ..TimeGuess::default() });
        }
    }
    let (patterns, ambiguous, covered) = cover(&values);
    let is_local = patterns.iter().any(|pattern| !pattern.contains("%z"));
    let guess = TimeGuess { unit: TimeUnit::default(), patterns, ambiguous, is_local };
    is_enough(covered).then_some(guess)
}

/// Whether at least nine of ten values are times in this writing.
pub(super) fn reads(format: &TimeFormat, column: &Column) -> bool {
    column.is_mostly(|value| read_value(format, value).is_some())
}

/// The patterns that read most of the values, one after the other, and how many they read.
fn cover(values: &[&Value]) -> (Vec<String>, Option<String>, usize) {
    let (mut patterns, mut ambiguous, mut covered) = (Vec::new(), None, 0);
    let mut left = values.to_vec();
    while patterns.len() < PATTERNS_MAX && !left.is_empty() {
        let Some((pattern, other, read)) = best(&left) else { break };
        let format = of_pattern(&pattern);
        left.retain(|value| read_value(&format, value).is_none());
        ambiguous = ambiguous.or(other);
        covered += read;
        patterns.push(pattern);
    }
    (patterns, ambiguous, covered)
}

/// The pattern that reads most values, another one that reads as many, and how many.
fn best(values: &[&Value]) -> Option<(String, Option<String>, usize)> {
    let mut best: Option<(String, Option<String>, usize)> = None;
    for clock in CLOCKS {
        for (date, other) in DATES {
            let pattern = format!("{date}{clock}");
            let read = count(&of_pattern(&pattern), values);
            if read == 0 || best.as_ref().is_some_and(|(.., most)| *most >= read) {
                continue;
            }
            let other = other.map(|date| format!("{date}{clock}"));
            let other = other.filter(|other| count(&of_pattern(other), values) == read);
            best = Some((pattern, other, read));
        }
    }
    // If day and month could be exchanged, the reading in which the records are in order is the right one.
    best.map(|(pattern, other, read)| match other {
        Some(other) if steps_back(&other, values) < steps_back(&pattern, values) => {
            (other, Some(pattern), read)
        }
        other => (pattern, other, read),
    })
}

fn of_pattern(pattern: &str) -> TimeFormat {
    TimeFormat { patterns: vec![pattern.to_owned()], ..TimeFormat::default() }
}

fn count(format: &TimeFormat, values: &[&Value]) -> usize {
    values.iter().filter(|value| read_value(format, value).is_some()).count()
}

/// The time, if it is one of the last decades.
fn read_value(format: &TimeFormat, value: &Value) -> Option<EventTime> {
    let read =
        if value.is_bare { format.read_number(&value.text) } else { format.read_text(&value.text) };
    let time = read.ok()?;
    let (first, last) = (parse_instant("1990-01-01")?, parse_instant("2100-01-01")?);
    (time >= first && time < last).then_some(time)
}

fn steps_back(pattern: &str, values: &[&Value]) -> usize {
    let format = of_pattern(pattern);
    let times: Vec<EventTime> =
        values.iter().filter_map(|value| read_value(&format, value)).collect();
    times.windows(2).filter(|pair| pair[1] < pair[0]).count()
}

fn is_numeric(values: &[&Value]) -> bool {
    values.iter().all(|value| value.text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

/// Whether a text such as `2026-05-01 10:00` has no offset. A date alone has none either.
fn has_local(values: &[&Value]) -> bool {
    let is_local = |text: &str| {
        let (date, rest) = text.split_at_checked(10).unwrap_or((text, ""));
        let is_date = date.contains('-') && !date.contains(char::is_alphabetic);
        is_date && !rest.contains(['Z', 'z', '+', '-', 'U', 'G'])
    };
    values.iter().any(|value| is_local(&value.text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Path;

    fn of(texts: &[&str]) -> Option<TimeGuess> {
        let mut column = Column { path: Path::of_keys("time"), values: Vec::new() };
        texts.iter().for_each(|text| column.add(text, false));
        guess(&column)
    }

    #[test]
    fn times_are_recognised_by_their_form() {
        for (texts, patterns) in [
            (&["12/1/2010 8:26", "12/13/2010 8:34"][..], &["%m/%d/%Y %H:%M"][..]),
            (&["1/12/2010 8:26", "13/12/2010 8:34"], &["%d/%m/%Y %H:%M"]),
            (&["01.05.2026", "31.05.2026"], &["%d.%m.%Y"]),
            (&["01.05.2026 10:00", "31.05.2026"], &["%d.%m.%Y", "%d.%m.%Y %H:%M"]),
            (&["20240313", "20240314"], &["%Y%m%d"]),
            (&["05/01/2026 10:00:00 PM", "05/31/2026 01:00:00 AM"], &["%m/%d/%Y %I:%M:%S %p"]),
            (&["2026-05-01T10:00:00Z", "2026-05-01 10:00:00 +0200"], &[]),
            (&["1704067200000"], &[]),
        ] {
            let mut found = of(texts).unwrap_or_else(|| panic!("{texts:?}")).patterns;
            found.sort();
            assert_eq!(found, patterns, "{texts:?}");
        }
        for (text, unit) in [
            ("1704067200", TimeUnit::Seconds),
            ("1704067200000000", TimeUnit::Microseconds),
            ("1704067200000000000", TimeUnit::Nanoseconds),
            ("45292.5", TimeUnit::SpreadsheetDays),
        ] {
            assert_eq!(of(&[text]).unwrap().unit, unit, "{text}");
        }
        for other in
            [&["red"][..], &["1,5"], &["17850"], &["2024"], &[], &["12/1/2010", "no", "no"]]
        {
            assert!(
                of(other).is_none_or(|guess| guess.unit == TimeUnit::SpreadsheetDays),
                "{other:?}"
            );
        }
    }

    #[test]
    fn where_day_and_month_could_be_exchanged_the_order_of_the_records_decides() {
        let guess = of(&["01/02/2026", "02/02/2026", "01/03/2026"]).unwrap();
        assert_eq!(guess.patterns, ["%d/%m/%Y"]);
        assert_eq!(guess.ambiguous.as_deref(), Some("%m/%d/%Y"));
        assert_eq!(of(&["01/31/2026", "02/01/2026"]).unwrap().ambiguous, None);
    }

    #[test]
    fn a_time_without_an_offset_is_local() {
        assert!(of(&["2026-05-01 10:00:00"]).unwrap().is_local);
        assert!(of(&["01.05.2026"]).unwrap().is_local);
        for text in ["2026-05-01T10:00:00Z", "2026-05-01 10:00:00 -0500", "1704067200000"] {
            assert!(!of(&[text]).unwrap().is_local, "{text}");
        }
    }
}
