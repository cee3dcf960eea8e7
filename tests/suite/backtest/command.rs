//! The command, run as a process.

use std::fs;
use std::process::Stdio;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::program::{Run, program};

/// At risk after ten days without an order; in the other version, after twenty.
const OLD: &str = "\
model: shop
initial: new
facts: { orders: count(order), last_order: last(order) }
stages: { new: {}, buyer: {}, at_risk: {} }
transitions:
  - { from: new, to: buyer, when: orders >= 1 }
  - { from: buyer, to: at_risk, when: since(last_order) >= days(10) }
  - { from: at_risk, to: buyer, when: since(last_order) < days(10) }
";

/// Three customers with orders on these days of 101, and one with a visit only.
const EVENTS: &str = "\
customer_id,type,time
ann,order,2026-01-01
cem,order,2026-01-01
bea,order,2026-01-05
ann,order,2026-01-13
bea,order,2026-01-20
dan,visit,2026-02-01
bea,order,2026-02-13
bea,oops,never
ann,order,2026-04-11
";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let new = OLD.replace("days(10)", "days(20)");
    for (name, text) in [("old.yaml", OLD), ("new.yaml", &new), ("events.csv", EVENTS)] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn tenure(folder: &TempDir, arguments: &str) -> Run {
    let events = fs::File::open(folder.path().join("events.csv")).unwrap();
    let mut program = program(folder.path());
    let backtest = program.arg("backtest").args(arguments.split_whitespace());
    Run::of(backtest.stdin(Stdio::from(events)).output().unwrap())
}

const BOTH: &str = "--model old.yaml --model new.yaml";
const ASKED: &str = "--outcome order --within 20d --stage at_risk";

#[test]
fn the_report_of_a_small_history_is_as_expected() {
    let folder = folder();
    let run = tenure(&folder, &format!("{BOTH} {ASKED} events.csv"));
    assert_eq!(run.code, 0);
    let alone = "note: the last event, events.csv:10 of 2026-04-11T00:00:00.000Z, is 57 days after all others";
    assert!(run.said.starts_with(alone) && run.said.lines().count() == 1, "{}", run.said);
    let expected = include_str!("report.txt");
    assert_eq!(run.out, expected, "{}", run.out);
    assert!(run.out.lines().all(|line| line.chars().count() <= 100));
}

