//! A relay of kills: two daemons of one app, one broker, and each of them is killed over and over,
//! at random moments and at named places of the loop, while events come in. In the end everything
//! was told once, and the state on disk is that of the changelog.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use tenure::crash::{POINTS, VARIABLE};
use tenure::store::{Config, Engine, Family, Rocks};

use crate::daemon::World;
use crate::exactly_once::{assert_told_once, history, produce};
use crate::harness::{Broker, Isolation, eventually};
use crate::instance::Instance;
use crate::reference::Event;

/// Kills in a normal run.
const KILLS: usize = 30;
const PARTITIONS: i32 = 4;
const SETTINGS: &str = "[runtime]\ncommit_interval = \"10ms\"\nbatch_records = 60\n";
/// Events that come in between two kills.
const SLICE: usize = 60;

struct Relay {
    instances: [Instance; 2],
    world: World,
    chance: fastrand::Rng,
    events: Vec<Event>,
    produced: usize,
    /// Ends at each point, and by a signal.
    ends: BTreeMap<&'static str, usize>,
}

impl Relay {
    fn new(seed: u64, kills: usize) -> Relay {
        let broker: &'static Broker = Box::leak(Box::new(Broker::start()));
        let world = World::on(broker, "relay", PARTITIONS, SETTINGS);
        let mut events = history(seed, 300, 5_000 + 5 * (kills * SLICE) as u64);
        let later = events.split_off(5_000);
        produce(&world, &events, PARTITIONS);
        let produced = events.len();
        // Of two topics that are written to side by side, nobody knows which event was there first.
        events.extend(later.into_iter().filter(|it| it.kind == "order_completed"));
        let short = |settings: String| settings.replace("\"10s\"", "\"3s\"");
        Relay {
            instances: ["0", "1"].map(|name| world.instance(name, short)),
            world,
            chance: fastrand::Rng::with_seed(seed),
            events,
            produced,
            ends: BTreeMap::new(),
        }
    }

    fn more_events(&mut self) {
        let to = (self.produced + SLICE).min(self.events.len());
        produce(&self.world, &self.events[self.produced..to], PARTITIONS);
        self.produced = to;
    }

    /// One daemon runs until it is killed; the other one goes on.
    fn kill_one(&mut self) {
        let victim = self.chance.usize(0..2);
        let instance = &mut self.instances[victim];
        instance.kill();
        let point = self.chance.choice(POINTS).unwrap();
        // Early points are passed once in a life.
        let passes = self.chance.u32(1..12);
        instance.start_with(&format!("{VARIABLE}={point}:{passes}"));
        let patience = Duration::from_millis(self.chance.u64(300..2_500));
        let begun = Instant::now();
        while begun.elapsed() < patience && instance.is_running() {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        let by = match instance.is_running() {
            true => "kill -9",
            false => {
                let said = instance.said();
                assert!(!said.contains("error: "), "{said}");
                point
            }
        };
        instance.kill();
        *self.ends.entry(by).or_default() += 1;
        if self.chance.u32(0..8) == 0 {
            drop(fs::remove_dir_all(instance.folder().join("state")));
        }
        // The other one may have been fenced, or has never been started.
        let other = &mut self.instances[1 - victim];
        if !other.is_running() {
            other.start();
        }
    }

    fn kill_the_broker(&self) {
        self.world.broker.kill();
        self.world.broker.restart();
    }

    /// The second daemon leaves, so that all state comes to the first.
    fn end(&mut self) {
        let rest = &self.events[self.produced..];
        let horizon = produce(&self.world, rest, PARTITIONS);
        self.instances[1].kill();
        let first = &mut self.instances[0];
        first.kill();
        first.start();
        eventually("one works on everything", || {
            first.assert_running();
            first.metric("tenure_partitions") == i64::from(PARTITIONS)
        });
        eventually("everything is committed", || self.world.is_caught_up());
        assert_told_once(&self.world, &self.events, horizon);
        assert_eq!(first.terminate().code(), Some(0), "{}", first.said());
        self.assert_state();
    }

    /// On disk is what the changelog says of everybody.
    fn assert_state(&self) {
        let mut states: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let changelog = self.world.topic("changelog");
        for stored in self.world.broker.read(&changelog, Isolation::Committed) {
            let key = stored.record.key.unwrap();
            if let Some(customer) = key.strip_prefix(b"c") {
                let partition = stored.record.partition.to_be_bytes();
                let key = [&partition, customer].concat();
                states.insert(key, stored.record.value.unwrap());
            }
        }
        let config = Config {
            memory_bytes: 16 << 20,
            durable: true,
        };
        let disk = Rocks::open(&self.instances[0].folder().join("state"), &config).unwrap();
        let mut found = BTreeMap::new();
        let mut take = |key: &[u8], value: &[u8]| {
            found.insert(key.to_vec(), value.to_vec());
            Ok(std::ops::ControlFlow::Continue(()))
        };
        disk.scan(Family::Customers, &[0], &[0xff; 8], &mut take)
            .unwrap();
        assert!(states.len() > 200, "the comparison is of next to nothing");
        assert!(
            found == states,
            "state on disk is not that of the changelog"
        );
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for instance in &self.instances {
                println!("what one said last:\n{}", instance.said());
            }
        }
    }
}

#[test]
fn whoever_is_killed_wherever_everything_is_told_once() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seed = number("TENURE_SEED").unwrap_or(1);
    let kills = number("TENURE_KILLS").map_or(KILLS, |kills| kills as usize);
    println!("TENURE_SEED={seed} TENURE_KILLS={kills}");
    let mut relay = Relay::new(seed, kills);
    for kill in 1..=kills {
        relay.more_events();
        relay.kill_one();
        if kill % 10 == 0 {
            relay.kill_the_broker();
        }
    }
    println!("{:?}", relay.ends);
    relay.end();
}
