//! Several daemons of one app: partitions move between them while events come in, and what is told
//! in the end is what one that nobody disturbed would have told.
//!
//! All are static members. One that is stopped in good order says nothing to the group, so that it
//! finds its partitions again when it comes back: they move only when its session is over, as those
//! of one that was killed.

use std::fs;
use std::time::Duration;

use crate::daemon::World;
use crate::exactly_once::{assert_told_once, history, produce};
use crate::fleet::{Fleet, PARTITIONS, RUNTIME, kip_848, session};
use crate::harness::{Broker, Record, eventually};

/// The group's generation, as the broker says.
fn generation(world: &World) -> usize {
    let group = format!("Stabilized group {} generation ", world.name);
    number_after(&world.broker.log(), &group)
}

/// The number after the last such words.
fn number_after(text: &str, words: &str) -> usize {
    let (_, after) = text.rsplit_once(words).unwrap();
    let digits = after.split(|it: char| !it.is_ascii_digit());
    digits.into_iter().next().unwrap().parse().unwrap()
}

/// Records of the changelog that committed readers are shown, by partition.
fn changelog(world: &World) -> Vec<usize> {
    let mut counts = vec![0; usize::try_from(PARTITIONS).unwrap()];
    for stored in world.read("changelog") {
        counts[usize::try_from(stored.record.partition).unwrap()] += 1;
    }
    counts
}

fn grow_and_shrink(mut fleet: Fleet) {
    fleet.instances[0].start();
    fleet.until_at_work(&[0]);
    fleet.instances[1].start();
    fleet.instances[2].start();
    fleet.until_at_work(&[0, 1, 2]);
    fleet.stop(0);
    fleet.until_at_work(&[1, 2]);
    fleet.instances[2].kill();
    fleet.until_at_work(&[1]);
    fleet.assert_told_once();
    fleet.stop(1);
}

#[test]
fn one_three_two_one_under_load_loses_nothing_and_doubles_nothing() {
    grow_and_shrink(Fleet::new("scale", 3, session(4)));
}

#[test]
fn one_three_two_one_where_the_broker_assigns() {
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
        fleet.until_all_at_work();
        assert_eq!(fleet.metrics(&others, moved), seen);
        assert_eq!(fleet.metrics(&[restarted], moved), [1]);
        assert_eq!(fleet.instances[restarted].times_said("restored from"), 0);
    }
}

#[test]
fn a_rolling_restart_moves_nothing() {
    let mut fleet = Fleet::new("rolling", 3, session(30));
    fleet.start_all();
    let before = generation(&fleet.world);
    restart_each(&mut fleet);
    assert_eq!(generation(&fleet.world), before);
    fleet.assert_told_once();
}

#[test]
fn a_rolling_restart_moves_nothing_where_the_broker_assigns() {
    let mut fleet = Fleet::new("rolling-848", 2, kip_848);
    fleet.start_all();
    restart_each(&mut fleet);
    fleet.assert_told_once();
}

#[test]
fn the_successor_of_a_killed_one_is_let_in_again_where_the_broker_assigns() {
    let mut fleet = Fleet::new("killed-848", 2, kip_848);
    fleet.start_all();
    for _ in 0..2 {
        fleet.instances[1].kill();
        fleet.instances[1].start();
        fleet.until_all_at_work();
        let waited = fleet.instances[1].times_said("still has a member of this name");
        assert!(waited > 0, "its predecessor was forgotten at once");
    }
    fleet.assert_told_once();
}

#[test]
fn a_partition_that_comes_back_restores_only_the_difference() {
    let mut fleet = Fleet::new("back", 2, session(4));
    fleet.instances[0].start();
    fleet.until_at_work(&[0]);
    // Of a partition without any state the difference would be all of it.
    fleet.until("every partition has state", |fleet| {
        changelog(&fleet.world).iter().all(|records| *records > 0)
    });
    let before = changelog(&fleet.world);
    fleet.instances[1].start();
    fleet.until_at_work(&[0, 1]);
    assert_eq!(fleet.instances[0].times_said("restored from"), 0);
    fleet.stop(1);
    let after = changelog(&fleet.world);
    fleet.until_at_work(&[0]);
    // What the range of the second was: the upper half.
    let said = fleet.instances[0].said();
    for partition in 2..4 {
        let restored = number_after(&said, &format!("changelog partition={partition} records="));
        let difference = after[partition] - before[partition];
        assert!(
            restored > 0 && restored <= difference,
            "{restored} of {difference}"
        );
        assert!(difference < after[partition]);
    }
    fleet.assert_told_once();
}

