//! Starts without a broker, without a permission, and with a wrong login.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::app::App;
use crate::harness::{Broker, Listener, Record, eventually};

const SETTINGS: &str = "[runtime]\nworkers = 1\n";

pub(crate) fn order(day: &str) -> Record {
    let json =
        format!(r#"{{"type":"order_completed","customer_id":"ann","time":"{day}","value":10}}"#);
    Record::new(0, "ann", json)
}

#[test]
fn a_daemon_waits_for_a_broker_that_is_away_at_its_start_and_at_a_reload() {
    let broker: &'static Broker = Box::leak(Box::new(Broker::start()));
    let mut app = App::on_broker(broker, "early", 1, SETTINGS);
    app.produce("purchases", &[order("2026-01-01")]);
    broker.kill();
    let (code, said) = app.check_connection();
    assert_eq!(code, 69, "{said}");
    assert!(said.contains("error: topics: no broker responds at"), "{said}");
    app.start();
    app.await_state("waiting");
    let (status, reason) = app.daemon.get("/readyz");
    assert!(status.contains("503"), "{status}");
    assert!(reason.contains("no broker responds at") && reason.contains("refused"), "{reason}");
    for probe in ["/livez", "/startupz"] {
        assert!(app.daemon.get(probe).0.contains("200"), "{probe}");
    }
    // It stops as if it were running.
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
    app.start();
    app.await_state("waiting");
    broker.restart();
    app.await_state("running");
    eventually("the order is processed", || app.stage_changes().len() == 1);
    // New models take effect once the broker is back.
    broker.kill();
    let model = fs::read_to_string(app.folder.path().join("retail.yaml")).unwrap();
    app.write_model("retail.yaml", &model.replace("days(45)", "days(44)"));
    app.daemon.signal("HUP");
    app.await_state("waiting");
    assert!(app.daemon.get("/readyz").0.contains("200"), "it was ready before");
    broker.restart();
    app.await_state("running");
    app.produce("purchases", &[order("2026-01-02")]);
    eventually("the next order is processed", || app.stage_changes().len() == 2);
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

#[test]
fn a_refused_login_is_named_and_missing_permissions_are_named_with_the_commands_that_grant_them() {
    let mut app = App::new("login", 1, SETTINGS);
    let plain = format!("brokers = \"{}\"", app.broker.bootstrap());
    let security = "[[input]]\ntopic = \"login-clickstream\"";
    let encrypted = "[kafka.security]\nprotocol = \"ssl\"\n";
    app.edit_config(security, &format!("{encrypted}{security}"));
    app.start();
    app.await_state("waiting");
    let (_, reason) = app.daemon.get("/readyz");
    assert!(reason.contains("connecting to a PLAINTEXT broker listener?"), "{reason}");
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
    let login = format!("brokers = \"127.0.0.1:{}\"", app.broker.port(Listener::Login));
    app.edit_config(&plain, &login);
    app.edit_config(
        encrypted,
        "[kafka.security]\nprotocol = \"sasl_plaintext\"\nmechanism = \"PLAIN\"\nusername = \"tenure\"\n\
         password = \"wrong\"\n",
    );
    app.start();
    app.await_error_with_code(78, "refuse the login of User:tenure");
    assert!(!app.log().contains("\"wrong\""), "{}", app.log());
    assert_eq!(app.check_connection().0, 78);
    app.edit_config("\"wrong\"", "\"right\"");
    let (code, said) = app.check_connection();
    assert_eq!(code, 78, "{said}");
    for resource in ["--topic login-changelog", "--group login", "--transactional-id login"] {
        assert!(said.contains(resource), "{resource}: {said}");
    }
    app.produce("purchases", &[order("2026-01-01")]);
    app.daemon.start_patiently();
    app.await_state("waiting");
    let (_, reason) = app.daemon.get("/readyz");
    assert!(reason.contains("not permitted to describe the topic login-purchases"), "{reason}");
    // Each command that the log prints is run once, until nothing is missing.
    let mut granted = BTreeSet::new();
    eventually("the order is processed", || {
        app.assert_running();
        for (topic, command) in printed_commands(&app.log()) {
            if granted.insert(topic) {
                let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
                app.broker.run_tool("org.apache.kafka.tools.AclCommand", &arguments);
            }
        }
        app.stage_changes().len() == 1
    });
    for resource in [
        "--topic login-changelog",
        "--topic login-purchases",
        "--topic login-stage-changes",
        "--group login",
        "--transactional-id login",
    ] {
        assert!(granted.contains(resource), "{granted:?}");
    }
    // The check disturbs no running daemon.
    let (code, said) = app.check_connection();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("topics: 2 inputs and the changelog with 1 partitions"), "{said}");
    app.produce("purchases", &[order("2026-01-02")]);
    eventually("the next order is processed", || app.stage_changes().len() == 2);
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

#[test]
fn missing_topics_are_created_as_the_daemon_needs_them() {
    let mut app = App::new("created", 3, SETTINGS);
    let missing = ["purchases", "changelog", "customer-stages", "at-risk"];
    missing.iter().for_each(|topic| app.broker.delete_topic(&app.topic(topic)));
    let topics = |action: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tenure"))
            .args([&["topics"], action, &["--config", "tenure.toml"]].concat())
            .current_dir(app.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr))
    };
    let (plan, _) = topics(&["plan", "--acls"]);
    let changelog =
        "--create --topic created-changelog --partitions 3 --config cleanup.policy=compact";
    assert!(plan.contains(changelog), "{plan}");
    assert!(!plan.contains("--create --topic created-clickstream"), "{plan}");
    let group = "--operation Read --group created";
    assert!(plan.contains(group), "{plan}");
    let (_, said) = topics(&["create"]);
    for topic in missing {
        assert!(said.contains(&format!("created created-{topic}")), "{said}");
    }
    assert!(topics(&["create"]).1.contains("no topic is missing"));
    let config = app.broker.topic_config(&app.topic("changelog"));
    assert_eq!(config["cleanup.policy"], "compact");
    app.produce("purchases", &[order("2026-01-01")]);
    app.run_until_caught_up();
    assert_eq!(app.stage_changes().len(), 1);
}

/// The resource and the arguments of each `kafka-acls.sh` in the log, without the broker's address.
fn printed_commands(log: &str) -> Vec<(String, Vec<String>)> {
    let commands = log.split("kafka-acls.sh --bootstrap-server ").skip(1);
    let arguments = commands.map(|text| {
        let words =
            text.split([' ', '\n', '\\']).skip(1).map(|word| word.trim_matches(['\'', '"']));
        let is_argument = |word: &&str| !word.is_empty();
        let mut arguments: Vec<String> = Vec::new();
        let mut words = words.filter(is_argument).peekable();
        while let Some(flag) = words.next_if(|word| word.starts_with("--")) {
            arguments.push(flag.to_owned());
            arguments.extend(words.next_if(|word| !word.starts_with("--")).map(str::to_owned));
        }
        arguments
    });
    let resource = |arguments: &Vec<String>| {
        let is_resource =
            |it: &String| ["--topic", "--group", "--transactional-id"].contains(&it.as_str());
        let at = arguments.iter().position(is_resource).unwrap();
        arguments[at..=at + 1].join(" ")
    };
    arguments.map(|arguments| (resource(&arguments), arguments)).collect()
}
