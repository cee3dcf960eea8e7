//! Several daemons of one app, and events that come in while something is waited for.

use crate::daemon::World;
use crate::exactly_once::{assert_told_once, history, produce};
use crate::harness::eventually;
use crate::instance::Instance;
use crate::reference::Event;

pub(crate) const PARTITIONS: i32 = 4;
/// Small batches, so that there are many to be disturbed in.
pub(crate) const RUNTIME: &str = "[runtime]\ncommit_interval = \"10ms\"\nbatch_records = 60\n";
/// Events that come at a time while something is waited for.
const SLICE: usize = 10;

/// Daemons of one app, and events that come in as long as something is waited for.
pub(crate) struct Fleet {
    /// Dropped first: the world's folder holds theirs.
    pub(crate) instances: Vec<Instance>,
    pub(crate) world: World,
    events: Vec<Event>,
    produced: usize,
}

impl Fleet {
    /// Events are there before the first daemon starts, in both inputs, and more come while it works.
    /// Those are orders: of two topics that are written to side by side, nobody knows which event
    /// was there first.
    pub(crate) fn new(name: &str, size: usize, edit: impl Fn(String) -> String) -> Fleet {
        let world = World::new(name, PARTITIONS, RUNTIME);
        let mut events = history(1, 300, 15_000);
        let later = events.split_off(4_000);
        produce(&world, &events, PARTITIONS);
        let produced = events.len();
        events.extend(later.into_iter().filter(|it| it.kind == "order_completed"));
        Fleet {
            instances: (0..size)
                .map(|number| world.instance(&number.to_string(), &edit))
                .collect(),
            world,
            events,
            produced,
        }
    }

    /// Waits, while events come in.
    pub(crate) fn until(&mut self, what: &str, mut condition: impl FnMut(&mut Fleet) -> bool) {
        eventually(what, || {
            let from = self.produced;
            self.produced += SLICE;
            assert!(self.produced < self.events.len(), "no more events: {what}");
            produce(&self.world, &self.events[from..self.produced], PARTITIONS);
            condition(self)
        });
    }

    /// Waits until these share all partitions, each has some, and each has committed something since.
    pub(crate) fn until_at_work(&mut self, names: &[usize]) {
        let all = i64::from(PARTITIONS);
        self.until("the partitions are shared out", |fleet| {
            let own = fleet.metrics(names, "tenure_partitions");
            own.iter().sum::<i64>() == all && own.iter().all(|own| *own > 0)
        });
        let before = self.metrics(names, "tenure_batches_total");
        self.until("each is at work", |fleet| {
            let now = fleet.metrics(names, "tenure_batches_total");
            now.iter().zip(&before).all(|(now, before)| now > before)
        });
    }

    pub(crate) fn until_all_at_work(&mut self) {
        let all: Vec<usize> = (0..self.instances.len()).collect();
        self.until_at_work(&all);
    }

    pub(crate) fn start_all(&mut self) {
        self.instances.iter_mut().for_each(Instance::start);
        self.until_all_at_work();
    }

    pub(crate) fn metrics(&mut self, names: &[usize], name: &str) -> Vec<i64> {
        let all = names.iter();
        all.map(|number| self.instances[*number].metric(name))
            .collect()
    }

    /// The rest comes in; everything is told, and nothing twice.
    pub(crate) fn assert_told_once(&mut self) {
        let rest = &self.events[self.produced..];
        let horizon = produce(&self.world, rest, PARTITIONS);
        eventually("everything is committed", || self.world.is_caught_up());
        assert_told_once(&self.world, &self.events, horizon);
    }

    pub(crate) fn stop(&mut self, number: usize) {
        let instance = &mut self.instances[number];
        let status = instance.terminate();
        assert_eq!(status.code(), Some(0), "{}", instance.said());
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (number, instance) in self.instances.iter().enumerate() {
                println!("what {number} said last:\n{}", instance.said());
            }
        }
    }
}

/// Sessions of so many seconds, and the classic protocol.
pub(crate) fn session(seconds: u32) -> impl Fn(String) -> String {
    move |settings| settings.replace("\"10s\"", &format!("\"{seconds}s\""))
}

/// The broker says how long a session is.
pub(crate) fn kip_848(settings: String) -> String {
    settings.replace("[kafka]\n", "[kafka]\ngroup_protocol = \"consumer\"\n")
}
