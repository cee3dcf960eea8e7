//! Starts and stops the daemon's threads, in an order that is safe for commits.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use super::assignment::Assignment;
use super::context::Context;
use super::customers::Customers;
use super::daemon_state::DaemonState;
use super::input_watch::watch_inputs;
use super::live_io::LiveIo;
use super::mailbox::{Mailbox, WorkerMessage};
use super::offset_metadata;
use super::poll_loop::{PollLoop, RebalanceHandler};
use super::restore_progress::ProgressReporter;
use super::settings::Settings;
use super::topic_watch::watch_topics;
use super::worker::Worker;
use super::worker_io::StartRequest;
use crate::event::CUSTOMER_ID_BYTES_MAX;
use crate::kafka::{
    self, Consumer, GroupProtocol, OffsetFinder, TopicMetadata, TransactionalProducer,
};
use crate::model::Models;
use crate::partition::hash_models;
use crate::store::{self, Store};
use crate::telemetry::{KnownLabels, Metrics, error_chain};

pub use super::error::Error;
pub use super::handle::Handle;

/// Capacity of the queue of start requests for the polling thread.
const START_REQUESTS_MAX: usize = 4096;
/// Longest wait for the group's coordinator when the daemon ends or restarts.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs until `handle` asks it to end, or until an error ends it.
pub fn run(
    models: Arc<Models>,
    mut settings: Settings,
    metrics: Metrics,
    handle: &Handle,
) -> Result<(), Error> {
    handle.reset(&metrics);
    create_known_series(&models, &settings, &metrics);
    handle.departure.set_possible(settings.kafka.group_protocol == GroupProtocol::Classic);
    settings.kafka.renew_password()?;
    let topology = fetch_topics(&models, &settings, &metrics)?;
    let mut settings = Settings { identity: settings.identity_with(&topology), ..settings };
    // A process may be assigned all partitions.
    let partitions = usize::try_from(topology.partitions).unwrap_or(0);
    let feeds = partitions * settings.outputs.inputs.len();
    settings.kafka.prefetch_bytes = settings.feed_buffer_bytes(feeds, kafka::PREFETCH_BYTES_MAX);
    let store = Arc::new(open_store(&settings, &metrics)?);
    handle.set_started();
    handle.set_state(DaemonState::Restoring, &metrics);
    handle.customers.open(store.clone());
    let _closing = CustomersGuard(&handle.customers);
    let _topics = watch_topics(&settings, handle.partitions.clone(), &metrics)?;
    let context = Context {
        models,
        settings: Arc::new(settings),
        topology: Arc::new(topology),
        metrics,
        assignment: Arc::default(),
        restoring: handle.restoring.clone(),
        partitions: handle.partitions.clone(),
        fuse: handle.fuse.clone(),
        customers: handle.customers.clone(),
        uncommitted: handle.uncommitted.clone(),
        heartbeats: handle.heartbeats.clone(),
        input_ends: Arc::default(),
        stopping: Arc::default(),
        writer_id: offset_metadata::new_writer_id().into(),
    };
    let mailboxes: Vec<Arc<Mailbox>> =
        (0..context.settings.workers.max(1)).map(|_| Arc::default()).collect();
    let rebalances = Arc::new(RebalanceHandler::new(&context, &mailboxes));
    let consumer = Consumer::join(
        &context.settings.kafka,
        &context.settings.outputs.inputs,
        rebalances.clone(),
        || {
            handle.record_heartbeat();
            handle.is_stopping()
        },
    )?;
    let bounds = Arc::new(OffsetFinder::open(&context.settings.kafka)?);
    let _inputs = watch_inputs(&context, bounds.clone())?;
    let (starts, start_requests) = sync_channel(START_REQUESTS_MAX);
    let failure: Arc<OnceLock<Error>> = Arc::default();
    let workers = start_workers(&context, store, &consumer, &bounds, &mailboxes, &starts, &failure);
    let workers = workers.inspect_err(|_| {
        // Leaving the group would wait for workers to release their partitions, but none run.
        context.assignment.close();
        consumer.close(LEAVE_TIMEOUT);
    })?;
    let mut polling = PollLoop {
        context,
        consumer,
        rebalance_listener: rebalances,
        fenced_at: None,
        mailboxes,
        start_requests,
        restored: Vec::new(),
        feeds: BTreeMap::new(),
        handle,
        reporter: ProgressReporter::default(),
        has_restored_all: false,
    };
    let polled = polling.run(&workers);
    shut_down(polling, workers, polled, failure)
}

