//! Test outcomes as JSON.

use serde_json::{Map, Value as Json, json};

use super::report::{self, UpdatedTests};
use crate::authoring::model_test::{TestOutcome, TimelineRow, UpdateResult, format_instant};
use crate::event::RejectReason;
use crate::model::{EXPECT_KEYS, TestTransition};

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
    let mut json = match row {
        TimelineRow::Event(row) => json!({
            "row": "event",
            "line": row.event.location.line,
            "event": serde_json::from_str::<Json>(&row.event.json).unwrap_or_default(),
            "arrives": row.event.arrives.map(format_instant),
            "after_the_end": row.is_after_end,
            "rejected": row.rejected.map(RejectReason::code),
        }),
        TimelineRow::Matched(.., differences) if differences.is_empty() => json!({ "row": "same" }),
        TimelineRow::Matched(.., differences) => json!({ "row": "different", "in": differences }),
        TimelineRow::Missing { .. } => json!({ "row": "missing" }),
        TimelineRow::Unexpected(_) => json!({ "row": "unexpected" }),
        TimelineRow::End(until, stated) => {
            json!({ "row": "end", "at": until.to_string(), "stated": stated })
        }
    };
    if let Some(expected) = row.expected() {
        let line = ("line".to_owned(), expected.location.line.into());
        json["expected"] = [line].into_iter().chain(transition(expected)).collect();
    }
    if let Some(actual) = row.happened() {
        json["happened"] = transition(actual).into();
    }
    if let TimelineRow::Missing { stage, since, later, .. } = row {
        json["stage"] = stage.clone().into();
        json["since"] = since.map(format_instant).into();
        json["would_come"] = later.as_ref().map(transition).into();
    }
    json
}

/// A transition, without the keys that the file leaves out.
fn transition(transition: &TestTransition) -> Map<String, Json> {
    let keys = EXPECT_KEYS.into_iter();
    keys.filter_map(|key| Some((key.to_owned(), transition.value(key)?.into()))).collect()
}
