//! The rows of a test's timeline as text.

use serde_json::{Map, Value as Json};

use crate::authoring::model_test::{
    ActualTransition, EventRow, ExpectationField, TimelineRow, format_instant,
};
use crate::event::EventTime;
use crate::model::{DEFAULT_CUSTOMER, Expectation};

pub(super) fn cause_phrase(cause: &str) -> String {
    let article = if cause.starts_with('e') { "an" } else { "a" };
    format!("by {article} {}", cause.replace('_', " "))
}

/// An instant in UTC: midnight as its date, others without trailing zero seconds.
pub(super) fn instant_text(at: EventTime) -> String {
    let text = format_instant(at);
    let text = text.strip_suffix('Z').unwrap_or(&text).replacen('T', " ", 1);
    let minutes = text.strip_suffix(":00").filter(|it| it.contains(':'));
    minutes.map(str::to_owned).unwrap_or(text)
}

/// Like [`instant_text`], but the last millisecond of a day is shown as the day.
pub(super) fn end_text(until: EventTime) -> String {
    let day = instant_text(until);
    let next = format_instant(until.just_after());
    match day.split_once(' ') {
        Some((day, _)) if !next.contains('T') => day.to_owned(),
        _ => day,
    }
}

/// The line of the event or expectation in the file.
pub(super) fn file_line(row: &TimelineRow) -> Option<usize> {
    match row {
        TimelineRow::Event(row) => Some(row.event.location.line),
        _ => row.expected().map(|expected| expected.location.line),
    }
}

/// An expectation without its instant.
pub(super) fn expected(expected: &Expectation) -> String {
    let from = expected.from.as_ref().map(|from| format!("{from} -> "));
    let cause = expected.cause.as_deref().map(|cause| format!(", {}", cause_phrase(cause)));
    let name = expected.transition.as_ref().map(|name| format!(", {name}"));
    let parts = [from, Some(expected.to.clone()), cause, name];
    customer_prefix(&expected.customer) + &parts.map(Option::unwrap_or_default).concat()
}

/// The actual transition without its instant. Cause and name are shown only where they are not as expected.
pub(super) fn happened(row: &TimelineRow, actual: &ActualTransition) -> String {
    let ActualTransition { customer, from, to, cause, transition, .. } = actual;
    let mut text = format!("{}{from} -> {to}", customer_prefix(customer));
    let is_named = *transition != format!("{from}->{to}") && transition != cause;
    let is_shown = |field| match row {
        TimelineRow::Matched(.., fields) => fields.contains(&field),
        TimelineRow::Unexpected(_) => field == ExpectationField::Cause || is_named,
        TimelineRow::Missing { .. } | TimelineRow::Event(_) | TimelineRow::End(..) => false,
    };
    if is_shown(ExpectationField::Cause) {
        text += &format!(", {}", cause_phrase(cause));
    }
    if is_shown(ExpectationField::Transition) {
        text += &format!(", {transition}");
    }
    text
}

/// An event without its instant.
pub(super) fn event(row: &EventRow) -> String {
    let json: Json = serde_json::from_str(&row.event.json).unwrap_or_default();
    let empty = Map::new();
    let event = json.as_object().unwrap_or(&empty);
    let mut parts = Vec::new();
    for (key, value) in event {
        match (key.as_str(), value) {
            ("type" | "time" | "customer_id", _) => {}
            ("properties", Json::Object(properties)) => {
                parts.extend(
                    properties.iter().map(|(key, value)| format!("{key} {}", plain_text(value))),
                );
            }
            _ => parts.push(format!("{key} {}", plain_text(value))),
        }
    }
    let arrives = row.event.arrives;
    parts.extend(arrives.map(|arrives| format!("arrives {}", instant_text(arrives))));
    parts.extend(row.is_after_end.then(|| "after the end".to_owned()));
    let event_type = event.get("type").map(plain_text).unwrap_or_default();
    let parts = [vec![event_type], parts].concat();
    customer_prefix(&row.customer()) + &parts.join(", ")
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
