//! Pipes, tables, dead letters and folders: nothing is lost, doubled or overwritten.

use std::fs;
use std::io::Write;

use super::{MODEL, finish, folder, order, replay, replay_unreadable, start, tenure};

const TABLE: &str =
    "customer_id,type,time\nc1,order_completed,2026-01-01\n\nc2,order_completed,2026-01-02\n";

#[test]
fn a_table_with_crlf_has_the_lines_and_ids_of_one_without() {
    let folder = folder(&[]);
    let lines = |text: &str| {
        fs::write(folder.path().join("table"), text).unwrap();
        replay(&folder, "table").out
    };
    assert_eq!(lines(&TABLE.replace('\n', "\r\n")), lines(TABLE));
}

#[test]
fn a_pipe_that_is_given_as_a_file_is_read_once() {
    let folder = folder(&[]);
    let mut child = start(folder.path(), "replay --model shop.yaml /dev/stdin");
    child.stdin.take().unwrap().write_all(order("c1", "2026-01-01").as_bytes()).unwrap();
    assert_eq!(finish(child).moves(), ["c1 new->buyer"]);
}

#[test]
fn standard_input_cannot_be_named_twice() {
    let folder = folder(&[]);
    assert_eq!(tenure(&folder, "replay --model shop.yaml - -").code, 2);
}

#[test]
fn the_same_pipe_cannot_be_named_twice() {
    let folder = folder(&[]);
    let run = tenure(&folder, "replay --model shop.yaml - /dev/stdin");
    assert_eq!(run.code, 2, "{}", run.said);
}

#[test]
fn dead_letters_never_overwrite_an_input() {
    let rows = order("c1", "2026-01-01") + "{}\n";
    let folder = folder(&[("orders", &rows)]);
    assert_ne!(tenure(&folder, "replay --model shop.yaml --dead-letters ./orders orders").code, 0);
    assert_eq!(fs::read_to_string(folder.path().join("orders")).unwrap(), rows);
}

#[test]
fn a_run_that_fails_at_the_start_leaves_no_state_folder() {
    let folder = folder(&[("orders", &order("c1", "2026-01-01"))]);
    assert_eq!(tenure(&folder, "replay --model shop.yaml --state state ordres").code, 1);
    assert_eq!(tenure(&folder, "replay --model shop.yaml --state state orders").code, 0);
}

#[test]
fn dead_letters_contain_the_bytes_of_the_file() {
    let (line, row) = ("  {\"no\": ", "\"c9\",\"order_completed\"");
    let folder = folder(&[
        ("lines", &format!("{}{line}\n", order("c1", "2026-01-01"))),
        ("table", &format!("{TABLE}{row}\n")),
    ]);
    replay(&folder, "--dead-letters rejected lines table");
    let letters = fs::read_to_string(folder.path().join("rejected")).unwrap();
    let values: Vec<serde_json::Value> =
        letters.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!((&values[0]["value"], &values[1]["value"]), (&line.into(), &row.into()));
}

#[test]
fn a_row_with_an_unclosed_quote_is_rejected_and_the_quote_is_located() {
    let table =
        format!("{TABLE}c3,order_completed,\"2026-01-03\n\nc4,order_completed,2026-01-04\n");
    let folder = folder(&[("table", &table)]);
    let run = replay(&folder, "--dead-letters rejected table");
    assert_eq!(run.moves().len(), 2);
    assert!(
        run.said.contains("table:5: the quote that opens here is not closed; "),
        "{}",
        run.said
    );
    let letter = fs::read_to_string(folder.path().join("rejected")).unwrap();
    let letter: serde_json::Value = serde_json::from_str(&letter).unwrap();
    assert_eq!((&letter["reason"], &letter["line"]), (&"bad_row".into(), &5.into()));
    // It is found after sorting, too.
    fs::write(
        folder.path().join("table"),
        table.replace("c1,order_completed,2026-01-01", "c1,order_completed,2026-01-09"),
    )
    .unwrap();
    let run = replay(&folder, "table");
    assert!(run.said.contains("table:5: the quote that opens here is not closed"), "{}", run.said);
}

#[test]
fn a_line_that_is_too_long_is_truncated_and_marked() {
    let rows = format!("{{\"x\":\"{}\"}}\r\n  {{\r\n", "x".repeat(5 << 20));
    let folder = folder(&[("lines", &rows)]);
    replay_unreadable(&folder, "--dead-letters rejected lines");
    let letters = fs::read_to_string(folder.path().join("rejected")).unwrap();
    let letters: Vec<serde_json::Value> =
        letters.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(letters[0]["cut"], true);
    assert_eq!(letters[0]["value"].as_str().unwrap().len(), 4 << 20);
    assert_eq!(letters[1]["value"], "  {");
    assert_eq!(letters[1].get("cut"), None);
}