/// The topics, which have what processing depends on.
fn fetch_topics(
    models: &Models,
    settings: &Settings,
    metrics: &Metrics,
) -> Result<TopicMetadata, Error> {
    let outputs = &settings.outputs;
    let topology = TopicMetadata::fetch(&settings.kafka, outputs)?;
    let largest = models.state_bytes_max() + CUSTOMER_ID_BYTES_MAX;
    topology.check_record_size(&outputs.changelog, largest)?;
    for topic in &outputs.inputs {
        let count = metrics.input_partitions.with_label_values(&[topic.as_str()]);
        count.set(i64::from(topology.partitions));
    }
    Ok(topology)
}

fn create_known_series(models: &Models, settings: &Settings, metrics: &Metrics) {
    let outputs = &settings.outputs;
    let mut written: Vec<&str> = outputs.topics().map(String::as_str).collect();
    written.push(&outputs.changelog);
    metrics.create_known_series(&KnownLabels {
        inputs: &outputs.inputs,
        written: &written,
        models,
        workers: settings.workers.max(1),
        config_hash: &settings.config_hash,
        models_hash: &hash_models(models),
    });
}

/// Releases the store however the daemon ends, since it may be started again in this process.
struct CustomersGuard<'c>(&'c Customers);

impl Drop for CustomersGuard<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Opens the local state. A damaged store is set aside until all is rebuilt from the changelog.
fn open_store(settings: &Settings, metrics: &Metrics) -> Result<Store, Error> {
    let opened = Store::open(&settings.state_dir, &settings.store);
    let Err(error @ store::Error::Damaged { .. }) = opened else {
        return Ok(opened?);
    };
    metrics.restore.stores_cleared.with_label_values(&["damaged"]).inc();
    let path = settings.state_dir.display();
    tracing::warn!(
        %path, cause = error_chain(&error),
        "the local state is damaged; rebuilding it from the changelog. Its files are kept in the subfolder `set-aside` until \
        that is done"
    );
    Store::set_aside(&settings.state_dir)?;
    Ok(Store::open(&settings.state_dir, &settings.store)?)
}

fn start_workers(
    context: &Context,
    store: Arc<Store>,
    consumer: &Consumer,
    bounds: &Arc<OffsetFinder>,
    mailboxes: &[Arc<Mailbox>],
    start_requests: &SyncSender<StartRequest>,
    failure: &Arc<OnceLock<Error>>,
) -> Result<Vec<JoinHandle<()>>, Error> {
    // Transactions that an earlier version left open would block committed readers until they time out.
    if store.has_former_transactional_ids()? {
        TransactionalProducer::abort_former(&context.settings.kafka, mailboxes.len())?;
    }
    store.mark_transactional_ids()?;
    // All of them before the first thread starts: a thread that runs on would keep the store open.
    let open = |number| {
        LiveIo::open(
            context,
            store.clone(),
            consumer.clone(),
            bounds.clone(),
            number,
            start_requests.clone(),
        )
    };
    let opened = (0..mailboxes.len()).map(open).collect::<Result<Vec<LiveIo>, _>>()?;
    let start = |(number, (io, mailbox)): (usize, (LiveIo, &Arc<Mailbox>))| {
        let worker = Worker::new(number, context.clone(), io);
        let assignment = context.assignment.clone();
        spawn_worker(number, worker, mailbox.clone(), failure.clone(), assignment)
    };
    opened.into_iter().zip(mailboxes).enumerate().map(start).collect()
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
            tracing::error!(error = %error_chain(&error), "a worker has failed; stopping the daemon, which is started again if the cause can pass");
            // The first failure is the one that is reported.
            drop(failure.set(Error::Partition(error)));
        }
    };
    std::thread::Builder::new().name(format!("worker-{number}")).spawn(run).map_err(Error::Thread)
}

/// Closes the assignment when a worker ends, also by a panic, so that no rebalance waits for it.
struct AssignmentGuard(Arc<Assignment>);

impl Drop for AssignmentGuard {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Lets the workers commit pending records, then leaves the group.
fn shut_down(
    mut polling: PollLoop<'_>,
    workers: Vec<JoinHandle<()>>,
    polled: Result<(), Error>,
    failure: Arc<OnceLock<Error>>,
) -> Result<(), Error> {
    polling.context.stopping.store(true, Ordering::Release);
    polling.mailboxes.iter().for_each(|mailbox| mailbox.post(WorkerMessage::Stop));
    let heartbeats = polling.context.heartbeats.clone();
    let panicked = workers.into_iter().map(JoinHandle::join).filter(Result::is_err).count() > 0;
    heartbeats.clear_workers();
    polling.feeds.clear();
    if polling.handle.is_leaving() {
        tracing::info!("leaving the group: its other members take over the partitions now");
        polling.consumer.end_membership(LEAVE_TIMEOUT);
    }
    polling.consumer.close(LEAVE_TIMEOUT);
    match Arc::into_inner(failure).and_then(OnceLock::into_inner) {
        Some(error) => Err(error),
        None if panicked => Err(Error::Panicked),
        None => polled,
    }
}
