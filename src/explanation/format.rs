//! Values and times as people write them: short and rounded. JSON has them exactly.

use crate::customer::DisplayValue;
use crate::event::{EventTime, Millis, Quantity};
use crate::model::sanitize_for_terminal;

/// Longer texts of a customer are cut.
const TEXT_CHARS_MAX: usize = 60;

/// `2026-02-18`, or with the time of day where it is not midnight.
pub fn format_instant(instant: EventTime) -> String {
    let text = instant.to_string();
    let Some((date, rest)) = text.split_once('T') else {
        return text;
    };
    match rest {
        "00:00:00.000Z" => date.to_owned(),
        rest => format!("{date} {}", &rest[..rest.len().min(5)]),
    }
}

/// `43 days`, `1 day 12 hours`: the largest unit and the one below it, if that is not zero.
pub(super) fn format_span(span: Millis) -> String {
    let parts = span_parts(span).into_iter().skip_while(Option::is_none);
    // Only adjacent units: `1 day`, not `1 day 59 minutes`.
    let parts: Vec<String> = parts.take(2).map_while(|part| part).collect();
    if parts.is_empty() { "no time".to_owned() } else { parts.join(" ") }
}

/// `1 day 59 minutes`: all units that are not zero.
pub(crate) fn format_exact_span(span: Millis) -> String {
    span_parts(span).into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// From days to milliseconds, without sign; `None` for units of which there are none.
fn span_parts(span: Millis) -> [Option<String>; 5] {
    let mut rest = span.0.unsigned_abs();
    let units = [
        (86_400_000, "day"),
        (3_600_000, "hour"),
        (60_000, "minute"),
        (1_000, "second"),
        (1, "millisecond"),
    ];
    units.map(|(unit, name)| {
        let count = rest / unit;
        rest %= unit;
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| format!("{count} {name}{plural}"))
    })
}

/// Rounds to two decimal places, unless that gives zero.
fn format_number(number: Quantity) -> String {
    let rounded = number.rounded(2);
    if rounded == Quantity::ZERO { number.to_string() } else { rounded.to_string() }
}

pub(super) fn format_value(value: &DisplayValue) -> String {
    match value {
        DisplayValue::Number(quantity) => format_number(*quantity),
        DisplayValue::Duration(length) => format_span(*length),
        DisplayValue::Instant(time) => format_instant(*time),
        DisplayValue::Text(text) if text.chars().count() > TEXT_CHARS_MAX => {
            let cut: String = text.chars().take(TEXT_CHARS_MAX).collect();
            format!("'{}…'", sanitize_for_terminal(&cut))
        }
        DisplayValue::Text(text) => format!("'{}'", sanitize_for_terminal(text)),
        DisplayValue::Flag(flag) => flag.to_string(),
    }
}

pub(super) fn format_value_or_none(value: Option<&DisplayValue>) -> String {
    value.map_or_else(|| "nothing yet".to_owned(), format_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let at = |text| format_instant(crate::event::parse_instant(text).unwrap());
        assert_eq!(at("2026-02-18"), "2026-02-18");
        assert_eq!(at("2026-02-18T09:30:59.999Z"), "2026-02-18 09:30");
        let long = |text| format_span(Millis::parse(text).unwrap());
        assert_eq!(long("43d"), "43 days");
        assert_eq!(long("1d12h30m"), "1 day 12 hours");
        assert_eq!(long("1d59m"), "1 day");
        assert_eq!(long("61s"), "1 minute 1 second");
        assert_eq!(long("250ms"), "250 milliseconds");
        assert_eq!(long("0s"), "no time");
    }

    #[test]
    fn numbers_are_short_and_never_rounded_to_zero() {
        let short = |text| format_number(Quantity::parse(text).unwrap());
        assert_eq!(short("0.666666667"), "0.67");
        assert_eq!(short("0.0004"), "0.0004");
        assert_eq!(short("500.0"), "500");
        assert_eq!(short("0"), "0");
    }

    #[test]
    fn control_characters_of_a_customer_are_not_sent_to_the_terminal() {
        assert_eq!(format_value(&DisplayValue::Text("\u{1b}[2J".to_owned())), "'\u{241b}[2J'");
    }
}
