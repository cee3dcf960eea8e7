//! The state of a run: cluster, processes, time and random numbers. It chooses what happens next.
//! One seed is one run.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::cluster::{Cluster, Membership};
use super::disk::{Disk, Mounted};
use super::poll::Poll;
use super::scenario::{BASE, Scenario};
use super::worker_io::SimulatedIo;
use crate::event::WallTime;
use crate::kafka;
use crate::runtime::context::Context;
use crate::runtime::fuse::Fuse;
use crate::runtime::partition_registry::{PartitionRegistry, PartitionState};
use crate::runtime::quarantine::{QuarantineCause, RecoveryAction};
use crate::runtime::restore::Error;
use crate::runtime::worker::Worker;
use crate::runtime::worker_io::StartRequest;
use crate::store::{self, Store};
use crate::telemetry::error_chain;

/// A process: its host, and its number there.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) instance: usize,
    /// 0 for operations of no process.
    number: u64,
}

impl Process {
    /// The transactional id of a worker's producer.
    pub(super) fn producer(self, worker: usize) -> usize {
        self.instance * WORKERS_MAX + worker
    }
}

const WORKERS_MAX: usize = 3;

/// A host for one process, with an instance name and a disk.
#[derive(Default)]
pub(super) struct Host {
    /// The process that runs, or the last one.
    process: Cell<u64>,
    /// The polling thread; `None` while there is no process.
    pub(super) poll: RefCell<Option<Poll>>,
    /// The workers; `None` while one is running, too.
    workers: [RefCell<Option<Worker<SimulatedIo>>>; WORKERS_MAX],
    /// How many of them have stopped on request.
    ended: Cell<usize>,
    /// The operator's interface to the process.
    fuse: RefCell<Arc<Fuse>>,
    pub(super) partitions: RefCell<Arc<PartitionRegistry>>,
    pub(super) disk: Disk,
    backup: Disk,
}

impl Host {
    pub(super) fn clear(&self) {
        self.poll.borrow_mut().take();
        let workers = self.workers.iter();
        workers.for_each(|worker| drop(worker.borrow_mut().take()));
    }

    fn is_over(&self, process: Process) -> bool {
        self.poll.borrow().is_none() || self.process.get() != process.number
    }
}

pub(super) struct Simulation {
    pub(super) scenario: Scenario,
    pub(super) rng: RefCell<Rng>,
    pub(super) now: Cell<Duration>,
    pub(super) cluster: RefCell<Cluster>,
    pub(super) hosts: Vec<Host>,
    /// Number of workers of each process.
    workers: usize,
    /// Whether the group's protocol is incremental.
    is_incremental: bool,
    /// Whether faults are injected.
    pub(super) faults_enabled: Cell<bool>,
    /// How far the wall clock is off, in milliseconds.
    pub(super) wall_clock_error: Cell<i64>,
    /// Whether another process acts inside an effect already.
    is_interleaving: Cell<bool>,
    /// Whether the changelog was replaced, and processes republish their local state.
    pub(super) is_changelog_lost: Cell<bool>,
    /// Whether some customers' clocks are ahead.
    pub(super) clocks_are_ahead: Cell<bool>,
    /// Whether processes may start with the new settings.
    pub(super) has_new_settings: Cell<bool>,
    /// The first offset of inputs, by input and partition.
    pub(super) starts: RefCell<BTreeMap<(usize, i32), i64>>,
    /// The offset from which an open transaction hides records, by input and partition.
    pub(super) open_transactions: RefCell<BTreeMap<(usize, i32), usize>>,
    /// Records that cause a panic, by input, partition and offset.
    pub(super) poison_records: RefCell<BTreeSet<(usize, i32, usize)>>,
    /// The injected faults, and how often.
    pub(super) injected: RefCell<BTreeMap<String, u64>>,
}

/// How long a removed member may not notice that it sends no heartbeats.
const IGNORES_GROUP_FOR: Duration = Duration::from_secs(30);

/// The panic that ends a process.
struct Crash;

impl Simulation {
    pub(super) fn new(scenario: Scenario, seed: u64) -> Rc<Simulation> {
        let mut rng = Rng::with_seed(seed);
        let partitions = rng.usize(1..4);
        let hosts = rng.usize(1..4);
        let workers = rng.usize(1..=WORKERS_MAX);
        Simulation::of(scenario, rng, partitions, (hosts, workers))
    }

