//! How tests came out, for programs.

use serde_json::{Map, Value as Json, json};

use super::{Updated, report};
use crate::event::Reason;
use crate::model::{Expectation, written};
use crate::runtime::example::{Move, Outcome, Row, Told, Verdict};

pub(super) fn of(outcome: &Outcome, updated: &Updated) -> Json {
    let mut json = json!({
        "model": outcome.model,
        "name": outcome.name,
        "file": outcome.file,
        "line": outcome.place.line,
        "passed": outcome.passed(),
        "differences": report::sentences(outcome),
        "timeline": outcome.rows.iter().map(row).collect::<Json>(),
    });
    match updated.get(&outcome.number) {
        None => {}
        Some((before, Verdict::Updated)) => {
            json["updated"] = report::changes(before, outcome).into();
        }
        Some((_, Verdict::Left(refusal))) => {
            json["not_updated"] = json!({ "line": refusal.place.line, "why": refusal.message });
        }
    }
    json
}

fn row(row: &Row) -> Json {
    match row {
        Row::Event(told) => event(told),
        Row::Same(expected, happened) => json!({
            "row": "same",
            "expected": expectation(expected),
            "happened": movement(happened),
        }),
        Row::Different(expected, happened, details) => json!({
            "row": "different",
            "in": details.iter().map(|detail| detail.key()).collect::<Json>(),
            "expected": expectation(expected),
            "happened": movement(happened),
        }),
        Row::Missing {
            expected,
            stay,
            later,
        } => json!({
            "row": "missing",
            "expected": expectation(expected),
            "stage": stay.is_known.then_some(&stay.stage),
            "since": stay.since.map(written),
            "would_come": later.as_ref().map(movement),
        }),
        Row::Unexpected(happened) => json!({
            "row": "unexpected",
            "happened": movement(happened),
        }),
        Row::End(until, stated) => json!({
            "row": "end",
            "at": until.to_string(),
            "stated": stated,
        }),
    }
}

fn event(told: &Told) -> Json {
    json!({
        "row": "event",
        "line": told.occurrence.place.line,
        "event": serde_json::from_str::<Json>(&told.occurrence.json).unwrap_or_default(),
        "arrives": told.occurrence.arrives.map(written),
        "after_the_end": told.after_the_end,
        "rejected": told.rejected.map(Reason::code),
    })
}

/// As the file has it: what it does not say is not there.
fn expectation(expected: &Expectation) -> Json {
    let mut json = Map::new();
    json.insert("line".to_owned(), expected.place.line.into());
    let stated = [
        ("at", Some(written(expected.at))),
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

fn movement(happened: &Move) -> Json {
    json!({
        "at": written(happened.at),
        "customer": happened.customer,
        "from": happened.from,
        "to": happened.to,
        "cause": happened.cause,
        "transition": happened.transition,
    })
}
