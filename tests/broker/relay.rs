//! A relay of kills: two daemons of one app, one broker, and each of them is killed over and over,
//! at random moments and at named places of the loop, while events come in. In the end everything
//! was told once, and the state on disk is that of the changelog.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use tenure::crash::CRASH_VARIABLE;
use tenure::store::{Config, Family, Rocks, StorageEngine};

use crate::daemon::World;
use crate::exactly_once::{assert_is_fold, partition, produce};
use crate::harness::{Broker, Isolation, eventually};
use crate::instance::Instance;
use crate::reference::{Cause, Event};
use crate::whole::{expected, history, whole};
use crate::yaml;

/// Kills in a normal run.
const KILLS: usize = 30;
const PARTITIONS: i32 = 4;
const EVENTS_PER_KILL: usize = 350;
const CUSTOMERS: u64 = 220;
/// Events that are there before the first kill, of both topics.
const FIRST: usize = 5_000;
const SETTINGS: &str = "[runtime]\ncommit_interval = \"10ms\"\nbatch_records = 60\n";
/// Events that come in at a time.
const SLICE: usize = 10;
/// Points that every daemon comes by as long as events come in.
const PASSED: [&str; 10] = [
    "assigned",
    "restored",
    "applied",
    "begun",
    "records-sent",
    "records-delivered",
    "offsets-sent",
    "committed",
    "before-write",
    "written",
];

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
        world.model("whole.yaml", &yaml::model(&whole()));
        world.configure("whole.yaml", SETTINGS);
        // Later on, all come by one topic: of two that are written to side by side, nobody knows which
        // event was there first.
        let events = history(seed, CUSTOMERS, FIRST, FIRST + kills * EVENTS_PER_KILL);
        produce(&world, &events[..FIRST], PARTITIONS);
        let short = |settings: String| settings.replace("\"10s\"", "\"3s\"");
        Relay {
            instances: ["0", "1"].map(|name| world.instance(name, short)),
            world,
            chance: fastrand::Rng::with_seed(seed),
            events,
            produced: FIRST,
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
        self.instances[victim].kill();
        match self.chance.bool() {
            true => self.kill_at_a_point(victim),
            false => self.kill_at_random(victim),
        }
        let instance = &mut self.instances[victim];
        let said = instance.said();
        let ended_by_itself = said.lines().any(|line| line.starts_with("error: "));
        assert!(!ended_by_itself, "{said}");
        instance.kill();
        if self.chance.u32(0..8) == 0 {
            drop(fs::remove_dir_all(instance.folder().join("state")));
        }
        // The other one may have been fenced, or has never been started.
        let other = &mut self.instances[1 - victim];
        if !other.is_running() {
            other.start();
        }
    }

    fn kill_at_a_point(&mut self, victim: usize) {
        let point = self.chance.choice(PASSED).unwrap();
        let passes = match point {
            "assigned" | "restored" => 1,
            _ => self.chance.u32(1..5),
        };
        self.instances[victim].start_with(&format!("{CRASH_VARIABLE}={point}:{passes}"));
        eventually("it has come to the point", || {
            self.more_events();
            !self.instances[victim].is_running()
        });
        *self.ends.entry(point).or_default() += 1;
    }

    fn kill_at_random(&mut self, victim: usize) {
        self.more_events();
        self.instances[victim].start();
        // A random moment is the point: from before the group is joined to amid transactions.
        let patience = self.chance.u64(100..2_500);
        std::thread::park_timeout(Duration::from_millis(patience));
        *self.ends.entry("kill -9").or_default() += 1;
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
        let fold = expected(&self.events, |customer| partition(customer, PARTITIONS));
        let corrected = fold.iter().filter(|it| it.cause == Cause::Correction);
        let corrected = corrected.count();
        println!(
            "{} transitions, of them {corrected} corrections",
            fold.len()
        );
        assert!(corrected > 30, "next to nothing is corrected");
        assert_is_fold(&self.world, "whole", fold, horizon);
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
            // Of which of the partition's two prefixes it is says the first bit.
            let mut key = key.to_vec();
            key[0] &= 0x7f;
            found.insert(key, value.to_vec());
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
        relay.kill_one();
        if kill % 10 == 0 {
            relay.kill_the_broker();
        }
    }
    println!("{:?}", relay.ends);
    relay.end();
}
