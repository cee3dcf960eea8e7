//! Everything at once: the cluster, the processes, time and chance. One seed is one run.

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
use super::setting::{BASE, Setting};
use super::world::Simulated;
use crate::event::WallTime;
use crate::kafka;
use crate::runtime::context::Context;
use crate::runtime::fuse::Fuse;
use crate::runtime::partitions::{PartitionState, Partitions, QuarantineCause, RecoveryAction};
use crate::runtime::restore::Error;
use crate::runtime::worker::Worker;
use crate::runtime::worker_io::StartRequest;
use crate::store::{self, Store};
use crate::telemetry::error_chain;

/// A process: its seat, and which one there it is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) instance: usize,
    /// 0 for what belongs to none.
    number: u64,
}

impl Process {
    /// The name of a worker's producer.
    pub(super) fn producer(self, worker: usize) -> usize {
        self.instance * WORKERS_MAX + worker
    }
}

const WORKERS_MAX: usize = 3;

/// One place for a process with a name and a disk of its own.
#[derive(Default)]
pub(super) struct Seat {
    /// The one that runs, or the last.
    process: Cell<u64>,
    /// The polling thread; none while there is no process.
    pub(super) poll: RefCell<Option<Poll>>,
    /// The workers; none while one is at work, too.
    workers: [RefCell<Option<Worker<Simulated>>>; WORKERS_MAX],
    /// How many of them have ended, as they were asked to.
    ended: Cell<usize>,
    /// What an operator sees of the process.
    fuse: RefCell<Arc<Fuse>>,
    pub(super) partitions: RefCell<Arc<Partitions>>,
    pub(super) disk: Disk,
    backup: Disk,
}

impl Seat {
    pub(super) fn clear(&self) {
        self.poll.borrow_mut().take();
        let workers = self.workers.iter();
        workers.for_each(|worker| drop(worker.borrow_mut().take()));
    }

    fn is_over(&self, process: Process) -> bool {
        self.poll.borrow().is_none() || self.process.get() != process.number
    }
}

pub(super) struct Universe {
    pub(super) setting: Setting,
    pub(super) chance: RefCell<Rng>,
    pub(super) now: Cell<Duration>,
    pub(super) cluster: RefCell<Cluster>,
    pub(super) seats: Vec<Seat>,
    /// Workers of each process.
    workers: usize,
    /// Whether the group moves only what has to move.
    is_incremental: bool,
    /// Whether anything may fail.
    pub(super) trouble: Cell<bool>,
    /// How far the wall clock is off, in milliseconds.
    pub(super) wall_off: Cell<i64>,
    /// Whether something happens inside an effect already.
    meanwhile: Cell<bool>,
    /// Whether the changelog is another one since, and processes are asked to write the local state there.
    pub(super) changelog_was_lost: Cell<bool>,
    /// Whether clocks of some customers are ahead.
    pub(super) clocks_are_ahead: Cell<bool>,
    /// Whether processes may start with the other settings.
    pub(super) is_switched: Cell<bool>,
    /// Where inputs begin, by input and partition.
    pub(super) starts: RefCell<BTreeMap<(usize, i32), i64>>,
    /// Where an open transaction of a producer hides what comes after it, by input and partition.
    pub(super) undecided: RefCell<BTreeMap<(usize, i32), usize>>,
    /// Records on which processing panics, by input, partition and offset.
    pub(super) poisoned: RefCell<BTreeSet<(usize, i32, usize)>>,
    /// What has struck, and how often.
    pub(super) struck: RefCell<BTreeMap<String, u64>>,
}

/// How long a member may have lost its place in the group before it is noticed that it sends no heartbeats.
const DEAF: Duration = Duration::from_secs(30);

/// The end of a process, at once.
struct Crash;

impl Universe {
    pub(super) fn new(setting: Setting, seed: u64) -> Rc<Universe> {
        let mut chance = Rng::with_seed(seed);
        let partitions = chance.usize(1..4);
        let seats = chance.usize(1..4);
        let workers = chance.usize(1..=WORKERS_MAX);
        Universe::of(setting, chance, partitions, (seats, workers))
    }

    /// With one process, which has all partitions.
    pub(super) fn alone(setting: Setting, seed: u64) -> Rc<Universe> {
        let mut chance = Rng::with_seed(seed);
        let partitions = chance.usize(1..4);
        Universe::of(setting, chance, partitions, (1, 1))
    }

