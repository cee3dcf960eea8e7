//! Mappings, money and inputs that change: they count from an offset on, and the state stays.

use std::fs;

use crate::daemon::{World, header};
use crate::harness::{Record, eventually};
use tenure::crash::CRASH_VARIABLE;

const MODEL: &str = "
model: shop
version: 1
initial: new
facts:
  orders: count(order_completed)
  spent: sum(order_completed.value)
stages: { new: {}, buyer: {}, regular: {}, rich: {} }
transitions:
  - { from: new, to: buyer, when: orders >= 1 }
  - { from: buyer, to: regular, when: orders >= 3 }
  - { from: [buyer, regular], to: rich, when: spent >= 100 }
";
const SETTINGS: &str = "[time]\nidle_after = \"0s\"\n[runtime]\nworkers = 1\n";
/// 2026-01-01
const BEGIN: i64 = 1_767_225_600_000;

/// An order of ann's, with the customer in this field.
fn order(field: &str, minute: i64, more: &str) -> Record {
    let time = BEGIN + minute * 60_000;
    let json = format!(r#"{{"type":"order_completed","{field}":"ann","time":{time}{more}}}"#);
    Record::new(0, "ann", json)
}

fn shop(name: &str) -> World {
    let world = World::new(name, 1, SETTINGS);
    world.model("shop.yaml", MODEL);
    world.configure("shop.yaml", SETTINGS);
    let stages = format!(
        "[output.stages]\nat_risk = \"{}\"\n",
        world.topic("at-risk")
    );
    set(&world, &settings(&world).replace(&stages, ""));
    world
}

fn settings(world: &World) -> String {
    fs::read_to_string(world.folder.path().join("tenure.toml")).unwrap()
}

fn set(world: &World, text: &str) {
    fs::write(world.folder.path().join("tenure.toml"), text).unwrap();
}

/// The second input has its customers in another field.
fn with_user(text: &str) -> String {
    text.replace(
        "-purchases\"\n",
        "-purchases\"\n[input.mapping]\ncustomer_id = \"user\"\n",
    )
}

fn moves(world: &World) -> Vec<String> {
    let changes = world.stage_changes();
    let said = changes.iter().map(|change| {
        let text = |key: &str| change[key].as_str().unwrap().to_owned();
        format!("{}->{} {}", text("from"), text("to"), change["sequence"])
    });
    said.collect()
}

#[test]
fn a_mapping_that_is_set_right_counts_for_what_comes_then_whoever_is_killed_meanwhile() {
    let mut world = shop("mapped");
    world.produce(
        "purchases",
        &[order("customer_id", 0, ""), order("user", 1, "")],
    );
    world.work_through();
    assert_eq!(moves(&world), ["new->buyer 1"]);
    let rejected = world.read("dead-letters");
    assert_eq!(rejected.len(), 1);
    assert_eq!(
        header(&rejected[0], "tenure_reason").unwrap(),
        "missing_customer_id"
    );
    let before = settings(&world);
    set(&world, &with_user(&before));
    world.produce("purchases", &[order("user", 2, ""), order("user", 3, "")]);
    for point in ["records-sent:1", "committed:1"] {
        world.start_with(&format!("{CRASH_VARIABLE}={point}"));
        assert_ne!(world.ended().code(), Some(0), "{point}: {}", world.said());
    }
    // The state with its settings comes from the changelog.
    fs::remove_dir_all(world.folder.path().join("state")).unwrap();
    world.work_through();
    assert_eq!(moves(&world), ["new->buyer 1", "buyer->regular 2"]);
    assert_eq!(world.read("dead-letters").len(), 1, "nothing is read again");
    // Whoever still has the old settings stands back, and who wants them again says so.
    set(&world, &before);
    world.start();
    let alone = r#"tenure_partitions{state="left_alone"}"#;
    eventually("the old settings do not count", || {
        world.assert_running();
        world.first.metric(alone) == 1
    });
    assert!(
        world.said().contains("raise `settings_version`"),
        "{}",
        world.said()
    );
    world.terminate();
    set(&world, &format!("settings_version = 1\n{before}"));
    world.produce("purchases", &[order("customer_id", 4, r#","value":100"#)]);
    world.start();
    world.await_caught_up();
    let said = world.said();
    let told = r#"input.1.customer_id: \"customer_id\" instead of \"user\""#;
    assert!(said.contains(told), "{said}");
    assert_eq!(moves(&world)[2..], ["regular->rich 3"]);
    world.terminate();
}

#[test]
fn an_input_that_is_added_is_read_from_its_beginning_and_one_that_is_taken_out_is_missed() {
    let mut world = shop("added");
    world.produce("purchases", &[order("customer_id", 0, "")]);
    world.work_through();
    let before = settings(&world);
    let further = world.topic("at-risk");
    let more = before.replace(
        "[output]\n",
        &format!("[[input]]\ntopic = \"{further}\"\n[output]\n"),
    );
    world.produce(
        "at-risk",
        &[order("customer_id", 1, ""), order("customer_id", 2, "")],
    );
    set(&world, &more);
    world.start_with(&format!("{CRASH_VARIABLE}=committed:1"));
    assert_ne!(world.ended().code(), Some(0), "{}", world.said());
    world.start();
    eventually("it is read", || {
        world.assert_running();
        moves(&world) == ["new->buyer 1", "buyer->regular 2"]
    });
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
    set(&world, &before);
    world.start();
    eventually("one is missed", || {
        world.assert_running();
        world
            .said()
            .contains("written with 3 inputs, but 2 are configured")
    });
    world.terminate();
    let (own, other) = (world.topic("purchases"), world.topic("clickstream"));
    let swapped = more
        .replace(&own, "?")
        .replace(&other, &own)
        .replace('?', &other);
    set(&world, &swapped);
    world.start();
    world.ends_with(78, "moved within it");
    let euros = more.replace("[time]\n", "[money]\ncurrency = \"EUR\"\n[time]\n");
    set(&world, &euros);
    world.start();
    world.ends_with(78, "money.currency was USD and is EUR now");
    set(&world, &more);
    world.produce("purchases", &[order("customer_id", 3, r#","value":100"#)]);
    world.start();
    world.await_caught_up();
    assert_eq!(moves(&world)[2..], ["regular->rich 3"]);
    world.terminate();
}
