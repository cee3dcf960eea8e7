//! Real input: the CDNOW sample through the binary, against the independent fold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value as Json;

use crate::histories::yaml;
use crate::reference::{self, Cause, Change, date};
use crate::retail::{purchases, retail};
use crate::whole::whole;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The fields on which all implementations must agree (rule 21).
pub(crate) type TransitionRow = (u64, String, String, String, String, String, String);

pub(crate) fn transitions(events: &[Json]) -> BTreeMap<String, Vec<TransitionRow>> {
    let mut by_customer: BTreeMap<String, Vec<TransitionRow>> = BTreeMap::new();
    for event in events {
        let data = &event["data"];
        let text = |json: &Json| json.as_str().unwrap().to_owned();
        assert_eq!(event["subject"], data["customer_id"]);
        assert_eq!(event["time"], data["effective_at"]);
        by_customer.entry(text(&event["subject"])).or_default().push((
            data["sequence"].as_u64().unwrap(),
            text(&data["from"]),
            text(&data["to"]),
            text(&data["transition"]),
            text(&data["cause"]),
            text(&data["effective_at"]),
            text(&data["previous"]["entered_at"]),
        ));
    }
    by_customer
}

pub(crate) fn expected(changes: Vec<Change>) -> BTreeMap<String, Vec<TransitionRow>> {
    let mut by_customer: BTreeMap<String, Vec<TransitionRow>> = BTreeMap::new();
    for change in changes {
        let instant = |at| tenure::event::EventTime(at).to_string();
        by_customer.entry(change.customer).or_default().push((
            change.sequence,
            change.from,
            change.to,
            change.transition,
            if change.cause == Cause::Timer { "timer" } else { "event" }.to_owned(),
            instant(change.effective_at),
            instant(change.entered_previous_at),
        ));
    }
    by_customer
}

fn replay(arguments: &[&str]) -> Vec<Json> {
    replay_with("config/models/retail.yaml", arguments)
}

fn replay_with(model: &str, arguments: &[&str]) -> Vec<Json> {
    let output = Command::new(env!("CARGO_BIN_EXE_tenure"))
        .current_dir(root())
        .args(["replay", "--model", model])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_cdnow_sample_gives_the_transitions_of_the_independent_fold() {
    let purchases = purchases();
    assert_eq!(purchases.len(), 6919);
    let events = replay(&["tests/data/cdnow_sample.csv"]);
    let transitions = transitions(&events);
    assert_eq!(transitions, expected(reference::replay(&[retail()], &purchases, None)));
    assert_eq!(transitions.len(), 2357);
    let ids: BTreeSet<_> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), events.len(), "ids repeat");
}

#[test]
fn a_model_that_uses_the_whole_language_agrees_on_the_cdnow_sample() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("whole.yaml");
    fs::write(&file, yaml::model(&whole())).unwrap();
    let events = replay_with(file.to_str().unwrap(), &["tests/data/cdnow_sample.csv"]);
    let transitions = transitions(&events);
    assert_eq!(transitions, expected(reference::replay(&[whole()], &purchases(), None)));
    // Every customer leaves the initial stage.
    assert_eq!(transitions.len(), 2357);
    let stages: BTreeSet<&TransitionRow> = transitions.values().flatten().collect();
    for stage in ["buyer", "regular", "big", "at_risk", "lost"] {
        assert!(stages.iter().any(|(_, _, to, ..)| to == stage), "{stage}");
    }
}

#[test]
fn the_end_can_be_set_before_or_after_the_last_event() {
    for (until, instant) in
        [("1997-09-30", date(1997, 10, 1) - 1), ("1999-06-30", date(1999, 7, 1) - 1)]
    {
        let transitions = transitions(&replay(&["--until", until, "tests/data/cdnow_sample.csv"]));
        assert_eq!(
            transitions,
            expected(reference::replay(&[retail()], &purchases(), Some(instant))),
            "{until}"
        );
    }
}
