//! Model changes while the daemon runs and while it is killed; a process with older models defers partitions.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use tenure::crash::CRASH_VARIABLE;

use crate::app::App;
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
/// More than two sweep steps of a partition migrate.
const CUSTOMERS: i64 = 20_000;
const SETTINGS: &str = "[time]\nidle_after = \"0s\"\n[runtime]\nworkers = 1\n";

fn order(customer: i64, time: i64) -> Record {
    let id = format!("c{customer}");
    let json = format!(r#"{{"type":"order_completed","customer_id":"{id}","time":{time}}}"#);
    Record::new((customer % i64::from(PARTITIONS)) as i32, &*id, json)
}

/// Every customer has ordered once, every second one twice.
fn shop(name: &str, customers: i64) -> App {
    let app = App::new(name, PARTITIONS, SETTINGS);
    app.write_model("shop.yaml", MODEL);
    app.write_config("shop.yaml", SETTINGS);
    let first: Vec<Record> = (0..customers).map(|it| order(it, BEGIN + it)).collect();
    let second = (0..customers).filter(|it| it % 4 < 2);
    let second: Vec<Record> = second.map(|it| order(it, BEGIN + DAY + it)).collect();
    app.produce("purchases", &first);
    app.produce("purchases", &second);
    app
}

fn two_orders_are_enough() -> String {
    MODEL.replace("orders >= 3", "orders >= 2")
}

/// All customers are processed, and the next start is with the new rule.
fn about_to_change(name: &str) -> App {
    let mut app = shop(name, CUSTOMERS);
    app.run_until_caught_up();
    app.write_model("shop.yaml", &two_orders_are_enough());
    app
}

/// `from->to cause sequence` of each customer, in order.
fn transitions(app: &App) -> BTreeMap<String, Vec<String>> {
    let mut transitions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for change in app.stage_changes() {
        let text = |key: &str| change[key].as_str().unwrap().to_owned();
        let line =
            format!("{}->{} {} {}", text("from"), text("to"), text("cause"), change["sequence"]);
        transitions.entry(text("customer_id")).or_default().push(line);
    }
    transitions
}

/// Every second customer, and no other, has moved by the model change, once.
fn assert_moved_once(app: &App, customers: i64) {
    let transitions = transitions(app);
    assert_eq!(transitions.len() as i64, customers);
    for customer in 0..customers {
        let expected = match customer % 4 < 2 {
            true => &["new->buyer event 1", "buyer->regular model_change 2"][..],
            false => &["new->buyer event 1"],
        };
        assert_eq!(transitions[&format!("c{customer}")], expected, "c{customer}");
    }
}

fn by_change(app: &mut App) -> i64 {
    let changes = app.stage_changes();
    let by_change = |data: &&Json| data["cause"] == "model_change";
    changes.iter().filter(by_change).count() as i64
}

#[test]
fn sighup_loads_valid_models_and_changes_nothing_when_they_are_invalid() {
    let customers = 400;
    let mut app = shop("reload", customers);
    app.start();
    app.await_caught_up();
    let reloads = "tenure_model_reloads_total";
    for (count, broken, why) in [
        (1, MODEL.replace("orders >= 3", "order >= 3"), "unknown fact `order`"),
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
        app.write_model("shop.yaml", &broken);
        app.daemon.signal("HUP");
        eventually("the models are refused", || app.daemon.metric(reloads) == count);
        assert!(app.log().contains(why), "{}", app.log());
    }
    app.write_model("shop.yaml", &two_orders_are_enough());
    app.daemon.signal("HUP");
    eventually("customers with two orders are regulars", || {
        app.assert_running();
        by_change(&mut app) == customers / 2
    });
    assert_moved_once(&app, customers);
    // The same process continues, with its membership and its state.
    app.produce("purchases", &[order(2, BEGIN + 2 * DAY), order(3, BEGIN + 2 * DAY)]);
    app.await_caught_up();
    eventually("later events follow the new rule", || {
        let transitions = transitions(&app);
        transitions["c2"].len() == 2 && transitions["c3"].len() == 2
    });
    assert_eq!(transitions(&app)["c2"][1], "buyer->regular event 2");
    assert_eq!(app.daemon.metric("tenure_customers"), customers);
    assert_eq!(app.daemon.get("/readyz").0, "HTTP/1.1 200 OK");
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

#[test]
fn every_customer_is_migrated_once_when_the_process_is_killed_during_a_model_change() {
    let mut app = about_to_change("sweep");
    let mut seen = Vec::new();
    for point in ["records-sent:2", "committed:1", "before-write:1", "written:1", "applied:2"] {
        app.start_with_env(&format!("{CRASH_VARIABLE}={point}"));
        assert_ne!(app.await_exit().code(), Some(0), "{point}: {}", app.log());
        seen.push(by_change(&mut app));
    }
    assert!(
        seen.iter().any(|count| (1..CUSTOMERS / 2).contains(count)),
        "no process was killed during the migration: {seen:?}"
    );
    // And without the local state.
    std::fs::remove_dir_all(app.folder.path().join("state")).unwrap();
    app.start();
    eventually("every customer is migrated", || {
        app.assert_running();
        by_change(&mut app) == CUSTOMERS / 2
    });
    assert_moved_once(&app, CUSTOMERS);
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

#[test]
fn a_second_model_change_waits_until_every_customer_is_migrated_by_the_first() {
    let mut app = about_to_change("amid");
    app.start_with_env(&format!("{CRASH_VARIABLE}=written:1"));
    assert_ne!(app.await_exit().code(), Some(0), "{}", app.log());
    // The first change is completed only where it had begun.
    let begun: Vec<bool> = (0..i64::from(PARTITIONS))
        .map(|partition| {
            let transitions = transitions(&app);
            let own = |it: &i64| it % 4 < 2 && it % i64::from(PARTITIONS) == partition;
            let moved = (0..CUSTOMERS).filter(own);
            let moved = moved.filter(|it| transitions[&format!("c{it}")].len() == 2);
            (1..CUSTOMERS / 4).contains(&(moved.count() as i64))
        })
        .collect();
    assert!(begun.contains(&true), "{begun:?}");
    // It has a transition from the stage that the first change leads to, and none to that stage.
    let further = two_orders_are_enough()
        .replace("regular: {}", "regular: {}, friend: {}")
        .replace(
            "{ from: buyer, to: regular, when: orders >= 2 }",
            "{ from: regular, to: friend, when: orders >= 2 }",
        )
        .replace("[buyer, regular]", "[buyer, regular, friend]");
    app.write_model("shop.yaml", &further);
    app.start();
    let twice = begun.iter().filter(|begun| **begun).count() as i64 * CUSTOMERS / 2;
    eventually("every customer is migrated twice", || {
        app.assert_running();
        by_change(&mut app) >= twice
    });
    let transitions = transitions(&app);
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
        assert_eq!(transitions[&format!("c{customer}")], expected, "c{customer}");
    }
    assert_eq!(app.daemon.metric("tenure_customers"), CUSTOMERS);
    app.produce("purchases", &[order(0, BEGIN + 2 * DAY)]);
    app.await_caught_up();
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

#[test]
fn a_process_with_older_models_defers_partitions_that_newer_models_own() {
    let customers = 40;
    let mut app = shop("rolling-models", customers);
    app.write_model("new.yaml", &two_orders_are_enough());
    let mut new = app.instance("1", |settings| settings.replace("shop.yaml", "new.yaml"));
    app.run_until_caught_up();
    new.start();
    eventually("the new models have taken over", || {
        new.assert_running();
        by_change(&mut app) == customers / 2
    });
    new.kill();
    app.start();
    let alone = r#"tenure_partitions{state="deferred"}"#;
    eventually("the old process defers the partitions", || {
        app.assert_running();
        app.daemon.metric(alone) == i64::from(PARTITIONS)
    });
    assert!(app.log().contains("newer models"), "{}", app.log());
    let (status, reason) = app.daemon.get("/readyz");
    assert!(status.contains("503") && reason.contains("newer models"), "{status} {reason}");
    assert!(app.daemon.get("/livez").0.contains("200"));
    // New records wait for a process with the new models.
    app.produce("purchases", &[order(2, BEGIN + 2 * DAY)]);
    let batches = app.daemon.metric("tenure_batches_total");
    assert_eq!(batches, 0);
    app.terminate();
    new.start();
    eventually("the new models continue", || {
        new.assert_running();
        transitions(&app)["c2"].len() == 2
    });
    assert_eq!(transitions(&app)["c2"][1], "buyer->regular event 2");
    // An intended rollback: the old file with a higher version.
    new.kill();
    app.write_model("shop.yaml", &MODEL.replace("version: 1", "version: 2"));
    app.start();
    eventually("the old rules apply again", || {
        app.assert_running();
        app.daemon.metric("tenure_model_changes_total") == i64::from(PARTITIONS)
            && app.daemon.get("/readyz").0 == "HTTP/1.1 200 OK"
    });
    app.produce("purchases", &[order(3, BEGIN + 3 * DAY)]);
    app.await_caught_up();
    assert_eq!(transitions(&app)["c3"], ["new->buyer event 1"]);
    new.kill();
}
