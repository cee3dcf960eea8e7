//! A partition that cannot be processed: it alone stops, everybody can see why, and an operator can go on without losing
//! more than what is gone.

use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kafka_protocol::messages::FetchRequest;
use serde_json::Value as Json;
use tenure::crash::PANIC_VARIABLE;
use tenure::store::{Config, Family, Rocks, StorageEngine as _};

use crate::daemon::{World, header};
use crate::exactly_once::{assert_told_once, history, produce};
use crate::harness::{Broker, Isolation, Record, Stored, eventually};
use crate::proxy::Proxy;
use crate::reference::Event;

const SETTINGS: &str = "[runtime]\ncommit_interval = \"10ms\"\nworkers = 2\n";
const QUARANTINED: &str = r#"tenure_partitions{state="quarantined"}"#;

/// An event of somebody of whom nothing is expected.
fn stranger(partition: i32, number: usize) -> Record {
    let json = format!(
        r#"{{"type":"order_completed","customer_id":"stranger-{number}","time":"2026-01-01","order_id":"s{number}"}}"#
    );
    Record::new(partition, format!("stranger-{number}"), json)
}

fn await_quarantined(world: &mut World, partitions: i64) {
    eventually("partitions are quarantined", || {
        world.assert_running();
        world.first.metric(QUARANTINED) == partitions
    });
}

/// All that one partition of the inputs has is committed.
fn is_read(world: &World, partition: i32) -> bool {
    ["clickstream", "purchases"].iter().all(|input| {
        let topic = world.topic(input);
        let positions = world.broker.positions(&world.name, &topic);
        let (_, end) = world.broker.bounds(&topic, Isolation::Committed)[&partition];
        positions.get(&partition).is_some_and(|at| at.offset >= end)
    })
}

/// `tenure state` with these arguments.
fn state(world: &World, arguments: &[&str]) -> Output {
    let said = world.said();
    let address = said.split("serving operators address=").nth(1).unwrap();
    let address = address.split_whitespace().next().unwrap();
    Command::new(env!("CARGO_BIN_EXE_tenure"))
        .arg("state")
        .args(arguments)
        .args(["--admin", address])
        .output()
        .unwrap()
}

/// It is possible, and done only when it is meant.
fn act(world: &mut World, action: &str, partition: &str, more: &[&str]) {
    let dry = [&[action, partition], more].concat();
    let told = state(world, &dry);
    assert!(told.status.success(), "{told:?}");
    let said = String::from_utf8(told.stderr).unwrap();
    assert!(said.contains("nothing was changed"), "{said}");
    let meant = [&dry[..], &["--yes"]].concat();
    assert!(state(world, &meant).status.success());
}

fn letters(world: &World, reason: &str) -> Vec<Stored> {
    let mut letters = world.read("dead-letters");
    letters.retain(|letter| header(letter, "tenure_reason").as_deref() == Some(reason));
    letters
}

fn said(letter: &Stored, name: &str) -> String {
    header(letter, name).unwrap()
}

fn ends_well(mut world: World, events: &[Event], horizon: i64) {
    world.await_caught_up();
    assert_eq!(world.first.metric(QUARANTINED), 0);
    assert_told_once(&world, events, horizon);
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}

