//! How the times of a column are written.

use super::column::{Column, Value};
use crate::event::{EventTime, TimeFormat, TimeUnit, is_recent};

/// Values of a column that are tried.
const TRIED_MAX: usize = 300;
/// Patterns of one column, if its times are written in several ways.
const PATTERNS_MAX: usize = 3;

const DATES: &str = "%d.%m.%Y|%d.%m.%y|%Y/%m/%d|%Y.%m.%d|%Y%m%d|%m/%d/%Y|%d/%m/%Y|%m/%d/%y|%d/%m/%y|%d-%m-%Y|%m-%d-%Y|\
    %d-%b-%Y|%d %b %Y|%b %d, %Y|%B %d, %Y";
const CLOCKS: &str =
    "| %H:%M:%S| %H:%M| %I:%M:%S %p| %I:%M %p|, %H:%M:%S|, %H:%M|T%H:%M:%S| %H:%M:%S %z|%H%M%S";

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
    let has_unit = |unit: &TimeUnit| {
        let format = TimeFormat { unit: *unit, ..TimeFormat::default() };
        (*unit == TimeUnit::default() || is_numeric(&values)) && is_enough(count(&format, &values))
    };
    let units = [TimeUnit::default()].into_iter().chain(TimeUnit::ALL);
    if let Some(unit) = units.into_iter().find(has_unit) {
        let is_local = match unit {
            TimeUnit::Milliseconds => has_local(&values),
            other => other == TimeUnit::SpreadsheetDays,
        };
        return Some(TimeGuess { unit, is_local, ..TimeGuess::default() });
    }
    let (guess, covered) = cover(&values);
    is_enough(covered).then_some(guess)
}

/// Whether the values are certainly times: days of a spreadsheet may be any numbers.
pub(super) fn is_clear(column: &Column) -> bool {
    guess(column).is_some_and(|guess| guess.unit != TimeUnit::SpreadsheetDays)
}

/// Whether at least nine of ten values are times in this writing.
pub(super) fn reads(format: &TimeFormat, column: &Column) -> bool {
    column.is_mostly(|value| read_value(format, value).is_some())
}

/// The patterns that read most of the values, one after the other, and how many they read.
fn cover(values: &[&Value]) -> (TimeGuess, usize) {
    let (mut guess, mut covered) = (TimeGuess::default(), 0);
    let mut left = values.to_vec();
    while guess.patterns.len() < PATTERNS_MAX
        && let Some((pattern, other, read)) = best(&left)
    {
        let format = of_pattern(&pattern);
        left.retain(|value| read_value(&format, value).is_none());
        guess.ambiguous = guess.ambiguous.or(other);
        guess.is_local |= !pattern.contains("%z");
        guess.patterns.push(pattern);
        covered += read;
    }
    (guess, covered)
}

/// The pattern that reads most values, another one that reads as many, and how many.
fn best(values: &[&Value]) -> Option<(String, Option<String>, usize)> {
    let clocks = CLOCKS.split('|');
    let all = clocks.flat_map(|clock| DATES.split('|').map(move |date| (date, clock)));
    let read = all.map(|(date, clock)| {
        let read = count(&of_pattern(&format!("{date}{clock}")), values);
        (read, date, clock)
    });
    // The first among equals.
    let (read, date, clock) =
        read.reduce(|best, other| if other.0 > best.0 { other } else { best })?;
    if read == 0 {
        return None;
    }
    let pattern = format!("{date}{clock}");
    let exchanged = date.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m");
    let other =
        DATES.split('|').any(|date| date == exchanged).then(|| format!("{exchanged}{clock}"));
    let other = other.filter(|it| *it != pattern && count(&of_pattern(it), values) == read);
    // If day and month could be exchanged, the reading in which the records are in order is the right one.
    Some(match other {
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
    read.ok().filter(|time| is_recent(*time))
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

    fn of(texts: &[&str]) -> Option<TimeGuess> {
        guess(&Column::of_texts(texts))
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
