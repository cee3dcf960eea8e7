//! Several daemons of one app: partitions move between them while events are produced, and the
//! published transitions are those of an undisturbed daemon.
//!
//! All are static members. A clean stop does not notify the group, so that a restarted member gets
//! its partitions again: they move only when its session times out, as after a kill.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use crate::app::App;
use crate::exactly_once::{assert_published_once, history, produce};
use crate::fleet::{Fleet, PARTITIONS, RUNTIME, kip_848, session};
use crate::harness::{Broker, Record, eventually};

/// The group's generation, from the broker's log.
fn generation(app: &App) -> usize {
    let group = format!("Stabilized group {} generation ", app.name);
    number_after(&app.broker.log(), &group)
}

/// The number after the last occurrence of these words.
fn number_after(text: &str, words: &str) -> usize {
    let (_, after) = text.rsplit_once(words).unwrap();
    let digits = after.split(|it: char| !it.is_ascii_digit());
    digits.into_iter().next().unwrap().parse().unwrap()
}

/// The number of committed changelog records, by partition.
fn changelog_counts(app: &App) -> Vec<usize> {
    let mut counts = vec![0; usize::try_from(PARTITIONS).unwrap()];
    for stored in app.read("changelog") {
        counts[usize::try_from(stored.record.partition).unwrap()] += 1;
    }
    counts
}

fn grow_and_shrink(mut fleet: Fleet) {
    fleet.instances[0].start();
    fleet.await_working(&[0]);
    fleet.instances[1].start();
    fleet.instances[2].start();
    fleet.await_working(&[0, 1, 2]);
    fleet.stop(0);
    fleet.await_working(&[1, 2]);
    fleet.instances[2].kill();
    fleet.await_working(&[1]);
    fleet.assert_published_once();
    fleet.stop(1);
}

#[test]
fn scaling_one_three_two_one_under_load_loses_nothing_and_duplicates_nothing() {
    grow_and_shrink(Fleet::new("scale", 3, session(4)));
}

#[test]
fn scaling_one_three_two_one_under_the_consumer_protocol() {
    grow_and_shrink(Fleet::new("scale-848", 3, kip_848));
}

/// Restarts one after the other; the others are not disturbed.
fn restart_each(fleet: &mut Fleet) {
    let moved = "tenure_rebalances_total";
    for restarted in 0..fleet.instances.len() {
        let others = (0..fleet.instances.len()).filter(|number| *number != restarted);
        let others: Vec<usize> = others.collect();
        let seen = fleet.metrics(&others, moved);
        fleet.stop(restarted);
        fleet.instances[restarted].start();
        fleet.await_all_working();
        assert_eq!(fleet.metrics(&others, moved), seen);
        assert_eq!(fleet.metrics(&[restarted], moved), [1]);
        assert_eq!(fleet.instances[restarted].count_in_log("restored from"), 0);
    }
}

/// The session is longer than any condition is awaited.
#[test]
fn a_rolling_restart_moves_no_partition_and_a_member_that_leaves_passes_its_partitions_on() {
    let mut fleet = Fleet::new("rolling", 3, session(300));
    fleet.start_all();
    let before = generation(&fleet.app);
    restart_each(&mut fleet);
    assert_eq!(generation(&fleet.app), before);
    let (status, said) = fleet.instances[1].admin_request("POST", "/leave");
    assert!(status.contains("200") && said.contains("when this process stops"), "{status} {said}");
    fleet.stop(1);
    fleet.await_working(&[0, 2]);
    fleet.instances[1].start();
    fleet.await_all_working();
    fleet.assert_published_once();
}

#[test]
fn a_rolling_restart_moves_no_partition_under_the_consumer_protocol() {
    let mut fleet = Fleet::new("rolling-848", 2, kip_848);
    fleet.start_all();
    restart_each(&mut fleet);
    let (status, said) = fleet.instances[1].admin_request("POST", "/leave");
    assert!(status.contains("409") && said.contains("cannot leave"), "{status} {said}");
    fleet.assert_published_once();
}

#[test]
fn the_successor_of_a_killed_member_is_admitted_under_the_consumer_protocol() {
    let mut fleet = Fleet::new("killed-848", 2, kip_848);
    fleet.start_all();
    for _ in 0..2 {
        fleet.instances[1].kill();
        fleet.instances[1].start();
        fleet.await_all_working();
        let waited = fleet.instances[1].count_in_log("still has a member of this name");
        assert!(waited > 0, "its predecessor was removed immediately");
    }
    fleet.assert_published_once();
}

#[test]
fn a_partition_that_returns_restores_only_the_difference() {
    let mut fleet = Fleet::new("back", 2, session(4));
    fleet.instances[0].start();
    fleet.await_working(&[0]);
    // For a partition without any state, the difference would be everything.
    fleet.produce_until("every partition has state", |fleet| {
        changelog_counts(&fleet.app).iter().all(|records| *records > 0)
    });
    let before = changelog_counts(&fleet.app);
    fleet.instances[1].start();
    fleet.await_working(&[0, 1]);
    assert_eq!(fleet.instances[0].count_in_log("restored from"), 0);
    fleet.stop(1);
    let after = changelog_counts(&fleet.app);
    fleet.await_working(&[0]);
    // The second instance owned the upper half.
    let log = fleet.instances[0].log();
    for partition in 2..4 {
        let restored = number_after(&log, &format!("changelog partition={partition} records="));
        let difference = after[partition] - before[partition];
        assert!(restored > 0 && restored <= difference, "{restored} of {difference}");
        assert!(difference < after[partition]);
    }
    fleet.assert_published_once();
}

