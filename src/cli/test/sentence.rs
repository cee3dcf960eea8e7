//! The failures of a test as sentences.

use super::describe::{cause_phrase, end_text, file_line, instant_text};
use crate::authoring::model_test::TimelineRow;
use crate::event::{EventTime, RejectReason};
use crate::explanation::format_exact_span;
use crate::model::{DEFAULT_CUSTOMER, TestTransition};

/// `None` for a row that is not a failure. `until` is the end of the test.
pub(super) fn describe(row: &TimelineRow, until: EventTime) -> Option<String> {
    let text = match row {
        _ if !row.is_failure() => return None,
        TimelineRow::End(..) => return None,
        TimelineRow::Event(event_row) => {
            format!("the event is rejected: {}", rejection_text(event_row.rejected?))
        }
        TimelineRow::Matched(expected, actual, differences) => {
            difference_text(expected, actual, differences)
        }
        TimelineRow::Missing { expected, .. } => {
            format!("{}, it did not happen: {}", expected_text(expected), missing_text(row, until)?)
        }
        TimelineRow::Unexpected(actual) => format!(
            "not expected: {} went from {} to {} on {}, {}",
            customer_name(&actual.customer),
            actual.from.as_deref()?,
            actual.to,
            instant_text(actual.at),
            cause_phrase(actual.cause.as_deref()?)
        ),
    };
    let line = file_line(row).map(|line| format!("line {line}: "));
    Some(line.unwrap_or_default() + &text)
}

/// Reasons that events of tests cannot have are shown by their code.
fn rejection_text(reason: RejectReason) -> &'static str {
    match reason {
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
    }
}

fn difference_text(
    expected: &TestTransition,
    actual: &TestTransition,
    differences: &[&str],
) -> String {
    let mut wanted = expected_text(expected);
    let (mut happened, separator) = if differences.contains(&"at") {
        (format!("it happened on {}", at_and_difference(expected, actual)), ", ")
    } else if differences.contains(&"to") {
        (format!("{} went to {} instead", customer_name(&actual.customer), actual.to), ", ")
    } else {
        ("it happened".to_owned(), " ")
    };
    for key in differences {
        let detail = |transition: &TestTransition| {
            let value = transition.value(key)?;
            match *key {
                "from" => Some(format!("from {value}")),
                "cause" => Some(cause_phrase(&value)),
                "transition" => Some(format!("as `{value}`")),
                _ => None,
            }
        };
        wanted.extend(detail(expected).map(|detail| format!(" {detail}")));
        happened.extend(detail(actual).map(|detail| format!("{separator}{detail}")));
    }
    format!("{wanted}, {happened}")
}

/// Why an expected transition did not happen.
fn missing_text(row: &TimelineRow, until: EventTime) -> Option<String> {
    let TimelineRow::Missing { expected, stage, since, later } = row else { return None };
    Some(match (stage, later, expected.customer.as_str()) {
        (None, _, DEFAULT_CUSTOMER) => "name the customer with `customer`".to_owned(),
        (None, _, customer) => format!("`{customer}` has no event up to the end"),
        (Some(_), Some(later), _) => {
            let later = at_and_difference(expected, later);
            format!("it would happen on {later}, but the test ends on {}", end_text(until))
        }
        (Some(stage), None, customer) => {
            let already = if *stage == expected.to { " already" } else { "" };
            let since = since.map(|since| format!(" since {}", instant_text(since)));
            let customer = customer_name(customer);
            format!("{customer} was in {stage}{already}{}", since.unwrap_or_default())
        }
    })
}

fn expected_text(expected: &TestTransition) -> String {
    let customer = match expected.customer.as_str() {
        DEFAULT_CUSTOMER => String::new(),
        other => format!(" for {other}"),
    };
    format!("expected {}{customer} on {}", expected.to, instant_text(expected.at))
}

fn customer_name(customer: &str) -> &str {
    if customer == DEFAULT_CUSTOMER { "the customer" } else { customer }
}

/// `2026-02-03, 1 day 12 hours later`.
fn at_and_difference(expected: &TestTransition, actual: &TestTransition) -> String {
    let difference = format_exact_span(actual.at.duration_since(expected.at));
    let direction = if actual.at > expected.at { "later" } else { "earlier" };
    format!("{}, {difference} {direction}", instant_text(actual.at))
}
