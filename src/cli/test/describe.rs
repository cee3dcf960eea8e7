//! The events and transitions of a test in words.

use serde_json::{Map, Value as Json};

use crate::authoring::model_test::{EventRow, TimelineRow, format_instant};
use crate::event::EventTime;
use crate::model::{DEFAULT_CUSTOMER, TestTransition};

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

/// A transition without its instant; its cause and name where they are shown.
pub(super) fn transition(transition: &TestTransition, shows: impl Fn(&str) -> bool) -> String {
    let TestTransition { customer, from, to, cause, transition: name, .. } = transition;
    let cause = cause.as_deref().filter(|_| shows("cause"));
    let name = name.as_deref().filter(|_| shows("transition"));
    let mut text = customer_prefix(customer);
    text.extend(from.iter().map(|from| format!("{from} -> ")));
    text += to;
    text.extend(cause.map(|cause| format!(", {}", cause_phrase(cause))));
    text.extend(name.map(|name| format!(", {name}")));
    text
}

/// An event without its instant.
pub(super) fn event(row: &EventRow) -> String {
    let event: Map<String, Json> = serde_json::from_str(&row.event.json).unwrap_or_default();
    let named = |(key, value): (&String, &Json)| format!("{key} {}", plain_text(value));
    let mut parts = vec![event.get("type").map(plain_text).unwrap_or_default()];
    for (key, value) in &event {
        match (key.as_str(), value) {
            ("type" | "time" | "customer_id", _) => {}
            ("properties", Json::Object(properties)) => parts.extend(properties.iter().map(named)),
            _ => parts.push(named((key, value))),
        }
    }
    parts.extend(row.event.arrives.map(|at| format!("arrives {}", instant_text(at))));
    parts.extend(row.is_after_end.then(|| "after the end".to_owned()));
    customer_prefix(&row.customer()) + &parts.join(", ")
}

fn plain_text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn customer_prefix(customer: &str) -> String {
    match customer {
        DEFAULT_CUSTOMER => String::new(),
        other => format!("{other}: "),
    }
}
