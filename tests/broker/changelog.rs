//! The changelog as a topic: which deployment it belongs to, and its cleanup policy.

use std::fs;
use std::time::Duration;

use tenure::store::{Config, Family, Rocks, StorageEngine as _};

use crate::app::App;
use crate::exactly_once::{assert_published_once, history, produce};
use crate::harness::{Isolation, Record, eventually};

const SETTINGS: &str = "[runtime]\ncommit_interval = \"10ms\"\nworkers = 2\n";

#[test]
fn topics_with_a_cleanup_policy_that_loses_records_are_refused_with_the_command_that_fixes_them() {
    let mut app = App::new("policies", 1, SETTINGS);
    for topic in ["changelog", "customer-stages"] {
        let topic = app.topic(topic);
        let set = |policy| app.broker.alter_topic(&topic, &[("cleanup.policy", policy)]);
        set("delete");
        app.start();
        let wrong = format!("{topic} has cleanup.policy=delete");
        let (code, said) = app.check_connection();
        assert!(code == 78 && said.contains(&wrong), "{code}: {said}");
        let log = app.await_error_with_code(78, &wrong);
        assert!(log.contains("kafka-configs.sh"), "{log}");
        app.broker.alter_topic(&topic, &[("cleanup.policy", "compact,delete")]);
        if topic.ends_with("changelog") {
            app.start();
            app.await_error_with_code(78, &format!("{topic} has cleanup.policy=compact,delete"));
        }
        app.broker.alter_topic(&topic, &[("cleanup.policy", "compact")]);
    }
    app.run_until_caught_up();
}

#[test]
fn the_daemon_waits_for_topics_that_are_created_at_the_same_time() {
    let mut app = App::new("latetopics", 1, SETTINGS);
    let late = ["dead-letters", "changelog"].map(|topic| app.topic(topic));
    late.iter().for_each(|topic| app.broker.delete_topic(topic));
    let (code, said) = app.check_connection();
    assert_eq!(code, 78, "{said}");
    app.daemon.start_patiently();
    app.await_state("waiting");
    assert!(app.daemon.get("/livez").0.contains("200"));
    let (status, reason) = app.daemon.get("/readyz");
    assert!(status.contains("503"), "{status}");
    for topic in &late {
        let missing = format!("the topic {topic} does not exist");
        assert!(said.contains(&missing) && reason.contains(&missing), "{said}{reason}");
    }
    let compacted = [("cleanup.policy", "compact")];
    for topic in &late {
        app.broker.create_topic(topic, 1, &compacted);
    }
    app.await_caught_up();
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

/// Two deployments would read each other's states as their own.
#[test]
fn a_changelog_belongs_to_one_deployment_and_another_one_takes_it_over_only_on_request() {
    let mut app = App::new("owner", 2, SETTINGS);
    let events = history(1, 300, 4_000);
    produce(&app, &events[..2_000], 2);
    app.run_until_caught_up();

    let file = app.folder.path().join("tenure.toml");
    let settings = fs::read_to_string(&file).unwrap();
    let renamed = settings.replace("app = \"owner\"", "app = \"successor\"");
    assert_ne!(renamed, settings);
    fs::write(&file, renamed).unwrap();
    let why = "belongs to the deployment \"owner\"";
    for has_state in [true, false] {
        if !has_state {
            fs::remove_dir_all(app.folder.path().join("state")).unwrap();
        }
        app.start();
        app.await_quarantine_and_stop(why);
    }
    let horizon = produce(&app, &events[2_000..], 2);
    app.daemon.start_through(&["sh", "-c", r#"exec "$@" --take-over owner"#, "sh"]);
    eventually("the new deployment has read everything", || {
        app.assert_running();
        ["clickstream", "purchases"].iter().all(|input| {
            let topic = app.topic(input);
            let committed_offsets = app.broker.committed_offsets("successor", &topic);
            let ends = app.broker.bounds(&topic, Isolation::Committed);
            let is_read = |(partition, (_, end)): (&i32, &(i64, i64))| {
                committed_offsets.get(partition).is_some_and(|at| at.offset >= *end)
            };
            ends.iter().all(is_read)
        })
    });
    assert_published_once(&app, &events, horizon);
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
    // Now the changelog belongs to the new deployment, also after a complete restore.
    fs::remove_dir_all(app.folder.path().join("state")).unwrap();
    app.start();
    eventually("it is ready", || app.log().contains(" ready "));
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

/// Under the transactional id of earlier versions. It would block readers of the changelog until its timeout.
#[test]
fn a_transaction_that_an_earlier_version_left_open_is_aborted() {
    let mut app = App::new("formerids", 1, SETTINGS);
    let events = history(1, 300, 2_000);
    let horizon = produce(&app, &events, 1);
    app.run_until_caught_up();

    let config = Config { memory_bytes: 16 << 20, durable: true };
    let disk = Rocks::open(&app.folder.path().join("state"), &config).unwrap();
    disk.write(&mut |batch| {
        batch.delete(Family::Meta, b"transactional-ids");
        Ok(())
    })
    .unwrap();
    drop(disk);
    let changelog = app.topic("changelog");
    let longer_than_this_test = Duration::from_secs(600);
    let mut former = app.broker.transactional_producer("formerids-0-0", longer_than_this_test);
    former.begin();
    former.send(&changelog, &[Record::new(0, "key", "value")]);
    let ends = |isolation| app.broker.bounds(&changelog, isolation)[&0].1;
    assert!(ends(Isolation::Committed) < ends(Isolation::Uncommitted));
    app.start();
    let ends = |isolation| app.broker.bounds(&changelog, isolation)[&0].1;
    eventually("the transaction is aborted", || {
        ends(Isolation::Committed) == ends(Isolation::Uncommitted)
    });
    // A stop during the start is another matter.
    eventually("the daemon is ready", || app.log().contains(" ready "));
    app.await_caught_up();
    assert_published_once(&app, &events, horizon);
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}