    fn of(
        setting: Setting,
        mut chance: Rng,
        partitions: usize,
        (seats, workers): (usize, usize),
    ) -> Rc<Universe> {
        let mut cluster = Cluster::new(setting.inputs(), partitions);
        if chance.bool() {
            cluster.begin_at(chance.usize(1..9));
        }
        Rc::new(Universe {
            cluster: RefCell::new(cluster),
            seats: (0..seats).map(|_| Seat::default()).collect(),
            workers,
            is_incremental: chance.bool(),
            setting,
            chance: RefCell::new(chance),
            now: Cell::default(),
            trouble: Cell::new(true),
            wall_off: Cell::default(),
            meanwhile: Cell::default(),
            changelog_was_lost: Cell::default(),
            clocks_are_ahead: Cell::new(true),
            is_switched: Cell::default(),
            starts: RefCell::default(),
            undecided: RefCell::default(),
            poisoned: RefCell::default(),
            struck: RefCell::default(),
        })
    }

    /// Time goes on; open transactions run out, and markers come now and then.
    pub(super) fn pass(&self, time: Duration) {
        self.now.set(self.now.get() + time);
        let mut cluster = self.cluster.borrow_mut();
        cluster.time_out(self.now.get());
        let mut chance = self.chance.borrow_mut();
        if chance.u32(0..5) == 0 || !self.trouble.get() {
            cluster.mark_one(&mut chance);
        }
    }

    pub(super) fn wall(&self) -> WallTime {
        let millis = i64::try_from(self.now.get().as_millis()).unwrap();
        WallTime(BASE.0 + millis + self.wall_off.get())
    }

    /// What the brokers' clock shows.
    pub(super) fn true_wall(&self) -> WallTime {
        WallTime(self.wall().0 - self.wall_off.get())
    }

    /// A number by chance.
    pub(super) fn draw(&self, range: std::ops::Range<u64>) -> u64 {
        self.chance.borrow_mut().u64(range)
    }

    /// Whether a misfortune happens, once in so many times.
    pub(super) fn strikes(&self, what: &str, in_so_many: u32) -> bool {
        let struck = self.trouble.get() && self.chance.borrow_mut().u32(0..in_so_many) == 0;
        if struck {
            *self.struck.borrow_mut().entry(what.to_owned()).or_default() += 1;
        }
        struck
    }

    /// Something a process does to the world or asks of it: it may be the last thing it does, and
    /// others may do something first.
    pub(super) fn effect(self: &Rc<Self>, process: Process, what: &str) {
        let time = self.draw(0..20);
        self.pass(Duration::from_millis(time));
        let instance = process.instance;
        let crash_if_over = || {
            if process.number > 0 && self.seats[instance].is_over(process) {
                resume_unwind(Box::new(Crash));
            }
        };
        crash_if_over();
        if !self.trouble.get() {
            return;
        }
        if self.strikes("crash", 300) {
            *self
                .struck
                .borrow_mut()
                .entry(format!("crash: {what}"))
                .or_default() += 1;
            resume_unwind(Box::new(Crash));
        }
        if !self.meanwhile.get() && self.strikes("meanwhile", 12) {
            self.meanwhile.set(true);
            self.something_happens(Some(instance));
            self.meanwhile.set(false);
            // Another worker of the process may have ended it.
            crash_if_over();
        }
    }