fn keys(json: &Json) -> Vec<&str> {
    json.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_json_report_has_all_its_keys_and_numbers() {
    let folder = folder();
    let run = tenure(&folder, &format!("{BOTH} {ASKED} --format json events.csv"));
    let report: Json = serde_json::from_str(&run.out).unwrap();
    assert_eq!(
        keys(&report),
        ["history", "versions", "population", "matrices", "differences", "prediction"]
    );
    let history = &report["history"];
    assert_eq!(history["customers"], 4);
    assert_eq!(history["events"], 8);
    assert_eq!(
        history["rejected"],
        json!([{"reason": "bad_time", "count": 1, "first": {"file": "events.csv", "line": 9}}])
    );
    let [old, new] = [0, 1].map(|at| &report["versions"][at]);
    assert_eq!((&old["transitions"], &new["transitions"]), (&json!(13), &json!(9)));
    assert_eq!(
        keys(&old["stages"][0]),
        ["stage", "at_end", "entries", "exits", "passed", "completed", "ongoing"]
    );
    assert_eq!(
        keys(&old["flaps"]),
        [
            "within_ms",
            "count",
            "customers",
            "most",
            "per_customer_year",
            "chains",
            "longest_chain",
            "moves"
        ]
    );
    // ann at risk 11 to 13 January, bea 15 to 20 January: transitions that are undone within a week.
    assert_eq!((&old["flaps"]["count"], &new["flaps"]["count"]), (&json!(2), &json!(1)));
}

#[test]
fn outcomes_are_counted_by_the_rules_of_the_model_and_the_report_states_them() {
    let folder = tempfile::tempdir().unwrap();
    let model = "model: shop\ninitial: new\ndedupe: 30d\n\
        orders: { placed: order, refunded: refund, cancelled: cancel, within: 60d }\n\
        facts: { orders: count(order) }\nstages: { new: {}, buyer: {} }\n\
        transitions:\n  - { from: new, to: buyer, when: orders >= 1 }\n";
    fs::write(folder.path().join("shop.yaml"), model).unwrap();
    // All ordered on 1 January. Later: another order, the same order, the same event, a cancelled order, no order.
    let events = "\
customer_id,type,time,order_id,id
again,order,2026-01-01,a1,1
again,order,2026-01-25,a2,2
order,order,2026-01-01,b1,3
order,order,2026-01-25,b1,4
event,order,2026-01-01,,5
event,order,2026-01-25,,5
cancel,order,2026-01-01,d1,6
cancel,order,2026-01-25,d2,7
cancel,cancel,2026-01-26,d2,8
never,order,2026-01-01,e1,9
never,page,2026-02-28,,10
";
    fs::write(folder.path().join("events.csv"), events).unwrap();
    let asked = "--model shop.yaml --outcome order --within 14d --stage buyer events.csv";
    let run = tenure(&folder, asked);
    let said = run.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains(
            "Events of the type order are counted by the rules of MODEL: events that repeat an id within 30d count \
             once; orders that are repeated within 60d count once, and orders that are cancelled or refunded in full \
             within 60d do not count."
        ),
        "{}",
        run.out
    );
    let run = tenure(&folder, &format!("{asked} --format json"));
    let report: Json = serde_json::from_str(&run.out).unwrap();
    let prediction = &report["prediction"];
    let expected = json!({
        "by": "shop.yaml",
        "dedupe_ms": 30 * 86_400_000_i64,
        "orders_within_ms": 60 * 86_400_000_i64,
    });
    assert_eq!(prediction["counted"], expected);
    let dates = prediction["dates"].as_array().unwrap();
    let on = |day: &str| {
        let date = dates.iter().find(|it| it["date"].as_str().unwrap().starts_with(day));
        let own = &date.unwrap()["versions"][0];
        (own["population"].clone(), own["stopped"].clone())
    };
    assert_eq!(on("2026-01-15"), (json!(5), json!(4)));
}

#[test]
fn the_json_report_has_differences_and_predictions() {
    let folder = folder();
    let run = tenure(&folder, &format!("{BOTH} {ASKED} --format json events.csv"));
    let report: Json = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["population"].as_array().unwrap().len(), 48);
    assert_eq!(report["matrices"]["dates"].as_array().unwrap().len(), 12);
    assert_eq!(report["matrices"]["dates"][11]["counts"], json!([[1, 0, 0], [0, 1, 0], [0, 0, 2]]));
    assert_eq!(
        keys(&report["differences"]),
        [
            "comparable",
            "customers_at_end",
            "customers_ever",
            "share_of_time",
            "moves",
            "first_entries",
            "examples"
        ]
    );
    assert_eq!(report["differences"]["customers_ever"], 3);
    let pooled = &report["prediction"]["pooled"][0];
    assert_eq!(
        keys(pooled),
        [
            "population",
            "stopped",
            "flagged",
            "hits",
            "precision",
            "precision_95",
            "recall",
            "f1",
            "flagged_share",
            "base_rate",
            "recency",
            "stages",
            "lead"
        ]
    );
    assert_eq!(pooled["stages"], json!(["at_risk"]));
}

#[test]
fn a_backtest_of_a_single_model_has_no_comparison() {
    let folder = folder();
    let run = tenure(&folder, "--model old.yaml --format json events.csv");
    let report: Json = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["differences"], Json::Null);
    assert_eq!(report["matrices"], Json::Null);
    assert_eq!(report["prediction"], Json::Null);
    assert_eq!(report["versions"].as_array().unwrap().len(), 1);
    let text = tenure(&folder, "--model old.yaml events.csv").out;
    assert!(!text.contains("OLD") && text.contains("Customers make 13 moves."), "{text}");
}

