//! A broker that is killed or frozen in every phase of a daemon, under both group protocols: what probes, metric, exit code
//! and `tenure check --connect` say meanwhile, and that every transition is published once afterwards.

use std::fs;
use std::time::{Duration, Instant};

use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, EndTxnRequest, FetchRequest, JoinGroupRequest,
};

use crate::app::App;
use crate::exactly_once::{assert_published_once, history, produce};
use crate::fleet::kip_848;
use crate::harness::{Broker, eventually};
use crate::proxy::{Fault, Latch, Proxy};
use crate::reference::Event;

/// The only broker of the cluster...
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    /// ends by `kill -9`, and is started again.
    Killed,
    /// is suspended by SIGSTOP, and resumed.
    Frozen,
}

/// When the outage begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    BeforeStart,
    Joining,
    Restoring,
    /// With a transaction that is being committed.
    Running,
    /// As [`Phase::Running`]; then SIGTERM is sent.
    Stopping,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Classic,
    Consumer,
}

/// What is observed during an outage.
#[derive(Debug)]
struct Row(Outage, Phase, Expected);

#[derive(Debug)]
struct Expected {
    state: &'static str,
    /// Status and text of `/readyz`.
    readiness: (&'static str, &'static str),
    /// The log.
    log: &'static str,
}

const fn row(
    outage: Outage,
    phase: Phase,
    state: &'static str,
    readiness: (&'static str, &'static str),
    log: &'static str,
) -> Row {
    Row(outage, phase, Expected { state, readiness, log })
}

const READY: (&str, &str) = ("200", "ready");
const WAITING: &str = "Kafka is not available; waiting for it";
const REPORTED: &str = "a Kafka client reports an error";
const INDEFINITE: &str = "the outcome of a transaction is unknown";

use Outage::{Frozen, Killed};
use Phase::{BeforeStart, Joining, Restoring, Running, Stopping};
use Protocol::{Classic, Consumer};

const TABLE: [Row; 10] = [
    row(Killed, BeforeStart, "waiting", ("503", "no broker responds at"), WAITING),
    row(Frozen, BeforeStart, "waiting", ("503", "no broker responds at"), WAITING),
    row(Killed, Joining, "restoring", ("503", "waiting for partitions; a connection failed"), ""),
    row(Frozen, Joining, "restoring", ("503", "joining the group, and waiting for partitions"), ""),
    row(Killed, Restoring, "restoring", ("503", "restoring 2 of 2 partitions; "), ""),
    row(Frozen, Restoring, "restoring", ("503", "restoring 2 of 2 partitions"), ""),
    row(Killed, Running, "running", READY, REPORTED),
    row(Frozen, Running, "running", READY, INDEFINITE),
    row(Killed, Stopping, "running", READY, ""),
    row(Frozen, Stopping, "running", READY, ""),
];

/// Those that show most; the others are run by `tests/run.sh --long`.
const DEFAULT: [(Outage, Phase, Protocol); 3] =
    [(Killed, Restoring, Classic), (Frozen, Joining, Consumer), (Frozen, Stopping, Classic)];

/// One partition for each worker.
const PARTITIONS: i32 = 2;
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(5);
const SETTINGS: &str = "[runtime]\nworkers = 2\ncommit_interval = \"10ms\"\nbatch_records = 100\n\
     shutdown_deadline = \"5s\"\n";
/// The documented time to end in, without pending work.
const IDLE_STOP: Duration = Duration::from_secs(2);
/// A busy machine ends a process later.
const EXIT_SLACK: Duration = Duration::from_secs(3);

/// One row of the table, under one protocol.
struct OutageTest {
    broker: &'static Broker,
    app: App,
    proxy: Proxy,
    outage: Outage,
    expected: &'static Expected,
}

impl OutageTest {
    fn new(broker: &'static Broker, row: &'static Row, protocol: Protocol) -> OutageTest {
        let Row(outage, phase, expected) = row;
        let name = format!("outage-{outage:?}-{phase:?}-{protocol:?}").to_lowercase();
        let proxy = Proxy::for_broker(broker);
        let app = App::create(broker, &proxy.bootstrap(), &name, PARTITIONS, SETTINGS);
        if protocol == Consumer {
            let file = app.folder.path().join("tenure.toml");
            let settings = fs::read_to_string(&file).unwrap();
            fs::write(&file, kip_848(settings)).unwrap();
        }
        OutageTest { broker, app, proxy, outage: *outage, expected }
    }

    /// Holds the first request that belongs to the phase until the latch is opened.
    fn hold(&self, phase: Phase, protocol: Protocol, latch: &Latch) -> Fault {
        let proxy = &self.proxy;
        match (phase, protocol) {
            (Joining, Classic) => proxy.on::<JoinGroupRequest>().delay_request_until(latch),
            (Joining, Consumer) => {
                proxy.on::<ConsumerGroupHeartbeatRequest>().delay_request_until(latch)
            }
            // The inputs are not read yet.
            (Restoring, _) => proxy.on::<FetchRequest>().delay_request_until(latch),
            _ => proxy.on::<EndTxnRequest>().nth(5).delay_request_until(latch),
        }
    }

    fn begin_outage(&self) {
        match self.outage {
            Killed => self.broker.kill(),
            Frozen => self.broker.freeze(),
        }
    }

    fn end_outage(&self) {
        match self.outage {
            Killed => self.broker.restart(),
            Frozen => self.broker.thaw(),
        }
    }

