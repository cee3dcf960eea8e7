//! Two daemons of one app and its broker, or one of three, are killed repeatedly, at random moments and at crash
//! points, while events are produced. At the end every transition was published once, and the state
//! on disk equals the changelog.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use tenure::crash::CRASH_VARIABLE;
use tenure::store::{Config, Family, Rocks, StorageEngine};

use crate::app::App;
use crate::exactly_once::{assert_matches_fold, partition, produce};
use crate::harness::{Broker, Isolation, eventually};
use crate::instance::Instance;
use crate::reference::{Cause, Event};
use crate::whole::{expected, history, whole};
use crate::yaml;

/// Kills in a normal run.
const KILLS: usize = 12;
const PARTITIONS: i32 = 4;
const EVENTS_PER_KILL: usize = 350;
const CUSTOMERS: u64 = 220;
/// Events that are produced before the first kill, to both topics.
const INITIAL_EVENTS: usize = 5_000;
const SETTINGS: &str = "[runtime]\ncommit_interval = \"10ms\"\nbatch_records = 60\n";
/// Events that are produced at a time.
const EVENTS_PER_STEP: usize = 10;
/// Crash points that every daemon reaches as long as events are produced.
const CRASH_POINTS: [&str; 10] = [
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

struct RandomKills {
    instances: [Instance; 2],
    app: App,
    chance: fastrand::Rng,
    events: Vec<Event>,
    produced: usize,
    /// Kills at each crash point, and by a signal.
    kills_by_point: BTreeMap<&'static str, usize>,
}

impl RandomKills {
    fn new(broker: Broker, seed: u64, kills: usize) -> RandomKills {
        let broker: &'static Broker = Box::leak(Box::new(broker));
        let app = App::on_broker(broker, "relay", PARTITIONS, SETTINGS);
        app.write_model("whole.yaml", &yaml::model(&whole()));
        app.write_config("whole.yaml", SETTINGS);
        // The later ones are all in one topic: the order of records in two topics that are written to in parallel is
        // not defined.
        let events =
            history(seed, CUSTOMERS, INITIAL_EVENTS, INITIAL_EVENTS + kills * EVENTS_PER_KILL);
        produce(&app, &events[..INITIAL_EVENTS], PARTITIONS);
        let short = |settings: String| settings.replace("\"10s\"", "\"3s\"");
        RandomKills {
            instances: ["0", "1"].map(|name| app.instance(name, short)),
            app,
            chance: fastrand::Rng::with_seed(seed),
            events,
            produced: INITIAL_EVENTS,
            kills_by_point: BTreeMap::new(),
        }
    }

    fn produce_events(&mut self) {
        let to = (self.produced + EVENTS_PER_STEP).min(self.events.len());
        produce(&self.app, &self.events[self.produced..to], PARTITIONS);
        self.produced = to;
    }

    /// One daemon runs until it is killed; the other one continues.
    fn kill_one(&mut self) {
        let victim = self.chance.usize(0..2);
        self.instances[victim].kill();
        match self.chance.bool() {
            true => self.kill_at_crash_point(victim),
            false => self.kill_at_random(victim),
        }
        let instance = &mut self.instances[victim];
        let log = instance.log();
        let has_failed = log.lines().any(|line| line.starts_with("error: "));
        assert!(!has_failed, "{log}");
        instance.kill();
        if self.chance.u32(0..8) == 0 {
            drop(fs::remove_dir_all(instance.folder().join("state")));
        }
        // The other one may have been fenced, or was never started.
        let other = &mut self.instances[1 - victim];
        if !other.is_running() {
            other.start();
        }
    }

    fn kill_at_crash_point(&mut self, victim: usize) {
        let point = self.chance.choice(CRASH_POINTS).unwrap();
        let visits = match point {
            "assigned" | "restored" => 1,
            _ => self.chance.u32(1..5),
        };
        self.instances[victim].start_with_env(&format!("{CRASH_VARIABLE}={point}:{visits}"));
        eventually("it has reached the crash point", || {
            self.produce_events();
            !self.instances[victim].is_running()
        });
        *self.kills_by_point.entry(point).or_default() += 1;
    }

    fn kill_at_random(&mut self, victim: usize) {
        self.produce_events();
        self.instances[victim].start();
        // The moment is random: from before the daemon joins the group to inside a transaction.
        let delay = self.chance.u64(100..2_500);
        std::thread::park_timeout(Duration::from_millis(delay));
        *self.kills_by_point.entry("kill -9").or_default() += 1;
    }

    fn kill_the_broker(&mut self) {
        self.app.broker.kill();
        self.app.broker.restart();
    }

    /// One of three brokers is killed, or frozen for as long as it takes to kill a daemon.
    fn disturb_one_broker(&mut self) {
        let (broker, node) = (self.app.broker, self.chance.usize(0..3));
        if self.chance.bool() {
            broker.kill_node(node);
            self.kill_one();
            broker.restart_node(node);
        } else {
            broker.freeze_node(node);
            self.kill_one();
            broker.thaw_node(node);
        }
    }

    /// Stops the second daemon, so that the first one owns all partitions, and checks the result.
    fn end(&mut self) {
        let rest = &self.events[self.produced..];
        let horizon = produce(&self.app, rest, PARTITIONS);
        self.instances[1].kill();
        let first = &mut self.instances[0];
        first.kill();
        first.start();
        eventually("one instance owns all partitions", || {
            first.assert_running();
            first.metric("tenure_partitions") == i64::from(PARTITIONS)
        });
        eventually("everything is committed", || self.app.is_caught_up());
        let fold = expected(&self.events, |customer| partition(customer, PARTITIONS));
        let corrected = fold.iter().filter(|it| it.cause == Cause::Correction);
        let corrected = corrected.count();
        println!("{} transitions, of them {corrected} corrections", fold.len());
        assert!(corrected > 30, "too few corrections");
        assert_matches_fold(&self.app, "whole", fold, horizon);
        assert_eq!(first.terminate().code(), Some(0), "{}", first.log());
        self.assert_state();
    }

    /// The states on disk equal those in the changelog.
    fn assert_state(&self) {
        let mut states: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let changelog = self.app.topic("changelog");
        for stored in self.app.broker.read(&changelog, Isolation::Committed) {
            let key = stored.record.key.unwrap();
            if let Some(customer) = key.strip_prefix(b"c") {
                let partition = stored.record.partition.to_be_bytes();
                let key = [&partition, customer].concat();
                states.insert(key, stored.record.value.unwrap());
            }
        }
        let config = Config { memory_bytes: 16 << 20, durable: true };
        let disk = Rocks::open(&self.instances[0].folder().join("state"), &config).unwrap();
        let mut found = BTreeMap::new();
        let mut take = |key: &[u8], value: &[u8]| {
            // The first bit selects one of the partition's two prefixes.
            let mut key = key.to_vec();
            key[0] &= 0x7f;
            found.insert(key, value.to_vec());
            Ok(std::ops::ControlFlow::Continue(()))
        };
        disk.scan(Family::Customers, &[0], &[0xff; 8], &mut take).unwrap();
        assert!(states.len() > 200, "too few states to compare");
        assert!(found == states, "state on disk is not that of the changelog");
    }
}

/// Prints what earlier processes say of late or lost records, if the test fails.
impl Drop for RandomKills {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for file in self.instances.iter().flat_map(Instance::logs) {
            let log = fs::read_to_string(&file).unwrap_or_default();
            for line in log.lines().filter(|line| line.contains("WARN")) {
                println!("{}: {line}", file.display());
            }
        }
    }
}

/// Kills daemons, and after every few of them something happens to the brokers.
fn kill_repeatedly(broker: Broker, every: usize, happens: fn(&mut RandomKills)) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seed = number("TENURE_SEED").unwrap_or(1);
    let kills = number("TENURE_KILLS").map_or(KILLS, |kills| kills as usize);
    println!("TENURE_SEED={seed} TENURE_KILLS={kills}");
    let mut test = RandomKills::new(broker, seed, kills);
    for kill in 1..=kills {
        test.kill_one();
        if kill % every == 0 {
            happens(&mut test);
        }
    }
    println!("{:?}", test.kills_by_point);
    test.end();
}

#[test]
fn kills_at_random_points_lose_nothing_and_duplicate_nothing() {
    kill_repeatedly(Broker::start(), 10, RandomKills::kill_the_broker);
}

#[test]
#[ignore = "three brokers, of which one is away again and again: tests/run.sh --long"]
fn kills_of_daemons_and_of_brokers_of_a_cluster_lose_nothing_and_duplicate_nothing() {
    kill_repeatedly(Broker::start_cluster(), 3, RandomKills::disturb_one_broker);
}