#[test]
fn the_order_of_the_rows_and_a_pipe_make_no_difference() {
    let folder = folder();
    let arguments = format!("{BOTH} {ASKED} --format json");
    let plain = tenure(&folder, &format!("{arguments} events.csv"));
    assert_eq!(
        tenure(&folder, &format!("{arguments} -")).out.replace("\"-\"", "\"events.csv\""),
        plain.out
    );
    let mut rows: Vec<&str> = EVENTS.lines().collect();
    rows[1..].reverse();
    fs::write(folder.path().join("back.csv"), rows.join("\n")).unwrap();
    let line = |text: &str, line: &str| {
        text.replace("back.csv", "events.csv").replace(line, "\"line\": 9")
    };
    let back = tenure(&folder, &format!("{arguments} back.csv")).out;
    assert_eq!(line(&back, "\"line\": 3"), plain.out);
}

#[test]
fn a_backtest_ends_at_the_given_time() {
    let folder = folder();
    let run = tenure(&folder, "--model old.yaml --format json --until 2026-01-12 events.csv");
    let report: Json = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["history"]["end"], "2026-01-12T23:59:59.999Z");
    assert_eq!((&report["history"]["events"], &report["history"]["later"]), (&json!(3), &json!(5)));
    // Timers fire up to the end: ann and cem on the 11th.
    assert_eq!(report["versions"][0]["stages"][2]["at_end"], 2);
}

#[test]
fn invalid_arguments_are_refused_with_a_reason() {
    let folder = folder();
    fs::write(folder.path().join("empty.csv"), "customer_id,type,time\n").unwrap();
    for (arguments, code, said) in [
        (&*format!("{BOTH} --model old.yaml events.csv"), 2, "at most two --model"),
        (
            "--model old.yaml --outcome order --within 20d --stage at_rsk events.csv",
            2,
            "did you mean `at_risk`?",
        ),
        (
            &format!("--model old.yaml {ASKED} --stage buyer events.csv"),
            2,
            "more --stage than --model",
        ),
        ("--model old.yaml --outcome order events.csv", 2, "--within"),
        ("--model old.yaml --flap 0d events.csv", 2, "write 7d"),
        (
            "--model old.yaml --outcome order --within 60d --stage at_risk events.csv",
            2,
            "too short",
        ),
        ("--model old.yaml - -", 2, "once only"),
        ("--model old.yaml --html events.csv events.csv", 2, "--html would overwrite events.csv"),
        ("--model none.yaml events.csv", 78, "none.yaml"),
        ("--model old.yaml empty.csv", 1, "no event"),
        ("--model old.yaml --strict events.csv", 3, ""),
    ] {
        let run = tenure(&folder, arguments);
        assert_eq!(run.code, code, "{arguments}: {}", run.said);
        assert!(run.said.contains(said), "{arguments}: {}", run.said);
    }
}

#[test]
fn an_endless_cycle_by_time_alone_ends_with_a_reason() {
    let folder = folder();
    let model = "\
model: clock
initial: a
stages: { a: {}, b: {} }
transitions:
  - { from: a, to: b, when: days_in_stage >= 0.00000001 }
  - { from: b, to: a, when: days_in_stage >= 0.00000001 }
";
    fs::write(folder.path().join("clock.yaml"), model).unwrap();
    let run = tenure(&folder, "--model clock.yaml events.csv");
    assert_eq!(run.code, 1, "{}", run.said);
    assert!(run.said.contains("do stages follow each other by time alone?"), "{}", run.said);
}