#[test]
fn local_state_of_partitions_that_other_processes_own_is_removed_after_a_delay() {
    let mut fleet = Fleet::new("elsewhere", 2, session(4));
    let changelog_topic = fleet.app.topic("changelog");
    let short = [("delete.retention.ms", "1")];
    fleet.app.broker.alter_topic(&changelog_topic, &short);
    fleet.instances[0].start();
    fleet.await_working(&[0]);
    fleet.produce_until("every partition has state", |fleet| {
        changelog_counts(&fleet.app).iter().all(|records| *records > 0)
    });
    fleet.instances[1].start();
    fleet.await_working(&[0, 1]);
    let rebuilds = "no local state; building it from the changelog";
    let built = fleet.instances[0].count_in_log(rebuilds);
    fleet.produce_until("the state of moved partitions is removed", |fleet| {
        fleet.instances[0].count_in_log("its state is removed here") == 2
    });
    fleet.stop(1);
    fleet.await_working(&[0]);
    assert_eq!(fleet.instances[0].count_in_log(rebuilds), built + 2);
    fleet.assert_published_once();
}

#[test]
fn rebalances_in_a_row_during_a_restore() {
    let mut fleet = Fleet::new("restore", 3, session(20));
    fleet.instances[0].start();
    fleet.await_working(&[0]);
    fleet.instances[0].kill();
    fs::remove_dir_all(fleet.instances[0].folder().join("state")).unwrap();
    // A restore waits for the open transactions that it finds.
    let mut holder =
        fleet.app.broker.transactional_producer("restore-holder", Duration::from_secs(60));
    holder.begin();
    let records: Vec<Record> =
        (0..PARTITIONS).map(|partition| Record::new(partition, "key", "value")).collect();
    holder.send(&fleet.app.topic("changelog"), &records);
    fleet.instances[0].start();
    fleet.produce_until("the first instance restores", |fleet| {
        fleet.instances[0].count_in_log("partitions assigned") == 1
    });
    fleet.instances[1].start();
    fleet.produce_until("the group revokes partitions from it", |fleet| {
        fleet.instances[0].count_in_log("partitions revoked") == 1
    });
    assert_eq!(fleet.instances[0].count_in_log("restored from"), 0);
    fleet.instances[2].start();
    holder.abort();
    fleet.await_working(&[0, 1, 2]);
    fleet.assert_published_once();
    for number in 0..3 {
        fleet.stop(number);
    }
}

fn resume_zombie(mut fleet: Fleet) {
    fleet.instances[0].start();
    fleet.instances[1].start();
    for _ in 0..2 {
        fleet.await_working(&[0, 1]);
        fleet.instances[1].signal("STOP");
        fleet.await_working(&[0]);
        fleet.instances[1].signal("CONT");
        fleet.produce_until("it exits, or rejoins", |fleet| {
            let zombie = &mut fleet.instances[1];
            let has_joined = zombie.count_in_log("lost=true") > 0;
            !zombie.is_running() || has_joined && zombie.metric("tenure_partitions") > 0
        });
        // It was inside a transaction, which the broker has aborted.
        if !fleet.instances[1].is_running() {
            let zombie = &mut fleet.instances[1];
            assert_eq!(zombie.await_exit().code(), Some(1), "{}", zombie.log());
            assert!(zombie.log().contains("this one stalled"));
            zombie.start();
        }
    }
    fleet.await_working(&[0, 1]);
    fleet.assert_published_once();
    fleet.stop(0);
    fleet.stop(1);
}

#[test]
fn a_zombie_leaves_no_trace() {
    resume_zombie(Fleet::new("zombie", 2, session(3)));
}

#[test]
#[ignore = "waits for two sessions of 7 seconds to time out: tests/run.sh --long"]
fn a_zombie_leaves_no_trace_under_the_consumer_protocol() {
    resume_zombie(Fleet::new("zombie-848", 2, kip_848));
}

/// The broker ends with the test process.
fn own_broker() -> &'static Broker {
    Box::leak(Box::new(Broker::start()))
}

#[test]
fn a_daemon_that_cannot_stop_cleanly_ends_at_the_deadline() {
    let settings = format!("{RUNTIME}shutdown_deadline = \"3s\"\n");
    let mut app = App::on_broker(own_broker(), "deadline", 2, &settings);
    let events = history(2, 300, 6_000);
    let horizon = produce(&app, &events, 2);
    app.start();
    eventually("it processes batches", || app.daemon.metric("tenure_batches_total") > 5);
    app.broker.freeze();
    app.request_stop();
    assert_eq!(app.await_exit().code(), Some(1), "{}", app.log());
    assert!(app.log().contains("longer than the deadline"));
    app.broker.thaw();
    assert!(!app.is_caught_up(), "there was nothing left to process");
    app.start();
    app.await_caught_up();
    assert_published_once(&app, &events, horizon);
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

/// Also while the group assigns partitions, right after a predecessor was killed; and without any broker.
#[test]
fn a_stop_during_the_start_does_not_wait_for_kafka() {
    let mut app = App::new("early-stop", 2, RUNTIME);
    let is_serving = |app: &App| app.log().contains("serving operators");
    for _ in 0..6 {
        app.start();
        eventually("it has joined the group", || app.log().contains("partitions assigned"));
        app.kill();
        app.start();
        eventually("it is starting", || is_serving(&app));
        assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    let mut alone = App::through_proxy(&address, "alone-stop", 2, RUNTIME);
    alone.start();
    eventually("it is starting", || is_serving(&alone));
    assert_eq!(alone.terminate().code(), Some(0), "{}", alone.log());
    assert!(alone.log().contains("without waiting for Kafka"), "{}", alone.log());
}
