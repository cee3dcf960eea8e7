//! The daemon at work while requests fail. Whatever fails: every transition is told once, and every
//! fault is seen to have been there.

mod end;
mod group;
mod input;
mod late;
mod transaction;

use std::fmt::Debug;

use crate::daemon::World;
use crate::exactly_once::{assert_told_once, history, produce};
use crate::harness::{Broker, eventually};
use crate::proxy::{Fault, Proxy};
use crate::reference::Event;

/// Small batches, so that an input takes many transactions.
const SETTINGS: &str = "[runtime]\ncommit_interval = \"10ms\"\nbatch_records = 60\n";

/// A daemon that reaches the broker by way of a proxy, and its input.
struct Faulted {
    world: World,
    events: Vec<Event>,
    horizon: i64,
}

impl Faulted {
    /// All of the input is there before the daemon is.
    fn new(proxy: &Proxy, name: &str, settings: &str) -> Faulted {
        let world = World::by_way_of(&proxy.bootstrap(), name, 2, settings);
        let events = history(1, 1_000, 4_000);
        let horizon = produce(&world, &events, 2);
        Faulted {
            world,
            events,
            horizon,
        }
    }

    /// The daemon works through its input without a break, and is told to end.
    fn works(&mut self) {
        self.world.start();
        self.goes_on();
    }

    /// What was begun is brought to its end.
    fn goes_on(&mut self) {
        self.world.await_caught_up();
        assert_told_once(&self.world, &self.events, self.horizon);
        let status = self.world.terminate();
        assert_eq!(status.code(), Some(0), "{}", self.world.said());
    }

    /// The daemon ends by itself, and says why.
    fn ends(&mut self, why: &str) {
        self.world.start();
        self.world.ends(why);
    }
}

fn proxy() -> Proxy {
    Proxy::before(Broker::shared())
}

/// The faults of a test, each with its name.
#[derive(Default)]
struct Faults(Vec<(String, Fault)>);

impl Faults {
    fn add(&mut self, name: impl Debug, fault: Fault) {
        self.0.push((format!("{name:?}"), fault));
    }

    /// Returns when each has been there: the daemon may have nothing else to do any more.
    fn await_fired(&self) {
        eventually("all faults have fired", || {
            self.0.iter().all(|(_, fault)| fault.fired() > 0)
        });
    }

    /// Each was there, once.
    fn assert_fired(&self) {
        for (name, fault) in &self.0 {
            assert_eq!(fault.fired(), 1, "{name}");
        }
    }
}
