//! Three brokers, of which one is away: what only it has waits, everything else goes on.

use std::collections::BTreeSet;

use crate::app::App;
use crate::harness::{Broker, Record, eventually};
use crate::time::{MINUTE, MODEL};

const SETTINGS: &str = "[runtime]\nworkers = 1\n[time]\nidle_after = \"1s\"\n";
/// The node that is away. It leads a third of all partitions, and is the only replica of partition 2 of the inputs.
const AWAY: usize = 2;

/// An app whose inputs have one replica for each partition, each on another node; its other topics have three.
fn app(name: &str) -> App {
    let app = App::on_broker(Box::leak(Box::new(Broker::start_cluster())), name, 3, SETTINGS);
    app.write_model("minute.yaml", MODEL);
    app.write_config("minute.yaml", SETTINGS);
    for input in ["clickstream", "purchases"] {
        let topic = app.topic(input);
        app.broker.delete_topic(&topic);
        app.broker.create_topic_of_single_replicas(&topic, &[("retention.ms", "-1")]);
    }
    app
}

/// Produces the visit of one customer in each partition, whose silence is due in a few seconds.
fn visit(app: &App, round: &str, partitions: &[i32]) {
    let time = tenure::runtime::clock::now().0 - MINUTE + 2_000;
    let record = |partition: &i32| {
        let customer = format!("{round}-{partition}");
        let json = format!(r#"{{"type":"visit","customer_id":"{customer}","time":{time}}}"#);
        Record::new(*partition, customer.as_str(), json)
    };
    app.produce("clickstream", &partitions.iter().map(record).collect::<Vec<_>>());
}

/// Awaits that the silence of the customers of these rounds, and of no others, has been noticed, each once.
fn await_silent(app: &mut App, rounds: &[(&str, &[i32])]) {
    let name = |round: &&str, partition: &i32| format!("{round}-{partition}");
    let customers = |(round, partitions): &(&str, &[i32])| -> Vec<String> {
        partitions.iter().map(|partition| name(round, partition)).collect()
    };
    let expected: BTreeSet<String> = rounds.iter().flat_map(customers).collect();
    let mut silent = Vec::new();
    eventually(&format!("the silence of {expected:?} is noticed"), || {
        app.assert_running();
        let changes = app.stage_changes();
        let is_silent = |data: &&serde_json::Value| data["to"] == "at_risk";
        let customer = |data: &serde_json::Value| data["customer_id"].as_str().unwrap().to_owned();
        silent = changes.iter().filter(is_silent).map(customer).collect();
        silent.len() >= expected.len()
    });
    assert_eq!(silent.len(), expected.len(), "{silent:?}");
    assert_eq!(silent.into_iter().collect::<BTreeSet<_>>(), expected);
}

/// One node becomes unavailable by `fail`, and later available by `recover`.
fn one_node_is_away(name: &str, fail: fn(&Broker), recover: fn(&Broker)) {
    let mut app = app(name);
    visit(&app, "before", &[0, 1, 2]);
    app.start();
    await_silent(&mut app, &[("before", &[0, 1, 2])]);
    fail(app.broker);
    visit(&app, "away", &[0, 1]);
    await_silent(&mut app, &[("before", &[0, 1, 2]), ("away", &[0, 1])]);
    assert!(app.daemon.get("/livez").0.contains("200"));
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
    // A start does not wait for the node, either.
    app.start();
    visit(&app, "restarted", &[0, 1]);
    let before: [(&str, &[i32]); 2] = [("before", &[0, 1, 2]), ("away", &[0, 1])];
    await_silent(&mut app, &[before[0], before[1], ("restarted", &[0, 1])]);
    recover(app.broker);
    visit(&app, "back", &[0, 1, 2]);
    let later: [(&str, &[i32]); 2] = [("restarted", &[0, 1]), ("back", &[0, 1, 2])];
    await_silent(&mut app, &[before, later].concat());
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

#[test]
#[ignore = "three brokers, and elections between them: tests/run.sh --long"]
fn a_dead_broker_delays_only_the_partitions_that_only_it_has() {
    one_node_is_away(
        "dead",
        |cluster| cluster.kill_node(AWAY),
        |cluster| cluster.restart_node(AWAY),
    );
}

#[test]
#[ignore = "a frozen broker counts as alive for some seconds: tests/run.sh --long"]
fn a_frozen_broker_delays_only_the_partitions_that_only_it_has() {
    let recover = |cluster: &Broker| {
        cluster.thaw_node(AWAY);
        cluster.restart_node(AWAY);
    };
    one_node_is_away("frozen", |cluster| cluster.freeze_node(AWAY), recover);
}
