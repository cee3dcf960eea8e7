//! `tenure demo`: the whole daemon with synthetic customers.

use std::fs;
use std::process::Command;

use super::program::tenure;

#[test]
fn the_demo_shows_moving_customers_and_stops_cleanly() {
    let output = Command::new(env!("CARGO_BIN_EXE_tenure"))
        .args(["demo", "--duration", "8s", "--speed", "60"])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(printed.contains("reach → acquisition   signed_up"), "{printed}");
    assert!(printed.contains(" events, "), "{printed}");
    assert!(!printed.contains("\n0 events"), "{printed}");
}

#[test]
fn the_demo_reads_the_events_of_a_file_with_a_mapping_and_says_what_it_did_not_understand() {
    let folder = tempfile::tempdir().unwrap();
    let orders = "user;when;total\nann;01.02.2026;12,50\nbob;02.02.2026;x\nann;03.02.2026;5,00\n";
    fs::write(folder.path().join("orders.csv"), orders).unwrap();
    let arguments = "demo --duration 3s --speed 1000 --events orders.csv --map customer_id=user --map time=when \
                     --map time_format=%d.%m.%Y --map value=total --map number_format=1.234,56 --map";
    let mut arguments: Vec<&str> = arguments.split_whitespace().collect();
    arguments.push("type={ value = \"order_completed\" }");
    let run = tenure(folder.path(), &arguments);
    assert_eq!(run.code, 0, "{}", run.said);
    assert!(
        run.said.contains("2 events, 1 rejected\n1 rejected: bad_value, first at orders.csv:3"),
        "{}",
        run.said
    );
    assert!(run.out.contains("reach → conversion"), "{}", run.out);
}

#[test]
fn the_demo_runs_other_models_with_every_field_that_they_read() {
    let folder = tempfile::tempdir().unwrap();
    let model = "model: plans\ninitial: new\nfacts: { paid: count(upgraded where plan.tier == 'pro' && seats >= 2.5) }\n\
        stages: { new: {}, pro: {} }\ntransitions: [{ from: new, to: pro, when: paid >= 1 }]\n";
    fs::write(folder.path().join("plans.yaml"), model).unwrap();
    let events = r#"{"type":"upgraded","customer_id":"a","time":"2026-01-01","properties":{"plan":{"tier":"pro"},"seats":2.5}}
{"type":"upgraded","customer_id":"b","time":"2026-01-02","properties":{"plan":{"tier":"free"},"seats":9}}
{"type":"upgraded","customer_id":"c","time":"2026-01-03","properties":{"plan":{"tier":"pro"},"seats":2.4}}
"#;
    fs::write(folder.path().join("events.ndjson"), events).unwrap();
    let demo = |model| {
        let run = ["demo", "--duration", "3s", "--model", model, "--events", "events.ndjson"];
        tenure(folder.path(), &run)
    };
    let run = demo("plans.yaml");
    assert_eq!(run.code, 0, "{}", run.said);
    assert!(run.out.contains("  a               new → pro   paid >= 1: 1\n"), "{}", run.out);
    assert!(run.out.contains("3 events, 1 transitions"), "{}", run.out);
    assert_eq!(demo("missing.yaml").code, 78);
}

#[test]
fn a_demo_of_a_file_in_which_nothing_can_be_read_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("events.ndjson"), "{\"user\":\"ann\"}\n").unwrap();
    // It does not wait for the end of its duration.
    let run = tenure(folder.path(), &["demo", "--duration", "1h", "--events", "events.ndjson"]);
    assert_eq!(run.code, 1, "{}", run.said);
    assert!(
        run.said.contains("1 rejected: missing_customer_id, first at events.ndjson:1"),
        "{}",
        run.said
    );
    assert!(run.said.ends_with("error: no record could be read\n"), "{}", run.said);
    let run = tenure(folder.path(), &["demo", "--events", "missing.csv"]);
    assert_eq!(run.code, 1, "{}", run.said);
}