/// Elements are closed in the right order, and attributes are quoted.
fn well_formed(html: &str) {
    const VOID: [&str; 3] = ["meta", "br", "!DOCTYPE"];
    let (_, style_and_rest) = html.split_once("<style>").unwrap();
    let (_, rest) = style_and_rest.split_once("</style>").unwrap();
    let mut open: Vec<String> = ["html", "head"].map(str::to_owned).into();
    for tag in rest.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').unwrap_or_else(|| panic!("{tag}"));
        assert!(!text.contains('>'), "{text}");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap();
        if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn the_page_is_well_formed_self_contained_and_escaped() {
    let folder = folder();
    let evil = "<b>&\"'";
    let events = EVENTS.replace("ann", "<script>alert(1)</script>");
    fs::write(folder.path().join("evil.csv"), events).unwrap();
    let model = fs::read_to_string(folder.path().join("new.yaml")).unwrap();
    fs::write(folder.path().join(format!("{evil}.yaml")), model).unwrap();
    let run = tenure(
        &folder,
        &format!("--model old.yaml --model {evil}.yaml {ASKED} --html page.html evil.csv"),
    );
    assert_eq!(run.code, 0, "{}", run.said);
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    well_formed(&page);
    for never in ["http:", "https:", "src=", "href=", "url(", "@import", "<script", evil] {
        assert!(!page.contains(never), "{never}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.contains("&lt;b&gt;&amp;&quot;'.yaml"));
    for needed in [
        "prefers-color-scheme: dark",
        "@media print",
        "role=\"img\"",
        "<title>Backtest</title>",
        "<desc>",
    ] {
        assert!(page.contains(needed), "{needed}");
    }
    // Two charts of the population, one of durations, two of predictions.
    assert_eq!(page.matches("class=\"chart\"").count(), 5);
    assert_eq!(page.matches("class=\"strips\"").count(), 3);
    // A single model has a page, too.
    let run = tenure(&folder, "--model old.yaml --html alone.html events.csv");
    assert_eq!(run.code, 0, "{}", run.said);
    well_formed(&fs::read_to_string(folder.path().join("alone.html")).unwrap());
}

#[test]
fn an_unanswerable_question_is_refused_with_a_suggestion() {
    let folder = folder();
    for (asked, said) in [
        (
            "--outcome ordr --within 20d --stage at_risk",
            "no customer has an event of type `ordr` before any of the dates; did you mean `order`?\n",
        ),
        (
            "--outcome order --within 3m --stage at_risk",
            "3m is less than an hour; m means minutes; write 90d for three months",
        ),
    ] {
        let run = tenure(&folder, &format!("{BOTH} {asked} events.csv"));
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{}", run.said);
        assert!(run.said.contains(said), "{}", run.said);
    }
}

#[test]
fn a_history_without_valid_events_is_reported_with_the_reason() {
    let folder = folder();
    let german = "customer_id,type,time\nann,order,01.01.1997\nann,order,02.01.1997\n";
    fs::write(folder.path().join("german.csv"), german).unwrap();
    let why = "bad_time (write 1997-01-31 or 1997-01-31T08:30:00Z)\n";
    let run = tenure(&folder, "--model old.yaml german.csv");
    assert_eq!(run.code, 1);
    assert_eq!(
        run.said,
        "error: there is no event to backtest\n\
         2 rejected: bad_time, first at german.csv:2 \
         (write 1997-01-31 or 1997-01-31T08:30:00Z)\n"
    );
    let explain = ["explain", "ann", "--model", "old.yaml", "german.csv"];
    let story = ["replay", "--story", "ann", "--model", "old.yaml", "german.csv"];
    for command in [&explain[..], &story[..]] {
        let run = crate::program::tenure(folder.path(), command);
        let said = "there are no events of ann; 2 rows were rejected, the first at german.csv:2: ";
        assert_eq!(run.code, 1);
        assert!(run.said.ends_with(&format!("{said}{why}")), "{}", run.said);
    }
}
