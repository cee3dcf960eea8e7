//! The daemon's published transitions equal the independent fold of the same input: each once and
//! in order, whatever is killed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value as Json;

use tenure::crash::CRASH_VARIABLE;

use crate::app::App;
use crate::harness::{Isolation, Record, StoredRecord};
use crate::reference::{self, Cause, Change, Event, Value};
use crate::retail::{purchases, retail};

/// The fields that must be equal (rule 21), per customer.
pub(crate) type Transitions = BTreeMap<String, Vec<(u64, String, String, String, String, String)>>;

fn instant(millis: i64) -> String {
    tenure::event::EventTime(millis).to_string()
}

/// Changes that took effect before `horizon`: later ones may not have been noticed yet.
pub(crate) fn published(changes: &[Json], horizon: i64) -> Transitions {
    let text = |json: &Json| json.as_str().unwrap().to_owned();
    let mut published = Transitions::new();
    for data in changes.iter().filter(|data| text(&data["effective_at"]) < instant(horizon)) {
        published.entry(text(&data["customer_id"])).or_default().push((
            data["sequence"].as_u64().unwrap(),
            text(&data["from"]),
            text(&data["to"]),
            text(&data["transition"]),
            text(&data["cause"]),
            text(&data["effective_at"]),
        ));
    }
    published
}

pub(crate) fn expected(changes: Vec<Change>, horizon: i64) -> Transitions {
    let mut published = Transitions::new();
    for change in changes.into_iter().filter(|change| change.effective_at < horizon) {
        let cause = match change.cause {
            Cause::Event => "event",
            Cause::Timer => "timer",
            Cause::Correction => "correction",
        };
        published.entry(change.customer).or_default().push((
            change.sequence,
            change.from,
            change.to,
            change.transition,
            cause.to_owned(),
            instant(change.effective_at),
        ));
    }
    published
}

/// Any fixed rule works: the state is in the partition of the record.
pub(crate) fn partition(customer: &str, partitions: i32) -> i32 {
    customer.bytes().fold(0_i32, |sum, byte| (sum * 31 + i32::from(byte)) % partitions)
}

/// Produces the events to the topic of their type, in time order. Returns the horizon: everything
/// that is due before it has been noticed once all records are committed.
pub(crate) fn produce(app: &App, events: &[Event], partitions: i32) -> i64 {
    produce_partitioned(app, events, |customer| partition(customer, partitions))
}

/// The same, with this partition for each customer.
pub(crate) fn produce_partitioned(
    app: &App,
    events: &[Event],
    partition_of: impl Fn(&str) -> i32,
) -> i64 {
    let mut last = BTreeMap::new();
    let mut topics: BTreeMap<&str, Vec<Record>> = BTreeMap::new();
    for event in events {
        let at = partition_of(&event.customer);
        let (customer, kind, time) = (&event.customer, &event.kind, event.time);
        let json = format!(
            r#"{{"type":"{kind}","customer_id":"{customer}","time":{time}{}}}"#,
            further_fields(event)
        );
        let topic = if kind.starts_with("order_") { "purchases" } else { "clickstream" };
        topics.entry(topic).or_default().push(Record::new(at, customer.as_str(), json));
        let last = last.entry(at).or_insert(time);
        *last = time.max(*last);
    }
    for (topic, records) in &topics {
        app.produce(topic, records);
    }
    *last.values().min().unwrap()
}

