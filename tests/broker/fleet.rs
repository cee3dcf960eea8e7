//! Several daemons of one app, and events that are produced while a condition is awaited.

use crate::app::App;
use crate::exactly_once::{assert_published_once, history, produce};
use crate::harness::eventually;
use crate::instance::Instance;
use crate::reference::Event;

pub(crate) const PARTITIONS: i32 = 4;
/// Small batches, so that there are many to be interrupted.
pub(crate) const RUNTIME: &str = "[runtime]\ncommit_interval = \"10ms\"\nbatch_records = 60\n";
/// Events that are produced between two checks of a condition.
const EVENTS_PER_STEP: usize = 10;

/// Daemons of one app, and events that are produced as long as a condition is awaited.
pub(crate) struct Fleet {
    /// Dropped first: their folders are inside the app's folder.
    pub(crate) instances: Vec<Instance>,
    pub(crate) app: App,
    events: Vec<Event>,
    produced: usize,
}

impl Fleet {
    /// Events of both inputs are produced before the first daemon starts, and more while it works. The later ones are
    /// all orders: the order of records in two topics that are written to in parallel is not defined.
    pub(crate) fn new(name: &str, size: usize, edit: impl Fn(String) -> String) -> Fleet {
        let app = App::new(name, PARTITIONS, RUNTIME);
        let mut events = history(1, 300, 15_000);
        let later = events.split_off(4_000);
        produce(&app, &events, PARTITIONS);
        let produced = events.len();
        events.extend(later.into_iter().filter(|it| it.kind == "order_completed"));
        Fleet {
            instances: (0..size).map(|number| app.instance(&number.to_string(), &edit)).collect(),
            app,
            events,
            produced,
        }
    }

    /// Waits for the condition and produces events meanwhile.
    pub(crate) fn produce_until(
        &mut self,
        description: &str,
        mut condition: impl FnMut(&mut Fleet) -> bool,
    ) {
        eventually(description, || {
            let from = self.produced;
            self.produced += EVENTS_PER_STEP;
            assert!(self.produced < self.events.len(), "no more events: {description}");
            produce(&self.app, &self.events[from..self.produced], PARTITIONS);
            condition(self)
        });
    }

    /// Waits until these instances share all partitions and each has committed something since.
    pub(crate) fn await_working(&mut self, names: &[usize]) {
        let all = i64::from(PARTITIONS);
        self.produce_until("the partitions are distributed", |fleet| {
            let own = fleet.metrics(names, "tenure_partitions");
            own.iter().sum::<i64>() == all && own.iter().all(|own| *own > 0)
        });
        let before = self.metrics(names, "tenure_batches_total");
        self.produce_until("each processes batches", |fleet| {
            let now = fleet.metrics(names, "tenure_batches_total");
            now.iter().zip(&before).all(|(now, before)| now > before)
        });
    }

    pub(crate) fn await_all_working(&mut self) {
        let all: Vec<usize> = (0..self.instances.len()).collect();
        self.await_working(&all);
    }

    pub(crate) fn start_all(&mut self) {
        self.instances.iter_mut().for_each(Instance::start);
        self.await_all_working();
    }

    pub(crate) fn metrics(&mut self, names: &[usize], name: &str) -> Vec<i64> {
        let all = names.iter();
        all.map(|number| self.instances[*number].metric(name)).collect()
    }

    /// Produces the remaining events; every transition is published once.
    pub(crate) fn assert_published_once(&mut self) {
        let rest = &self.events[self.produced..];
        let horizon = produce(&self.app, rest, PARTITIONS);
        eventually("everything is committed", || self.app.is_caught_up());
        assert_published_once(&self.app, &self.events, horizon);
    }

    pub(crate) fn stop(&mut self, number: usize) {
        let instance = &mut self.instances[number];
        let status = instance.terminate();
        assert_eq!(status.code(), Some(0), "{}", instance.log());
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (number, instance) in self.instances.iter().enumerate() {
                println!("the last log of instance {number}:\n{}", instance.log());
            }
        }
    }
}

/// A session timeout in seconds, under the classic protocol.
pub(crate) fn session(seconds: u32) -> impl Fn(String) -> String {
    move |settings| settings.replace("\"10s\"", &format!("\"{seconds}s\""))
}

/// The consumer protocol (KIP-848), where the broker sets the session timeout.
pub(crate) fn kip_848(settings: String) -> String {
    settings.replace("[kafka]\n", "[kafka]\ngroup_protocol = \"consumer\"\n")
}
