//! A partition that cannot be processed stops alone, its cause is visible, and an operator can continue without losing
//! more than is already lost.

use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kafka_protocol::messages::FetchRequest;
use serde_json::Value as Json;
use tenure::crash::PANIC_VARIABLE;
use tenure::store::{Config, Family, Rocks, StorageEngine as _};

use crate::app::{App, header};
use crate::exactly_once::{assert_published_once, history, produce};
use crate::harness::{Broker, Isolation, Record, StoredRecord, eventually};
use crate::proxy::Proxy;
use crate::reference::Event;

const SETTINGS: &str = "[runtime]\ncommit_interval = \"10ms\"\nworkers = 2\n";
const QUARANTINED: &str = r#"tenure_partitions{state="quarantined"}"#;

/// An event of a customer without expected transitions.
fn stranger(partition: i32, number: usize) -> Record {
    let json = format!(
        r#"{{"type":"order_completed","customer_id":"stranger-{number}","time":"2026-01-01","order_id":"s{number}"}}"#
    );
    Record::new(partition, format!("stranger-{number}"), json)
}

fn await_quarantined(app: &mut App, partitions: i64) {
    eventually("partitions are quarantined", || {
        app.assert_running();
        app.daemon.metric(QUARANTINED) == partitions
    });
}

/// Whether all records of one partition of the inputs are committed.
fn is_read(app: &App, partition: i32) -> bool {
    ["clickstream", "purchases"].iter().all(|input| {
        let topic = app.topic(input);
        let committed_offsets = app.broker.committed_offsets(&app.name, &topic);
        let (_, end) = app.broker.bounds(&topic, Isolation::Committed)[&partition];
        committed_offsets.get(&partition).is_some_and(|at| at.offset >= end)
    })
}

/// `tenure state` with these arguments.
pub(crate) fn state(app: &App, arguments: &[&str]) -> Output {
    let log = app.log();
    let address = log.split("serving operators address=").nth(1).unwrap();
    let address = address.split_whitespace().next().unwrap();
    Command::new(env!("CARGO_BIN_EXE_tenure"))
        .arg("state")
        .args(arguments)
        .args(["--admin", address])
        .output()
        .unwrap()
}

/// The action is possible, and it is executed only with `--yes`.
fn act(app: &mut App, action: &str, partition: &str, more: &[&str]) {
    let dry = [&[action, partition], more].concat();
    let dry_run = state(app, &dry);
    assert!(dry_run.status.success(), "{dry_run:?}");
    let log = String::from_utf8(dry_run.stderr).unwrap();
    assert!(log.contains("nothing was changed"), "{log}");
    let meant = [&dry[..], &["--yes"]].concat();
    assert!(state(app, &meant).status.success());
}

fn letters(app: &App, reason: &str) -> Vec<StoredRecord> {
    let mut letters = app.read("dead-letters");
    letters.retain(|letter| header(letter, "tenure_reason").as_deref() == Some(reason));
    letters
}

fn log(letter: &StoredRecord, name: &str) -> String {
    header(letter, name).unwrap()
}

