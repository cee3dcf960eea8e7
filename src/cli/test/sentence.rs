//! What went wrong in a test, in sentences.

use super::describe::{cause_phrase, end_text, file_line, instant_text};
use crate::event::{EventTime, Millis, RejectReason};
use crate::model::{DEFAULT_CUSTOMER, Expectation};
use crate::runtime::model_test::{ActualTransition, CustomerStage, ExpectationField, TimelineRow};

/// What went wrong, in a sentence; nothing where nothing did.
pub(super) fn describe(row: &TimelineRow, until: EventTime) -> Option<String> {
    let text = match row {
        TimelineRow::Same(..) | TimelineRow::End(..) => return None,
        TimelineRow::Event(told) => {
            format!("the event is rejected: {}", rejection_text(told.rejected?))
        }
        TimelineRow::Different(expected, happened, details) => {
            difference_text(expected, happened, details)
        }
        TimelineRow::Missing {
            expected,
            actual: stay,
            later,
        } => missing_text(expected, stay, later.as_ref(), until),
        TimelineRow::Unexpected(happened) => format!(
            "not expected: {} went from {} to {} on {}, {}",
            customer_name(&happened.customer),
            happened.from,
            happened.to,
            instant_text(happened.at),
            cause_phrase(happened.cause)
        ),
    };
    Some(match file_line(row) {
        Some(line) => format!("line {line}: {text}"),
        None => text,
    })
}

/// Why an event of a test cannot be read; the reasons that others can have keep their code.
fn rejection_text(reason: RejectReason) -> String {
    let text = match reason {
        RejectReason::BadValue => "its `value` is no decimal number",
        RejectReason::ValueOutOfRange => "its `value` is too large",
        RejectReason::UnknownCurrency => "tests know no rates: leave `currency` out",
        RejectReason::BadCustomerId | RejectReason::MissingCustomerId => "its `customer` is no id",
        RejectReason::BadNumber => "a number in it is too large",
        RejectReason::TooLong | RejectReason::TooLarge => "there is too much in it",
        RejectReason::TooDeep => "it is nested too deep",
        RejectReason::TimeOutOfRange => "its time is too early or too late",
        other => other.code(),
    };
    text.to_owned()
}

fn difference_text(
    expected: &Expectation,
    happened: &ActualTransition,
    details: &[ExpectationField],
) -> String {
    let has = |detail| details.contains(&detail);
    let mut wanted = format!("expected {}", expectation_text(expected));
    let mut came = match (has(ExpectationField::At), has(ExpectationField::To)) {
        (true, _) => format!(
            "it came on {}, {}",
            instant_text(happened.at),
            time_difference(expected.at, happened.at)
        ),
        (false, true) => format!(
            "{} went to {} instead",
            customer_name(&happened.customer),
            happened.to
        ),
        (false, false) => "it came".to_owned(),
    };
    let comma = if has(ExpectationField::At) || has(ExpectationField::To) {
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
        ExpectationField::From,
        expected.from.as_ref().map(|from| format!("from {from}")),
        format!("from {}", happened.from),
    );
    both(
        ExpectationField::Cause,
        expected.cause.as_deref().map(cause_phrase),
        cause_phrase(happened.cause),
    );
    both(
        ExpectationField::Transition,
        expected
            .transition
            .as_ref()
            .map(|name| format!("as `{name}`")),
        format!("as `{}`", happened.transition),
    );
    format!("{wanted}, {came}")
}

fn missing_text(
    expected: &Expectation,
    stay: &CustomerStage,
    later: Option<&ActualTransition>,
    until: EventTime,
) -> String {
    let wanted = format!("expected {}, it did not happen", expectation_text(expected));
    if !stay.is_known {
        let customer = &expected.customer;
        return match customer.as_str() {
            DEFAULT_CUSTOMER => format!("{wanted}: say whose it is with `customer`"),
            _ => format!("{wanted}: no event up to the end is of `{customer}`"),
        };
    }
    let CustomerStage { stage, since, .. } = stay;
    let already = if *stage == expected.to {
        " already"
    } else {
        ""
    };
    let since = since.map(|since| format!(" since {}", instant_text(since)));
    let stayed = format!(
        "{} was in {stage}{already}{}",
        customer_name(&expected.customer),
        since.unwrap_or_default()
    );
    match later {
        None => format!("{wanted}: {stayed}"),
        Some(later) => format!(
            "{wanted}: it would come on {}, {}, but the test ends on {}",
            instant_text(later.at),
            time_difference(expected.at, later.at),
            end_text(until)
        ),
    }
}

fn expectation_text(expected: &Expectation) -> String {
    let whose = match expected.customer.as_str() {
        DEFAULT_CUSTOMER => String::new(),
        other => format!(" for {other}"),
    };
    format!("{}{whose} on {}", expected.to, instant_text(expected.at))
}

fn customer_name(customer: &str) -> &str {
    match customer {
        DEFAULT_CUSTOMER => "the customer",
        other => other,
    }
}

/// `1 day 12 hours later`.
fn time_difference(expected: EventTime, happened: EventTime) -> String {
    let mut rest = happened.duration_since(expected).0.unsigned_abs();
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
