//! The daemon processes an input while requests fail. Every transition is published once, and every
//! fault has occurred.

mod end;
mod group;
mod input;
mod late;
mod transaction;

use std::fmt::Debug;

use crate::app::App;
use crate::exactly_once::{assert_published_once, history, produce};
use crate::harness::{Broker, eventually};
use crate::proxy::{Fault, Proxy};
use crate::reference::Event;

/// Small batches, so that an input takes many transactions.
const SETTINGS: &str = "[runtime]\ncommit_interval = \"10ms\"\nbatch_records = 60\n";

/// A daemon that reaches the broker through a proxy, and its input.
struct FaultTest {
    app: App,
    events: Vec<Event>,
    horizon: i64,
}

impl FaultTest {
    /// The whole input is produced before the daemon starts.
    fn new(proxy: &Proxy, name: &str, settings: &str) -> FaultTest {
        let app = App::through_proxy(&proxy.bootstrap(), name, 2, settings);
        let events = history(1, 1_000, 4_000);
        let horizon = produce(&app, &events, 2);
        FaultTest { app, events, horizon }
    }

    /// The daemon starts, processes the whole input, and is terminated.
    fn run_to_end(&mut self) {
        self.app.start();
        self.finish();
    }

    /// A running daemon processes the rest of the input and is terminated.
    fn finish(&mut self) {
        self.app.await_caught_up();
        assert_published_once(&self.app, &self.events, self.horizon);
        let status = self.app.terminate();
        assert_eq!(status.code(), Some(0), "{}", self.app.log());
    }

    /// The daemon exits with this error.
    fn expect_error(&mut self, why: &str) {
        self.app.start();
        self.app.await_error(why);
    }
}

fn proxy() -> Proxy {
    Proxy::for_broker(Broker::shared())
}

/// The faults of a test, each with its name.
#[derive(Default)]
struct Faults(Vec<(String, Fault)>);

impl Faults {
    fn add(&mut self, name: impl Debug, fault: Fault) {
        self.0.push((format!("{name:?}"), fault));
    }

    /// Waits until each fault has fired: the daemon may have nothing else to do.
    fn await_fired(&self) {
        eventually("all faults have fired", || self.0.iter().all(|(_, fault)| fault.fired() > 0));
    }

    /// Each fault has fired once.
    fn assert_fired(&self) {
        for (name, fault) in &self.0 {
            assert_eq!(fault.fired(), 1, "{name}");
        }
    }
}
