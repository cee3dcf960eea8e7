//! Time that advances without further events, and time that must not advance.

use std::time::Duration;

use crate::app::App;
use crate::harness::{Record, eventually};

pub(crate) const MODEL: &str = r"
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
pub(crate) const MINUTE: i64 = 60_000;

fn app(name: &str, settings: &str) -> App {
    let app = App::new(name, 2, settings);
    app.write_model("minute.yaml", MODEL);
    app.write_config("minute.yaml", settings);
    app
}

fn now() -> i64 {
    tenure::runtime::clock::now().0
}

fn visit(partition: i32, customer: &str, time: i64) -> Record {
    let json = format!(r#"{{"type":"visit","customer_id":"{customer}","time":{time}}}"#);
    Record::new(partition, customer, json)
}

/// The customers found inactive so far, sorted.
fn inactive(app: &App) -> Vec<String> {
    let changes = app.stage_changes();
    let mut inactive: Vec<String> = changes
        .iter()
        .filter(|data| data["to"] == "at_risk")
        .map(|data| data["customer_id"].as_str().unwrap().to_owned())
        .collect();
    inactive.sort();
    inactive
}

fn await_inactive(app: &mut App, customers: &[&str]) {
    eventually("inactivity is noticed", || {
        app.assert_running();
        inactive(app).len() >= customers.len()
    });
    assert_eq!(inactive(app), customers);
}

#[test]
fn inactivity_is_noticed_without_further_events_but_not_while_history_is_loaded() {
    let mut app = app("alone", "[time]\nidle_after = \"1s\"\n");
    // The daemon compares its clock with the brokers' before it uses it for idleness.
    app.use_log_append_time();
    // A pause while data of 1997 is loaded does not mean inactivity.
    let then = 852_076_800_000;
    app.produce("clickstream", &[visit(0, "historic", then)]);
    app.produce("purchases", &[visit(1, "live", now() - 10 * MINUTE)]);
    app.start();
    // Partitions are checked in order: the historic one was checked, too.
    await_inactive(&mut app, &["live"]);
    let took_effect = &app.stage_changes()[0]["effective_at"];
    assert!(took_effect.as_str().unwrap() < tenure::event::EventTime(now()).to_string().as_str());
    // The next event of that partition moves its time.
    app.produce("clickstream", &[visit(0, "later", then + 2 * MINUTE)]);
    await_inactive(&mut app, &["historic", "live"]);
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

#[test]
fn inactivity_that_outlasts_an_outage_is_noticed_after_it() {
    let mut app = app("outage", "[time]\nidle_after = \"1s\"\n");
    app.produce("clickstream", &[visit(0, "anna", now() - MINUTE + 5_000)]);
    app.start();
    app.await_caught_up();
    app.kill();
    assert_eq!(inactive(&app), [""; 0]);
    app.start();
    await_inactive(&mut app, &["anna"]);
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

#[test]
fn an_input_with_an_open_transaction_is_not_idle_and_one_that_ends_with_markers_is() {
    let mut app = app("open", "[time]\nidle_after = \"1s\"\n");
    let long_ago = now() - 10 * MINUTE;
    app.produce("clickstream", &[visit(0, "hidden", long_ago)]);
    let mut producer = app.broker.transactional_producer("open-writer", Duration::from_secs(60));
    producer.begin();
    // The outcome is open: the customer may turn out to be active.
    producer.send(&app.topic("clickstream"), &[visit(0, "hidden", now() - 5_000)]);
    app.produce("purchases", &[visit(1, "free", long_ago)]);
    app.start();
    await_inactive(&mut app, &["free"]);
    // `metric` adds up the partitions.
    eventually("the metric shows how long it has been open", || {
        app.daemon.metric("tenure_open_transaction_seconds") > 0
    });
    producer.abort();
    await_inactive(&mut app, &["free", "hidden"]);
    eventually("no transaction is open", || {
        app.daemon.metric("tenure_open_transaction_seconds") == 0
    });
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

#[test]
fn simultaneous_inactivity_of_many_customers_is_processed_in_batches_while_probes_stay_healthy() {
    const CUSTOMERS: usize = 50_000;
    let mut app = app("crowd", "[time]\nidle_after = \"1s\"\n");
    let long_ago = now() - 10 * MINUTE;
    let crowd: Vec<Record> =
        (0..CUSTOMERS).map(|number| visit(0, &format!("c{number}"), long_ago)).collect();
    app.produce("clickstream", &crowd);
    app.start();
    app.await_caught_up();
    let loaded = app.daemon.metric("tenure_batches_total");
    eventually("the inactivity of all customers is noticed", || {
        app.assert_running();
        assert!(app.daemon.get("/livez").0.contains("200"));
        app.daemon.metric("tenure_transitions_total") == CUSTOMERS as i64
    });
    // The size of a batch is bounded by the timers of a step, not by how many are due.
    let batches = app.daemon.metric("tenure_batches_total") - loaded;
    assert!(batches >= 3, "{batches}");
    let mut customers = inactive(&app);
    customers.dedup();
    assert_eq!(customers.len(), CUSTOMERS);
    // The daemon never missed a poll.
    assert_eq!(app.daemon.metric("tenure_rebalances_total"), 1);
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

#[test]
fn many_partitions_due_at_one_instant_are_committed_to_a_slow_broker_in_smaller_transactions() {
    const PARTITIONS: i32 = 24;
    const CUSTOMERS: i64 = 100;
    // One worker, so that all partitions share each transaction.
    let settings = "[time]\nidle_after = \"0s\"\n[runtime]\nworkers = 1\n";
    let mut app = App::new("midnight", PARTITIONS, settings);
    app.write_model("minute.yaml", MODEL);
    app.write_config("minute.yaml", settings);
    // Hard to compress.
    let id = |number: i64| tenure::cloudevent::sha256_hex(&number.to_be_bytes());
    let midnight = now() - 10 * MINUTE;
    let all = (0..PARTITIONS).flat_map(|partition| {
        let own = (0..CUSTOMERS).map(move |number| i64::from(partition) * CUSTOMERS + number);
        own.map(move |number| visit(partition, &id(number), midnight))
    });
    app.produce("clickstream", &all.collect::<Vec<_>>());
    app.start();
    app.await_caught_up();
    app.broker.limit_producers("midnight-0", 30_000);
    let next = (0..PARTITIONS).map(|partition| visit(partition, "next", now()));
    app.produce("clickstream", &next.collect::<Vec<_>>());
    let all = i64::from(PARTITIONS) * CUSTOMERS;
    eventually("one transaction is too large", || {
        app.assert_running();
        app.log().contains("a transaction was aborted")
    });
    let before = app.daemon.metric("tenure_transitions_total");
    let mut some = 0;
    eventually("a part of it is committed", || {
        app.assert_running();
        some = app.daemon.metric("tenure_transitions_total");
        some > before
    });
    assert!(some < all, "all of it was committed");
    // Four topics. One record for each partition is enough to abort the transaction that took too long.
    let log = app.log();
    let places = log.lines().filter_map(|line| line.split("places=").nth(1)?.parse().ok());
    let places: Vec<i32> = places.collect();
    assert!(!places.is_empty() && places.iter().all(|it| *it <= 4 * PARTITIONS), "{places:?}");
    assert!(app.daemon.fraction("tenure_transaction_limit_ratio") < 1.0);
    app.broker.limit_producers("midnight-0", 10_000_000);
    eventually("the inactivity of all customers is noticed", || {
        app.assert_running();
        app.daemon.metric("tenure_transitions_total") == all
    });
    let mut customers = inactive(&app);
    assert_eq!(customers.len(), (i64::from(PARTITIONS) * CUSTOMERS) as usize);
    customers.dedup();
    assert_eq!(customers.len(), (i64::from(PARTITIONS) * CUSTOMERS) as usize, "published twice");
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}