/// The fields of an event in addition to type, customer and time.
fn further_fields(event: &Event) -> String {
    let ids = [("id", &event.id), ("order_id", &event.order_id)];
    let ids =
        ids.into_iter().filter_map(|(name, id)| Some(format!(r#","{name}":"{}""#, id.as_ref()?)));
    let fields = event.fields.iter().map(|(name, value)| match value {
        Value::Number(nanos) => {
            format!(r#","{name}":{}.{:09}"#, nanos / 1_000_000_000, nanos % 1_000_000_000)
        }
        Value::Text(text) => format!(r#","{name}":"{text}""#),
        other => panic!("{other:?} is not used in histories"),
    });
    ids.chain(fields).collect()
}

pub(crate) fn assert_published_once(app: &App, events: &[Event], horizon: i64) {
    let fold = reference::replay(&[retail()], events, None);
    assert_matches_fold(app, "retail", fold, horizon);
}

/// Every transition of the model was published, once and in order, and no other.
pub(crate) fn assert_matches_fold(app: &App, model: &str, fold: Vec<Change>, horizon: i64) {
    let changes = app.stage_changes();
    let published = published(&changes, horizon);
    let expected = expected(fold, horizon);
    for (customer, expected) in &expected {
        assert_eq!(published.get(customer), Some(expected), "{customer:?}");
    }
    assert_eq!(published.len(), expected.len(), "customers without an expected transition");
    assert!(
        published.values().map(Vec::len).sum::<usize>() > 500,
        "too few transitions to compare"
    );
    let ids: std::collections::BTreeSet<String> = app
        .read("stage-changes")
        .iter()
        .map(|stored| crate::app::header(stored, "ce_id").unwrap())
        .collect();
    assert_eq!(ids.len(), changes.len(), "an id is published twice");
    assert_current_stages(app, model, &changes);
}

/// The compacted topic contains the last transition of every customer.
pub(crate) fn assert_current_stages(app: &App, model: &str, changes: &[Json]) {
    let mut current: BTreeMap<Vec<u8>, Json> = BTreeMap::new();
    for stored in app.read("customer-stages") {
        current.insert(
            stored.record.key.clone().unwrap(),
            serde_json::from_str(stored.record.text()).unwrap(),
        );
    }
    let mut last: BTreeMap<Vec<u8>, &Json> = BTreeMap::new();
    for change in changes {
        last.insert(change["customer_id"].as_str().unwrap().into(), change);
    }
    let missing: Vec<_> = last
        .keys()
        .filter(|customer| !current.contains_key(*customer))
        .map(|customer| String::from_utf8_lossy(customer))
        .collect();
    assert!(missing.is_empty(), "no current stage for {missing:?}");
    assert_eq!(current.len(), last.len());
    for (customer, change) in last {
        let now = &current[&customer]["models"][model];
        assert_eq!((&now["stage"], &now["sequence"]), (&change["to"], &change["sequence"]));
    }
}

#[test]
fn the_cdnow_sample_through_a_broker_gives_the_transitions_of_the_independent_fold() {
    let mut app = App::new("cdnow", 2, "");
    let mut events = purchases();
    events.sort_by_key(|event| event.time);
    let horizon = produce(&app, &events, 2);
    app.start();
    app.await_caught_up();
    assert_published_once(&app, &events, horizon);
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

/// A history of visits, sign-ups and orders with long inactivity; a fixed function of the seed.
pub(crate) fn history(seed: u64, customers: u64, events: u64) -> Vec<Event> {
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut time = reference::date(2026, 1, 1);
    (0..events)
        .map(|_| {
            time += chance.i64(1..20 * reference::MINUTE);
            let customer = format!("customer-{}", chance.u64(0..customers));
            match chance.u32(0..10) {
                0..3 => {
                    let amount = format!("{}.{:02}", chance.u32(1..300), chance.u32(0..100));
                    Event::new(&customer, "order_completed", time)
                        .with("value", Value::money(&amount))
                }
                3 => Event::new(&customer, "signed_up", time),
                _ => Event::new(&customer, "page_viewed", time),
            }
        })
        .collect()
}

#[test]
fn twenty_kills_under_load_lose_nothing_and_duplicate_nothing() {
    let seed = std::env::var("TENURE_SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("TENURE_SEED={seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let settings = "[runtime]\ncommit_interval = \"10ms\"\nbatch_records = 60\n";
    let mut app = App::new("kills", 2, settings);
    let events = history(seed, 300, 15_000);
    let horizon = produce(&app, &events, 2);
    let mut unfinished = 0;
    for kill in 0..20 {
        app.start();
        // The moment is random: from before the daemon joins the group to inside a transaction.
        std::thread::park_timeout(Duration::from_millis(chance.u64(100..1_500)));
        app.assert_running();
        app.kill();
        unfinished += usize::from(kill < 19);
        // Sometimes the disk is lost: only the changelog is left.
        if kill % 7 == 6 {
            std::fs::remove_dir_all(app.folder.path().join("state")).unwrap();
        }
    }
    assert_eq!(unfinished, 19);
    app.start();
    app.await_caught_up();
    assert_published_once(&app, &events, horizon);
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

/// Killed after a commit and before the publication, and after the publication and before the write to disk; the disk
/// is lost once, too.
#[test]
fn at_least_once_outputs_reach_readers_without_transactions() {
    let settings = "[runtime]\ncommit_interval = \"10ms\"\nbatch_records = 60\n";
    let mut app = App::new("atleast", 2, settings);
    let path = app.folder.path().join("tenure.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("[output]\n", "[output]\ndelivery = \"at_least_once\"\n");
    std::fs::write(&path, text).unwrap();
    let events = history(1, 300, 6_000);
    let horizon = produce(&app, &events, 2);
    for partition_of in ["committed:4", "before-write:6", "committed:5"] {
        app.start_with_env(&format!("{CRASH_VARIABLE}={partition_of}"));
        app.await_exit();
    }
    std::fs::remove_dir_all(app.folder.path().join("state")).unwrap();
    app.start();
    app.await_caught_up();
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
    let topic = app.topic("stage-changes");
    let all = app.broker.read(&topic, Isolation::Uncommitted);
    let mut next = [0; 2];
    let mut once: Vec<&StoredRecord> = Vec::new();
    for stored in &all {
        let partition = usize::try_from(stored.record.partition).unwrap();
        assert_eq!(stored.offset, next[partition], "a transaction marker");
        next[partition] += 1;
        let content = |it: &StoredRecord| (it.record.value.clone(), it.record.headers.clone());
        if !once.iter().any(|known| content(known) == content(stored)) {
            once.push(stored);
        }
    }
    assert!(once.len() < all.len(), "no output was published again");
    let read = |stored: &&StoredRecord| serde_json::from_str(stored.record.text()).unwrap();
    let changes: Vec<Json> = once.iter().map(read).collect();
    let fold = reference::replay(&[retail()], &events, None);
    assert_eq!(published(&changes, horizon), expected(fold, horizon));
    assert!(changes.len() > 500, "{}", changes.len());
    assert_current_stages(&app, "retail", &changes);
}
