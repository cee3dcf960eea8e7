//! Time that goes on although nobody says anything, and time that must not.

use std::time::Duration;

use crate::daemon::World;
use crate::harness::{Record, eventually};

const MODEL: &str = r"
model: minute
version: 1
initial: here
facts:
  last_seen: last(any)
stages:
  here: {}
  at_risk: {}
transitions:
  - { from: here, to: at_risk, when: since(last_seen) >= minutes(1) }
  - { from: at_risk, to: here, when: since(last_seen) < minutes(1) }
";
const MINUTE: i64 = 60_000;

fn world(name: &str, settings: &str) -> World {
    let world = World::new(name, 2, settings);
    world.model("minute.yaml", MODEL);
    world.configure("minute.yaml", settings);
    world
}

fn now() -> i64 {
    tenure::runtime::clock::now().0
}

fn visit(partition: i32, customer: &str, time: i64) -> Record {
    let json = format!(r#"{{"type":"visit","customer_id":"{customer}","time":{time}}}"#);
    Record::new(partition, customer, json)
}

/// Who has been found quiet so far, in the order of the outputs of each partition.
fn quiet(world: &World) -> Vec<String> {
    let changes = world.stage_changes();
    let mut quiet: Vec<String> = changes
        .iter()
        .filter(|data| data["to"] == "at_risk")
        .map(|data| data["customer_id"].as_str().unwrap().to_owned())
        .collect();
    quiet.sort();
    quiet
}

fn await_quiet(world: &mut World, customers: &[&str]) {
    eventually("silence is noticed", || {
        world.assert_running();
        quiet(world).len() >= customers.len()
    });
    assert_eq!(quiet(world), customers);
}

#[test]
fn silence_is_noticed_although_nobody_says_anything_else_and_not_while_history_is_loaded() {
    let mut world = world("alone", "[time]\nidle_after = \"1s\"\n");
    // The own clock is compared with that of the brokers before silence is counted by it.
    world.have_the_changelog_stamped();
    // A loader that pauses in 1997 says nothing about silence.
    let then = 852_076_800_000;
    world.produce("clickstream", &[visit(0, "historic", then)]);
    world.produce("purchases", &[visit(1, "live", now() - 10 * MINUTE)]);
    world.start();
    // Partitions are looked at in their order: the historic one has been, too.
    await_quiet(&mut world, &["live"]);
    let took_effect = &world.stage_changes()[0]["effective_at"];
    assert!(took_effect.as_str().unwrap() < tenure::event::EventTime(now()).to_string().as_str());
    // The next event of that partition moves its time.
    world.produce("clickstream", &[visit(0, "later", then + 2 * MINUTE)]);
    await_quiet(&mut world, &["historic", "live"]);
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}

#[test]
fn silence_that_lasts_longer_than_the_outage_is_noticed_after_it() {
    let mut world = world("outage", "[time]\nidle_after = \"1s\"\n");
    world.produce("clickstream", &[visit(0, "anna", now() - MINUTE + 5_000)]);
    world.start();
    world.await_caught_up();
    world.kill();
    assert_eq!(quiet(&world), [""; 0]);
    world.start();
    await_quiet(&mut world, &["anna"]);
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}

#[test]
fn an_open_transaction_is_not_silence_and_the_markers_of_ended_ones_are() {
    let mut world = world("open", "[time]\nidle_after = \"1s\"\n");
    let long_ago = now() - 10 * MINUTE;
    world.produce("clickstream", &[visit(0, "held", long_ago)]);
    let mut producer = world
        .broker
        .transactional("open-writer", Duration::from_secs(60));
    producer.begin();
    // Undecided: it may yet turn out that there was no silence.
    producer.send(
        &world.topic("clickstream"),
        &[visit(0, "held", now() - 5_000)],
    );
    world.produce("purchases", &[visit(1, "free", long_ago)]);
    world.start();
    await_quiet(&mut world, &["free"]);
    producer.abort();
    await_quiet(&mut world, &["free", "held"]);
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}

#[test]
fn many_who_fall_silent_at_once_are_noticed_in_batches_while_probes_stay_healthy() {
    const CUSTOMERS: usize = 50_000;
    let mut world = world("crowd", "[time]\nidle_after = \"1s\"\n");
    let long_ago = now() - 10 * MINUTE;
    let crowd: Vec<Record> = (0..CUSTOMERS)
        .map(|number| visit(0, &format!("c{number}"), long_ago))
        .collect();
    world.produce("clickstream", &crowd);
    world.start();
    world.await_caught_up();
    let loaded = world.first.metric("tenure_batches_total");
    eventually("everybody's silence is noticed", || {
        world.assert_running();
        assert!(world.first.get("/livez").0.contains("200"));
        world.first.metric("tenure_transitions_total") == CUSTOMERS as i64
    });
    // Bounded by timers, not by how many are due.
    let batches = world.first.metric("tenure_batches_total") - loaded;
    assert!(batches >= 3, "{batches}");
    let mut told = quiet(&world);
    told.dedup();
    assert_eq!(told.len(), CUSTOMERS);
    // The group was never kept waiting.
    assert_eq!(world.first.metric("tenure_rebalances_total"), 1);
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}

#[test]
fn many_partitions_due_at_one_instant_get_through_a_slow_broker_in_smaller_transactions() {
    const PARTITIONS: i32 = 24;
    const CUSTOMERS: i64 = 100;
    // One worker, so that all partitions share each transaction.
    let settings = "[time]\nidle_after = \"0s\"\n[runtime]\nworkers = 1\n";
    let mut world = World::new("midnight", PARTITIONS, settings);
    world.model("minute.yaml", MODEL);
    world.configure("minute.yaml", settings);
    // Not to be compressed.
    let id = |number: i64| tenure::cloudevent::sha256_hex(&number.to_be_bytes());
    let midnight = now() - 10 * MINUTE;
    let everybody = (0..PARTITIONS).flat_map(|partition| {
        let own = (0..CUSTOMERS).map(move |number| i64::from(partition) * CUSTOMERS + number);
        own.map(move |number| visit(partition, &id(number), midnight))
    });
    world.produce("clickstream", &everybody.collect::<Vec<_>>());
    world.start();
    world.await_caught_up();
    world.broker.limit_producers("midnight-0", 30_000);
    let next = (0..PARTITIONS).map(|partition| visit(partition, "next", now()));
    world.produce("clickstream", &next.collect::<Vec<_>>());
    let all = i64::from(PARTITIONS) * CUSTOMERS;
    eventually("it is too much for one transaction", || {
        world.assert_running();
        world.said().contains("a transaction was aborted")
    });
    let before = world.first.metric("tenure_transitions_total");
    let mut some = 0;
    eventually("a part of it gets through", || {
        world.assert_running();
        some = world.first.metric("tenure_transitions_total");
        some > before
    });
    assert!(some < all, "all of it got through");
    assert!(world.first.metric("tenure_transaction_limit_percent") < 100);
    world.broker.limit_producers("midnight-0", 10_000_000);
    eventually("everybody's silence is noticed", || {
        world.assert_running();
        world.first.metric("tenure_transitions_total") == all
    });
    let mut told = quiet(&world);
    assert_eq!(told.len(), (i64::from(PARTITIONS) * CUSTOMERS) as usize);
    told.dedup();
    assert_eq!(
        told.len(),
        (i64::from(PARTITIONS) * CUSTOMERS) as usize,
        "told twice"
    );
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}
