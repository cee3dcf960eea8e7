//! A public clickstream with sessions, read with a mapping.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::cdnow::{expected, transitions};
use crate::presets;
use crate::program::{Run, tenure};
use crate::reference::{self, Event, Value};
use crate::retail::retail;

const MAPPED: [&str; 8] = [
    "--map",
    "customer_id=user_id",
    "--map",
    "type=event",
    "--map",
    "time=timestamp",
    "--map",
    "channel=acquisition_channel",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn clickstream() -> String {
    let file = root().join("tests/data/ecom/ecom.csv.gz");
    file.to_str().unwrap().to_owned()
}

/// A copy of a preset with the event type that this shop uses for orders.
fn preset(path: &Path, folder: &Path) -> PathBuf {
    let own = folder.join(path.file_name().unwrap());
    let text = fs::read_to_string(path).unwrap();
    fs::write(&own, text.replace("order_completed", "purchase")).unwrap();
    own
}

fn run(folder: &Path, command: &str, models: &[PathBuf], more: &[&str]) -> Run {
    let mut arguments = vec![command];
    for model in models {
        arguments.extend(["--model", model.to_str().unwrap()]);
    }
    let clickstream = clickstream();
    arguments.extend(MAPPED);
    arguments.extend(more);
    arguments.push(&clickstream);
    let run = tenure(folder, &arguments);
    assert_eq!(run.code, 0, "{}", run.said);
    run
}

/// A row, read without Tenure.
struct Click {
    user: String,
    session: String,
    event: String,
    time: i64,
}

/// In time order; at one instant, in file order.
fn clicks() -> Vec<Click> {
    let file = File::open(clickstream()).unwrap();
    let mut rows = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
    let click = |row: csv::StringRecord| {
        let time = row[3].replace(' ', "T") + "Z";
        let time: jiff::Timestamp = time.parse().unwrap();
        Click {
            user: row[0].to_owned(),
            session: row[1].to_owned(),
            event: row[2].to_owned(),
            time: time.as_millisecond(),
        }
    };
    let mut clicks: Vec<Click> = rows.records().map(|row| click(row.unwrap())).collect();
    assert_eq!(clicks.len(), 31_106);
    clicks.sort_by_key(|click| click.time);
    clicks
}

#[test]
fn every_preset_replays_a_clickstream_with_all_its_customers() {
    let folder = tempfile::tempdir().unwrap();
    let files = presets::files();
    let models: Vec<PathBuf> = files.iter().map(|it| preset(it, folder.path())).collect();
    assert!(models.len() >= 12);
    let run = run(folder.path(), "replay", &models, &[]);
    assert!(run.said.contains("\n31106 events, "), "{}", run.said);
    // Twelve tables, each of all customers.
    let (mut tables, mut customers) = (0, 0);
    for line in run.said.lines().skip_while(|line| !line.is_empty()) {
        match line.strip_prefix("  ") {
            Some(stage) => {
                let count = stage.split_whitespace().last().unwrap();
                customers += count.parse::<u64>().unwrap();
            }
            None => tables += usize::from(line.ends_with(" customers")),
        }
    }
    assert_eq!(tables, models.len());
    assert_eq!(customers, 600 * models.len() as u64);
}

#[test]
fn the_clickstream_gives_the_transitions_of_the_independent_fold() {
    let folder = tempfile::tempdir().unwrap();
    let retail_file = preset(&root().join("config/models/retail.yaml"), folder.path());
    let run = run(folder.path(), "replay", &[retail_file], &[]);
    let events: Vec<_> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let clicks = clicks().into_iter().map(|click| {
        let kind = match click.event.as_str() {
            "purchase" => "order_completed",
            other => other,
        };
        let event = Event::new(&click.user, kind, click.time);
        event.with("session_id", Value::text(&click.session))
    });
    let clicks: Vec<Event> = clicks.collect();
    let transitions = transitions(&events);
    assert_eq!(transitions, expected(reference::replay(&[retail()], &clicks, None)));
    // Exactly the customers with an order.
    let bought = clicks.iter().filter(|click| click.kind == "order_completed");
    let bought: BTreeSet<&String> = bought.map(|click| &click.customer).collect();
    assert_eq!(transitions.keys().collect::<BTreeSet<_>>(), bought);
}

#[test]
fn sessions_are_counted_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("visits.yaml");
    fs::write(
        &model,
        "model: visits\ninitial: new\nfacts:\n  sessions: count_distinct(any.session_id)\n\
         stages: { new: {}, regular: {} }\ntransitions:\n  - { from: new, to: regular, when: sessions >= 5 }\n",
    )
    .unwrap();
    let run = run(folder.path(), "replay", &[model], &[]);
    let mut found = BTreeMap::new();
    for line in run.out.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| event[field].as_str().unwrap().to_owned();
        assert_eq!(found.insert(text("subject"), text("time")), None);
    }
    let mut sessions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut regular = BTreeMap::new();
    for click in clicks() {
        let own = sessions.entry(click.user.clone()).or_default();
        if own.insert(click.session) && own.len() == 5 {
            regular.insert(click.user, tenure::event::EventTime(click.time).to_string());
        }
    }
    assert!(regular.len() > 100, "{}", regular.len());
    assert_eq!(found, regular);
}

