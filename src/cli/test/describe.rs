//! What stands in the rows of a test's timeline, in plain words.

use serde_json::{Map, Value as Json};

use crate::event::EventTime;
use crate::model::{Expectation, ONLY_CUSTOMER, written};
use crate::runtime::example::{Detail, Move, Row, Told};

pub(super) fn by(cause: &str) -> String {
    let article = if cause.starts_with('e') { "an" } else { "a" };
    format!("by {article} {}", cause.replace('_', " "))
}

/// An instant, in UTC: midnight as its date, others without what is zero at their end.
pub(super) fn when(at: EventTime) -> String {
    let text = written(at);
    let text = text
        .strip_suffix('Z')
        .unwrap_or(&text)
        .replacen('T', " ", 1);
    let minutes = text.strip_suffix(":00").filter(|it| it.contains(':'));
    minutes.map(str::to_owned).unwrap_or(text)
}

/// As [`when`], the end of a whole day as that day.
pub(super) fn last_day(until: EventTime) -> String {
    let day = when(until);
    let next = written(until.just_after());
    match day.split_once(' ') {
        Some((day, _)) if !next.contains('T') => day.to_owned(),
        _ => day,
    }
}

/// Where it stands in the file.
pub(super) fn line(row: &Row) -> Option<usize> {
    match row {
        Row::Event(told) => Some(told.occurrence.place.line),
        _ => row.expected().map(|expected| expected.place.line),
    }
}

/// What an expectation says, beside when.
pub(super) fn expected(expected: &Expectation) -> String {
    let from = expected.from.as_ref().map(|from| format!("{from} -> "));
    let cause = expected
        .cause
        .as_deref()
        .map(|cause| format!(", {}", by(cause)));
    let name = expected.transition.as_ref().map(|name| format!(", {name}"));
    let parts = [from, Some(expected.to.clone()), cause, name];
    whose(&expected.customer) + &parts.map(Option::unwrap_or_default).concat()
}

/// What happened, beside when: how, only where that is not as expected.
pub(super) fn happened(row: &Row, happened: &Move) -> String {
    let Move {
        customer,
        from,
        to,
        cause,
        transition,
        ..
    } = happened;
    let mut text = format!("{}{from} -> {to}", whose(customer));
    let named = *transition != format!("{from}->{to}") && transition != cause;
    let tells = |detail| match row {
        Row::Different(.., details) => details.contains(&detail),
        Row::Unexpected(_) => detail == Detail::Cause || named,
        Row::Same(..) | Row::Missing { .. } | Row::Event(_) | Row::End(..) => false,
    };
    if tells(Detail::Cause) {
        text += &format!(", {}", by(cause));
    }
    if tells(Detail::Transition) {
        text += &format!(", {transition}");
    }
    text
}

/// What an event says, beside when.
pub(super) fn event(told: &Told) -> String {
    let json: Json = serde_json::from_str(&told.occurrence.json).unwrap_or_default();
    let empty = Map::new();
    let event = json.as_object().unwrap_or(&empty);
    let mut parts = Vec::new();
    for (key, value) in event {
        match (key.as_str(), value) {
            ("type" | "time" | "customer_id", _) => {}
            ("properties", Json::Object(own)) => {
                parts.extend(
                    own.iter()
                        .map(|(key, value)| format!("{key} {}", plain(value))),
                );
            }
            _ => parts.push(format!("{key} {}", plain(value))),
        }
    }
    let arrives = told.occurrence.arrives;
    parts.extend(arrives.map(|arrives| format!("arrives {}", when(arrives))));
    parts.extend(told.after_the_end.then(|| "after the end".to_owned()));
    let kind = event.get("type").map(plain).unwrap_or_default();
    let parts = [vec![kind], parts].concat();
    whose(&told.customer()) + &parts.join(", ")
}

fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn whose(customer: &str) -> String {
    match customer {
        ONLY_CUSTOMER => String::new(),
        other => format!("{other}: "),
    }
}
