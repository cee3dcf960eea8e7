//! The failures of a test as sentences.

use super::describe::{cause_phrase, end_text, file_line, instant_text};
use crate::authoring::model_test::{
    ActualTransition, CustomerStage, ExpectationField, TimelineRow,
};
use crate::event::{EventTime, Millis, RejectReason};
use crate::model::{DEFAULT_CUSTOMER, Expectation};

/// `None` for a row that is not a failure. `until` is the end of the test.
pub(super) fn describe(row: &TimelineRow, until: EventTime) -> Option<String> {
    let text = match row {
        TimelineRow::End(..) => return None,
        TimelineRow::Matched(.., fields) if fields.is_empty() => return None,
        TimelineRow::Event(event_row) => {
            let reason = rejection_text(event_row.rejected?);
            format!("the event is rejected: {reason}")
        }
        TimelineRow::Matched(expected, actual, fields) => difference_text(expected, actual, fields),
        TimelineRow::Missing { expected, actual, later } => {
            missing_text(expected, actual, later.as_ref(), until)
        }
        TimelineRow::Unexpected(actual) => format!(
            "not expected: {} went from {} to {} on {}, {}",
            customer_name(&actual.customer),
            actual.from,
            actual.to,
            instant_text(actual.at),
            cause_phrase(actual.cause)
        ),
    };
    Some(match file_line(row) {
        Some(line) => format!("line {line}: {text}"),
        None => text,
    })
}

/// Why an event of a test is rejected. Reasons that events of tests cannot have are shown by their code.
fn rejection_text(reason: RejectReason) -> String {
    let text = match reason {
        RejectReason::BadValue => "its `value` is not a decimal number",
        RejectReason::ValueOutOfRange => "its `value` is too large",
        RejectReason::UnknownCurrency => {
            "its `currency` has no rate to the currency of the models: add one, as --rate EUR=1.08"
        }
        RejectReason::BadCustomerId | RejectReason::MissingCustomerId => {
            "its `customer` is not a valid id"
        }
        RejectReason::BadNumber => "a number in it is too large",
        RejectReason::TooLong | RejectReason::TooLarge => "it is too large",
        RejectReason::TooDeep => "it is nested too deeply",
        RejectReason::TimeOutOfRange => "its time is too early or too late",
        other => other.code(),
    };
    text.to_owned()
}

fn difference_text(
    expected: &Expectation,
    actual: &ActualTransition,
    fields: &[ExpectationField],
) -> String {
    let differs = |field| fields.contains(&field);
    let mut expected_text = format!("expected {}", expectation_text(expected));
    let (other_time, other_stage) = (differs(ExpectationField::At), differs(ExpectationField::To));
    let mut actual_text = match (other_time, other_stage) {
        (true, _) => format!(
            "it happened on {}, {}",
            instant_text(actual.at),
            time_difference(expected.at, actual.at)
        ),
        (false, true) => {
            format!("{} went to {} instead", customer_name(&actual.customer), actual.to)
        }
        (false, false) => "it happened".to_owned(),
    };
    let comma = if other_time || other_stage { "," } else { "" };
    let mut add = |field, expected_detail: Option<String>, actual_detail: String| {
        if let Some(expected_detail) = expected_detail.filter(|_| differs(field)) {
            expected_text += &format!(" {expected_detail}");
            actual_text += &format!("{comma} {actual_detail}");
        }
    };
    add(
        ExpectationField::From,
        expected.from.as_ref().map(|from| format!("from {from}")),
        format!("from {}", actual.from),
    );
    add(
        ExpectationField::Cause,
        expected.cause.as_deref().map(cause_phrase),
        cause_phrase(actual.cause),
    );
    add(
        ExpectationField::Transition,
        expected.transition.as_ref().map(|name| format!("as `{name}`")),
        format!("as `{}`", actual.transition),
    );
    format!("{expected_text}, {actual_text}")
}

fn missing_text(
    expected: &Expectation,
    actual: &CustomerStage,
    later: Option<&ActualTransition>,
    until: EventTime,
) -> String {
    let wanted = format!("expected {}, it did not happen", expectation_text(expected));
    if !actual.is_known {
        let customer = &expected.customer;
        return match customer.as_str() {
            DEFAULT_CUSTOMER => format!("{wanted}: name the customer with `customer`"),
            _ => format!("{wanted}: `{customer}` has no event up to the end"),
        };
    }
    let CustomerStage { stage, since, .. } = actual;
    let already = if *stage == expected.to { " already" } else { "" };
    let since = since.map(|since| format!(" since {}", instant_text(since)));
    let stayed = format!(
        "{} was in {stage}{already}{}",
        customer_name(&expected.customer),
        since.unwrap_or_default()
    );
    match later {
        None => format!("{wanted}: {stayed}"),
        Some(later) => format!(
            "{wanted}: it would happen on {}, {}, but the test ends on {}",
            instant_text(later.at),
            time_difference(expected.at, later.at),
            end_text(until)
        ),
    }
}

fn expectation_text(expected: &Expectation) -> String {
    let customer = match expected.customer.as_str() {
        DEFAULT_CUSTOMER => String::new(),
        other => format!(" for {other}"),
    };
    format!("{}{customer} on {}", expected.to, instant_text(expected.at))
}

fn customer_name(customer: &str) -> &str {
    match customer {
        DEFAULT_CUSTOMER => "the customer",
        other => other,
    }
}

/// `1 day 12 hours later`.
fn time_difference(expected: EventTime, actual: EventTime) -> String {
    let mut rest = actual.duration_since(expected).0.unsigned_abs();
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
    let direction = if actual > expected { "later" } else { "earlier" };
    format!("{} {direction}", parts.join(" "))
}
