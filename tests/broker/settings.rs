//! Changes of mappings, money settings and inputs: they apply from an offset on, and the state
//! stays.

use std::fs;

use crate::app::{App, header};
use crate::harness::{Record, eventually};
use tenure::crash::CRASH_VARIABLE;

const MODEL: &str = "
model: shop
version: 1
initial: new
facts:
  orders: count(order_completed)
  spent: sum(order_completed.value)
stages: { new: {}, buyer: {}, regular: {}, rich: {} }
transitions:
  - { from: new, to: buyer, when: orders >= 1 }
  - { from: buyer, to: regular, when: orders >= 3 }
  - { from: [buyer, regular], to: rich, when: spent >= 100 }
";
const SETTINGS: &str = "[time]\nidle_after = \"0s\"\n[runtime]\nworkers = 1\n";
/// 2026-01-01
const BEGIN: i64 = 1_767_225_600_000;

/// An order of ann's, with the customer in this field.
fn order(field: &str, minute: i64, more: &str) -> Record {
    let time = BEGIN + minute * 60_000;
    let json = format!(r#"{{"type":"order_completed","{field}":"ann","time":{time}{more}}}"#);
    Record::new(0, "ann", json)
}

fn shop(name: &str) -> App {
    let app = App::new(name, 1, SETTINGS);
    app.write_model("shop.yaml", MODEL);
    app.write_config("shop.yaml", SETTINGS);
    let stages = format!("[output.stages]\nat_risk = \"{}\"\n", app.topic("at-risk"));
    write_settings(&app, &settings(&app).replace(&stages, ""));
    app
}

fn settings(app: &App) -> String {
    fs::read_to_string(app.folder.path().join("tenure.toml")).unwrap()
}

fn write_settings(app: &App, text: &str) {
    fs::write(app.folder.path().join("tenure.toml"), text).unwrap();
}

/// The second input has its customers in another field.
fn with_user(text: &str) -> String {
    text.replace("-purchases\"\n", "-purchases\"\n[input.mapping]\ncustomer_id = \"user\"\n")
}

/// Some records of the second input have their customers in another field: its topic is named twice.
fn with_user_in_some(app: &App, text: &str) -> String {
    let input = format!("[[input]]\ntopic = \"{}\"\n", app.topic("purchases"));
    let mapping = "[input.mapping]\ncustomer_id = \"user\"\nwhere = { shape = \"new\" }\n";
    text.replace(&input, &format!("{input}{mapping}{input}"))
}

fn transitions(app: &App) -> Vec<String> {
    let changes = app.stage_changes();
    let log = changes.iter().map(|change| {
        let text = |key: &str| change[key].as_str().unwrap().to_owned();
        format!("{}->{} {}", text("from"), text("to"), change["sequence"])
    });
    log.collect()
}

#[test]
fn a_corrected_mapping_applies_to_later_records_even_across_kills() {
    let mut app = shop("mapped");
    app.produce("purchases", &[order("customer_id", 0, ""), order("user", 1, "")]);
    app.run_until_caught_up();
    assert_eq!(transitions(&app), ["new->buyer 1"]);
    let rejected = app.read("dead-letters");
    assert_eq!(rejected.len(), 1);
    assert_eq!(header(&rejected[0], "tenure_reason").unwrap(), "missing_customer_id");
    let before = settings(&app);
    write_settings(&app, &with_user_in_some(&app, &before));
    let shape = r#","shape":"new""#;
    app.produce("purchases", &[order("user", 2, shape), order("customer_id", 3, "")]);
    for point in ["records-sent:1", "committed:1"] {
        app.start_with_env(&format!("{CRASH_VARIABLE}={point}"));
        assert_ne!(app.await_exit().code(), Some(0), "{point}: {}", app.log());
    }
    // The state and its settings are restored from the changelog.
    fs::remove_dir_all(app.folder.path().join("state")).unwrap();
    app.run_until_caught_up();
    assert_eq!(transitions(&app), ["new->buyer 1", "buyer->regular 2"]);
    assert_eq!(app.read("dead-letters").len(), 1, "no record is read again");
    // A process with the old settings defers the partition; a rollback needs a higher version.
    write_settings(&app, &before);
    app.start();
    let alone = r#"tenure_partitions{state="deferred"}"#;
    eventually("the old settings are deferred", || {
        app.assert_running();
        app.daemon.metric(alone) == 1
    });
    assert!(app.log().contains("raise `settings_version`"), "{}", app.log());
    app.terminate();
    write_settings(&app, &format!("settings_version = 1\n{before}"));
    app.produce("purchases", &[order("customer_id", 4, r#","value":100"#)]);
    app.start();
    app.await_caught_up();
    let log = app.log();
    let expected = r#"input.1.customer_id: \"customer_id\" instead of \"user\""#;
    assert!(log.contains(expected), "{log}");
    assert_eq!(transitions(&app)[2..], ["regular->rich 3"]);
    app.terminate();
}

#[test]
fn an_added_input_is_read_from_its_beginning_and_a_removed_one_is_reported() {
    let mut app = shop("added");
    app.produce("purchases", &[order("customer_id", 0, "")]);
    app.run_until_caught_up();
    let before = settings(&app);
    let further = app.topic("at-risk");
    let more =
        before.replace("[output]\n", &format!("[[input]]\ntopic = \"{further}\"\n[output]\n"));
    app.produce("at-risk", &[order("customer_id", 1, ""), order("customer_id", 2, "")]);
    write_settings(&app, &more);
    app.start_with_env(&format!("{CRASH_VARIABLE}=committed:1"));
    assert_ne!(app.await_exit().code(), Some(0), "{}", app.log());
    app.start();
    eventually("the events are processed", || {
        app.assert_running();
        transitions(&app) == ["new->buyer 1", "buyer->regular 2"]
    });
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
    write_settings(&app, &before);
    app.start();
    eventually("the missing input is reported", || {
        app.assert_running();
        app.log().contains("written with 3 inputs, but 2 are configured")
    });
    app.terminate();
    let (own, other) = (app.topic("purchases"), app.topic("clickstream"));
    let swapped = more.replace(&own, "?").replace(&other, &own).replace('?', &other);
    write_settings(&app, &swapped);
    app.start();
    app.await_error_with_code(78, "moved within it");
    let euros = more.replace("[time]\n", "[money]\ncurrency = \"EUR\"\n[time]\n");
    write_settings(&app, &euros);
    app.start();
    app.await_error_with_code(78, "money.currency was USD and is EUR now");
    write_settings(&app, &more);
    app.produce("purchases", &[order("customer_id", 3, r#","value":100"#)]);
    app.start();
    app.await_caught_up();
    assert_eq!(transitions(&app)[2..], ["regular->rich 3"]);
    app.terminate();
}

/// As some connectors and bridges write keys: JSON, with quotes.
#[test]
fn an_input_of_which_most_records_are_rejected_is_reported_and_its_keys_can_be_json() {
    let mut app = shop("quoted");
    let quoted = |minute: i64, more: &str| Record {
        key: Some(b"\"ann\"".to_vec()),
        ..order("user", minute, more)
    };
    let before = settings(&app);
    write_settings(&app, &with_user(&before));
    app.produce("purchases", &(0..25).map(|minute| quoted(minute, "")).collect::<Vec<_>>());
    app.start();
    eventually("it reports the rejected records", || {
        app.assert_running();
        app.log().contains("25 of 25 records are rejected, most of them as key_differs")
    });
    assert_eq!(app.daemon.metric("tenure_rejected_records_total"), 25);
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
    let json = "customer_id = \"user\"\nkey = \"json\"\nwhere = { op = [\"c\"] }\n";
    write_settings(&app, &with_user(&before).replace("customer_id = \"user\"\n", json));
    app.produce("purchases", &[quoted(30, r#","op":"c""#), quoted(31, r#","op":"d""#)]);
    app.run_until_caught_up();
    assert_eq!(transitions(&app), ["new->buyer 1"]);
    assert_eq!(app.read("dead-letters").len(), 25);
}
