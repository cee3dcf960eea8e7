//! The polling thread, and the order of start and stop.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::assignment::{Assignment, Change};
use super::mailbox::{Gauge, Mail, Mailbox, Released};
use super::report::{Shared, chain};
use super::settings::Settings;
use super::worker::{Start, Worker};
use super::{clock, restore};
use crate::kafka::{self, Consumer, Feed, Listener, Topology};
use crate::model::Models;
use crate::store::{self, Store};
use crate::telemetry::Metrics;

/// Why the daemon ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kafka.
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    /// The disk.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A partition cannot be worked on.
    #[error(transparent)]
    Partition(restore::Error),
    /// A thread panicked: a bug.
    #[error("a worker panicked")]
    Panicked,
    /// A thread cannot be made.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

/// How the outside sees the daemon, and tells it to stop.
#[derive(Debug, Default)]
pub struct Handle {
    stop: AtomicBool,
    /// All partitions of the first assignment have been restored once.
    ready: AtomicBool,
    /// When the polling thread was last seen alive.
    heartbeat: AtomicI64,
}

impl Handle {
    /// Asks the daemon to commit what is in hand and end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Whether the first restore is done.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// How long the polling thread has not been seen.
    pub fn silence(&self) -> Duration {
        let millis = clock::now().0 - self.heartbeat.load(Ordering::Acquire);
        Duration::from_millis(millis.try_into().unwrap_or(0))
    }

    fn beat(&self) {
        self.heartbeat.store(clock::now().0, Ordering::Release);
    }

    /// Whether it was asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// Wait for the group when nothing is to be read.
const IDLE_POLL: Duration = Duration::from_millis(5);
/// What is taken from one feed before the others have their turn.
const TAKE_MAX: usize = 512;
/// Starts that can be waiting for the polling thread.
const STARTS_MAX: usize = 4096;

/// Runs until it is told to stop, or cannot go on.
pub fn run(
    models: Models,
    settings: Settings,
    metrics: Metrics,
    handle: &Handle,
) -> Result<(), Error> {
    handle.beat();
    let outputs = &settings.outputs;
    let topology = Topology::look(
        &settings.kafka,
        &outputs.inputs,
        &outputs.changelog,
        &outputs.topics(),
    )?;
    let settings = Settings {
        identity: settings.identity_with(&topology),
        ..settings
    };
    let store = Store::open(&settings.state, &settings.store)?;
    let shared = Shared {
        models: Arc::new(models),
        settings: Arc::new(settings),
        topology: Arc::new(topology),
        store: Arc::new(store),
        metrics,
        assignment: Arc::default(),
    };
    let mailboxes: Vec<Arc<Mailbox>> = (0..shared.settings.workers.max(1))
        .map(|_| Arc::default())
        .collect();
    let listener = Rebalances {
        assignment: shared.assignment.clone(),
        mailboxes: mailboxes.clone(),
        metrics: shared.metrics.clone(),
        patience: (shared.settings.kafka.max_poll_interval / 4).min(Duration::from_secs(30)),
    };
    let consumer = Consumer::join(
        &shared.settings.kafka,
        &shared.settings.outputs.inputs,
        Arc::new(listener),
    )?;
    let (starts, to_start) = sync_channel(STARTS_MAX);
    let failure: Arc<OnceLock<Error>> = Arc::default();
    let mut workers = Vec::new();
    for (number, mailbox) in mailboxes.iter().enumerate() {
        let worker = Worker::new(
            shared.clone(),
            consumer.clone(),
            number,
            mailbox.clone(),
            starts.clone(),
        );
        let worker = worker.map_err(Error::Partition)?;
        workers.push(spawn(number, worker, failure.clone())?);
    }
    let deadline = shared.settings.shutdown_deadline;
    let mut polling = Polling {
        shared,
        consumer,
        mailboxes,
        to_start,
        feeds: BTreeMap::new(),
        handle,
    };
    let polled = polling.run(&workers);
    polling.end(workers, deadline, polled, failure)
}

fn spawn(
    number: usize,
    worker: Worker,
    failure: Arc<OnceLock<Error>>,
) -> Result<JoinHandle<()>, Error> {
    let run = move || {
        if let Err(error) = worker.run() {
            tracing::error!(error = %chain(&error), "a worker cannot go on");
            // The first failure is the one that is told.
            drop(failure.set(Error::Partition(error)));
        }
    };
    std::thread::Builder::new()
        .name(format!("worker-{number}"))
        .spawn(run)
        .map_err(Error::Thread)
}

/// Tells the workers what the group decides. Runs inside a poll.
struct Rebalances {
    assignment: Arc<Assignment>,
    mailboxes: Vec<Arc<Mailbox>>,
    metrics: Metrics,
    /// Longest wait for the workers to let go.
    patience: Duration,
}

impl Listener for Rebalances {
    fn assigned(&self, partitions: &[i32]) {
        tracing::info!(?partitions, "partitions assigned");
        self.metrics
            .rebalances
            .with_label_values(&["assigned"])
            .inc();
        self.metrics.partitions.add(partitions.len() as i64);
        self.assignment.assign(partitions);
    }

