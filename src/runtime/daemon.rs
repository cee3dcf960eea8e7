//! The order of start and of stop.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::assignment::Assignment;
use super::context::{Context, error_chain};
use super::customers::Customers;
use super::fuse::Fuse;
use super::live_io::LiveIo;
use super::mailbox::{Mailbox, WorkerMessage};
use super::partitions::Partitions;
use super::poll_loop::{PollLoop, RebalanceHandler};
use super::restore_progress::{ProgressReporter, RestoreProgress};
use super::settings::Settings;
use super::topic_watch::TopicWatch;
use super::worker::{StartRequest, Worker};
use super::{clock, offset_metadata, restore};
use crate::event::{CUSTOMER_ID_BYTES_MAX, WallTime};
use crate::kafka::{self, Consumer, OffsetFinder, TopicMetadata, TransactionalProducer};
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
    /// With what to go on after an orderly end.
    restart: Mutex<Option<(Models, Settings)>>,
    /// All partitions of the first assignment have been restored once.
    ready: AtomicBool,
    /// When the polling thread was last seen alive.
    heartbeat: AtomicI64,
    /// What is being restored.
    pub restoring: Arc<RestoreProgress>,
    /// What is done with each partition, and what operators ask for where nothing can be.
    pub partitions: Arc<Partitions>,
    /// Holds back bursts until an operator says go on.
    pub fuse: Arc<Fuse>,
    /// Whom operators can ask about.
    pub customers: Arc<Customers>,
}

impl Handle {
    /// Asks the daemon to commit what is in hand and end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Asks the daemon to commit what is in hand and end, so that it can go on with other models.
    pub fn restart_with(&self, models: Models, settings: Settings) {
        *self.lock() = Some((models, settings));
    }

    /// With what to go on; unless it was asked to stop for good.
    pub fn take_restart(&self) -> Option<(Models, Settings)> {
        let next = self.lock().take();
        next.filter(|_| !self.stop.load(Ordering::Acquire))
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Models, Settings)>> {
        // It is set or not, whoever panicked while holding it.
        self.restart.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the first restore is done.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Notes that it is; whether that is news.
    pub(super) fn set_ready(&self) -> bool {
        !self.ready.swap(true, Ordering::AcqRel)
    }

    /// How long the polling thread has not been seen.
    pub fn heartbeat_age(&self) -> Duration {
        let seen = WallTime(self.heartbeat.load(Ordering::Acquire));
        let silence = clock::now().duration_since(seen);
        Duration::from_millis(silence.0.try_into().unwrap_or(0))
    }

    pub(super) fn record_heartbeat(&self) {
        self.heartbeat.store(clock::now().0, Ordering::Release);
    }

    /// Whether it was asked to end.
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire) || self.lock().is_some()
    }
}

/// Starts that can be waiting for the polling thread.
const START_REQUESTS_MAX: usize = 4096;

/// Runs until it is told to stop, or cannot go on.
pub fn run(
    models: Arc<Models>,
    settings: Settings,
    metrics: Metrics,
    handle: &Handle,
) -> Result<(), Error> {
    handle.record_heartbeat();
    handle.restoring.clear();
    handle.fuse.clear(&metrics);
    handle.partitions.clear(&metrics);
    let outputs = &settings.outputs;
    let topology = TopicMetadata::fetch(&settings.kafka, outputs)?;
    let largest = models.state_bytes_max() + CUSTOMER_ID_BYTES_MAX;
    topology.check_record_size(&outputs.changelog, largest)?;
    let mut settings = Settings {
        identity: settings.identity_with(&topology),
        ..settings
    };
    // A process may be given all partitions there are.
    let partitions = usize::try_from(topology.partitions).unwrap_or(0);
    let feeds = partitions * settings.outputs.inputs.len();
    settings.kafka.prefetch_bytes = settings.feed_buffer_bytes(feeds, kafka::PREFETCH_BYTES_MAX);
    let store = Arc::new(open_store(&settings, &metrics)?);
    handle.customers.open(store.clone());
    let _closing = CustomersGuard(&handle.customers);
    let _watch = TopicWatch::start(&settings, handle.partitions.clone(), &metrics)?;
    let shared = Context {
        models,
        settings: Arc::new(settings),
        topology: Arc::new(topology),
        metrics,
        assignment: Arc::default(),
        restoring: handle.restoring.clone(),
        partitions: handle.partitions.clone(),
        fuse: handle.fuse.clone(),
        customers: handle.customers.clone(),
        stopping: Arc::default(),
        writer_id: offset_metadata::new_writer_id().into(),
    };
    let mailboxes: Vec<Arc<Mailbox>> = (0..shared.settings.workers.max(1))
        .map(|_| Arc::default())
        .collect();
    let rebalances = Arc::new(RebalanceHandler::new(&shared, &mailboxes));
    let consumer = Consumer::join(
        &shared.settings.kafka,
        &shared.settings.outputs.inputs,
        rebalances.clone(),
        || handle.is_stopping(),
    )?;
    let (starts, to_start) = sync_channel(START_REQUESTS_MAX);
    let failure: Arc<OnceLock<Error>> = Arc::default();
    let workers = start_workers(&shared, store, &consumer, &mailboxes, &starts, &failure)
        // Leaving the group waits for workers: there are none.
        .inspect_err(|_| shared.assignment.close())?;
    let deadline = shared.settings.shutdown_deadline;
    let mut polling = PollLoop {
        context: shared,
        consumer,
        rebalance_listener: rebalances,
        fenced_at: None,
        mailboxes,
        start_requests: to_start,
        restored: Vec::new(),
        feeds: BTreeMap::new(),
        handle,
        reporter: ProgressReporter::default(),
        has_restored_all: false,
    };
    let polled = polling.run(&workers);
    shut_down(polling, workers, deadline, polled, failure)
}

