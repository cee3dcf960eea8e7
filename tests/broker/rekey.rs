//! The inputs get more partitions, which moves most customers to another one: their states follow.

use std::process::{Command, Output};

use tenure::crash::CRASH_VARIABLE;
use tenure::kafka::Partitioner;

use crate::app::App;
use crate::exactly_once::{assert_published_once, history, produce_partitioned};
use crate::harness::{Isolation, Record, eventually};
use crate::instance::Instance;

const SETTINGS: &str = "[time]\nidle_after = \"0s\"\n[runtime]\ncommit_interval = \"10ms\"\n";

fn partition_of(partitions: i32) -> impl Fn(&str) -> i32 {
    move |customer| Partitioner::Murmur2.partition(customer.as_bytes(), partitions)
}

/// Exit code and standard error of the command.
fn rekey(app: &App, new: &Instance, variable: &str, more: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = Command::new("env")
        .args([variable, env!("CARGO_BIN_EXE_tenure"), "rekey"])
        .args(["--from-app", &app.name])
        .args(["--from-changelog", &app.topic("changelog")])
        .arg("--config")
        .arg(new.folder().join("tenure.toml"))
        .args(more)
        .output()
        .unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// The inputs get more partitions, which moves most customers to another one: their states follow.
fn grow(app: &App, partitions: usize) {
    let topics = ["clickstream", "purchases"].map(|input| app.topic(input));
    for topic in &topics {
        app.broker.grow_topic(topic, partitions);
    }
    eventually("the partitions are there", || {
        let counts = topics.iter().map(|topic| app.broker.partitions(topic).len());
        counts.into_iter().all(|count| count == partitions)
    });
}

fn is_caught_up(app: &App, app_id: &str) -> bool {
    ["clickstream", "purchases"].iter().all(|input| {
        let topic = app.topic(input);
        let committed_offsets = app.broker.committed_offsets(app_id, &topic);
        let mut ends = app.broker.bounds(&topic, Isolation::Committed).into_iter();
        ends.all(|(partition, (_, end))| {
            committed_offsets.get(&partition).is_some_and(|at| at.offset >= end)
        })
    })
}

#[test]
fn rekey_moves_states_to_the_partitions_of_their_customers_after_partitions_were_added() {
    let mut app = App::new("rekey", 2, SETTINGS);
    let events = history(5, 300, 6_000);
    let (earlier, later) = events.split_at(events.len() / 2);
    produce_partitioned(&app, earlier, partition_of(2));
    app.run_until_caught_up();
    let grown = 3;
    grow(&app, grown as usize);
    app.start();
    app.await_error_with_code(78, "`tenure rekey`");
    // The same remedy when the changelog has got them, too.
    app.broker.grow_topic(&app.topic("changelog"), grown as usize);
    app.start();
    app.await_error_with_code(78, "`tenure rekey`");
    let horizon = produce_partitioned(&app, later, partition_of(grown));
    let (app_id, changelog) = ("rekey-2", app.topic("changelog-2"));
    let policy = [("cleanup.policy", "compact")];
    app.broker.create_topic(&changelog, grown, &policy);
    let mut new = app.instance("new", |settings| {
        let settings = settings.replace("app = \"rekey\"", &format!("app = \"{app_id}\""));
        settings.replace(&app.topic("changelog"), &changelog)
    });
    // These records use the new partitioning.
    let (code, stderr) = rekey(&app, &new, "A=", &[]);
    assert_eq!(code, Some(78), "{stderr}");
    assert!(stderr.contains("has not read") && stderr.contains("--accept-unread"), "{stderr}");
    let (code, stderr) = rekey(&app, &new, "A=", &["--accept-unread"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stderr.contains("300 customers, partitioned by murmur2: 2 partitions before, 3 now"),
        "{stderr}"
    );
    assert!(stderr.contains("nothing was written"), "{stderr}");
    let all = ["--accept-unread", "--yes"];
    let (code, stderr) = rekey(&app, &new, &format!("{CRASH_VARIABLE}=rekeyed:2"), &all);
    assert_ne!(code, Some(0), "{stderr}");
    new.start();
    eventually("no partition continues from a partial rekey", || {
        new.assert_running();
        new.log().matches("`tenure rekey` has to be repeated").count() == grown as usize
    });
    assert_eq!(new.terminate().code(), Some(0), "{}", new.log());
    let (code, stderr) = rekey(&app, &new, "A=", &all);
    assert_eq!(code, Some(78), "{stderr}");
    assert!(stderr.contains("a rekey that was not finished"), "{stderr}");
    app.broker.delete_topic(&changelog);
    app.broker.create_topic(&changelog, grown, &policy);
    let (code, stderr) = rekey(&app, &new, "A=", &all);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("300 states were written"), "{stderr}");
    let (code, stderr) = rekey(&app, &new, "A=", &all);
    assert_eq!(code, Some(78), "{stderr}");
    assert!(stderr.contains("has records already"), "{stderr}");
    new.start();
    eventually("everything is committed", || {
        new.assert_running();
        is_caught_up(&app, app_id)
    });
    assert_published_once(&app, &events, horizon);
    assert_eq!(new.metric("tenure_customers"), 300);
    assert_eq!(new.terminate().code(), Some(0), "{}", new.log());
}

const MODEL: &str = "
model: shop
version: 1
initial: new
facts: { orders: count(order_completed) }
stages: { new: {}, buyer: {}, regular: {}, at_risk: {} }
transitions:
  - { from: new, to: buyer, when: orders >= 1 }
  - { from: buyer, to: regular, when: orders >= 2 }
  - { from: regular, to: at_risk, when: orders >= 9 }
";

fn order(customer: &str, partition: i32) -> Record {
    let json = format!(
        r#"{{"type":"order_completed","customer_id":"{customer}","time":"2026-01-01T00:00:00Z"}}"#
    );
    Record::new(partition, customer, json)
}

/// Topics have grown, and before that was noticed one event was read in a partition without its
/// customer's state.
#[test]
fn a_customer_with_states_in_two_partitions_keeps_the_one_of_its_previous_partition() {
    let mut app = App::new("strays", 2, SETTINGS);
    app.write_model("shop.yaml", MODEL);
    app.write_config("shop.yaml", SETTINGS);
    let names: Vec<String> = (0..150).map(|number| format!("c{number}")).collect();
    let orders = names.iter().map(|name| order(name, partition_of(2)(name)));
    app.produce("purchases", &orders.collect::<Vec<_>>());
    app.produce("purchases", &[order("c7", 1 - partition_of(2)("c7"))]);
    app.run_until_caught_up();
    grow(&app, 5);
    let changelog = app.topic("changelog-2");
    let policy = [("cleanup.policy", "compact")];
    app.broker.create_topic(&changelog, 5, &policy);
    let mut new = app.instance("new", |settings| {
        let settings = settings.replace("app = \"strays\"", "app = \"strays-2\"");
        settings.replace(&app.topic("changelog"), &changelog)
    });
    let (code, stderr) = rekey(&app, &new, "A=", &["--yes"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("1 customers have states in two partitions"), "{stderr}");
    app.produce("purchases", &[order("c7", partition_of(5)("c7"))]);
    new.start();
    eventually("the event is processed", || {
        new.assert_running();
        app.stage_changes().len() == names.len() + 2
    });
    let last = app.stage_changes().into_iter().find(|change| change["to"] == "regular");
    let last = last.unwrap();
    assert_eq!((&last["customer_id"], &last["sequence"]), (&"c7".into(), &2.into()));
    assert_eq!(new.metric("tenure_customers"), 150);
    assert_eq!(new.terminate().code(), Some(0), "{}", new.log());
}
