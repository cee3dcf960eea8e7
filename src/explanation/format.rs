//! Values and times as people write them: short, and no more exact than helps. JSON has them exactly.

use crate::customer::DisplayValue;
use crate::event::{EventTime, Millis, Quantity};
use crate::model::sanitize_for_terminal;

/// Longest text of a customer's field that is shown.
const TEXT_CHARS_MAX: usize = 60;

/// `2026-02-18`, or with the time of day where it is not midnight.
pub(super) fn format_instant(instant: EventTime) -> String {
    let text = instant.to_string();
    let Some((date, rest)) = text.split_once('T') else {
        return text;
    };
    match rest {
        "00:00:00.000Z" => date.to_owned(),
        rest => format!("{date} {}", &rest[..rest.len().min(5)]),
    }
}

/// `43 days`, `1 day 12 hours`: the two largest units, of a day or longer without less than hours.
pub(super) fn format_span(span: Millis) -> String {
    let mut rest = span.0.unsigned_abs();
    let mut parts = Vec::new();
    for (unit, name) in [
        (86_400_000, "day"),
        (3_600_000, "hour"),
        (60_000, "minute"),
        (1_000, "second"),
        (1, "millisecond"),
    ] {
        let count = rest / unit;
        rest %= unit;
        match count {
            // Units stand beside each other, or not at all.
            0 if parts.is_empty() => continue,
            0 => break,
            1 => parts.push(format!("1 {name}")),
            many => parts.push(format!("{many} {name}s")),
        }
        if parts.len() == 2 {
            break;
        }
    }
    match parts.is_empty() {
        true => "no time".to_owned(),
        false => parts.join(" "),
    }
}

/// At most two digits after the point, unless that would be nothing.
fn format_number(number: Quantity) -> String {
    let rounded = number.rounded(2);
    match rounded == Quantity::ZERO {
        true => number.to_string(),
        false => rounded.to_string(),
    }
}

/// A value.
pub(super) fn format_value(shown: &DisplayValue) -> String {
    match shown {
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

/// A value that may be absent.
pub(super) fn format_value_or_none(shown: Option<&DisplayValue>) -> String {
    shown.map_or_else(|| "nothing yet".to_owned(), format_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_exact_as_helps() {
        let at = |text| format_instant(crate::event::parse_instant(text).unwrap());
        assert_eq!(at("2026-02-18"), "2026-02-18");
        assert_eq!(at("2026-02-18T09:30:59.999Z"), "2026-02-18 09:30");
        let long = |text| format_span(Millis::parse(text).unwrap());
        assert_eq!(long("43d"), "43 days");
        assert_eq!(long("1d12h30m"), "1 day 12 hours");
        // Hours are not said where minutes alone would follow a day.
        assert_eq!(long("1d59m"), "1 day");
        assert_eq!(long("61s"), "1 minute 1 second");
        assert_eq!(long("250ms"), "250 milliseconds");
        assert_eq!(long("0s"), "no time");
    }

    #[test]
    fn numbers_are_short_and_never_rounded_to_nothing() {
        let short = |text| format_number(Quantity::parse(text).unwrap());
        assert_eq!(short("0.666666667"), "0.67");
        assert_eq!(short("0.0004"), "0.0004");
        assert_eq!(short("500.0"), "500");
        assert_eq!(short("0"), "0");
    }

    #[test]
    fn a_terminal_obeys_no_text_of_a_customer() {
        assert_eq!(
            format_value(&DisplayValue::Text("\u{1b}[2J".to_owned())),
            "'\u{241b}[2J'"
        );
    }
}