    /// While `busy` is at an effect, its polling thread and everybody else go on.
    pub(super) fn something_happens(self: &Rc<Self>, busy: Option<usize>) {
        let dice = self.chance.borrow_mut().u32(0..100);
        match (dice, busy) {
            (0..6, Some(busy)) => {
                // A zombie: the group goes on without it, for long.
                self.cluster.borrow_mut().expel(busy);
                let steps = self.draw(0..40);
                for _ in 0..steps {
                    let other = self.any_seat();
                    if other != busy {
                        self.go_on(other);
                    }
                }
            }
            (0..20, Some(busy)) => self.poll(busy),
            (20, Some(busy)) => self.ask_to_stop(busy),
            (25..27, None) => {
                let off = self.draw(0..20_000_000);
                self.wall_off.set(off.cast_signed() - 10_000_000);
            }
            (27..29, None) => {
                let partition = self.any_partition();
                self.cluster.borrow_mut().compact(partition);
            }
            (29, None) if self.cluster.borrow().members() > 1 => {
                let seat = self.any_seat();
                self.cluster.borrow_mut().expel(seat);
            }
            (30, None) => {
                let seat = &self.seats[self.any_seat()];
                *seat.backup.0.borrow_mut() = seat.disk.0.borrow().clone();
            }
            (31, None) => self.die(self.any_seat()),
            (35, None) if self.strikes("undecided input", 2) => self.hide_what_comes(),
            (36..40, None) => self.undecided.borrow_mut().clear(),
            (34, None) if self.strikes("deaf member", 2) => {
                let seat = self.any_seat();
                self.cluster.borrow_mut().expel(seat);
                let mut poll = self.seats[seat].poll.borrow_mut();
                let until = self.now.get() + DEAF;
                poll.iter_mut().for_each(|poll| poll.deafen(until));
            }
            (33, None) => self.ask_to_stop(self.any_seat()),
            (32, None) if self.strikes("offsets forgotten", 2) => {
                let partition = self.any_partition();
                self.cluster.borrow_mut().forget_offsets(partition);
            }
            _ => self.go_on(self.any_seat()),
        }
    }

    /// A producer begins a transaction in one input of a partition.
    fn hide_what_comes(&self) {
        let partition = self.any_partition();
        let mut undecided = self.undecided.borrow_mut();
        if undecided.keys().all(|(_, other)| *other != partition) {
            let input = self.draw(0..self.setting.inputs() as u64) as usize;
            let log = &self.cluster.borrow().inputs[input][partition as usize];
            undecided.insert((input, partition), log.len());
        }
    }

    /// Where readers of committed records see an input end.
    pub(super) fn stable_end(&self, input: usize, partition: i32) -> usize {
        let all = self.cluster.borrow().inputs[input][partition as usize].len();
        let undecided = self.undecided.borrow();
        undecided
            .get(&(input, partition))
            .map_or(all, |hidden| *hidden)
    }

    fn any_partition(&self) -> i32 {
        let partitions = self.cluster.borrow().partitions();
        self.chance.borrow_mut().i32(0..partitions)
    }

    fn any_seat(&self) -> usize {
        self.chance.borrow_mut().usize(0..self.seats.len())
    }

    /// Lets a process do a bit; starts it if there is none.
    pub(super) fn go_on(self: &Rc<Self>, instance: usize) {
        if self.seats[instance].poll.borrow().is_none() {
            self.spawn(instance);
        }
        let polls = self.chance.borrow_mut().bool();
        match polls {
            true => self.poll(instance),
            false => self.turn(instance),
        }
    }

    /// While a worker waits, its polling thread and everybody else go on for sure.
    pub(super) fn go_on_without(self: &Rc<Self>, busy: usize) {
        self.poll(busy);
        if !self.meanwhile.replace(true) {
            self.turn(busy);
            let others = (0..self.seats.len()).filter(|seat| *seat != busy);
            others.for_each(|seat| self.go_on(seat));
            self.meanwhile.set(false);
        }
    }

    fn spawn(self: &Rc<Self>, instance: usize) {
        let seat = &self.seats[instance];
        self.wall_off.set(0);
        if self.changelog_was_lost.get() {
            // The disk is all there is.
        } else if self.strikes("disk lost", 8) {
            seat.disk.0.borrow_mut().clear();
        } else if self.strikes("disk from a backup", 8) {
            *seat.disk.0.borrow_mut() = seat.backup.0.borrow().clone();
        }
        seat.process.set(seat.process.get() + 1);
        seat.ended.set(0);
        let process = Process {
            instance,
            number: seat.process.get(),
        };
        let mounted = Mounted {
            disk: seat.disk.clone(),
            universe: self.clone(),
            process,
        };
        let timers = self.chance.borrow_mut().usize(1..20);
        let steps = self.chance.borrow_mut().usize(1..4);
        let store = Store::with_engine(mounted, "simulated".as_ref());
        let store = Rc::new(
            store
                .with_timers_per_batch(timers)
                .with_scan_step_max(steps),
        );
        let member = self.cluster.borrow_mut().join(instance);
        let fuse: Arc<Fuse> = Arc::default();
        *seat.fuse.borrow_mut() = fuse.clone();
        let setting = match self.changelog_was_lost.get() {
            true => self.setting.clone().on_another_changelog(),
            false => self.setting.clone(),
        };
        // Some are restarted with what they had.
        let setting = match self.is_switched.get() && !self.strikes("earlier settings", 4) {
            true => setting.switched(),
            false => setting,
        };
        let partitions: Arc<Partitions> = Arc::default();
        *seat.partitions.borrow_mut() = partitions.clone();
        let shared: Context = setting.shared(member, fuse, partitions.clone(), self.workers);
        *seat.poll.borrow_mut() = Some(Poll::new(
            &shared,
            member,
            self.workers,
            self.is_incremental,
        ));
        for (worker, place) in seat.workers.iter().enumerate().take(self.workers) {
            let world = Simulated {
                universe: self.clone(),
                process,
                worker,
                store: store.clone(),
                epoch: self.cluster.borrow_mut().init(process.producer(worker)),
            };
            *place.borrow_mut() = Some(Worker::new(worker, shared.clone(), world));
        }
    }

