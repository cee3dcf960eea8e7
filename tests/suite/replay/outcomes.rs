//! The outputs of a run: records, rejected rows, messages and the exit code.

use std::fs;
use std::io::{BufRead, BufReader, Read};

use serde_json::{Value as Json, json};

use super::{MODEL, folder, order, replay, start, tenure};

fn json_lines(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_record_is_a_structured_cloud_event_with_all_documented_fields() {
    let folder = folder(&[("orders", &order("c1", "2026-01-01T08:30:00.5Z"))]);
    let events = replay(&folder, "--until 2026-02-01 orders").events();
    assert_eq!(events.len(), 2);
    assert_eq!(
        events[1],
        json!({
            "specversion": "1.0",
            // SHA-256 over the length-prefixed parts of rule 21, computed by another program.
            "id": "ac12f186a49f35f204c8681a444041dc",
            "source": "tenure/replay",
            "type": "tenure.stage-changed.v1",
            "subject": "c1",
            "time": "2026-01-12T08:30:00.500Z",
            "sequence": "0000000002",
            "datacontenttype": "application/json",
            "data": {
                "customer_id": "c1",
                "model": "shop",
                "version": 3,
                "from": "buyer",
                "to": "silent",
                "cause": "timer",
                "transition": "buyer->silent",
                "evidence": [{
                    "condition": "since(last_order) >= days(10)",
                    "holds": true,
                    "facts": {"last_order": "2026-01-01T08:30:00.500Z"},
                    "value": "11d",
                    "threshold": "10d",
                }],
                "effective_at": "2026-01-12T08:30:00.500Z",
                "sequence": 2,
                "previous": {"entered_at": "2026-01-01T08:30:00.500Z", "duration_ms": 950_400_000},
                "input": {"file": "orders", "line": 1},
                "held_since": "2026-01-11T08:30:00.500Z",
            },
        })
    );
}

#[test]
fn bad_lines_become_dead_letters_and_their_neighbours_count() {
    let bad = [
        r#"{"type":"order_completed","customer_id":"#,
        r#"{"type":"order_completed", "customer_id":"c2", "time":"soon"}"#,
    ];
    let before = format!("{}{}\n{}\n", order("c1", "2026-01-01"), bad[0], bad[1]);
    let folder = folder(&[]);
    let bytes = b"{\"type\":\"\xff\"}\n";
    let bytes = [before.as_bytes(), bytes, order("c3", "2026-01-02").as_bytes()].concat();
    fs::write(folder.path().join("mixed"), bytes).unwrap();

    let run = replay(&folder, "--dead-letters rejected mixed");
    assert_eq!(run.moves(), ["c1 new->buyer", "c3 new->buyer"]);
    let summary = "\
2 events, 3 rejected, 2 transitions, up to 2026-01-02T00:00:00.000Z
1 rejected: not_utf8, first at mixed:4
1 rejected: not_json, first at mixed:2 (a record is a JSON object)
1 rejected: bad_time, first at mixed:3: soon (1) (write 1997-01-31 or 1997-01-31T08:30:00Z, or declare all forms that occur, \
         since no other is read then: time_format = [\"%d.%m.%Y %H:%M\"])
";
    assert!(run.said.contains(summary), "{}", run.said);
    let letters = fs::read_to_string(folder.path().join("rejected")).unwrap();
    assert_eq!(
        json_lines(&letters),
        [
            json!({"reason": "not_json", "file": "mixed", "line": 2, "value": bad[0]}),
            json!({"reason": "bad_time", "file": "mixed", "line": 3, "value": bad[1]}),
            json!({"reason": "not_utf8", "file": "mixed", "line": 4, "value_hex": "7b2274797065223a22ff227d"}),
        ]
    );
}

#[test]
fn bad_rows_of_a_table_become_dead_letters_and_their_neighbours_count() {
    let rows = [
        "customer_id,type,time,value,note",
        "c1,order_completed,2026-01-01,20,\"two\nlines\"",
        "c2,order_completed,2026-01-01,20,,more",
        "c3,order_completed,2026-01-02,\"a \"\"lot\"\"\",",
        "c4,order_completed,2026-01-03,20,",
    ];
    let folder = folder(&[("table", &rows.join("\n"))]);
    let run = replay(&folder, "--dead-letters rejected table");
    let lines: Vec<_> =
        run.events().iter().map(|event| event["data"]["input"]["line"].clone()).collect();
    assert_eq!(run.moves(), ["c1 new->buyer", "c4 new->buyer"]);
    assert_eq!(lines, [2, 6]);
    let letters = fs::read_to_string(folder.path().join("rejected")).unwrap();
    assert_eq!(
        json_lines(&letters),
        [
            json!({"reason": "bad_row", "file": "table", "line": 4, "value": rows[2]}),
            json!({"reason": "bad_value", "file": "table", "line": 5, "value": rows[3]}),
        ]
    );
}

#[test]
fn a_table_without_the_needed_columns_is_refused() {
    let folder = folder(&[("table", "customer,type,at\nc1,order_completed,2026-01-01\n")]);
    let run = tenure(&folder, "replay --model shop.yaml table");
    assert_eq!(run.code, 1);
    assert_eq!(
        run.said,
        "error: table: the header has no column customer_id, time; an event needs customer_id, type and time; found `customer,type,at`; \
         if a column has another name, map it, for example --map customer_id=user_id; if the file has no header, name its columns with --columns; \
         `tenure check --sample table` proposes a mapping\n"
    );
    for (header, hint) in [
        (
            "Customer_ID;type;Time;VALUE",
            "; names must match exactly: use --map customer_id=Customer_ID --map time=Time --map value=VALUE;",
        ),
        ("Customer ID,type,time", ": use --map 'customer_id=Customer ID';"),
        ("all orders\n\ncustomer_id,type,time", "looks like the header: use --skip-lines 1;"),
        ("\"type\": \"order\"", "; a JSON file begins with { or [;"),
        ("\u{1b}[2J,x", "found `\u{241b}[2J,x`; if a column"),
        (&"x".repeat(100), &format!("found `{}…`; if a column", "x".repeat(80))),
    ] {
        fs::write(folder.path().join("table"), format!("{header}\nrow\n")).unwrap();
        let stderr = tenure(&folder, "replay --model shop.yaml table").said;
        assert!(stderr.contains(hint), "{stderr}");
    }
}

#[test]
fn presorted_input_that_is_not_sorted_is_refused_with_its_line() {
    let rows = order("c1", "2026-01-02") + "\n" + &order("c2", "2026-01-01");
    let folder = folder(&[("late", &rows)]);
    let run = tenure(&folder, "replay --model shop.yaml --presorted late");
    assert_eq!(run.code, 1);
    assert_eq!(
        run.said,
        "error: late:3: this event is earlier than the one before it; leave out --presorted to have the input sorted\n"
    );
}

#[test]
fn strict_runs_report_rejected_rows_and_warnings_by_the_exit_code() {
    let warned = MODEL.replace("silent: {} }", "silent: {}, lost: {} }");
    let good = order("c1", "2026-01-01");
    let folder =
        folder(&[("warned.yaml", &warned), ("good", &good), ("bad", &format!("{good}{{}}\n"))]);
    for (arguments, code) in [
        ("replay --strict --model shop.yaml good", 0),
        ("replay --strict --model shop.yaml bad", 3),
        ("replay --model shop.yaml bad", 0),
        ("replay --strict --model warned.yaml good", 3),
        ("replay --model warned.yaml good", 0),
        ("check --strict shop.yaml", 0),
        ("check --strict warned.yaml", 3),
        ("check warned.yaml", 0),
    ] {
        let run = tenure(&folder, arguments);
        assert_eq!(run.code, code, "{arguments}: {}", run.said);
        assert_eq!(run.out.is_empty(), arguments.starts_with("check"), "{arguments}");
    }
}

#[test]
fn an_invalid_model_stops_every_command_before_it_starts() {
    let folder = folder(&[
        ("wrong.yaml", &MODEL.replace("orders >= 1", "order >= 1")),
        ("orders", &order("c1", "2026-01-01")),
    ]);
    for arguments in [
        "replay --state state --model shop.yaml --model wrong.yaml orders",
        "test wrong.yaml",
        "check shop.yaml wrong.yaml",
    ] {
        let run = tenure(&folder, arguments);
        assert_eq!((run.code, run.out.as_str()), (78, ""), "{arguments}");
        assert!(
            run.said.contains("error: unknown fact `order`\n  --> wrong.yaml:10:"),
            "{}",
            run.said
        );
    }
    assert!(!folder.path().join("state").exists());
    let run = tenure(&folder, "check --format json wrong.yaml");
    let problems: Json = serde_json::from_str(&run.out).unwrap();
    let problem = problems.as_array().unwrap().iter().find(|p| p["severity"] == "error").unwrap();
    assert_eq!(run.code, 78);
    assert_eq!(
        (&problem["file"], &problem["line"], &problem["column"]),
        (&json!("wrong.yaml"), &json!(10), &json!(35))
    );
    assert_eq!(problem["help"], "did you mean `orders`?");
}

#[test]
fn the_end_is_a_whole_day_or_an_instant_and_timers_due_then_fire() {
    let rows = order("a", "2026-01-01")
        + &order("b", "2026-01-12T23:59:59.999Z")
        + &order("c", "2026-01-13");
    let folder = folder(&[("orders", &rows)]);
    for (until, expected) in [
        ("2025-12-31", ""),
        ("2026-01-11", "a new->buyer"),
        ("2026-01-11T23:59:59.999Z", "a new->buyer"),
        ("2026-01-12T00:00:00Z", "a new->buyer, a buyer->silent"),
        ("2026-01-12T01:00:00+01:00", "a new->buyer, a buyer->silent"),
        ("2026-01-12", "a new->buyer, a buyer->silent, b new->buyer"),
        ("2026-01-13", "a new->buyer, a buyer->silent, b new->buyer, c new->buyer"),
    ] {
        let mut moves = replay(&folder, &format!("--until {until} orders")).moves();
        // The order of different customers is not guaranteed.
        moves.sort_by_key(|one| one.chars().next());
        assert_eq!(moves.join(", "), expected, "{until}");
    }
    let run = tenure(&folder, "replay --model shop.yaml --until 2026-02-30 orders");
    assert_eq!(run.code, 2);
    assert!(run.said.contains("write 2026-01-31, or 2026-01-31T08:30:00Z"), "{}", run.said);
    let late = tenure(&folder, "replay --model shop.yaml --until 9999-12-31 orders");
    assert!(late.code == 2 && late.said.contains("to 9999-12-30"), "{}", late.said);
}

#[test]
fn state_is_stored_in_a_new_folder_and_a_used_one_is_refused() {
    let folder = folder(&[("orders", &order("c1", "2026-01-01"))]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    for state in ["empty", "deep/er"] {
        replay(&folder, &format!("--state {state} orders"));
        assert!(folder.path().join(state).join("CURRENT").exists(), "{state}");
        let again = tenure(&folder, &format!("replay --model shop.yaml --state {state} orders"));
        assert_eq!((again.code, again.out.as_str()), (1, ""));
        assert_eq!(
            again.said,
            format!("error: the folder {state} is not empty; a replay starts without state\n")
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = folder(&[("orders", &order("c1", "2026-01-01"))]);
    fs::create_dir(folder.path().join("inner")).unwrap();
    for (arguments, file) in [
        ("replay --model shop.yaml orders absent", "absent"),
        ("replay --model shop.yaml inner", "inner"),
        ("replay --model shop.yaml --dead-letters none/there orders", "none/there"),
    ] {
        let run = tenure(&folder, arguments);
        assert_eq!((run.code, run.out.as_str()), (1, ""), "{arguments}");
        assert!(run.said.starts_with("error: cannot ") && run.said.contains(file), "{}", run.said);
    }
}

#[test]
fn an_unreadable_model_is_reported_with_all_others() {
    let folder = folder(&[("wrong.yaml", &MODEL.replace("orders >= 1", "order >= 1"))]);
    let latin = MODEL.replace("silence is noticed", "caf\u{e9}").into_bytes();
    let latin: Vec<u8> = latin.into_iter().filter(|byte| *byte != 0xc3).collect();
    fs::write(folder.path().join("latin.yaml"), latin).unwrap();
    for arguments in [
        "check absent.yaml latin.yaml wrong.yaml",
        "test absent.yaml latin.yaml wrong.yaml",
        "replay --model absent.yaml --model latin.yaml --model wrong.yaml orders",
    ] {
        let run = tenure(&folder, arguments);
        assert_eq!((run.code, run.out.as_str()), (78, ""), "{arguments}");
        for expected in [
            "error: cannot read the model absent.yaml: ",
            "error: the model is not UTF-8 text: byte 0xa9 is invalid here\n  --> latin.yaml:15:14\n",
            "error: unknown fact `order`\n  --> wrong.yaml:10:",
        ] {
            assert!(run.said.contains(expected), "{arguments}: {}", run.said);
        }
    }
}

#[test]
fn a_closed_pipe_ends_the_run_without_an_error() {
    let row = |at: usize| order(&format!("c{at}"), "2026-01-01");
    let rows: String = (0..2000).map(row).collect();
    let folder = folder(&[("orders", &rows)]);
    let mut child = start(folder.path(), "replay --model shop.yaml orders");
    let mut out = BufReader::with_capacity(64, child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    drop(out);
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(json_lines(&line)[0]["subject"], "c0");
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}

/// A model that reads a number and a truth, and events of which none can be read as it expects.
#[test]
fn what_was_not_understood_is_reported_with_advice() {
    let model = "model: m\ninitial: a\nfacts:\n  paid: sum('Order Completed'.revenue)\n  \
                 member: count(any where vip == true)\n  gone: count('Order Completed' where plan == 'x')\n\
                 stages: { a: {}, b: {} }\ntransitions:\n  - { from: a, to: b, when: paid + member + gone >= 100 }\n";
    let event = |kind: &str, time: &str, more: &str| {
        format!(
            "{{\"type\":\"{kind}\",\"customer_id\":\"c1\",\"time\":{time},\"properties\":{{{more}}}}}\n"
        )
    };
    let events = [
        event("Order Completed", "\"2026-01-01\"", "\"revenue\":\"119,99\",\"vip\":\"perhaps\""),
        event("order_completed ", "\"2026-01-01\"", "\"revenue\":[1,2]"),
        event("Order Completed", "1767225600", ""),
        event("Order Completed", "\"01.02.2026\"", ""),
    ];
    let folder = folder(&[("shop.yaml", model), ("events", &events.concat())]);
    let run = replay(&folder, "events");
    for line in [
        "1 rejected: time_out_of_range, first at events:3: 1767225600 (1) (looks like seconds: time_unit = \"seconds\")",
        "1 rejected: bad_time, first at events:4: 01.02.2026 (1) (write 1997-01-31 or 1997-01-31T08:30:00Z, or declare all forms that occur, \
         since no other is read then: time_format = [\"%d.%m.%Y %H:%M\"])",
        "not understood: properties.revenue in 2 of 2 events is not a number: \"999,99\" (1), an object or a list (1); write the path of \
         an element, such as items[0].price, or of all to add them up, items[].price",
        "not understood: properties.vip in 1 of 2 events is not true or false: \"xxxxxxx\" (1)",
        "not understood: 1 events of the type `order_completed`, which no model asks for; the models ask for `Order Completed`. If they \
         are the same: types = { \"order_completed\" = \"Order Completed\" }, or ignore_type_spelling = true",
        "no event has these fields, which the models read: properties.plan",
    ] {
        assert!(run.said.lines().any(|said| said == line), "{line}\n{}", run.said);
    }
    let run = tenure(&folder, "replay --model shop.yaml --map time=a --map time=b events");
    assert!(run.said.contains("--map time is given twice, as `a` and as `b`"), "{}", run.said);
}
