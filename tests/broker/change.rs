//! Other models take over while the daemon runs, and while it is killed; a process with older ones stands back.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use tenure::crash::CRASH_VARIABLE;

use crate::daemon::World;
use crate::harness::{Record, eventually};

const MODEL: &str = "
model: shop
version: 1
initial: new
facts:
  orders: count(order_completed)
  last_order: last(order_completed)
stages: { new: {}, buyer: {}, regular: {}, at_risk: {} }
transitions:
  - { from: new, to: buyer, when: orders >= 1 }
  - { from: buyer, to: regular, when: orders >= 3 }
  - { from: [buyer, regular], to: at_risk, when: since(last_order) >= days(30) }
";
const PARTITIONS: i32 = 2;
/// 2026-01-01
const BEGIN: i64 = 1_767_225_600_000;
const DAY: i64 = 86_400_000;
/// More than two sweeps of a partition bring over.
const CUSTOMERS: i64 = 20_000;
const SETTINGS: &str = "[time]\nidle_after = \"0s\"\n[runtime]\nworkers = 1\n";

fn order(customer: i64, time: i64) -> Record {
    let id = format!("c{customer}");
    let json = format!(r#"{{"type":"order_completed","customer_id":"{id}","time":{time}}}"#);
    Record::new((customer % i64::from(PARTITIONS)) as i32, &*id, json)
}

/// Everybody has ordered once, every second customer twice.
fn shop(name: &str, customers: i64) -> World {
    let world = World::new(name, PARTITIONS, SETTINGS);
    world.model("shop.yaml", MODEL);
    world.configure("shop.yaml", SETTINGS);
    let first: Vec<Record> = (0..customers).map(|it| order(it, BEGIN + it)).collect();
    let second = (0..customers).filter(|it| it % 4 < 2);
    let second: Vec<Record> = second.map(|it| order(it, BEGIN + DAY + it)).collect();
    world.produce("purchases", &first);
    world.produce("purchases", &second);
    world
}

fn two_orders_are_enough() -> String {
    MODEL.replace("orders >= 3", "orders >= 2")
}

/// Everybody is there, and the next start is with the new rule.
fn about_to_change(name: &str) -> World {
    let mut world = shop(name, CUSTOMERS);
    world.work_through();
    world.model("shop.yaml", &two_orders_are_enough());
    world
}

/// `from->to cause sequence` of each customer, in order.
fn lives(world: &World) -> BTreeMap<String, Vec<String>> {
    let mut lives: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for change in world.stage_changes() {
        let text = |key: &str| change[key].as_str().unwrap().to_owned();
        let said = format!(
            "{}->{} {} {}",
            text("from"),
            text("to"),
            text("cause"),
            change["sequence"]
        );
        lives.entry(text("customer_id")).or_default().push(said);
    }
    lives
}

/// Every second customer, and nobody else, has moved by the change, once.
fn assert_moved_once(world: &World, customers: i64) {
    let lives = lives(world);
    assert_eq!(lives.len() as i64, customers);
    for customer in 0..customers {
        let expected = match customer % 4 < 2 {
            true => &["new->buyer event 1", "buyer->regular model_change 2"][..],
            false => &["new->buyer event 1"],
        };
        assert_eq!(lives[&format!("c{customer}")], expected, "c{customer}");
    }
}

fn by_change(world: &mut World) -> i64 {
    let changes = world.stage_changes();
    let by_change = |data: &&Json| data["cause"] == "model_change";
    changes.iter().filter(by_change).count() as i64
}

#[test]
fn sighup_takes_what_is_right_and_changes_nothing_where_it_is_not() {
    let customers = 400;
    let mut world = shop("reload", customers);
    world.start();
    world.await_caught_up();
    let reloads = "tenure_model_reloads_total";
    for (count, broken, why) in [
        (
            1,
            MODEL.replace("orders >= 3", "order >= 3"),
            "unknown fact `order`",
        ),
        (
            2,
            MODEL
                .replace("orders: ", "spent: sum(order_completed.value)\n  orders: ")
                .replace("orders >= 3", "spent > 9"),
            "did not store `spent` of shop",
        ),
        (
            3,
            MODEL
                .replace(" regular: {},", "")
                .replace("[buyer, regular]", "buyer")
                .replace("  - { from: buyer, to: regular, when: orders >= 3 }\n", ""),
            "write `was: regular` in another stage",
        ),
    ] {
        world.model("shop.yaml", &broken);
        world.first.signal("HUP");
        eventually("it is refused", || world.first.metric(reloads) == count);
        assert!(world.said().contains(why), "{}", world.said());
    }
    world.model("shop.yaml", &two_orders_are_enough());
    world.first.signal("HUP");
    eventually("who has ordered twice is a regular", || {
        world.assert_running();
        by_change(&mut world) == customers / 2
    });
    assert_moved_once(&world, customers);
    // The same process works on, with its place in the group and its state.
    world.produce(
        "purchases",
        &[order(2, BEGIN + 2 * DAY), order(3, BEGIN + 2 * DAY)],
    );
    world.await_caught_up();
    eventually("life goes on by the new rule", || {
        let lives = lives(&world);
        lives["c2"].len() == 2 && lives["c3"].len() == 2
    });
    assert_eq!(lives(&world)["c2"][1], "buyer->regular event 2");
    assert_eq!(world.first.metric("tenure_customers"), customers);
    assert_eq!(world.first.get("/readyz").0, "HTTP/1.1 200 OK");
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}

#[test]
fn killed_in_the_middle_of_a_change_everybody_is_brought_over_once() {
    let mut world = about_to_change("sweep");
    let mut seen = Vec::new();
    for point in [
        "records-sent:2",
        "committed:1",
        "before-write:1",
        "written:1",
        "applied:2",
    ] {
        world.start_with(&format!("{CRASH_VARIABLE}={point}"));
        assert_ne!(world.ended().code(), Some(0), "{point}: {}", world.said());
        seen.push(by_change(&mut world));
    }
    assert!(
        seen.iter().any(|count| (1..CUSTOMERS / 2).contains(count)),
        "nobody was killed in the middle: {seen:?}"
    );
    // And without anything on its disk.
    std::fs::remove_dir_all(world.folder.path().join("state")).unwrap();
    world.start();
    eventually("everybody is brought over", || {
        world.assert_running();
        by_change(&mut world) == CUSTOMERS / 2
    });
    assert_moved_once(&world, CUSTOMERS);
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}

#[test]
fn a_change_amid_a_change_waits_until_everybody_is_brought_under_the_first() {
    let mut world = about_to_change("amid");
    world.start_with(&format!("{CRASH_VARIABLE}=written:1"));
    assert_ne!(world.ended().code(), Some(0), "{}", world.said());
    // Only where the first change had begun it has to be brought to its end.
    let begun: Vec<bool> = (0..i64::from(PARTITIONS))
        .map(|partition| {
            let lives = lives(&world);
            let own = |it: &i64| it % 4 < 2 && it % i64::from(PARTITIONS) == partition;
            let moved = (0..CUSTOMERS).filter(own);
            let moved = moved.filter(|it| lives[&format!("c{it}")].len() == 2);
            (1..CUSTOMERS / 4).contains(&(moved.count() as i64))
        })
        .collect();
    assert!(begun.contains(&true), "{begun:?}");
    // It knows a way on from the stage that the first change leads to, and not the way there.
    let further = two_orders_are_enough()
        .replace("regular: {}", "regular: {}, friend: {}")
        .replace(
            "{ from: buyer, to: regular, when: orders >= 2 }",
            "{ from: regular, to: friend, when: orders >= 2 }",
        )
        .replace("[buyer, regular]", "[buyer, regular, friend]");
    world.model("shop.yaml", &further);
    world.start();
    let twice = begun.iter().filter(|begun| **begun).count() as i64 * CUSTOMERS / 2;
    eventually("everybody is brought over twice", || {
        world.assert_running();
        by_change(&mut world) >= twice
    });
    let lives = lives(&world);
    for customer in 0..CUSTOMERS {
        let moves = customer % 4 < 2 && begun[(customer % i64::from(PARTITIONS)) as usize];
        let expected = match moves {
            true => &[
                "new->buyer event 1",
                "buyer->regular model_change 2",
                "regular->friend model_change 3",
            ][..],
            false => &["new->buyer event 1"],
        };
        assert_eq!(lives[&format!("c{customer}")], expected, "c{customer}");
    }
    assert_eq!(world.first.metric("tenure_customers"), CUSTOMERS);
    world.produce("purchases", &[order(0, BEGIN + 2 * DAY)]);
    world.await_caught_up();
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}

#[test]
fn a_process_with_older_models_leaves_alone_what_others_have_taken_further() {
    let customers = 40;
    let mut world = shop("rolling-models", customers);
    world.model("new.yaml", &two_orders_are_enough());
    let mut new = world.instance("1", |settings| settings.replace("shop.yaml", "new.yaml"));
    world.work_through();
    new.start();
    eventually("the new models have taken over", || {
        new.assert_running();
        by_change(&mut world) == customers / 2
    });
    new.kill();
    world.start();
    let alone = r#"tenure_partitions{state="left_alone"}"#;
    eventually("the old process stands back", || {
        world.assert_running();
        world.first.metric(alone) == i64::from(PARTITIONS)
    });
    assert!(world.said().contains("newer models"), "{}", world.said());
    assert_ne!(world.first.get("/readyz").0, "HTTP/1.1 200 OK");
    // What comes in waits for those who know the new models.
    world.produce("purchases", &[order(2, BEGIN + 2 * DAY)]);
    let batches = world.first.metric("tenure_batches_total");
    assert_eq!(batches, 0);
    world.terminate();
    new.start();
    eventually("they go on", || {
        new.assert_running();
        lives(&world)["c2"].len() == 2
    });
    assert_eq!(lives(&world)["c2"][1], "buyer->regular event 2");
    // Back on purpose: the old file with a higher version.
    new.kill();
    world.model("shop.yaml", &MODEL.replace("version: 1", "version: 2"));
    world.start();
    eventually("the old rules count again", || {
        world.assert_running();
        world.first.metric("tenure_model_changes_total") == i64::from(PARTITIONS)
            && world.first.get("/readyz").0 == "HTTP/1.1 200 OK"
    });
    world.produce("purchases", &[order(3, BEGIN + 3 * DAY)]);
    world.await_caught_up();
    assert_eq!(lives(&world)["c3"], ["new->buyer event 1"]);
    new.kill();
}