    /// With one process, which owns all partitions.
    pub(super) fn alone(scenario: Scenario, seed: u64) -> Rc<Simulation> {
        let mut rng = Rng::with_seed(seed);
        let partitions = rng.usize(1..4);
        Simulation::of(scenario, rng, partitions, (1, 1))
    }

    fn of(
        scenario: Scenario,
        mut rng: Rng,
        partitions: usize,
        (hosts, workers): (usize, usize),
    ) -> Rc<Simulation> {
        let mut cluster = Cluster::new(scenario.inputs(), partitions);
        if rng.bool() {
            cluster.start_changelog_at(rng.usize(1..9));
        }
        Rc::new(Simulation {
            cluster: RefCell::new(cluster),
            hosts: (0..hosts).map(|_| Host::default()).collect(),
            workers,
            is_incremental: rng.bool(),
            scenario,
            rng: RefCell::new(rng),
            now: Cell::default(),
            faults_enabled: Cell::new(true),
            wall_clock_error: Cell::default(),
            is_interleaving: Cell::default(),
            is_changelog_lost: Cell::default(),
            clocks_are_ahead: Cell::new(true),
            has_new_settings: Cell::default(),
            starts: RefCell::default(),
            open_transactions: RefCell::default(),
            poison_records: RefCell::default(),
            injected: RefCell::default(),
        })
    }

    /// Advances the time; open transactions time out, and some markers are written.
    pub(super) fn advance(&self, time: Duration) {
        self.now.set(self.now.get() + time);
        let mut cluster = self.cluster.borrow_mut();
        cluster.abort_timed_out(self.now.get());
        let mut rng = self.rng.borrow_mut();
        if rng.u32(0..5) == 0 || !self.faults_enabled.get() {
            cluster.write_one_marker(&mut rng);
        }
    }

    pub(super) fn wall(&self) -> WallTime {
        let millis = i64::try_from(self.now.get().as_millis()).unwrap();
        WallTime(BASE.0 + millis + self.wall_clock_error.get())
    }

    /// The brokers' clock.
    pub(super) fn broker_clock(&self) -> WallTime {
        WallTime(self.wall().0 - self.wall_clock_error.get())
    }

    pub(super) fn random(&self, range: std::ops::Range<u64>) -> u64 {
        self.rng.borrow_mut().u64(range)
    }

    /// Whether to inject a fault, with probability 1 to `one_in`.
    pub(super) fn inject(&self, name: &str, one_in: u32) -> bool {
        let injected = self.faults_enabled.get() && self.rng.borrow_mut().u32(0..one_in) == 0;
        if injected {
            *self.injected.borrow_mut().entry(name.to_owned()).or_default() += 1;
        }
        injected
    }

    /// An effect of a process or a request of it: the process may crash here, and others may act
    /// first.
    pub(super) fn effect(self: &Rc<Self>, process: Process, name: &str) {
        let time = self.random(0..20);
        self.advance(Duration::from_millis(time));
        let instance = process.instance;
        let crash_if_over = || {
            if process.number > 0 && self.hosts[instance].is_over(process) {
                resume_unwind(Box::new(Crash));
            }
        };
        crash_if_over();
        if !self.faults_enabled.get() {
            return;
        }
        if self.inject("crash", 300) {
            *self.injected.borrow_mut().entry(format!("crash: {name}")).or_default() += 1;
            resume_unwind(Box::new(Crash));
        }
        if !self.is_interleaving.get() && self.inject("interleaving", 12) {
            self.is_interleaving.set(true);
            self.random_step(Some(instance));
            self.is_interleaving.set(false);
            // Another worker may have ended the process.
            crash_if_over();
        }
    }

