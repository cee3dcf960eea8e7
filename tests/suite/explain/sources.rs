//! The explanation of a state folder and that of events are the same, and reading changes nothing.

use tenure::event::parse_instant;
use tenure::store::{Config, Store};

use super::*;

const INPUT: &str = "tests/data/cdnow_sample.csv";
const MODELS: [&str; 2] = ["config/models/retail.yaml", "config/models/rfm.yaml"];

/// The state folder of a replay of the sample.
fn state() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let [a, b] = MODELS;
    let arguments = ["replay", "--model", a, "--model", b, "--state", path, INPUT];
    let run = tenure(&root(), &arguments);
    assert_eq!(run.code, 0, "{}", run.said);
    folder
}

fn explain(customer: &str, more: &[&str]) -> Run {
    let arguments = ["explain", customer, "--format", "json"];
    tenure(&root(), &[&arguments, more].concat())
}

#[test]
fn explanations_of_state_and_of_events_agree_and_reading_changes_nothing() {
    let folder = state();
    let path = folder.path().to_str().unwrap();
    let before = files(folder.path());
    let [a, b] = MODELS;
    for customer in ["0001", "0700", "1234", "2357"] {
        let from_state = explain(customer, &["--state", path]).json();
        let mut from_events = explain(customer, &["--model", a, "--model", b, INPUT]).json();
        assert_eq!(from_events["as_of_is"], "end_of_events");
        from_events["as_of_is"] = "watermark".into();
        assert_eq!(from_state, from_events, "{customer}");
        let text = ["explain", customer, "--state", path];
        assert_eq!(tenure(&root(), &text).code, 0);
    }
    assert!(files(folder.path()) == before, "a file has changed");
}

#[test]
fn a_state_folder_in_use_can_be_read() {
    let folder = state();
    let path = folder.path().to_str().unwrap();
    let config = Config { memory_bytes: 16 << 20, durable: true };
    let alone = explain("0001", &["--state", path]).json();
    let open_store = Store::open(folder.path(), &config).unwrap();
    assert_eq!(explain("0001", &["--state", path]).json(), alone);
    // The latest write is only in the write-ahead log.
    open_store.clear(0).unwrap();
    assert_eq!(explain("0001", &["--state", path]).code, 1);
    drop(open_store);
}

#[test]
fn missing_customers_and_folders_are_reported() {
    let folder = state();
    let path = folder.path().to_str().unwrap();
    let unknown = explain("9999\u{1b}[2J", &["--state", path]);
    assert_eq!((unknown.code, &*unknown.out), (1, ""));
    assert!(unknown.said.contains("no customer 9999␛[2J in the state in"), "{}", unknown.said);
    let without_events = explain("9999", &["--model", MODELS[0], INPUT]);
    assert_eq!((without_events.code, &*without_events.out), (1, ""));
    assert!(
        without_events.said.ends_with("error: there are no events of 9999\n"),
        "{}",
        without_events.said
    );

    let none = folder.path().join("none");
    let nothing = explain("0001", &["--state", none.to_str().unwrap()]);
    assert_eq!(nothing.code, 1);
    assert!(nothing.said.contains("cannot open the state in"), "{}", nothing.said);
    assert!(!none.exists());

    let closed = explain("0001", &["--admin", "127.0.0.1:1"]);
    assert_eq!(closed.code, 1);
    assert!(closed.said.contains("cannot connect to 127.0.0.1:1"), "{}", closed.said);
    assert_eq!(explain("0001", &[]).code, 2);
}

#[test]
fn explain_can_advance_the_state_and_never_go_back() {
    let folder = state();
    let path = folder.path().to_str().unwrap();
    let [a, b] = MODELS;
    let later = explain("0700", &["--state", path, "--at", "1999-06-30"]).json();
    let mut from_events =
        explain("0700", &["--model", a, "--model", b, "--at", "1999-06-30", INPUT]).json();
    assert_eq!(later["as_of_is"], "asked");
    for key in ["as_of_is", "meanwhile"] {
        from_events[key] = later[key].clone();
    }
    assert_eq!(later, from_events);
    assert!(!later["meanwhile"].as_array().unwrap().is_empty());
    let earlier = explain("0700", &["--state", path, "--at", "1998-01-01"]);
    assert_eq!(earlier.code, 1);
    assert!(earlier.said.contains("replay --story"), "{}", earlier.said);
}

#[test]
fn a_single_model_can_be_selected() {
    let folder = state();
    let path = folder.path().to_str().unwrap();
    let only = explain("0001", &["--state", path, "--only", "rfm"]).json();
    let models = only["models"].as_array().unwrap();
    assert_eq!((models.len(), &models[0]["model"]), (1, &"rfm".into()));
    let wrong = explain("0001", &["--state", path, "--only", "retial"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.said.contains("did you mean `retail`?"), "{}", wrong.said);
}

/// The keys of the JSON are a public interface; these are all of them.
#[test]
fn the_keys_of_the_json_are_stable() {
    let folder = state();
    let path = folder.path().to_str().unwrap();
    let json = explain("0700", &["--state", path, "--only", "retail"]).json();
    let keys =
        |json: &Json| json.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        keys(&json),
        "customer_id as_of as_of_is latest_event is_brought_over meanwhile models"
    );
    let model = &json["models"][0];
    assert_eq!(
        keys(model),
        "model version stage since duration_ms previous_stage sequence last_transition transitions next"
    );
    let last = &model["last_transition"];
    assert_eq!(keys(last), "cause effective_at to is_known from transition evidence");
    assert_eq!(keys(&last["evidence"][0]), "condition holds facts value threshold is_met");
    let transition = &model["transitions"][0];
    assert_eq!(keys(transition), "transition to when holds evidence blocks waits_for_event");
    assert_eq!(keys(&model["next"]), "moves never");
    let since = parse_instant(model["since"].as_str().unwrap()).unwrap();
    let as_of = parse_instant(json["as_of"].as_str().unwrap()).unwrap();
    assert_eq!(model["duration_ms"], as_of.duration_since(since).0);
}
