//! Test outcomes as JSON.

use serde_json::{Map, Value as Json, json};

use super::report::{self, UpdatedTests};
use crate::authoring::model_test::{
    ActualTransition, EventRow, TestOutcome, TimelineRow, UpdateResult, format_instant,
};
use crate::event::RejectReason;
use crate::model::Expectation;

pub(super) fn outcome(outcome: &TestOutcome, updated: &UpdatedTests) -> Json {
    let mut json = json!({
        "model": outcome.model,
        "name": outcome.name,
        "file": outcome.file,
        "line": outcome.location.line,
        "passed": outcome.passed(),
        "differences": report::sentences(outcome),
        "timeline": outcome.rows.iter().map(row).collect::<Json>(),
    });
    match updated.get(&outcome.id) {
        None => {}
        Some((before, UpdateResult::Updated(dropped))) => {
            json["updated"] = report::changes(before, outcome).into();
            let dropped =
                dropped.iter().map(|it| json!({ "former_line": it.line, "text": it.text }));
            json["dropped_comments"] = dropped.collect();
        }
        Some((_, UpdateResult::Unchanged(refusal))) => {
            json["not_updated"] = json!({ "line": refusal.location.line, "why": refusal.message });
        }
    }
    json
}

fn row(row: &TimelineRow) -> Json {
    match row {
        TimelineRow::Event(row) => event(row),
        TimelineRow::Matched(expected, actual, fields) if fields.is_empty() => json!({
            "row": "same",
            "expected": expectation(expected),
            "happened": transition(actual),
        }),
        TimelineRow::Matched(expected, actual, fields) => json!({
            "row": "different",
            "in": fields.iter().map(|field| field.key()).collect::<Json>(),
            "expected": expectation(expected),
            "happened": transition(actual),
        }),
        TimelineRow::Missing { expected, actual, later } => json!({
            "row": "missing",
            "expected": expectation(expected),
            "stage": actual.is_known.then_some(&actual.stage),
            "since": actual.since.map(format_instant),
            "would_come": later.as_ref().map(transition),
        }),
        TimelineRow::Unexpected(actual) => json!({
            "row": "unexpected",
            "happened": transition(actual),
        }),
        TimelineRow::End(until, stated) => json!({
            "row": "end",
            "at": until.to_string(),
            "stated": stated,
        }),
    }
}

fn event(row: &EventRow) -> Json {
    json!({
        "row": "event",
        "line": row.event.location.line,
        "event": serde_json::from_str::<Json>(&row.event.json).unwrap_or_default(),
        "arrives": row.event.arrives.map(format_instant),
        "after_the_end": row.is_after_end,
        "rejected": row.rejected.map(RejectReason::code),
    })
}

/// The expectation without the keys that the file leaves out.
fn expectation(expected: &Expectation) -> Json {
    let mut json = Map::new();
    json.insert("line".to_owned(), expected.location.line.into());
    let entries = [
        ("at", Some(format_instant(expected.at))),
        ("customer", Some(expected.customer.clone())),
        ("from", expected.from.clone()),
        ("to", Some(expected.to.clone())),
        ("cause", expected.cause.clone()),
        ("transition", expected.transition.clone()),
    ];
    for (key, value) in entries {
        json.extend(value.map(|value| (key.to_owned(), value.into())));
    }
    Json::Object(json)
}

fn transition(actual: &ActualTransition) -> Json {
    json!({
        "at": format_instant(actual.at),
        "customer": actual.customer,
        "from": actual.from,
        "to": actual.to,
        "cause": actual.cause,
        "transition": actual.transition,
    })
}