/// Has the store closed, however the daemon ends: it may begin anew in this process.
struct CustomersGuard<'c>(&'c Customers);

impl Drop for CustomersGuard<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Opens the state. What is damaged is set aside until all is rebuilt from the changelog.
fn open_store(settings: &Settings, metrics: &Metrics) -> Result<Store, Error> {
    let opened = Store::open(&settings.state_dir, &settings.store);
    let Err(error @ store::Error::Damaged { .. }) = opened else {
        return Ok(opened?);
    };
    metrics
        .restore
        .stores_cleared
        .with_label_values(&["damaged"])
        .inc();
    let path = settings.state_dir.display();
    tracing::warn!(
        %path, cause = error_chain(&error),
        "the local state is damaged; rebuilding it from the changelog. Its files are kept in the folder `set-aside` inside \
        until that is done"
    );
    Store::set_aside(&settings.state_dir)?;
    Ok(Store::open(&settings.state_dir, &settings.store)?)
}

fn start_workers(
    shared: &Context,
    store: Arc<Store>,
    consumer: &Consumer,
    mailboxes: &[Arc<Mailbox>],
    starts: &SyncSender<StartRequest>,
    failure: &Arc<OnceLock<Error>>,
) -> Result<Vec<JoinHandle<()>>, Error> {
    if store.has_former_transactional_ids()? {
        TransactionalProducer::abort_former(&shared.settings.kafka, mailboxes.len())?;
    }
    store.mark_transactional_ids()?;
    let ends = Arc::new(OffsetFinder::open(&shared.settings.kafka)?);
    let one = |(number, mailbox): (usize, &Arc<Mailbox>)| {
        let live = LiveIo::open(
            shared.settings.clone(),
            store.clone(),
            consumer.clone(),
            ends.clone(),
            number,
            shared.topology.batch_bytes(),
            starts.clone(),
        )?;
        let worker = Worker::new(number, shared.clone(), live);
        let assignment = shared.assignment.clone();
        spawn_worker(number, worker, mailbox.clone(), failure.clone(), assignment)
    };
    mailboxes.iter().enumerate().map(one).collect()
}

fn spawn_worker(
    number: usize,
    worker: Worker<LiveIo>,
    mailbox: Arc<Mailbox>,
    failure: Arc<OnceLock<Error>>,
    assignment: Arc<Assignment>,
) -> Result<JoinHandle<()>, Error> {
    let run = move || {
        let _closing = AssignmentGuard(assignment);
        if let Err(error) = worker.run(&mailbox) {
            tracing::error!(error = %error_chain(&error), "a worker cannot go on");
            // The first failure is the one that is told.
            drop(failure.set(Error::Partition(error)));
        }
    };
    std::thread::Builder::new()
        .name(format!("worker-{number}"))
        .spawn(run)
        .map_err(Error::Thread)
}

/// Tells that a worker has ended, whatever it ended of.
struct AssignmentGuard(Arc<Assignment>);

impl Drop for AssignmentGuard {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Lets the workers commit what is in hand, then leaves the group. If that hangs, the process
/// ends all the same: recovery makes that safe.
fn shut_down(
    polling: PollLoop<'_>,
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
    polling.context.stopping.store(true, Ordering::Release);
    polling
        .mailboxes
        .iter()
        .for_each(|mailbox| mailbox.post(WorkerMessage::Stop));
    let panicked = workers
        .into_iter()
        .map(JoinHandle::join)
        .filter(Result::is_err)
        .count()
        > 0;
    drop(polling);
    watchdog.thread().unpark();
    match Arc::into_inner(failure).and_then(OnceLock::into_inner) {
        Some(error) => Err(error),
        None if panicked => Err(Error::Panicked),
        None => polled,
    }
}
