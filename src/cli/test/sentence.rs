//! What went wrong in a test, in sentences.

use super::describe::{by, last_day, line, when};
use crate::event::{EventTime, Millis, Reason};
use crate::model::{Expectation, ONLY_CUSTOMER};
use crate::runtime::example::{Detail, Move, Row, Stay};

/// What went wrong, in a sentence; nothing where nothing did.
pub(super) fn of(row: &Row, until: EventTime) -> Option<String> {
    let text = match row {
        Row::Same(..) | Row::End(..) => return None,
        Row::Event(told) => {
            format!("the event is rejected: {}", why(told.rejected?))
        }
        Row::Different(expected, happened, details) => different(expected, happened, details),
        Row::Missing {
            expected,
            stay,
            later,
        } => missing(expected, stay, later.as_ref(), until),
        Row::Unexpected(happened) => format!(
            "not expected: {} went from {} to {} on {}, {}",
            whom(&happened.customer),
            happened.from,
            happened.to,
            when(happened.at),
            by(happened.cause)
        ),
    };
    Some(match line(row) {
        Some(line) => format!("line {line}: {text}"),
        None => text,
    })
}

/// Why an event of a test cannot be read; the reasons that others can have keep their code.
fn why(reason: Reason) -> String {
    let text = match reason {
        Reason::BadValue => "its `value` is no decimal number",
        Reason::ValueOutOfRange => "its `value` is too large",
        Reason::UnknownCurrency => "tests know no rates: leave `currency` out",
        Reason::BadCustomerId | Reason::MissingCustomerId => "its `customer` is no id",
        Reason::BadNumber => "a number in it is too large",
        Reason::TooLong | Reason::TooLarge => "there is too much in it",
        Reason::TooDeep => "it is nested too deep",
        Reason::TimeOutOfRange => "its time is too early or too late",
        other => other.code(),
    };
    text.to_owned()
}

fn different(expected: &Expectation, happened: &Move, details: &[Detail]) -> String {
    let has = |detail| details.contains(&detail);
    let mut wanted = format!("expected {}", wish(expected));
    let mut came = match (has(Detail::At), has(Detail::To)) {
        (true, _) => format!(
            "it came on {}, {}",
            when(happened.at),
            apart(expected.at, happened.at)
        ),
        (false, true) => format!(
            "{} went to {} instead",
            whom(&happened.customer),
            happened.to
        ),
        (false, false) => "it came".to_owned(),
    };
    let comma = if has(Detail::At) || has(Detail::To) {
        ","
    } else {
        ""
    };
    let mut both = |detail, text: Option<String>, is: String| {
        if let Some(text) = text.filter(|_| has(detail)) {
            wanted += &format!(" {text}");
            came += &format!("{comma} {is}");
        }
    };
    both(
        Detail::From,
        expected.from.as_ref().map(|from| format!("from {from}")),
        format!("from {}", happened.from),
    );
    both(
        Detail::Cause,
        expected.cause.as_deref().map(by),
        by(happened.cause),
    );
    both(
        Detail::Transition,
        expected
            .transition
            .as_ref()
            .map(|name| format!("as `{name}`")),
        format!("as `{}`", happened.transition),
    );
    format!("{wanted}, {came}")
}

fn missing(expected: &Expectation, stay: &Stay, later: Option<&Move>, until: EventTime) -> String {
    let wanted = format!("expected {}, it did not happen", wish(expected));
    if !stay.is_known {
        let customer = &expected.customer;
        return match customer.as_str() {
            ONLY_CUSTOMER => format!("{wanted}: say whose it is with `customer`"),
            _ => format!("{wanted}: no event up to the end is of `{customer}`"),
        };
    }
    let Stay { stage, since, .. } = stay;
    let already = if *stage == expected.to {
        " already"
    } else {
        ""
    };
    let since = since.map(|since| format!(" since {}", when(since)));
    let stayed = format!(
        "{} was in {stage}{already}{}",
        whom(&expected.customer),
        since.unwrap_or_default()
    );
    match later {
        None => format!("{wanted}: {stayed}"),
        Some(later) => format!(
            "{wanted}: it would come on {}, {}, but the test ends on {}",
            when(later.at),
            apart(expected.at, later.at),
            last_day(until)
        ),
    }
}

fn wish(expected: &Expectation) -> String {
    let whose = match expected.customer.as_str() {
        ONLY_CUSTOMER => String::new(),
        other => format!(" for {other}"),
    };
    format!("{}{whose} on {}", expected.to, when(expected.at))
}

fn whom(customer: &str) -> &str {
    match customer {
        ONLY_CUSTOMER => "the customer",
        other => other,
    }
}

/// `1 day 12 hours later`.
fn apart(expected: EventTime, happened: EventTime) -> String {
    let mut rest = happened.since(expected).0.unsigned_abs();
    let mut parts = Vec::new();
    for (unit, name) in [
        (Millis::DAY.0.unsigned_abs(), "day"),
        (Millis::HOUR.0.unsigned_abs(), "hour"),
        (60_000, "minute"),
        (1_000, "second"),
        (1, "millisecond"),
    ] {
        let (count, plural) = (rest / unit, if rest / unit == 1 { "" } else { "s" });
        if count > 0 {
            parts.push(format!("{count} {name}{plural}"));
        }
        rest %= unit;
    }
    let direction = if happened > expected {
        "later"
    } else {
        "earlier"
    };
    format!("{} {direction}", parts.join(" "))
}