    /// While `busy` is inside an effect, its polling thread and all other processes continue.
    pub(super) fn random_step(self: &Rc<Self>, busy: Option<usize>) {
        let dice = self.rng.borrow_mut().u32(0..100);
        match (dice, busy) {
            (0..6, Some(busy)) => {
                // A zombie: the group continues without it for a long time.
                self.cluster.borrow_mut().expel(busy);
                let steps = self.random(0..40);
                for _ in 0..steps {
                    let other = self.random_host();
                    if other != busy {
                        self.step(other);
                    }
                }
            }
            (0..20, Some(busy)) => self.poll(busy),
            (20, Some(busy)) => self.request_stop(busy),
            (25..27, None) => {
                let off = self.random(0..20_000_000);
                self.wall_clock_error.set(off.cast_signed() - 10_000_000);
            }
            (27..29, None) => {
                let partition = self.random_partition();
                self.cluster.borrow_mut().compact(partition);
            }
            (29, None) if self.cluster.borrow().members() > 1 => {
                let host = self.random_host();
                self.cluster.borrow_mut().expel(host);
            }
            (30, None) => {
                let host = &self.hosts[self.random_host()];
                *host.backup.0.borrow_mut() = host.disk.0.borrow().clone();
            }
            (31, None) => self.end_process(self.random_host()),
            (35, None) if self.inject("open input transaction", 2) => self.open_input_transaction(),
            (36..40, None) => self.open_transactions.borrow_mut().clear(),
            (34, None) if self.inject("unnoticed expulsion", 2) => {
                let host = self.random_host();
                self.cluster.borrow_mut().expel(host);
                let mut poll = self.hosts[host].poll.borrow_mut();
                let until = self.now.get() + IGNORES_GROUP_FOR;
                poll.iter_mut().for_each(|poll| poll.ignore_group_until(until));
            }
            (33, None) => self.request_stop(self.random_host()),
            (32, None) if self.inject("offsets deleted", 2) => {
                let partition = self.random_partition();
                self.cluster.borrow_mut().forget_offsets(partition);
            }
            _ => self.step(self.random_host()),
        }
    }

    /// A producer opens a transaction in one input of a partition.
    fn open_input_transaction(&self) {
        let partition = self.random_partition();
        let mut open_transactions = self.open_transactions.borrow_mut();
        if open_transactions.keys().all(|(_, other)| *other != partition) {
            let input = self.random(0..self.scenario.inputs() as u64) as usize;
            let log = &self.cluster.borrow().inputs[input][partition as usize];
            open_transactions.insert((input, partition), log.len());
        }
    }

    /// The last stable offset of an input.
    pub(super) fn last_stable_offset(&self, input: usize, partition: i32) -> usize {
        let all = self.cluster.borrow().inputs[input][partition as usize].len();
        let open_transactions = self.open_transactions.borrow();
        open_transactions.get(&(input, partition)).map_or(all, |hidden| *hidden)
    }

    fn random_partition(&self) -> i32 {
        let partitions = self.cluster.borrow().partitions();
        self.rng.borrow_mut().i32(0..partitions)
    }

    fn random_host(&self) -> usize {
        self.rng.borrow_mut().usize(0..self.hosts.len())
    }

    /// Runs a process for one step; starts it if there is none.
    pub(super) fn step(self: &Rc<Self>, instance: usize) {
        if self.hosts[instance].poll.borrow().is_none() {
            self.spawn(instance);
        }
        let polls = self.rng.borrow_mut().bool();
        match polls {
            true => self.poll(instance),
            false => self.run_workers(instance),
        }
    }

    /// While a worker waits, its polling thread and all other processes run one step.
    pub(super) fn step_while_waiting(self: &Rc<Self>, busy: usize) {
        self.poll(busy);
        if !self.is_interleaving.replace(true) {
            self.run_workers(busy);
            let others = (0..self.hosts.len()).filter(|host| *host != busy);
            others.for_each(|host| self.step(host));
            self.is_interleaving.set(false);
        }
    }

    fn spawn(self: &Rc<Self>, instance: usize) {
        let host = &self.hosts[instance];
        self.wall_clock_error.set(0);
        if self.is_changelog_lost.get() {
            // The local state is the only copy.
        } else if self.inject("disk lost", 8) {
            host.disk.0.borrow_mut().clear();
        } else if self.inject("disk from a backup", 8) {
            *host.disk.0.borrow_mut() = host.backup.0.borrow().clone();
        }
        host.process.set(host.process.get() + 1);
        host.ended.set(0);
        let process = Process { instance, number: host.process.get() };
        let mounted = Mounted { disk: host.disk.clone(), simulation: self.clone(), process };
        let timers = self.rng.borrow_mut().usize(1..20);
        let steps = self.rng.borrow_mut().usize(1..4);
        let store = Store::with_engine(mounted, "simulated".as_ref());
        let store = Rc::new(store.with_timers_per_batch(timers).with_scan_step_max(steps));
        let member = self.cluster.borrow_mut().join(instance);
        let fuse: Arc<Fuse> = Arc::default();
        *host.fuse.borrow_mut() = fuse.clone();
        let scenario = match self.is_changelog_lost.get() {
            true => self.scenario.clone().on_another_changelog(),
            false => self.scenario.clone(),
        };
        // Some are restarted with the earlier settings.
        let scenario = match self.has_new_settings.get() && !self.inject("earlier settings", 4) {
            true => scenario.with_new_settings(),
            false => scenario,
        };
        let partitions: Arc<PartitionRegistry> = Arc::default();
        *host.partitions.borrow_mut() = partitions.clone();
        let context: Context = scenario.context(member, fuse, partitions.clone(), self.workers);
        *host.poll.borrow_mut() =
            Some(Poll::new(&context, member, self.workers, self.is_incremental));
        for (worker, slot) in host.workers.iter().enumerate().take(self.workers) {
            let worker_io = SimulatedIo {
                simulation: self.clone(),
                process,
                worker,
                store: store.clone(),
                epoch: self.cluster.borrow_mut().init(process.producer(worker)),
                observed: RefCell::default(),
            };
            *slot.borrow_mut() = Some(Worker::new(worker, context.clone(), worker_io));
        }
    }