fn ends_well(mut app: App, events: &[Event], horizon: i64) {
    app.await_caught_up();
    assert_eq!(app.daemon.metric(QUARANTINED), 0);
    assert_published_once(&app, events, horizon);
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

#[test]
fn records_that_cause_a_panic_are_skipped_into_the_dead_letters_on_request() {
    let mut app = App::new("panics", 3, SETTINGS);
    let events = history(1, 300, 4_000);
    produce(&app, &events[..2_000], 3);
    let purchases = app.topic("purchases");
    let end = |partition: i32| app.broker.bounds(&purchases, Isolation::Committed)[&partition].1;
    let (first, second) = (end(0), end(1));
    app.broker.produce(&purchases, &[stranger(0, 0), stranger(1, 1)]);
    let horizon = produce(&app, &events[2_000..], 3);
    let panics = format!("{PANIC_VARIABLE}=apply:1:0:{first},decode:1:1:{second}");
    app.start_with_env(&panics);
    await_quarantined(&mut app, 2);
    eventually("the other partition continues", || is_read(&app, 2));
    assert_eq!(app.daemon.get("/readyz").0, "HTTP/1.1 200 OK");
    // Killed, the next process finds the same.
    app.kill();
    app.start_with_env(&panics);
    await_quarantined(&mut app, 2);

    let shown = state(&app, &["--format", "json"]);
    let shown: Vec<Json> = serde_json::from_slice(&shown.stdout).unwrap();
    for (partition, offset) in [(0, first), (1, second)] {
        assert_eq!(shown[partition]["cause"], "record", "{shown:?}");
        assert_eq!(shown[partition]["offset"], offset);
        assert_eq!(shown[partition]["actions"][0], "skip");
    }
    let refused = state(&app, &["rebuild", "0", "--yes"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    for partition in ["0", "1"] {
        act(&mut app, "skip", partition, &[]);
    }
    app.await_caught_up();
    let skipped = letters(&app, "skipped");
    let mut places: Vec<[String; 2]> = skipped
        .iter()
        .map(|letter| ["tenure_partition", "tenure_offset"].map(|name| log(letter, name)))
        .collect();
    places.sort();
    let expected = [(0, first), (1, second)].map(|(p, o)| [p.to_string(), o.to_string()]);
    assert_eq!(places, expected);
    assert!(skipped.iter().all(|it| it.record.text().contains("stranger")));
    assert!(!app.log().contains("stranger"));
    ends_well(app, &events, horizon);
}

#[test]
fn records_deleted_unread_by_retention_quarantine_their_partition_until_the_loss_is_accepted() {
    let mut app = App::new("retention", 2, SETTINGS);
    let events = history(1, 300, 4_000);
    produce(&app, &events[..2_000], 2);
    app.run_until_caught_up();
    let purchases = app.topic("purchases");
    let end = |app: &App| app.broker.bounds(&purchases, Isolation::Committed)[&0].1;
    let from = end(&app);
    let strangers: Vec<Record> = (0..30).map(|number| stranger(0, number)).collect();
    app.broker.produce(&purchases, &strangers);
    let to = end(&app);
    app.broker.delete_records(&purchases, 0, to);
    let horizon = produce(&app, &events[2_000..], 2);
    // Every owner finds the same.
    for _ in 0..2 {
        app.start();
        await_quarantined(&mut app, 1);
        let why = format!("begins at offset {to}, but {from} is the next to be read");
        assert!(app.log().contains(&why), "{}", app.log());
        eventually("the other partition continues", || is_read(&app, 1));
        app.kill();
    }
    app.start();
    await_quarantined(&mut app, 1);
    act(&mut app, "accept-loss", "0", &[]);
    app.await_caught_up();
    let [letter] = letters(&app, "input_lost").try_into().unwrap();
    let place = ["topic", "partition", "offset", "offset_end", "applied"]
        .map(|name| log(&letter, &format!("tenure_{name}")));
    let expected = [&purchases, "0", &from.to_string(), &to.to_string(), "false"];
    assert_eq!(place.each_ref().map(String::as_str), expected);
    let lost = app.daemon.metric("tenure_lost_input_records_total");
    assert_eq!(lost, to - from);
    ends_well(app, &events, horizon);
}

#[test]
fn a_batch_damaged_in_transit_is_neither_processed_nor_skipped() {
    let proxy = Proxy::for_broker(Broker::shared());
    let bootstrap = proxy.bootstrap();
    let mut app = App::through_proxy(&bootstrap, "damagedbatch", 3, SETTINGS);
    let events = history(1, 300, 4_000);
    produce(&app, &events[..2_000], 3);
    let purchases = app.topic("purchases");
    // Uncompressed, so that the proxy finds its text.
    let plain = [("compression.type", "uncompressed"), ("retention.ms", "-1")];
    app.broker.alter_topic(&purchases, &plain);
    let ends = |app: &App| {
        let bounds = app.broker.bounds(&purchases, Isolation::Committed);
        [0, 1].map(|partition| bounds[&partition].1)
    };
    let from = ends(&app);
    app.broker.produce(&purchases, &[stranger(0, 7), stranger(1, 7)]);
    let to = ends(&app);
    let horizon = produce(&app, &events[2_000..], 3);
    let is_damaged = Arc::new(AtomicBool::new(true));
    let on_its_way = is_damaged.clone();
    let fetch = proxy.on::<FetchRequest>().times(usize::MAX);
    let _fault =
        fetch.when(move |_| on_its_way.load(Ordering::Relaxed)).corrupt_response("stranger-7");
    app.start();
    await_quarantined(&mut app, 2);
    eventually("the other partition continues", || is_read(&app, 2));
    let committed_offsets = app.broker.committed_offsets(&app.name, &purchases);
    let at = [0, 1].map(|partition| committed_offsets[&partition].offset);
    assert_eq!(at, from, "all before it is processed");
    // Still damaged.
    for partition in ["0", "1"] {
        act(&mut app, "retry", partition, &[]);
    }
    eventually("the damage is found again", || {
        app.daemon.count_in_log("is quarantined: ") >= 4 && app.daemon.metric(QUARANTINED) == 2
    });
    let unclear = state(&app, &["accept-loss", "0", "--yes"]);
    assert_eq!(unclear.status.code(), Some(1), "{unclear:?}");
    for partition in [0, 1] {
        let to = to[partition].to_string();
        act(&mut app, "accept-loss", &partition.to_string(), &["--to", &to]);
    }
    app.await_caught_up();
    let mut places: Vec<[String; 3]> = letters(&app, "input_lost")
        .iter()
        .map(|letter| {
            ["partition", "offset", "offset_end"].map(|name| log(letter, &format!("tenure_{name}")))
        })
        .collect();
    places.sort();
    let expected = [0, 1].map(|it| [it as i64, from[it], to[it]].map(|number| number.to_string()));
    assert_eq!(places, expected);
    is_damaged.store(false, Ordering::Relaxed);
    ends_well(app, &events, horizon);
}

#[test]
fn a_damaged_value_of_the_local_state_is_rebuilt_from_the_changelog_on_request() {
    let mut app = App::new("corruptvalue", 1, SETTINGS);
    let events = history(1, 300, 4_000);
    produce(&app, &events[..2_000], 1);
    app.run_until_caught_up();
    let damage = |app: &App, by: &[u8]| {
        let config = Config { memory_bytes: 16 << 20, durable: true };
        let disk = Rocks::open(&app.folder.path().join("state"), &config).unwrap();
        let mut keys = Vec::new();
        let mut take = |key: &[u8], _: &[u8]| {
            keys.push(key.to_vec());
            Ok(std::ops::ControlFlow::Continue(()))
        };
        let all = [0xff; 8];
        disk.scan(Family::Customers, &[], &all, &mut take).unwrap();
        let fill = |batch: &mut dyn tenure::store::BatchWriter| {
            keys.iter().for_each(|key| batch.put(Family::Customers, key, by));
            Ok(())
        };
        disk.write(&mut { fill }).unwrap();
    };
    damage(&app, &[5, 0xff, 0xff, 0xff]);
    let horizon = produce(&app, &events[2_000..], 1);
    app.start();
    await_quarantined(&mut app, 1);
    assert!(app.log().contains("state_corrupt"), "{}", app.log());
    act(&mut app, "rebuild", "0", &[]);
    app.await_caught_up();
    assert_published_once(&app, &events, horizon);
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());

    // A format of a future version, which this version cannot repair.
    damage(&app, &[99]);
    produce(&app, &events[..1], 1);
    app.start();
    eventually("the partition is deferred", || {
        app.assert_running();
        app.daemon.metric(r#"tenure_partitions{state="deferred"}"#) == 1
    });
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

/// As after an unclean leader election: a batch that the group has committed is neither in the changelog nor on any
/// disk.
#[test]
fn a_changelog_that_ends_before_the_groups_offsets_is_accepted_on_request() {
    let mut app = App::new("endlost", 1, SETTINGS);
    let events = history(1, 300, 4_000);
    produce(&app, &events[..2_000], 1);
    app.run_until_caught_up();
    // The whole changelog as it is now will replace the later one.
    let changelog = app.topic("changelog");
    let earlier = app.read("changelog");
    let horizon = produce(&app, &events[2_000..], 1);
    app.run_until_caught_up();
    let dry_run = app.read("stage-changes").len();
    app.broker.delete_topic(&changelog);
    let compacted = [("cleanup.policy", "compact")];
    app.broker.create_topic(&changelog, 1, &compacted);
    let earlier: Vec<Record> = earlier.into_iter().map(|stored| stored.record).collect();
    app.broker.produce(&changelog, &earlier);
    // The state on disk still has it.
    app.start();
    await_quarantined(&mut app, 1);
    let why = "the changelog ends with an earlier batch than the local state";
    assert!(app.log().contains(why), "{}", app.log());
    act(&mut app, "rebuild", "0", &[]);
    eventually("it continues from there", || {
        app.assert_running();
        app.daemon.metric("tenure_batches_total") > 0 && is_read(&app, 0)
    });
    assert_eq!(app.daemon.metric(QUARANTINED), 0);
    app.await_caught_up();
    // Some are produced again, under the same ids.
    let all = app.read("stage-changes");
    assert!(all.len() > dry_run);
    let ids: std::collections::BTreeSet<String> =
        all.iter().map(|stored| log(stored, "ce_id")).collect();
    assert_eq!(ids.len(), dry_run);
    let _ = horizon;
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}