    fn revoked(&self, partitions: &[i32], lost: bool) {
        tracing::info!(?partitions, lost, "partitions revoked");
        self.metrics
            .rebalances
            .with_label_values(&[if lost { "lost" } else { "revoked" }])
            .inc();
        self.metrics.partitions.sub(partitions.len() as i64);
        self.assignment.revoke(partitions);
        if self.assignment.is_closed() {
            return; // The workers have ended: nobody is left to wait for.
        }
        let released = Released::by(self.mailboxes.len());
        for mailbox in &self.mailboxes {
            mailbox.post(Mail::Revoked {
                partitions: partitions.to_vec(),
                released: released.clone(),
            });
        }
        if !released.wait(self.patience) {
            tracing::warn!("a worker did not let go in time; its result will be dropped");
        }
    }
}

/// What the polling thread has at hand.
struct Polling<'p> {
    shared: Shared,
    consumer: Consumer,
    mailboxes: Vec<Arc<Mailbox>>,
    to_start: Receiver<Start>,
    feeds: BTreeMap<i32, Feeds>,
    handle: &'p Handle,
}

/// The feeds of one partition.
struct Feeds {
    epoch: u64,
    feeds: Vec<(Feed, Gauge)>,
    /// Restored, and reading from the right place.
    started: bool,
}

impl Polling<'_> {
    fn run(&mut self, workers: &[JoinHandle<()>]) -> Result<(), Error> {
        let mut busy = false;
        while !self.handle.is_stopping() && !workers.iter().any(JoinHandle::is_finished) {
            self.handle.beat();
            self.consumer
                .poll(if busy { Duration::ZERO } else { IDLE_POLL })?;
            for change in self.shared.assignment.take_changes() {
                self.change(change)?;
            }
            while let Ok(start) = self.to_start.try_recv() {
                self.start(&start)?;
            }
            busy = self.read()?;
        }
        Ok(())
    }

    fn change(&mut self, change: Change) -> Result<(), Error> {
        match change {
            Change::Revoked { partition } => drop(self.feeds.remove(&partition)),
            Change::Assigned { partition, epoch } => {
                let feeds: Vec<(Feed, Gauge)> = self
                    .consumer
                    .feeds(partition)?
                    .into_iter()
                    .map(|feed| (feed, Gauge::default()))
                    .collect();
                self.feeds.insert(
                    partition,
                    Feeds {
                        epoch,
                        feeds,
                        started: false,
                    },
                );
                self.mailbox(partition)
                    .post(Mail::Assigned { partition, epoch });
            }
        }
        Ok(())
    }

    fn start(&mut self, start: &Start) -> Result<(), Error> {
        let Some(feeds) = self
            .feeds
            .get_mut(&start.partition)
            .filter(|feeds| feeds.epoch == start.epoch)
        else {
            return Ok(());
        };
        self.consumer.start(&start.positions)?;
        feeds.started = true;
        if self.feeds.values().all(|feeds| feeds.started)
            && !self.handle.ready.swap(true, Ordering::AcqRel)
        {
            tracing::info!(partitions = self.feeds.len(), "ready");
        }
        Ok(())
    }

    /// Takes what was fetched, as far as there is room for it.
    fn read(&self) -> Result<bool, Error> {
        let mut busy = false;
        for (
            partition,
            Feeds {
                epoch,
                feeds,
                started,
            },
        ) in &self.feeds
        {
            for (feed, gauge) in feeds.iter().filter(|_| *started) {
                for _ in 0..TAKE_MAX {
                    if !gauge.has_room() {
                        break;
                    }
                    let Some(fetched) = feed.next()? else { break };
                    busy = true;
                    let load = gauge.load(&fetched);
                    let mail = Mail::Fetched {
                        partition: *partition,
                        epoch: *epoch,
                        input: feed.input,
                        fetched,
                        load,
                    };
                    self.mailbox(*partition).post(mail);
                }
            }
        }
        Ok(busy)
    }

    fn mailbox(&self, partition: i32) -> &Mailbox {
        &self.mailboxes[restore::key(partition) as usize % self.mailboxes.len()]
    }

    /// Lets the workers commit what is in hand, then leaves the group. If that hangs, the process
    /// ends all the same: recovery makes that safe.
    fn end(
        self,
        workers: Vec<JoinHandle<()>>,
        deadline: Duration,
        polled: Result<(), Error>,
        failure: Arc<OnceLock<Error>>,
    ) -> Result<(), Error> {
        let until = Instant::now() + deadline;
        let watchdog = move || {
            std::thread::park_timeout(deadline);
            if Instant::now() >= until {
                tracing::error!("stopping takes longer than the deadline; ending at once");
                std::process::exit(1);
            }
        };
        let watchdog = std::thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(watchdog)
            .map_err(Error::Thread)?;
        self.mailboxes
            .iter()
            .for_each(|mailbox| mailbox.post(Mail::Stop));
        let closing = self.shared.assignment.clone();
        let panicked = workers
            .into_iter()
            .map(JoinHandle::join)
            .filter(Result::is_err)
            .count()
            > 0;
        closing.close();
        drop(self);
        watchdog.thread().unpark();
        match Arc::into_inner(failure).and_then(OnceLock::into_inner) {
            Some(error) => Err(error),
            None if panicked => Err(Error::Panicked),
            None => polled,
        }
    }
}
