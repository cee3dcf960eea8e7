//! A broker that stalls for longer than a session, and for longer than a transaction may take; with `TENURE_STALLS=3` it
//! stalls so often.

use std::time::{Duration, Instant};

use crate::daemon::World;
use crate::exactly_once::{assert_told_once, history, produce};
use crate::fleet::kip_848;
use crate::harness::{Broker, eventually};

const SETTINGS: &str = "[runtime]\ncommit_interval = \"10ms\"\nbatch_records = 20\n";
/// The session takes 10 seconds, or 7 where the broker says so; a transaction 15.
const STALL: Duration = Duration::from_secs(20);
const EVENTS: u64 = 8_000;

fn stall(name: &str, edit: impl Fn(String) -> String) {
    let broker: &'static Broker = Box::leak(Box::new(Broker::start()));
    let mut world = World::on(broker, name, 4, SETTINGS);
    let file = world.folder.path().join("tenure.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, edit(settings)).unwrap();
    let mut other = world.instance("1", |settings| settings);
    let stalls = std::env::var("TENURE_STALLS").map_or(1, |text| text.parse().unwrap());
    let events = history(2, 300, EVENTS * stalls);
    let horizon = produce(&world, &events, 4);
    world.start();
    other.start();
    for _ in 0..stalls {
        let mut batches =
            || [&mut world.first, &mut other].map(|it| it.metric("tenure_batches_total"));
        let before = batches();
        eventually("both are at work", || {
            let now = batches();
            now.iter()
                .zip(before)
                .all(|(now, before)| *now > before + 5)
        });
        assert!(!world.is_caught_up(), "there is nothing left to do");
        world.broker.freeze();
        let begun = Instant::now();
        while let Some(left) = STALL.checked_sub(begun.elapsed()) {
            std::thread::park_timeout(left);
        }
        world.broker.thaw();
    }
    eventually("everything is committed", || {
        world.assert_running();
        other.assert_running();
        world.is_caught_up()
    });
    assert_told_once(&world, &events, horizon);
    for instance in [&mut world.first, &mut other] {
        let status = instance.terminate();
        assert_eq!(status.code(), Some(0), "{}", instance.said());
    }
}

#[test]
fn a_broker_that_stalls_for_longer_than_a_session_ends_nobody() {
    stall("stalled", |settings| settings);
}

#[test]
fn a_broker_that_stalls_for_longer_than_a_session_ends_nobody_where_it_assigns() {
    stall("stalled-848", kip_848);
}
