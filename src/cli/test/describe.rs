//! What stands in the rows of a test's timeline, in plain words.

use serde_json::{Map, Value as Json};

use crate::event::EventTime;
use crate::model::{DEFAULT_CUSTOMER, Expectation, format_instant};
use crate::runtime::model_test::{ActualTransition, EventRow, ExpectationField, TimelineRow};

pub(super) fn cause_phrase(cause: &str) -> String {
    let article = if cause.starts_with('e') { "an" } else { "a" };
    format!("by {article} {}", cause.replace('_', " "))
}

/// An instant, in UTC: midnight as its date, others without what is zero at their end.
pub(super) fn instant_text(at: EventTime) -> String {
    let text = format_instant(at);
    let text = text
        .strip_suffix('Z')
        .unwrap_or(&text)
        .replacen('T', " ", 1);
    let minutes = text.strip_suffix(":00").filter(|it| it.contains(':'));
    minutes.map(str::to_owned).unwrap_or(text)
}

/// As [`when`], the end of a whole day as that day.
pub(super) fn end_text(until: EventTime) -> String {
    let day = instant_text(until);
    let next = format_instant(until.just_after());
    match day.split_once(' ') {
        Some((day, _)) if !next.contains('T') => day.to_owned(),
        _ => day,
    }
}

/// Where it stands in the file.
pub(super) fn file_line(row: &TimelineRow) -> Option<usize> {
    match row {
        TimelineRow::Event(told) => Some(told.event.location.line),
        _ => row.expected().map(|expected| expected.location.line),
    }
}

/// What an expectation says, beside when.
pub(super) fn expected(expected: &Expectation) -> String {
    let from = expected.from.as_ref().map(|from| format!("{from} -> "));
    let cause = expected
        .cause
        .as_deref()
        .map(|cause| format!(", {}", cause_phrase(cause)));
    let name = expected.transition.as_ref().map(|name| format!(", {name}"));
    let parts = [from, Some(expected.to.clone()), cause, name];
    customer_prefix(&expected.customer) + &parts.map(Option::unwrap_or_default).concat()
}

/// What happened, beside when: how, only where that is not as expected.
pub(super) fn happened(row: &TimelineRow, happened: &ActualTransition) -> String {
    let ActualTransition {
        customer,
        from,
        to,
        cause,
        transition,
        ..
    } = happened;
    let mut text = format!("{}{from} -> {to}", customer_prefix(customer));
    let named = *transition != format!("{from}->{to}") && transition != cause;
    let tells = |detail| match row {
        TimelineRow::Different(.., details) => details.contains(&detail),
        TimelineRow::Unexpected(_) => detail == ExpectationField::Cause || named,
        TimelineRow::Same(..)
        | TimelineRow::Missing { .. }
        | TimelineRow::Event(_)
        | TimelineRow::End(..) => false,
    };
    if tells(ExpectationField::Cause) {
        text += &format!(", {}", cause_phrase(cause));
    }
    if tells(ExpectationField::Transition) {
        text += &format!(", {transition}");
    }
    text
}

/// What an event says, beside when.
pub(super) fn event(told: &EventRow) -> String {
    let json: Json = serde_json::from_str(&told.event.json).unwrap_or_default();
    let empty = Map::new();
    let event = json.as_object().unwrap_or(&empty);
    let mut parts = Vec::new();
    for (key, value) in event {
        match (key.as_str(), value) {
            ("type" | "time" | "customer_id", _) => {}
            ("properties", Json::Object(own)) => {
                parts.extend(
                    own.iter()
                        .map(|(key, value)| format!("{key} {}", plain_text(value))),
                );
            }
            _ => parts.push(format!("{key} {}", plain_text(value))),
        }
    }
    let arrives = told.event.arrives;
    parts.extend(arrives.map(|arrives| format!("arrives {}", instant_text(arrives))));
    parts.extend(told.is_after_end.then(|| "after the end".to_owned()));
    let kind = event.get("type").map(plain_text).unwrap_or_default();
    let parts = [vec![kind], parts].concat();
    customer_prefix(&told.customer()) + &parts.join(", ")
}

fn plain_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn customer_prefix(customer: &str) -> String {
    match customer {
        DEFAULT_CUSTOMER => String::new(),
        other => format!("{other}: "),
    }
}
