//! Bad records of every kind that a topic can contain: each becomes one dead letter, and its neighbours are processed
//! in order. None of them ends a process, advances the time of others, or stops later records.

use std::collections::BTreeSet;

use tenure::event::Millis;

use crate::app::{App, header};
use crate::harness::{Record, StoredRecord, eventually};

const DAY: &str = "2026-01-01";

fn event(customer: &str, kind: &str, day: &str, more: &str) -> String {
    format!(r#"{{"type":"{kind}","customer_id":"{customer}","time":"{day}"{more}}}"#)
}

fn order(customer: &str, day: &str) -> Record {
    let json = event(customer, "order_completed", day, r#","value":10"#);
    Record::new(0, customer, json)
}

fn now() -> i64 {
    tenure::runtime::clock::now().0
}

/// An order of ann, with more fields after the time.
fn ann(more: &str) -> Record {
    Record::new(0, "ann", event("ann", "order_completed", DAY, more))
}

/// With ann's key and this value.
fn value(value: impl Into<Vec<u8>>) -> Record {
    Record::new(0, "ann", value)
}

fn key(key: impl Into<Vec<u8>>) -> Record {
    Record::new(0, key, event("ann", "x", DAY, ""))
}

type Kind = (&'static str, Record, &'static str);

fn values() -> Vec<Kind> {
    let nested = |depth| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let many = r#","k":1"#.repeat(10_001);
    let long = event("ann", &"x".repeat(70_000), DAY, "");
    let bytes = event("ann", "#", DAY, "").replace('#', "\u{1}");
    let bytes = bytes.bytes().map(|byte| if byte == 1 { 0xff } else { byte });
    vec![
        ("no JSON", value("nonsense"), "not_json"),
        ("JSON that ends early", value(r#"{"type":"#), "not_json"),
        ("a list", value("[1,2]"), "not_json"),
        ("a number", value("17"), "not_json"),
        ("nothing", value(""), "not_json"),
        ("two objects", value(format!("{0}{0}", event("ann", "x", DAY, ""))), "not_json"),
        ("zeros", value(vec![0; 4096]), "not_json"),
        ("half a pair of UTF-16", value(event("ann", r"\ud800", DAY, "")), "not_utf8"),
        ("bytes that are no UTF-8", value(bytes.collect::<Vec<u8>>()), "not_utf8"),
        ("something compressed", value(vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]), "not_json"),
        ("Avro of a schema registry", value(vec![0, 0, 0, 0, 7, 0xff, 2]), "not_json"),
        ("deeply nested, and nothing else", value(nested(10_000)), "missing_customer_id"),
        ("a long text", value(long), "too_long"),
        ("ten thousand fields", ann(&many), "too_long"),
        ("a field twice", ann(r#","type":"y""#), "duplicate_key"),
        ("an amount beyond all numbers", ann(r#","value":1e999"#), "value_out_of_range"),
        ("an amount in words", ann(r#","value":"ten""#), "bad_value"),
        (
            "an amount in an unknown currency",
            ann(r#","value":1,"currency":"DOGE""#),
            "unknown_currency",
        ),
        (
            "ten megabytes of one letter, compressed to ten kilobytes",
            value(vec![b'x'; 10 << 20]),
            "too_large",
        ),
        ("a tombstone", Record { value: None, ..value("") }, "tombstone"),
    ]
}

fn keys_and_ids() -> Vec<Kind> {
    let id = |id: &str| value(format!(r#"{{"type":"x","customer_id":{id},"time":"{DAY}"}}"#));
    let long = "x".repeat(2000);
    vec![
        ("no key", Record { key: None, ..key("") }, "null_key"),
        ("an empty key", key(""), "key_differs"),
        ("another customer's key", key("bob"), "key_differs"),
        ("a key in quotes", key(r#""ann""#), "key_differs"),
        ("a key that is no UTF-8", key(vec![0xff, 0xfe]), "key_differs"),
        ("a key of a megabyte", key(vec![b'k'; 1 << 20]), "key_differs"),
        ("no id", value(format!(r#"{{"type":"x","time":"{DAY}"}}"#)), "missing_customer_id"),
        ("an empty id", id(r#""""#), "missing_customer_id"),
        ("null for an id", id("null"), "missing_customer_id"),
        ("a placeholder for an id", id(r#""undefined""#), "placeholder_customer_id"),
        ("a fraction for an id", id("1.5"), "bad_customer_id"),
        ("an object for an id", id(r#"{"id":1}"#), "bad_customer_id"),
        ("an id with a line feed", id(r#""a\nb""#), "bad_customer_id"),
        ("an id of two thousand letters", id(&format!(r#""{long}""#)), "bad_customer_id"),
        ("no type", value(format!(r#"{{"customer_id":"ann","time":"{DAY}"}}"#)), "missing_type"),
        ("an empty type", value(event("ann", "", DAY, "")), "missing_type"),
    ]
}

fn times() -> Vec<Kind> {
    let at = |time: &str| value(format!(r#"{{"type":"x","customer_id":"ann","time":{time}}}"#));
    vec![
        ("no time", value(r#"{"type":"x","customer_id":"ann"}"#), "missing_time"),
        ("a time in words", at(r#""yesterday""#), "bad_time"),
        ("seconds for milliseconds", at("1767225600"), "time_out_of_range"),
        ("the last time of all", at("9223372036854775807"), "time_out_of_range"),
        ("a time before all", at("-9223372036854775808"), "time_out_of_range"),
        ("a time beyond all numbers", at("1e30"), "time_out_of_range"),
        ("the far future", value(event("ann", "x", "2090-01-01", "")), "time_in_future"),
        ("a timestamp of long ago", ann("").at(1), "time_in_future"),
        ("no timestamp", ann("").at(-1), "no_timestamp"),
        (
            "no timestamp, and the far future",
            value(event("ann", "x", "2090-01-01", "")).at(-1),
            "no_timestamp",
        ),
        ("a timestamp of the far future", ann("").at(4_102_444_800_000), "timestamp_in_future"),
        ("the last timestamp of all", ann("").at(i64::MAX), "timestamp_in_future"),
    ]
}

fn headers() -> Vec<Kind> {
    let junk = || value("nonsense");
    // Clients in other languages can write this; a Rust client cannot.
    #[expect(unsafe_code, reason = "only its bytes are used, to be written")]
    // SAFETY: it is never read as text: rdkafka copies the bytes.
    let bytes = unsafe { String::from_utf8_unchecked(vec![b'x', 0xff, 0xfe]) };
    let many = |mut record: Record| {
        record.headers = vec![("many".to_owned(), Some(b"1".to_vec())); 10_000];
        record
    };
    vec![
        ("a header of a megabyte", junk().header("huge", vec![b'h'; 1 << 20]), "not_json"),
        ("ten thousand headers", many(junk()), "not_json"),
        ("a header whose name is no UTF-8", junk().header(&bytes, "1"), "not_json"),
        ("a header without a name", junk().header("", "1"), "not_json"),
        ("a header of our own name", junk().header("tenure_reason", "none"), "not_json"),
    ]
}

/// The topic accepts the largest records, and any timestamp.
fn app(name: &str) -> App {
    let app = App::new(name, 1, "");
    let open = [
        ("max.message.bytes", "12582912"),
        ("message.timestamp.after.max.ms", "9223372036854775807"),
        ("retention.ms", "-1"),
    ];
    app.broker.alter_topic(&app.topic("purchases"), &open);
    app
}

#[test]
fn a_bad_record_becomes_a_dead_letter_with_its_bytes_and_its_neighbours_are_processed_in_order() {
    let mut app = app("bad");
    let kinds = [values(), keys_and_ids(), times(), headers()].concat();
    assert!(kinds.len() >= 46, "{}", kinds.len());
    let mut records = Vec::new();
    for (at, (_, record, _)) in kinds.iter().enumerate() {
        records.push(order(&format!("before-{at:02}"), DAY));
        records.push(record.clone().header("trace", "kept"));
    }
    records.push(order("last", "2026-01-02"));
    app.produce("purchases", &records);
    app.start();
    app.await_caught_up();

    let letters = app.read("dead-letters");
    assert_eq!(letters.len(), kinds.len());
    for (letter, (at, (kind, record, reason))) in letters.iter().zip(kinds.iter().enumerate()) {
        // Tenure's headers are the last ones.
        let text_of = |name: &str| {
            let mut latest = letter.record.headers.iter().rev();
            let (_, value) = latest.find(|(known, _)| known == name)?;
            String::from_utf8(value.clone()?).ok()
        };
        assert_eq!(text_of("tenure_reason").as_deref(), Some(*reason), "{kind}");
        assert_eq!(text_of("tenure_offset"), Some((2 * at + 1).to_string()), "{kind}");
        assert_eq!(text_of("tenure_topic"), Some(app.topic("purchases")), "{kind}");
        let kept = text_of("trace").is_some() || text_of("tenure_headers_count").is_some();
        assert!(kept, "{kind}");
        assert!(is_kept(letter, &letter.record.key, &record.key, "tenure_key"), "{kind}");
        assert!(is_kept(letter, &letter.record.value, &record.value, "tenure_original"), "{kind}");
    }
    let converted: Vec<String> = app
        .stage_changes()
        .iter()
        .filter(|data| data["to"] == "conversion")
        .map(|data| data["customer_id"].as_str().unwrap().to_owned())
        .collect();
    let expected = (0..kinds.len()).map(|at| format!("before-{at:02}"));
    let expected = expected.chain(["last".to_owned()]);
    assert_eq!(converted, expected.collect::<Vec<_>>());
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

/// Verbatim, or the beginning with length and hash.
fn is_kept(
    letter: &StoredRecord,
    kept: &Option<Vec<u8>>,
    whole: &Option<Vec<u8>>,
    name: &str,
) -> bool {
    match header(letter, &format!("{name}_length")) {
        None => kept == whole,
        Some(length) => {
            let (kept, whole) = (kept.as_ref().unwrap(), whole.as_ref().unwrap());
            let hash = header(letter, &format!("{name}_sha256"));
            length == whole.len().to_string()
                && whole.starts_with(kept)
                && hash == Some(tenure::cloudevent::sha256_hex(whole))
        }
    }
}

#[test]
fn a_single_suspect_record_waits_for_another_record_or_the_brokers_clock() {
    for stamped in [false, true] {
        let mut app = app(if stamped { "judged" } else { "waits" });
        if stamped {
            app.use_log_append_time();
        }
        app.produce("purchases", &[ann("").at(4_102_444_800_000)]);
        app.start();
        if !stamped {
            // The daemon's own clock may be wrong.
            eventually("the suspect record is reported", || {
                app.log().contains("Until then these partitions wait")
            });
            assert_eq!(app.read("dead-letters").len(), 0);
            app.produce("purchases", &[order("bob", DAY)]);
        }
        app.await_caught_up();
        let [letter] = app.read("dead-letters").try_into().unwrap();
        let reason = header(&letter, "tenure_reason");
        assert_eq!(reason.as_deref(), Some("timestamp_in_future"));
        assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
    }
}

#[test]
fn a_clock_that_is_ahead_advances_only_its_own_customer() {
    let mut app = app("skewed-clock");
    let model = r"
model: minute
initial: here
facts: { last_seen: last(any) }
stages: { here: {}, at_risk: {} }
transitions:
  - { from: here, to: at_risk, when: since(last_seen) >= hours(1) }
  - { from: at_risk, to: here, when: since(last_seen) < hours(1), name: back }
";
    app.write_model("minute.yaml", model);
    app.write_config("minute.yaml", "[time]\nidle_after = \"0s\"\n");
    let at = |customer: &str, time: i64| {
        let json = format!(r#"{{"type":"x","customer_id":"{customer}","time":{time}}}"#);
        Record::new(0, customer, json)
    };
    let (begin, hour) = (now() - Millis::HOUR.0 / 2, Millis::HOUR.0);
    let others: Vec<String> = (0..20).map(|n| format!("other-{n:02}")).collect();
    let mut records: Vec<Record> = others.iter().map(|id| at(id, begin)).collect();
    records.push(at("ahead", begin));
    records.push(at("ahead", now() + 20 * hour));
    records.extend(others.iter().map(|id| at(id, now())));
    app.produce("purchases", &records);
    app.start();
    app.await_caught_up();
    let moved: Vec<(String, String)> = app
        .stage_changes()
        .iter()
        .map(|data| {
            let text = |key: &str| data[key].as_str().unwrap().to_owned();
            (text("customer_id"), text("to"))
        })
        .collect();
    let own = |to: &str| ("ahead".to_owned(), to.to_owned());
    assert_eq!(moved, [own("at_risk"), own("here")]);
}

#[test]
fn an_output_that_the_broker_refuses_is_replaced_by_a_small_dead_letter() {
    for delivery in ["exactly_once", "at_least_once"] {
        let mut app = app(&format!("refused-{delivery}"));
        let settings = format!("[output]\ndelivery = \"{delivery}\"\n");
        let file = app.folder.path().join("tenure.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("[output]\n", &settings)).unwrap();
        app.produce("purchases", &[order("before", DAY)]);
        app.start();
        app.await_caught_up();
        // The daemon does not notice a change after its start.
        for topic in ["dead-letters", "stage-changes"] {
            let limit = [("max.message.bytes", "1500")];
            app.broker.alter_topic(&app.topic(topic), &limit);
        }
        // Hard to compress.
        let hash = |n: i32| tenure::cloudevent::sha256_hex(&n.to_be_bytes());
        let long: String = (0..15).map(hash).collect();
        let bad = value((0..60).map(hash).collect::<String>());
        app.produce("purchases", &[bad, order(&long, DAY), order("after", "2026-01-02")]);
        app.await_caught_up();
        eventually("all dead letters are published", || {
            let letters = app.read("dead-letters");
            let refused = |letter: &StoredRecord| header(letter, "tenure_refused_topic");
            letters.iter().filter_map(refused).collect::<BTreeSet<_>>().len() == 2
        });
        // With at-least-once delivery, outputs that precede a refused one are published again.
        let mut letters = app.read("dead-letters");
        letters.dedup_by_key(|letter| header(letter, "tenure_offset"));
        let text_of = |name: &str| -> Vec<Option<String>> {
            letters.iter().map(|letter| header(letter, name)).collect()
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(text_of("tenure_reason"), [some("not_json"), some("refused_output")]);
        assert_eq!(text_of("tenure_offset"), [some("1"), some("2")], "{delivery}");
        let topics = [some(&app.topic("dead-letters")), some(&app.topic("stage-changes"))];
        assert_eq!(text_of("tenure_refused_topic"), topics);
        let mut to: Vec<String> = app
            .stage_changes()
            .iter()
            .map(|data| data["customer_id"].as_str().unwrap().to_owned())
            .collect();
        if delivery == "at_least_once" {
            to.dedup();
        }
        assert_eq!(to, ["before", "after"], "{delivery}");
        assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
    }
}