#[test]
fn evidence_shows_the_condition_as_it_is_written() {
    let model = MODEL.replace("orders >= 1", "(orders + 1) * 2 >= 4");
    let folder = folder(&[("shop.yaml", &model), ("orders", &order("c1", "2026-01-01"))]);
    let events = replay(&folder, "orders").events();
    assert_eq!(events[0]["data"]["evidence"][0]["condition"], "(orders + 1) * 2 >= 4");
}

#[test]
fn times_are_written_in_rfc_3339_up_to_the_last_instant() {
    let row = "{\"type\":\"order_completed\",\"customer_id\":\"c1\",\"time\":253402300799999}\n";
    let folder = folder(&[("orders", row)]);
    let run = replay_unreadable(&folder, "orders");
    assert_eq!(run.out, "");
    assert!(run.said.contains("time_out_of_range"), "{}", run.said);
    fs::write(folder.path().join("orders"), row.replace("253402300799999", "253402207200999"))
        .unwrap();
    assert_eq!(
        replay(&folder, "--allow-future orders").events()[0]["time"],
        "9999-12-30T22:00:00.999Z"
    );
}

#[test]
fn a_single_mistake_is_reported_once() {
    for (written, mistake) in [
        ("orders >= 1", "order >= 1"),
        ("count(order", "cuont(order"),
        ("stages: {", "stages: 5 # {"),
        ("initial: new", "intial: new"),
        ("facts:", "fatcs:"),
        ("orders: count(order_completed)", "orders:"),
    ] {
        let folder = folder(&[("shop.yaml", &MODEL.replace(written, mistake))]);
        let stderr = tenure(&folder, "check shop.yaml").said;
        assert_eq!(stderr.matches(" --> ").count(), 1, "{stderr}");
    }
}

#[test]
fn a_model_without_tests_is_reported() {
    let bare = MODEL.split("tests:").next().unwrap();
    let folder = folder(&[("bare.yaml", bare)]);
    let run = tenure(&folder, "test bare.yaml");
    assert_eq!((run.code, run.out.as_str()), (0, "0 passed, 0 failed\n"));
    assert_eq!(run.said, "bare.yaml: shop has no tests\n");
}

#[test]
fn expectations_of_one_instant_are_ordered_for_each_customer_only() {
    let tests = "\
tests:
  - name: two at once
    events:
      - { at: 2026-01-01, type: order_completed, customer: b }
      - { at: 2026-01-01, type: order_completed, customer_id: a }
    expect:
      - { at: 2026-01-01, customer: a, to: buyer }
      - { at: 2026-01-01, customer: b, to: buyer }
";
    let model = MODEL.split("tests:").next().unwrap().to_owned() + tests;
    let swapped = model.replace("customer: b, to: buyer", "customer: b, to: silent");
    let folder = folder(&[("both.yaml", &model), ("swapped.yaml", &swapped)]);
    assert_eq!(tenure(&folder, "test both.yaml").code, 0);
    let run = tenure(&folder, "test swapped.yaml");
    assert_eq!(run.code, 4);
    let same = "    20  same         2026-01-01  a: buyer   2026-01-01  a: new -> buyer\n";
    let other = "  line 21: expected silent for b on 2026-01-01, b went to buyer instead\n";
    assert!(run.out.contains(same) && run.out.contains(other), "{}", run.out);
}

#[test]
fn a_failing_model_test_shows_the_cause_that_differs() {
    let model = MODEL.replace("to: buyer }\n      -", "to: buyer, cause: timer }\n      -");
    let folder = folder(&[("shop.yaml", &model)]);
    let run = tenure(&folder, "test shop.yaml");
    assert_eq!(run.code, 4);
    assert!(run.out.contains("timer") && run.out.contains("event"), "{}", run.out);
}

#[test]
fn a_device_clock_that_is_years_ahead_moves_no_customer_and_is_reported() {
    let row = |customer: &str, kind: &str, time: &str| {
        format!(r#"{{"customer_id":"{customer}","type":"{kind}","time":"{time}"}}"#)
    };
    let rows = [
        row("c0", "order_completed", "2024-06-10T10:00:00Z"),
        row("c1", "order_completed", "2024-06-11T10:00:00Z"),
        row("skewed", "page_viewed", "9000-01-01"),
    ];
    let folder = folder(&[("orders", &rows.join("\n"))]);
    let run = replay(&folder, "orders");
    assert_eq!(run.events().len(), 2, "{}", run.out);
    assert!(
        run.said.contains(
            "1 rejected: time_in_future, first at orders:3 (later than now; --allow-future accepts it"
        ),
        "{}",
        run.said
    );
    let run = replay(&folder, "--allow-future orders");
    assert!(run.events().len() > 2, "{}", run.out);
    let days = "note: the last event, orders:3 of 9000-01-01T00:00:00.000Z, is";
    assert!(run.said.contains(days), "{}", run.said);
    let run = replay(&folder, "--allow-future --until 2024-06-11T10:00:00Z orders");
    assert!(!run.said.contains("note:"), "{}", run.said);
    assert_eq!(run.events().len(), 2, "{}", run.out);
}