    /// An operator does what a process waits for.
    pub(super) fn operate(&self, instance: usize) {
        let partitions = self.seats[instance].partitions.borrow().clone();
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
            let mut struck = self.struck.borrow_mut();
            let what = format!("quarantine: {}", own.cause.code());
            *struck.entry(what).or_default() += 1;
        }
        if self.seats[instance].fuse.borrow().resume().is_some() {
            let mut struck = self.struck.borrow_mut();
            *struck.entry("held back".to_owned()).or_default() += 1;
        }
    }

    /// As by SIGTERM: what is in hand may be committed, and then it ends.
    fn ask_to_stop(&self, instance: usize) {
        if let Some(poll) = self.seats[instance].poll.borrow_mut().as_mut() {
            poll.stop();
        }
    }

    fn die(&self, instance: usize) {
        self.seats[instance].clear();
    }

    pub(super) fn poll(&self, instance: usize) {
        if let Some(poll) = self.seats[instance].poll.borrow_mut().as_mut() {
            poll.turn(self, instance);
        }
    }

    /// A worker does what there is to do; where nothing fails any more, all do.
    pub(super) fn turn(&self, instance: usize) {
        let all = 0..self.workers;
        let chosen = match self.trouble.get() && self.workers > 1 {
            true => {
                let one = self.chance.borrow_mut().usize(all);
                one..one + 1
            }
            false => all,
        };
        chosen.for_each(|worker| self.turn_of(instance, worker));
    }

    fn turn_of(&self, instance: usize, number: usize) {
        let seat = &self.seats[instance];
        let Some(mut worker) = seat.workers[number].borrow_mut().take() else {
            return;
        };
        let mail = seat
            .poll
            .borrow_mut()
            .as_mut()
            .map(|poll| poll.take_mail(number));
        let Some(mail) = mail else {
            return;
        };
        let process = Process {
            instance,
            number: seat.process.get(),
        };
        let done = catch_unwind(AssertUnwindSafe(|| worker.run_once(mail)));
        if let Err(cause) = done {
            match cause.is::<Crash>() {
                true if seat.is_over(process) => {}
                true => self.die(instance),
                false => resume_unwind(cause),
            }
            return;
        }
        // It may have been killed while it was at work.
        let done = done.unwrap_or(Ok(ControlFlow::Break(())));
        match done {
            _ if seat.is_over(process) => {}
            Ok(ControlFlow::Break(())) => {
                seat.ended.set(seat.ended.get() + 1);
                if seat.ended.get() == self.workers {
                    self.die(instance);
                }
            }
            Ok(ControlFlow::Continue(())) => *seat.workers[number].borrow_mut() = Some(worker),
            Err(error) => {
                assert!(
                    may_end_with(&error),
                    "a process ended: {}",
                    error_chain(&error)
                );
                self.die(instance);
            }
        }
    }

    pub(super) fn membership(&self, instance: usize) -> Option<Membership> {
        let poll = self.seats[instance].poll.borrow();
        poll.as_ref().and_then(Poll::membership)
    }

    pub(super) fn start(&self, instance: usize, start: StartRequest) {
        if let Some(poll) = self.seats[instance].poll.borrow_mut().as_mut() {
            poll.starts.push(start);
        }
    }
}

/// What ends a process by design; it is started again.
fn may_end_with(error: &Error) -> bool {
    matches!(
        error,
        Error::Kafka(kafka::Error::Fenced { .. }) | Error::Store(store::Error::Io { .. })
    )
}