    /// Awaits a condition on the status and the text of `/readyz`. Meanwhile the daemon is alive.
    fn eventually(&mut self, description: &str, condition: impl Fn(&mut App, &str, &str) -> bool) {
        let app = &mut self.app;
        let mut readiness = (String::new(), String::new());
        eventually(description, || {
            app.assert_running();
            if !app.log().contains("serving probes") {
                return false;
            }
            let (status, _) = app.daemon.get("/livez");
            assert!(status.contains("200"), "{status}");
            readiness = app.daemon.get("/readyz");
            condition(app, &readiness.0, &readiness.1)
        });
        println!("{description}: {readiness:?}");
    }

    fn await_expected(&mut self) {
        let Expected { state, readiness: (status, text), log } = self.expected;
        let metric = format!("tenure_state{{state=\"{state}\"}}");
        self.eventually("the daemon shows the outage", |app, now, reason| {
            assert!(now.contains(status), "{now} {reason}");
            reason.contains(text) && app.daemon.metric(&metric) == 1 && app.log().contains(log)
        });
    }

    fn await_ready(&mut self) {
        self.eventually("the daemon is ready", |_, status, _| status.contains("200"));
    }

    /// Sends SIGTERM; the daemon ends with this code within this time.
    fn assert_stops(&mut self, code: i32, within: Duration) {
        let begun = Instant::now();
        let status = self.app.terminate();
        let took = begun.elapsed();
        assert_eq!(status.code(), Some(code), "{}", self.app.log());
        assert!(took < within + EXIT_SLACK, "{took:?}: {}", self.app.log());
    }

    fn run(mut self, phase: Phase, protocol: Protocol) {
        let events = history(1, 300, 4_000);
        let (first, rest) = events.split_at(if phase == Restoring { 2_000 } else { 0 });
        if !first.is_empty() {
            produce(&self.app, first, PARTITIONS);
            self.app.run_until_caught_up();
            fs::remove_dir_all(self.app.folder.path().join("state")).unwrap();
        }
        let horizon = produce(&self.app, rest, PARTITIONS);
        let latch = Latch::default();
        if phase == BeforeStart {
            self.begin_outage();
            self.app.start();
            let (code, said) = self.app.check_connection();
            assert_eq!(code, 69, "{said}");
            assert!(said.contains("error: topics: no broker responds at"), "{said}");
        } else {
            let held = self.hold(phase, protocol, &latch);
            self.app.start();
            held.await_fired();
            if matches!(phase, Running | Stopping) {
                self.await_ready();
                assert!(!self.app.is_caught_up(), "there is nothing left to do");
            }
            self.begin_outage();
            latch.open();
        }
        self.await_expected();
        if phase == Stopping {
            self.assert_stops(1, SHUTDOWN_DEADLINE);
            self.end_outage();
            self.app.start();
            self.app.await_caught_up();
            assert_published_once(&self.app, &events, horizon);
            self.await_ready();
            // Without pending work it does not wait for Kafka.
            self.begin_outage();
            self.assert_stops(0, IDLE_STOP);
            self.end_outage();
        } else {
            self.end_outage();
            self.finish(events);
        }
    }

    /// The daemon continues; every transition is published once.
    fn finish(mut self, mut events: Vec<Event>) {
        self.eventually("everything is committed", |app, status, _| {
            status.contains("200") && app.is_caught_up()
        });
        self.app.await_state("running");
        // Only orders: the order of records in two topics that are written to meanwhile is not defined.
        let mut later = history(2, 300, 4_200).split_off(4_000);
        later.retain(|event| event.kind == "order_completed");
        let shift = events[events.len() - 1].time - later[0].time + 1;
        later.iter_mut().for_each(|event| event.time += shift);
        let horizon = produce(&self.app, &later, PARTITIONS);
        events.extend(later);
        self.app.await_caught_up();
        assert_published_once(&self.app, &events, horizon);
        assert_eq!(self.app.terminate().code(), Some(0), "{}", self.app.log());
    }
}

/// On one broker, one after the other.
fn run_rows(is_chosen: impl Fn(Outage, Phase, Protocol) -> bool) {
    let broker: &'static Broker = Box::leak(Box::new(Broker::start()));
    for table_row in &TABLE {
        let Row(outage, phase, _) = table_row;
        for protocol in [Classic, Consumer] {
            if is_chosen(*outage, *phase, protocol) {
                let begun = Instant::now();
                println!("{outage:?} {phase:?} {protocol:?}");
                OutageTest::new(broker, table_row, protocol).run(*phase, protocol);
                println!("took {:?}", begun.elapsed());
            }
        }
    }
}

#[test]
fn a_broker_that_is_killed_or_frozen_is_shown_waited_for_and_costs_nothing() {
    run_rows(|outage, phase, protocol| DEFAULT.contains(&(outage, phase, protocol)));
}

#[test]
#[ignore = "nine outages: tests/run.sh --long"]
fn a_killed_broker_is_waited_for_in_every_phase() {
    let is_default = |row| DEFAULT.contains(&row);
    run_rows(|outage, phase, protocol| outage == Killed && !is_default((outage, phase, protocol)));
}

#[test]
#[ignore = "eight outages: tests/run.sh --long"]
fn a_frozen_broker_is_waited_for_in_every_phase() {
    let is_default = |row| DEFAULT.contains(&row);
    run_rows(|outage, phase, protocol| outage == Frozen && !is_default((outage, phase, protocol)));
}
