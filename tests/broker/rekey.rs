//! The inputs get more partitions, and most customers another one: their states go on there.

use std::process::{Command, Output};

use tenure::crash::CRASH_VARIABLE;
use tenure::kafka::Partitioner;

use crate::daemon::World;
use crate::exactly_once::{assert_told_once, history, produce_by};
use crate::harness::{Isolation, Record, eventually};
use crate::instance::Instance;

const SETTINGS: &str = "[time]\nidle_after = \"0s\"\n[runtime]\ncommit_interval = \"10ms\"\n";

fn place(partitions: i32) -> impl Fn(&str) -> i32 {
    move |customer| Partitioner::Murmur2.partition(customer.as_bytes(), partitions)
}

/// What the command ends with, and says.
fn rekey(world: &World, new: &Instance, variable: &str, more: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = Command::new("env")
        .args([variable, env!("CARGO_BIN_EXE_tenure"), "rekey"])
        .args(["--from-app", &world.name])
        .args(["--from-changelog", &world.topic("changelog")])
        .arg("--config")
        .arg(new.folder().join("tenure.toml"))
        .args(more)
        .output()
        .unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// The inputs get more partitions.
fn grow(world: &World, partitions: usize) {
    let topics = ["clickstream", "purchases"].map(|input| world.topic(input));
    for topic in &topics {
        world.broker.grow_topic(topic, partitions);
    }
    eventually("the partitions are there", || {
        let counts = topics
            .iter()
            .map(|topic| world.broker.partitions(topic).len());
        counts.into_iter().all(|count| count == partitions)
    });
}

fn is_caught_up(world: &World, app: &str) -> bool {
    ["clickstream", "purchases"].iter().all(|input| {
        let topic = world.topic(input);
        let positions = world.broker.positions(app, &topic);
        let mut ends = world
            .broker
            .bounds(&topic, Isolation::Committed)
            .into_iter();
        ends.all(|(partition, (_, end))| {
            positions.get(&partition).is_some_and(|at| at.offset >= end)
        })
    })
}

#[test]
fn states_go_on_where_their_customers_events_come_after_partitions_were_added() {
    let mut world = World::new("rekey", 2, SETTINGS);
    let events = history(5, 300, 6_000);
    let (earlier, later) = events.split_at(events.len() / 2);
    produce_by(&world, earlier, place(2));
    world.work_through();
    let grown = 3;
    grow(&world, grown as usize);
    world.start();
    world.ends_with(78, "`tenure rekey`");
    // Also who has added them to the changelog finds the way.
    world
        .broker
        .grow_topic(&world.topic("changelog"), grown as usize);
    world.start();
    world.ends_with(78, "`tenure rekey`");
    let horizon = produce_by(&world, later, place(grown));
    let (app, changelog) = ("rekey-2", world.topic("changelog-2"));
    let policy = [("cleanup.policy", "compact")];
    world.broker.create_topic(&changelog, grown, &policy);
    let mut new = world.instance("new", |settings| {
        let settings = settings.replace("app = \"rekey\"", &format!("app = \"{app}\""));
        settings.replace(&world.topic("changelog"), &changelog)
    });
    // All of it comes by the partitions of now.
    let (code, said) = rekey(&world, &new, "A=", &[]);
    assert_eq!(code, Some(78), "{said}");
    assert!(
        said.contains("has not read") && said.contains("--accept-unread"),
        "{said}"
    );
    let (code, said) = rekey(&world, &new, "A=", &["--accept-unread"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("300 customers, partitioned by murmur2: 2 partitions before, 3 now"),
        "{said}"
    );
    assert!(said.contains("nothing was written"), "{said}");
    let all = ["--accept-unread", "--yes"];
    let (code, said) = rekey(&world, &new, &format!("{CRASH_VARIABLE}=rekeyed:2"), &all);
    assert_ne!(code, Some(0), "{said}");
    new.start();
    eventually("nobody goes on from a part of it", || {
        new.assert_running();
        new.said()
            .matches("`tenure rekey` has to be repeated")
            .count()
            == grown as usize
    });
    assert_eq!(new.terminate().code(), Some(0), "{}", new.said());
    let (code, said) = rekey(&world, &new, "A=", &all);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("a rekey that was not finished"), "{said}");
    world.broker.delete_topic(&changelog);
    world.broker.create_topic(&changelog, grown, &policy);
    let (code, said) = rekey(&world, &new, "A=", &all);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("300 states were written"), "{said}");
    let (code, said) = rekey(&world, &new, "A=", &all);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("has records already"), "{said}");
    new.start();
    eventually("everything is committed", || {
        new.assert_running();
        is_caught_up(&world, app)
    });
    assert_told_once(&world, &events, horizon);
    assert_eq!(new.metric("tenure_customers"), 300);
    assert_eq!(new.terminate().code(), Some(0), "{}", new.said());
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

/// Topics have grown, and one event came before that was noticed: where its customer was not known.
#[test]
fn who_is_known_in_two_partitions_goes_on_from_the_one_that_was_theirs() {
    let mut world = World::new("strays", 2, SETTINGS);
    world.model("shop.yaml", MODEL);
    world.configure("shop.yaml", SETTINGS);
    let names: Vec<String> = (0..150).map(|number| format!("c{number}")).collect();
    let orders = names.iter().map(|name| order(name, place(2)(name)));
    world.produce("purchases", &orders.collect::<Vec<_>>());
    world.produce("purchases", &[order("c7", 1 - place(2)("c7"))]);
    world.work_through();
    grow(&world, 5);
    let changelog = world.topic("changelog-2");
    let policy = [("cleanup.policy", "compact")];
    world.broker.create_topic(&changelog, 5, &policy);
    let mut new = world.instance("new", |settings| {
        let settings = settings.replace("app = \"strays\"", "app = \"strays-2\"");
        settings.replace(&world.topic("changelog"), &changelog)
    });
    let (code, said) = rekey(&world, &new, "A=", &["--yes"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("1 customers have states in two partitions"),
        "{said}"
    );
    world.produce("purchases", &[order("c7", place(5)("c7"))]);
    new.start();
    eventually("it is read", || {
        new.assert_running();
        world.stage_changes().len() == names.len() + 2
    });
    let last = world
        .stage_changes()
        .into_iter()
        .find(|change| change["to"] == "regular");
    let last = last.unwrap();
    assert_eq!(
        (&last["customer_id"], &last["sequence"]),
        (&"c7".into(), &2.into())
    );
    assert_eq!(new.metric("tenure_customers"), 150);
    assert_eq!(new.terminate().code(), Some(0), "{}", new.said());
}