#[test]
fn state_of_partitions_that_others_have_gone_on_with_is_removed_after_a_while() {
    let mut fleet = Fleet::new("elsewhere", 2, session(4));
    let changelog_topic = fleet.world.topic("changelog");
    let at_once = [("delete.retention.ms", "1")];
    fleet.world.broker.alter_topic(&changelog_topic, &at_once);
    fleet.instances[0].start();
    fleet.until_at_work(&[0]);
    fleet.until("every partition has state", |fleet| {
        changelog(&fleet.world).iter().all(|records| *records > 0)
    });
    fleet.instances[1].start();
    fleet.until_at_work(&[0, 1]);
    let anew = "no local state; building it from the changelog";
    let built = fleet.instances[0].times_said(anew);
    fleet.until("what has moved is removed", |fleet| {
        fleet.instances[0].times_said("its state is removed here") == 2
    });
    fleet.stop(1);
    fleet.until_at_work(&[0]);
    assert_eq!(fleet.instances[0].times_said(anew), built + 2);
    fleet.assert_told_once();
}

#[test]
fn rebalances_in_a_row_during_a_restore() {
    let mut fleet = Fleet::new("restore", 3, session(20));
    fleet.instances[0].start();
    fleet.until_at_work(&[0]);
    fleet.instances[0].kill();
    fs::remove_dir_all(fleet.instances[0].folder().join("state")).unwrap();
    // A restore does not end before the transactions that it finds open.
    let mut holder = fleet
        .world
        .broker
        .transactional("restore-holder", Duration::from_secs(60));
    holder.begin();
    let records: Vec<Record> = (0..PARTITIONS)
        .map(|partition| Record::new(partition, "nobody", "nothing"))
        .collect();
    holder.send(&fleet.world.topic("changelog"), &records);
    fleet.instances[0].start();
    fleet.until("the first restores", |fleet| {
        fleet.instances[0].times_said("partitions assigned") == 1
    });
    fleet.instances[1].start();
    fleet.until("the group takes partitions from it", |fleet| {
        fleet.instances[0].times_said("partitions revoked") == 1
    });
    assert_eq!(fleet.instances[0].times_said("restored from"), 0);
    fleet.instances[2].start();
    holder.abort();
    fleet.until_at_work(&[0, 1, 2]);
    fleet.assert_told_once();
    for number in 0..3 {
        fleet.stop(number);
    }
}

fn wake_a_zombie(mut fleet: Fleet) {
    fleet.instances[0].start();
    fleet.instances[1].start();
    for _ in 0..2 {
        fleet.until_at_work(&[0, 1]);
        fleet.instances[1].signal("STOP");
        fleet.until_at_work(&[0]);
        fleet.instances[1].signal("CONT");
        fleet.until("it ends, or lets go", |fleet| {
            let zombie = &mut fleet.instances[1];
            let has_joined = zombie.times_said("lost=true") > 0;
            !zombie.is_running() || has_joined && zombie.metric("tenure_partitions") > 0
        });
        // It was in a transaction, and the broker has ended that.
        if !fleet.instances[1].is_running() {
            let zombie = &mut fleet.instances[1];
            assert_eq!(zombie.ended().code(), Some(1), "{}", zombie.said());
            assert!(zombie.said().contains("this one stalled"));
            zombie.start();
        }
    }
    fleet.until_at_work(&[0, 1]);
    fleet.assert_told_once();
    fleet.stop(0);
    fleet.stop(1);
}

#[test]
fn a_zombie_leaves_no_trace() {
    wake_a_zombie(Fleet::new("zombie", 2, session(3)));
}

#[test]
fn a_zombie_leaves_no_trace_where_the_broker_assigns() {
    wake_a_zombie(Fleet::new("zombie-848", 2, kip_848));
}

/// A test process ends with its brokers.
fn own_broker() -> &'static Broker {
    Box::leak(Box::new(Broker::start()))
}

#[test]
fn a_daemon_that_cannot_stop_in_good_order_ends_by_the_deadline() {
    let settings = format!("{RUNTIME}shutdown_deadline = \"3s\"\n");
    let mut world = World::on(own_broker(), "deadline", 2, &settings);
    let events = history(2, 300, 6_000);
    let horizon = produce(&world, &events, 2);
    world.start();
    eventually("it is at work", || {
        world.first.metric("tenure_batches_total") > 5
    });
    world.broker.freeze();
    world.ask_to_stop();
    assert_eq!(world.ended().code(), Some(1), "{}", world.said());
    assert!(world.said().contains("longer than the deadline"));
    world.broker.thaw();
    assert!(!world.is_caught_up(), "there was nothing in hand");
    world.start();
    world.await_caught_up();
    assert_told_once(&world, &events, horizon);
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}
