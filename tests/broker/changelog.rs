//! The changelog as a topic: whose it is, and that it keeps what it is given.

use std::fs;
use std::time::Duration;

use tenure::store::{Config, Family, Rocks, StorageEngine as _};

use crate::daemon::World;
use crate::exactly_once::{assert_told_once, history, produce};
use crate::harness::{Isolation, Record, eventually};

const SETTINGS: &str = "[runtime]\ncommit_interval = \"10ms\"\nworkers = 2\n";

#[test]
fn topics_that_would_lose_what_they_keep_are_refused_with_the_command_that_sets_them_right() {
    let mut world = World::new("policies", 1, SETTINGS);
    for topic in ["changelog", "customer-stages"] {
        let topic = world.topic(topic);
        let set = |policy| {
            world
                .broker
                .alter_topic(&topic, &[("cleanup.policy", policy)])
        };
        set("delete");
        world.start();
        let said = world.ends_with(78, &format!("{topic} has cleanup.policy=delete"));
        assert!(said.contains("kafka-configs.sh"), "{said}");
        world
            .broker
            .alter_topic(&topic, &[("cleanup.policy", "compact,delete")]);
        if topic.ends_with("changelog") {
            world.start();
            world.ends_with(78, &format!("{topic} has cleanup.policy=compact,delete"));
        }
        world
            .broker
            .alter_topic(&topic, &[("cleanup.policy", "compact")]);
    }
    world.work_through();
}

#[test]
fn topics_that_are_made_at_the_same_time_are_waited_for() {
    let mut world = World::new("latetopics", 1, SETTINGS);
    let late = ["dead-letters", "changelog"].map(|topic| world.topic(topic));
    late.iter()
        .for_each(|topic| world.broker.delete_topic(topic));
    world.start();
    eventually("it is looking", || world.said().contains("serving probes"));
    let compacted = [("cleanup.policy", "compact")];
    for topic in &late {
        world.broker.create_topic(topic, 1, &compacted);
    }
    world.await_caught_up();
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}

/// Two of them would take each other's states for their own.
#[test]
fn a_changelog_is_of_one_deployment_and_another_one_takes_it_over_only_when_told_to() {
    let mut world = World::new("owner", 2, SETTINGS);
    let events = history(1, 300, 4_000);
    produce(&world, &events[..2_000], 2);
    world.work_through();

    let file = world.folder.path().join("tenure.toml");
    let settings = fs::read_to_string(&file).unwrap();
    let renamed = settings.replace("app = \"owner\"", "app = \"heir\"");
    assert_ne!(renamed, settings);
    fs::write(&file, renamed).unwrap();
    let why = "belongs to the deployment \"owner\"";
    for has_state in [true, false] {
        if !has_state {
            fs::remove_dir_all(world.folder.path().join("state")).unwrap();
        }
        world.start();
        world.quarantines(why);
    }
    let horizon = produce(&world, &events[2_000..], 2);
    world
        .first
        .start_by(&["sh", "-c", r#"exec "$@" --take-over owner"#, "sh"]);
    eventually("all is read by the other one", || {
        world.assert_running();
        ["clickstream", "purchases"].iter().all(|input| {
            let topic = world.topic(input);
            let positions = world.broker.positions("heir", &topic);
            let ends = world.broker.bounds(&topic, Isolation::Committed);
            let is_read = |(partition, (_, end)): (&i32, &(i64, i64))| {
                positions.get(partition).is_some_and(|at| at.offset >= *end)
            };
            ends.iter().all(is_read)
        })
    });
    assert_told_once(&world, &events, horizon);
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
    // From here on it is its own, also where all of it is read.
    fs::remove_dir_all(world.folder.path().join("state")).unwrap();
    world.start();
    eventually("it is ready", || world.said().contains(" ready "));
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}

/// Under the id that earlier versions used; it would hold back whoever reads the changelog until it times out.
#[test]
fn what_an_earlier_version_left_open_is_ended() {
    let mut world = World::new("formerids", 1, SETTINGS);
    let events = history(1, 300, 2_000);
    let horizon = produce(&world, &events, 1);
    world.work_through();

    let config = Config {
        memory_bytes: 16 << 20,
        durable: true,
    };
    let disk = Rocks::open(&world.folder.path().join("state"), &config).unwrap();
    disk.write(&mut |batch| {
        batch.delete(Family::Meta, b"transactional-ids");
        Ok(())
    })
    .unwrap();
    drop(disk);
    let changelog = world.topic("changelog");
    let longer_than_this_test = Duration::from_secs(600);
    let mut former = world
        .broker
        .transactional("formerids-0-0", longer_than_this_test);
    former.begin();
    former.send(&changelog, &[Record::new(0, "nobody", "nothing")]);
    let ends = |isolation| world.broker.bounds(&changelog, isolation)[&0].1;
    assert!(ends(Isolation::Committed) < ends(Isolation::Uncommitted));
    world.start();
    let ends = |isolation| world.broker.bounds(&changelog, isolation)[&0].1;
    eventually("it is ended", || {
        ends(Isolation::Committed) == ends(Isolation::Uncommitted)
    });
    world.await_caught_up();
    assert_told_once(&world, &events, horizon);
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}