#[test]
fn records_on_which_processing_panics_go_to_the_dead_letters_when_asked_to() {
    let mut world = World::new("panics", 3, SETTINGS);
    let events = history(1, 300, 4_000);
    produce(&world, &events[..2_000], 3);
    let purchases = world.topic("purchases");
    let end = |partition: i32| world.broker.bounds(&purchases, Isolation::Committed)[&partition].1;
    let (first, second) = (end(0), end(1));
    world
        .broker
        .produce(&purchases, &[stranger(0, 0), stranger(1, 1)]);
    let horizon = produce(&world, &events[2_000..], 3);
    let panics = format!("{PANIC_VARIABLE}=apply:1:0:{first},decode:1:1:{second}");
    world.start_with(&panics);
    await_quarantined(&mut world, 2);
    eventually("the other partition goes on", || is_read(&world, 2));
    assert_eq!(world.first.get("/readyz").0, "HTTP/1.1 200 OK");
    // Killed, the next process finds the same.
    world.kill();
    world.start_with(&panics);
    await_quarantined(&mut world, 2);

    let shown = state(&world, &["--format", "json"]);
    let shown: Vec<Json> = serde_json::from_slice(&shown.stdout).unwrap();
    for (partition, offset) in [(0, first), (1, second)] {
        assert_eq!(shown[partition]["cause"], "record", "{shown:?}");
        assert_eq!(shown[partition]["offset"], offset);
        assert_eq!(shown[partition]["actions"][0], "skip");
    }
    let refused = state(&world, &["rebuild", "0", "--yes"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    for partition in ["0", "1"] {
        act(&mut world, "skip", partition, &[]);
    }
    world.await_caught_up();
    let skipped = letters(&world, "skipped");
    let mut places: Vec<[String; 2]> = skipped
        .iter()
        .map(|letter| ["tenure_partition", "tenure_offset"].map(|name| said(letter, name)))
        .collect();
    places.sort();
    let expected = [(0, first), (1, second)].map(|(p, o)| [p.to_string(), o.to_string()]);
    assert_eq!(places, expected);
    assert!(
        skipped
            .iter()
            .all(|it| it.record.text().contains("stranger"))
    );
    assert!(!world.said().contains("stranger"));
    ends_well(world, &events, horizon);
}

#[test]
fn what_retention_has_deleted_unread_is_told_and_the_rest_goes_on_when_that_is_accepted() {
    let mut world = World::new("retention", 2, SETTINGS);
    let events = history(1, 300, 4_000);
    produce(&world, &events[..2_000], 2);
    world.work_through();
    let purchases = world.topic("purchases");
    let end = |world: &World| world.broker.bounds(&purchases, Isolation::Committed)[&0].1;
    let from = end(&world);
    let strangers: Vec<Record> = (0..30).map(|number| stranger(0, number)).collect();
    world.broker.produce(&purchases, &strangers);
    let to = end(&world);
    world.broker.delete_records(&purchases, 0, to);
    let horizon = produce(&world, &events[2_000..], 2);
    // Whoever has it finds the same.
    for _ in 0..2 {
        world.start();
        await_quarantined(&mut world, 1);
        let why = format!("begins at offset {to}, but {from} is the next to be read");
        assert!(world.said().contains(&why), "{}", world.said());
        eventually("the other partition goes on", || is_read(&world, 1));
        world.kill();
    }
    world.start();
    await_quarantined(&mut world, 1);
    act(&mut world, "accept-loss", "0", &[]);
    world.await_caught_up();
    let [letter] = letters(&world, "input_lost").try_into().unwrap();
    let place = ["topic", "partition", "offset", "offset_end", "applied"]
        .map(|name| said(&letter, &format!("tenure_{name}")));
    let expected = [&purchases, "0", &from.to_string(), &to.to_string(), "false"];
    assert_eq!(place.each_ref().map(String::as_str), expected);
    let lost = world.first.metric("tenure_lost_input_records_total");
    assert_eq!(lost, to - from);
    ends_well(world, &events, horizon);
}

#[test]
fn a_batch_that_is_damaged_on_its_way_is_neither_processed_nor_passed_over() {
    let proxy = Proxy::before(Broker::shared());
    let bootstrap = proxy.bootstrap();
    let mut world = World::by_way_of(&bootstrap, "damagedbatch", 3, SETTINGS);
    let events = history(1, 300, 4_000);
    produce(&world, &events[..2_000], 3);
    let purchases = world.topic("purchases");
    // So that its text can be found.
    let plain = [("compression.type", "uncompressed"), ("retention.ms", "-1")];
    world.broker.alter_topic(&purchases, &plain);
    let ends = |world: &World| {
        let bounds = world.broker.bounds(&purchases, Isolation::Committed);
        [0, 1].map(|partition| bounds[&partition].1)
    };
    let from = ends(&world);
    world
        .broker
        .produce(&purchases, &[stranger(0, 7), stranger(1, 7)]);
    let to = ends(&world);
    let horizon = produce(&world, &events[2_000..], 3);
    let is_damaged = Arc::new(AtomicBool::new(true));
    let on_its_way = is_damaged.clone();
    let fetch = proxy.on::<FetchRequest>().times(usize::MAX);
    let _fault = fetch
        .when(move |_| on_its_way.load(Ordering::Relaxed))
        .corrupt("stranger-7");
    world.start();
    await_quarantined(&mut world, 2);
    eventually("the other partition goes on", || is_read(&world, 2));
    let positions = world.broker.positions(&world.name, &purchases);
    let at = [0, 1].map(|partition| positions[&partition].offset);
    assert_eq!(at, from, "all before it is processed");
    // Still damaged.
    for partition in ["0", "1"] {
        act(&mut world, "retry", partition, &[]);
    }
    eventually("it is found again", || {
        world.first.times_said("is quarantined: ") >= 4 && world.first.metric(QUARANTINED) == 2
    });
    let unclear = state(&world, &["accept-loss", "0", "--yes"]);
    assert_eq!(unclear.status.code(), Some(1), "{unclear:?}");
    for partition in [0, 1] {
        let to = to[partition].to_string();
        act(
            &mut world,
            "accept-loss",
            &partition.to_string(),
            &["--to", &to],
        );
    }
    world.await_caught_up();
    let mut places: Vec<[String; 3]> = letters(&world, "input_lost")
        .iter()
        .map(|letter| {
            ["partition", "offset", "offset_end"]
                .map(|name| said(letter, &format!("tenure_{name}")))
        })
        .collect();
    places.sort();
    let expected = [0, 1].map(|it| [it as i64, from[it], to[it]].map(|number| number.to_string()));
    assert_eq!(places, expected);
    is_damaged.store(false, Ordering::Relaxed);
    ends_well(world, &events, horizon);
}

#[test]
fn a_damaged_value_of_the_local_state_is_rebuilt_from_the_changelog_when_asked_to() {
    let mut world = World::new("corruptvalue", 1, SETTINGS);
    let events = history(1, 300, 4_000);
    produce(&world, &events[..2_000], 1);
    world.work_through();
    let damage = |world: &World, by: &[u8]| {
        let config = Config {
            memory_bytes: 16 << 20,
            durable: true,
        };
        let disk = Rocks::open(&world.folder.path().join("state"), &config).unwrap();
        let mut keys = Vec::new();
        let mut take = |key: &[u8], _: &[u8]| {
            keys.push(key.to_vec());
            Ok(std::ops::ControlFlow::Continue(()))
        };
        let all = [0xff; 8];
        disk.scan(Family::Customers, &[], &all, &mut take).unwrap();
        let fill = |batch: &mut dyn tenure::store::BatchWriter| {
            keys.iter()
                .for_each(|key| batch.put(Family::Customers, key, by));
            Ok(())
        };
        disk.write(&mut { fill }).unwrap();
    };
    damage(&world, &[5, 0xff, 0xff, 0xff]);
    let horizon = produce(&world, &events[2_000..], 1);
    world.start();
    await_quarantined(&mut world, 1);
    assert!(world.said().contains("state_corrupt"), "{}", world.said());
    act(&mut world, "rebuild", "0", &[]);
    world.await_caught_up();
    assert_told_once(&world, &events, horizon);
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());

    // Of a version that does not exist yet: nobody's to repair.
    damage(&world, &[99]);
    produce(&world, &events[..1], 1);
    world.start();
    eventually("the partition is left alone", || {
        world.assert_running();
        world
            .first
            .metric(r#"tenure_partitions{state="left_alone"}"#)
            == 1
    });
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}

/// As after an unclean election of a leader: what the group has committed is not there any more, nor on any disk.
#[test]
fn a_changelog_that_ends_before_the_groups_offsets_is_gone_on_from_when_asked_to() {
    let mut world = World::new("endlost", 1, SETTINGS);
    let events = history(1, 300, 4_000);
    produce(&world, &events[..2_000], 1);
    world.work_through();
    // The whole changelog as it is now takes the place of the one that goes on.
    let changelog = world.topic("changelog");
    let earlier = world.read("changelog");
    let horizon = produce(&world, &events[2_000..], 1);
    world.work_through();
    let told = world.read("stage-changes").len();
    world.broker.delete_topic(&changelog);
    let compacted = [("cleanup.policy", "compact")];
    world.broker.create_topic(&changelog, 1, &compacted);
    let earlier: Vec<Record> = earlier.into_iter().map(|stored| stored.record).collect();
    world.broker.produce(&changelog, &earlier);
    // With the state on disk somebody still has it.
    world.start();
    await_quarantined(&mut world, 1);
    let why = "the changelog ends with an earlier batch than the local state";
    assert!(world.said().contains(why), "{}", world.said());
    act(&mut world, "rebuild", "0", &[]);
    eventually("it goes on from there", || {
        world.assert_running();
        world.first.metric("tenure_batches_total") > 0 && is_read(&world, 0)
    });
    assert_eq!(world.first.metric(QUARANTINED), 0);
    world.await_caught_up();
    // Some are produced again, under the same ids.
    let all = world.read("stage-changes");
    assert!(all.len() > told);
    let ids: std::collections::BTreeSet<String> =
        all.iter().map(|stored| said(stored, "ce_id")).collect();
    assert_eq!(ids.len(), told);
    let _ = horizon;
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}