#[test]
fn backtest_explain_and_timeline_use_the_same_mapping() {
    let folder = tempfile::tempdir().unwrap();
    let model = [preset(&root().join("config/models/retail.yaml"), folder.path())];
    let asked = ["--outcome", "purchase", "--within", "30d", "--stage", "at_risk"];
    let report =
        run(folder.path(), "backtest", &model, &[&asked[..], &["--format", "json"]].concat());
    let report = report.json();
    assert_eq!(report["history"]["events"], 31_106);
    assert_eq!(report["history"]["customers"], 600);
    let timeline = run(folder.path(), "replay", &model, &["--story", "user_0000"]);
    assert!(timeline.out.contains("2024-03-13"), "{}", timeline.out);
    let explained = tenure(
        folder.path(),
        &[
            &["explain", "user_0000", "--model", model[0].to_str().unwrap()],
            &MAPPED[..],
            &[&*clickstream()],
        ]
        .concat(),
    );
    assert_eq!(explained.code, 0, "{}", explained.said);
    assert!(explained.out.contains("user_0000"), "{}", explained.out);
}

#[test]
fn an_invalid_mapping_is_refused_with_a_suggestion() {
    let folder = tempfile::tempdir().unwrap();
    for (mapping, message) in [
        ("customer_id", "write KEY=VALUE"),
        ("custmer_id=user_id", "did you mean `customer_id`?"),
        ("colour=red", "the settings are customer_id, type, time"),
        ("time=", "time: every event needs this field"),
        ("time_unit=hours", "unknown variant `hours`, expected one of `seconds`"),
    ] {
        let clickstream = clickstream();
        let run =
            tenure(folder.path(), &["replay", "--model", "m.yaml", "--map", mapping, &clickstream]);
        assert_eq!(run.code, 2, "{mapping}");
        assert!(run.said.contains(message), "{mapping}: {}", run.said);
    }
}

/// Many clickstreams are flat: the properties are next to the other fields.
#[test]
fn properties_can_be_top_level_fields_and_times_can_be_in_seconds() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("m.yaml"),
        "model: m\ninitial: a\nstages: { a: {}, b: {} }\nfacts:\n  scored: latest(any.score)\n\
         transitions:\n  - { from: a, to: b, when: scored >= 9 }\n",
    )
    .unwrap();
    let line = r#"{"user":"ann","event":"x","at":1767225600,"score":9}"#;
    fs::write(folder.path().join("e.ndjson"), line).unwrap();
    let mapping = ["customer_id=user", "type=event", "time=at", "time_unit=seconds", "properties="];
    let mapping = mapping.iter().flat_map(|it| ["--map", it]);
    let arguments: Vec<&str> =
        ["replay", "--model", "m.yaml"].into_iter().chain(mapping).chain(["e.ndjson"]).collect();
    let run = tenure(folder.path(), &arguments);
    assert_eq!(run.code, 0, "{}", run.said);
    assert!(
        run.out.contains(r#""effective_at":"2026-01-01T00:00:00.000Z""#),
        "{}{}",
        run.out,
        run.said
    );
}

#[test]
fn a_file_that_is_named_twice_is_read_by_one_mapping_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("orders.csv", "customer,bought,delivered\nann,2024-01-01,2024-01-05\nbob,2024-01-02,\n");
    for stage in ["bought", "delivered"] {
        let mapping = format!(
            "customer_id = \"customer\"\ntype = {{ value = \"{stage}\" }}\ntime = \"{stage}\"\n"
        );
        write(&format!("{stage}.toml"), &mapping);
    }
    let model = "model: m\ninitial: new\nfacts: { purchases: count(bought), deliveries: count(delivered) }\n\
        stages: { new: {}, waiting: {}, served: {} }\ntransitions:\n\
        \x20 - { from: new, to: waiting, when: purchases >= 1 }\n\
        \x20 - { from: waiting, to: served, when: deliveries >= 1 }\n";
    write("m.yaml", model);
    let mappings =
        ["--mapping", "orders.csv=bought.toml", "--mapping", "orders.csv=delivered.toml"];
    let arguments = ["replay", "--model", "m.yaml"].into_iter().chain(mappings);
    let arguments: Vec<&str> = arguments.chain(["orders.csv", "orders.csv"]).collect();
    let run = tenure(folder.path(), &arguments);
    // Bob's order is not delivered: that row is no event of the second mapping.
    assert!(run.said.contains("1 rejected: missing_time"), "{}", run.said);
    let to = |stage: &str| run.out.matches(&format!("\"to\":\"{stage}\"")).count();
    assert_eq!((to("waiting"), to("served")), (2, 1), "{}", run.out);
}