    /// Performs the operator's actions that a process waits for.
    pub(super) fn act_as_operator(&self, instance: usize) {
        let partitions = self.hosts[instance].partitions.borrow().clone();
        for (partition, state) in partitions.list() {
            let PartitionState::Quarantined(own) = state else {
                continue;
            };
            let action = match own.cause {
                QuarantineCause::Record => RecoveryAction::Skip,
                QuarantineCause::InputLost => RecoveryAction::AcceptLoss(None),
                _ => panic!("{own:?}"),
            };
            partitions.request(partition, action, false).unwrap();
            let mut injected = self.injected.borrow_mut();
            let name = format!("quarantine: {}", own.cause.code());
            *injected.entry(name).or_default() += 1;
        }
        if self.hosts[instance].fuse.borrow().resume().is_some() {
            let mut injected = self.injected.borrow_mut();
            *injected.entry("suspended".to_owned()).or_default() += 1;
        }
    }

    /// As by SIGTERM: pending batches may be committed, and then the process ends.
    fn request_stop(&self, instance: usize) {
        if let Some(poll) = self.hosts[instance].poll.borrow_mut().as_mut() {
            poll.stop();
        }
    }

    fn end_process(&self, instance: usize) {
        self.hosts[instance].clear();
    }

    pub(super) fn poll(&self, instance: usize) {
        if let Some(poll) = self.hosts[instance].poll.borrow_mut().as_mut() {
            poll.run_once(self, instance);
        }
    }

    /// One worker handles its messages; without faults, all do.
    pub(super) fn run_workers(&self, instance: usize) {
        let all = 0..self.workers;
        let chosen = match self.faults_enabled.get() && self.workers > 1 {
            true => {
                let one = self.rng.borrow_mut().usize(all);
                one..one + 1
            }
            false => all,
        };
        chosen.for_each(|worker| self.run_worker(instance, worker));
    }

    fn run_worker(&self, instance: usize, number: usize) {
        let host = &self.hosts[instance];
        let Some(mut worker) = host.workers[number].borrow_mut().take() else {
            return;
        };
        let messages = host.poll.borrow_mut().as_mut().map(|poll| poll.take_messages(number));
        let Some(messages) = messages else {
            return;
        };
        let process = Process { instance, number: host.process.get() };
        let done = catch_unwind(AssertUnwindSafe(|| worker.run_once(messages)));
        if let Err(cause) = done {
            match cause.is::<Crash>() {
                true if host.is_over(process) => {}
                true => self.end_process(instance),
                false => resume_unwind(cause),
            }
            return;
        }
        // The process may have been killed while the worker was running.
        let done = done.unwrap_or(Ok(ControlFlow::Break(())));
        match done {
            _ if host.is_over(process) => {}
            Ok(ControlFlow::Break(())) => {
                host.ended.set(host.ended.get() + 1);
                if host.ended.get() == self.workers {
                    self.end_process(instance);
                }
            }
            Ok(ControlFlow::Continue(())) => *host.workers[number].borrow_mut() = Some(worker),
            Err(error) => {
                assert!(is_expected_exit(&error), "a process ended: {}", error_chain(&error));
                self.end_process(instance);
            }
        }
    }

    pub(super) fn membership(&self, instance: usize) -> Option<Membership> {
        let poll = self.hosts[instance].poll.borrow();
        poll.as_ref().and_then(Poll::membership)
    }

    pub(super) fn start(&self, instance: usize, start: StartRequest) {
        if let Some(poll) = self.hosts[instance].poll.borrow_mut().as_mut() {
            poll.starts.push(start);
        }
    }
}

/// Errors that end a process by design; it is started again.
fn is_expected_exit(error: &Error) -> bool {
    matches!(
        error,
        Error::Kafka(kafka::Error::Fenced { .. }) | Error::Store(store::Error::Io { .. })
    )
}
