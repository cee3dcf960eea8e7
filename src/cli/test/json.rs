//! How tests came out, for programs.

use serde_json::{Map, Value as Json, json};

use super::{UpdatedTests, report};
use crate::event::RejectReason;
use crate::model::{Expectation, format_instant};
use crate::runtime::model_test::{
    ActualTransition, EventRow, TestOutcome, TimelineRow, UpdateResult,
};

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
        Some((before, UpdateResult::Updated)) => {
            json["updated"] = report::changes(before, outcome).into();
        }
        Some((_, UpdateResult::Unchanged(refusal))) => {
            json["not_updated"] = json!({ "line": refusal.location.line, "why": refusal.message });
        }
    }
    json
}

fn row(row: &TimelineRow) -> Json {
    match row {
        TimelineRow::Event(told) => event(told),
        TimelineRow::Same(expected, happened) => json!({
            "row": "same",
            "expected": expectation(expected),
            "happened": transition(happened),
        }),
        TimelineRow::Different(expected, happened, details) => json!({
            "row": "different",
            "in": details.iter().map(|detail| detail.key()).collect::<Json>(),
            "expected": expectation(expected),
            "happened": transition(happened),
        }),
        TimelineRow::Missing {
            expected,
            actual: stay,
            later,
        } => json!({
            "row": "missing",
            "expected": expectation(expected),
            "stage": stay.is_known.then_some(&stay.stage),
            "since": stay.since.map(format_instant),
            "would_come": later.as_ref().map(transition),
        }),
        TimelineRow::Unexpected(happened) => json!({
            "row": "unexpected",
            "happened": transition(happened),
        }),
        TimelineRow::End(until, stated) => json!({
            "row": "end",
            "at": until.to_string(),
            "stated": stated,
        }),
    }
}

fn event(told: &EventRow) -> Json {
    json!({
        "row": "event",
        "line": told.event.location.line,
        "event": serde_json::from_str::<Json>(&told.event.json).unwrap_or_default(),
        "arrives": told.event.arrives.map(format_instant),
        "after_the_end": told.is_after_end,
        "rejected": told.rejected.map(RejectReason::code),
    })
}

/// As the file has it: what it does not say is not there.
fn expectation(expected: &Expectation) -> Json {
    let mut json = Map::new();
    json.insert("line".to_owned(), expected.location.line.into());
    let stated = [
        ("at", Some(format_instant(expected.at))),
        ("customer", Some(expected.customer.clone())),
        ("from", expected.from.clone()),
        ("to", Some(expected.to.clone())),
        ("cause", expected.cause.clone()),
        ("transition", expected.transition.clone()),
    ];
    for (key, value) in stated {
        json.extend(value.map(|value| (key.to_owned(), value.into())));
    }
    Json::Object(json)
}

fn transition(happened: &ActualTransition) -> Json {
    json!({
        "at": format_instant(happened.at),
        "customer": happened.customer,
        "from": happened.from,
        "to": happened.to,
        "cause": happened.cause,
        "transition": happened.transition,
    })
}
