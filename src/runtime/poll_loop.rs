//! The polling thread: serves the consumer group, and passes fetched records to the workers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::assignment::{Assignment, AssignmentChange};
use super::context::Context;
use super::daemon_state::DaemonState;
use super::error::Error;
use super::handle::Handle;
use super::login_watch::LoginWatch;
use super::mailbox::{BufferUsage, FEED_BYTES_MAX, Mailbox, ReleaseLatch, WorkerMessage};
use super::restore_progress::ProgressReporter;
use super::worker_io::StartRequest;
use crate::kafka::{self, Consumer, Feed, GroupProtocol, RebalanceListener};
use crate::store::Store;
use crate::store::store_partition;
use crate::telemetry::{ClientStatistics, Metrics, error_chain};

/// Poll timeout while the workers have no room for what has been fetched.
const ROOM_POLL_TIMEOUT: Duration = Duration::from_millis(5);
/// Poll timeout while nothing has been fetched: a fetch ends it. Also the interval of checks whether to stop.
const EMPTY_POLL_TIMEOUT: Duration = Duration::from_millis(250);
/// Interval of checks whether the workers still run.
const CLOSED_CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// Longest wait for the workers to release partitions, inside a poll.
const RELEASE_TIMEOUT_MAX: Duration = Duration::from_secs(30);
/// A member that is fenced again within this time was fenced by another process with its identity, which rejoined after
/// its next heartbeat.
const MEMBER_FENCE_WINDOW: Duration = Duration::from_secs(30);
/// Records read from one feed before the next feed.
const FEED_READ_MAX: usize = 512;

/// Passes the group's decisions to the workers. Runs inside a poll.
pub(super) struct RebalanceHandler {
    assignment: Arc<Assignment>,
    mailboxes: Vec<Arc<Mailbox>>,
    metrics: Metrics,
    /// A fraction of the poll interval, so that the member is not removed while it waits.
    release_timeout: Duration,
}

impl RebalanceHandler {
    pub(super) fn new(context: &Context, mailboxes: &[Arc<Mailbox>]) -> RebalanceHandler {
        let interval = context.settings.kafka.max_poll_interval;
        RebalanceHandler {
            assignment: context.assignment.clone(),
            mailboxes: mailboxes.to_vec(),
            metrics: context.metrics.clone(),
            release_timeout: (interval / 4).min(RELEASE_TIMEOUT_MAX),
        }
    }
}

impl RebalanceListener for RebalanceHandler {
    fn on_statistics(&self, statistics: ClientStatistics) {
        self.metrics.clients.observe("consumer", statistics);
    }

    fn on_assigned(&self, partitions: &[i32]) {
        tracing::info!(?partitions, "partitions assigned");
        self.metrics.rebalances.with_label_values(&["assigned"]).inc();
        self.assignment.assign(partitions);
    }

    fn on_revoked(&self, partitions: &[i32], lost: bool) {
        tracing::info!(?partitions, lost, "partitions revoked");
        self.metrics.rebalances.with_label_values(&[if lost { "lost" } else { "revoked" }]).inc();
        self.assignment.revoke(partitions);
        // Once a worker has ended, the process ends too: nothing more is committed.
        if self.assignment.is_closed() {
            return;
        }
        let released = ReleaseLatch::new(self.mailboxes.len());
        for mailbox in &self.mailboxes {
            mailbox.post(WorkerMessage::Revoked {
                partitions: partitions.to_vec(),
                released: released.clone(),
            });
        }
        let deadline = Instant::now() + self.release_timeout;
        while !released.wait(CLOSED_CHECK_INTERVAL) && !self.assignment.is_closed() {
            if Instant::now() >= deadline {
                tracing::warn!(
                    "a worker did not release its partitions in time; its results will be dropped"
                );
                return;
            }
        }
    }
}

/// The polling thread's state.
pub(super) struct PollLoop<'p> {
    pub(super) context: Context,
    pub(super) consumer: Consumer,
    pub(super) rebalance_listener: Arc<RebalanceHandler>,
    /// When this member of the group was last fenced.
    pub(super) fenced_at: Option<Instant>,
    pub(super) mailboxes: Vec<Arc<Mailbox>>,
    pub(super) start_requests: Receiver<StartRequest>,
    /// Restored partitions whose feeds are not started yet.
    pub(super) restored: Vec<StartRequest>,
    pub(super) feeds: BTreeMap<i32, Feeds>,
    pub(super) handle: &'p Handle,
    pub(super) reporter: ProgressReporter,
    /// Whether all partitions of the first non-empty assignment were restored.
    pub(super) has_restored_all: bool,
}

/// The feeds of one partition.
#[derive(Debug)]
pub(super) struct Feeds {
    epoch: u64,
    feeds: Vec<(Feed, BufferUsage)>,
    /// Whether the partition is restored and its inputs are read.
    started: bool,
}

/// The result of reading all feeds once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ReadOutcome {
    /// All were empty.
    Nothing,
    /// A feed has no room, so that its records stay in the client.
    NoRoom,
    /// There may be more records.
    More,
}

impl PollLoop<'_> {
    pub(super) fn run(&mut self, workers: &[JoinHandle<()>]) -> Result<(), Error> {
        let (mut poll_timeout, mut is_settled) = (Duration::ZERO, false);
        let mut login = LoginWatch::new();
        while !self.handle.is_stopping() && !workers.iter().any(JoinHandle::is_finished) {
            self.handle.record_heartbeat();
            self.reporter.report(&self.context.restoring, &self.context.metrics);
            match self.consumer.poll(poll_timeout) {
                Err(error @ kafka::Error::Fenced { .. }) => self.rejoin("fenced", Some(error))?,
                _ if self.consumer.is_missing_heartbeats() => self.rejoin("silent", None)?,
                _ if self.context.assignment.is_rejoin_requested() => {
                    self.rejoin("refused", None)?
                }
                other => other?,
            }
            login.check(&self.context.settings.kafka, &self.consumer)?;
            let changes = self.context.assignment.take_changes();
            let has_changed = !changes.is_empty();
            for change in changes {
                self.apply_change(change)?;
            }
            let has_started = self.start_restored()?;
            self.pause_quarantined()?;
            if !is_settled && self.is_settled() {
                is_settled = true;
                self.handle.set_state(DaemonState::Running, &self.context.metrics);
                if self.handle.set_ready() {
                    tracing::info!(partitions = self.feeds.len(), "ready");
                }
            }
            if !self.has_restored_all && !self.feeds.is_empty() && self.is_complete() {
                self.has_restored_all = true;
                self.delete_set_aside();
            }
            let read = match self.read_feeds() {
                Err(Error::Kafka(error @ kafka::Error::Fenced { .. })) => {
                    self.rejoin("fenced", Some(error))?;
                    ReadOutcome::Nothing
                }
                other => other?,
            };
            poll_timeout = match read {
                ReadOutcome::Nothing if has_changed || has_started => Duration::ZERO,
                ReadOutcome::More => Duration::ZERO,
                ReadOutcome::NoRoom => ROOM_POLL_TIMEOUT,
                ReadOutcome::Nothing => EMPTY_POLL_TIMEOUT,
            };
        }
        Ok(())
    }

    /// Rejoins the group. A member may be fenced by its own delayed request after the broker has stalled; one that is
    /// fenced again soon shares its identity with another process, and fails.
    fn rejoin(&mut self, reason: &'static str, error: Option<kafka::Error>) -> Result<(), Error> {
        if let Some(error) = error {
            tracing::warn!(error = %error_chain(&error), "this member of the group was fenced");
            self.context.metrics.commits.fenced.with_label_values(&["member"]).inc();
            let now = Instant::now();
            let last = self.fenced_at.replace(now);
            if last.is_some_and(|at| now.duration_since(at) < MEMBER_FENCE_WINDOW) {
                return Err(error.into());
            }
        }
        tracing::warn!(reason, "the group membership is lost; rejoining the group");
        self.context.metrics.consumer_rejoins.with_label_values(&[reason]).inc();
        self.feeds.clear();
        self.restored.clear();
        let lost = self.context.assignment.assigned();
        self.rebalance_listener.on_revoked(&lost, true);
        let handle = self.handle;
        self.consumer.rejoin(|| {
            handle.record_heartbeat();
            handle.is_stopping()
        })?;
        Ok(())
    }

    /// Deletes the damaged store that was set aside, once all is restored; on its own thread, since it may take long.
    fn delete_set_aside(&self) {
        let path = self.context.settings.state_dir.clone();
        std::thread::spawn(move || {
            if let Err(error) = Store::delete_set_aside(&path) {
                tracing::warn!(path = %path.display(), %error, "deleting the damaged local state failed");
            }
        });
    }

    fn apply_change(&mut self, change: AssignmentChange) -> Result<(), Error> {
        match change {
            AssignmentChange::Revoked { partition } => drop(self.feeds.remove(&partition)),
            AssignmentChange::Restarted { partition, epoch } => self.restart(partition, epoch)?,
            AssignmentChange::Assigned { partition, epoch } => self.assign(partition, epoch)?,
        }
        Ok(())
    }

    /// Creates the feeds of a partition, and has its worker restore it.
    fn assign(&mut self, partition: i32, epoch: u64) -> Result<(), Error> {
        let known = self.context.topology.partitions;
        if partition >= known {
            return Err(Error::Kafka(kafka::Error::Misconfigured(format!(
                "the inputs have more than the {known} partitions that they had at the start: nothing is processed before the \
                next start, which reports what can be done"
            ))));
        }
        self.create_feeds(partition, epoch)?;
        self.mailbox(partition).post(WorkerMessage::Assigned { partition, epoch });
        Ok(())
    }

    fn create_feeds(&mut self, partition: i32, epoch: u64) -> Result<(), Error> {
        let created = self.consumer.create_feeds(partition)?.into_iter();
        let feeds = Feeds {
            epoch,
            feeds: created.map(|feed| (feed, BufferUsage::default())).collect(),
            started: false,
        };
        self.feeds.insert(partition, feeds);
        Ok(())
    }

    /// Has a partition restored, and read again from its progress.
    fn restart(&mut self, partition: i32, epoch: u64) -> Result<(), Error> {
        let is_current = self.context.assignment.is_current(partition, epoch);
        let Some(feeds) = self.feeds.get(&partition).filter(|_| is_current) else {
            return Ok(());
        };
        let to_restart = if feeds.feeds.iter().any(|(feed, _)| feed.is_broken()) {
            // librdkafka has stopped fetching it and would not seek: all partitions are assigned to the client again.
            self.consumer.reassign(partition)?
        } else {
            self.consumer.pause(partition)?;
            vec![partition]
        };
        for restarted in to_restart {
            // The old feeds are removed first, since the new ones share their queues. A partition without feeds was
            // just assigned: its change is still pending.
            let Some(old_epoch) = self.feeds.remove(&restarted).map(|feeds| feeds.epoch) else {
                continue;
            };
            if restarted == partition {
                self.assign(restarted, epoch)?;
            } else if self.context.partitions.is_quarantined(restarted) {
                // It still waits for an operator.
                self.create_feeds(restarted, old_epoch)?;
            } else if let Some(new_epoch) = self.context.assignment.bump_epoch(restarted) {
                self.assign(restarted, new_epoch)?;
            }
        }
        Ok(())
    }

    /// Starts reading restored partitions; returns whether any was started and none failed. A failed one is retried after
    /// the next poll.
    fn start_restored(&mut self) -> Result<bool, Error> {
        self.restored.extend(self.start_requests.try_iter());
        let starts = std::mem::take(&mut self.restored);
        let has_any = !starts.is_empty();
        for start in starts {
            match self.start_feeds(&start) {
                Err(Error::Kafka(error @ kafka::Error::Retry { .. })) => {
                    let partition = start.partition;
                    tracing::warn!(partition, error = %error_chain(&error), "starting to read the partition failed; retrying");
                    self.restored.push(start);
                }
                other => other?,
            }
        }
        Ok(has_any && self.restored.is_empty())
    }

    /// Stops reading quarantined partitions, whose records no worker takes.
    fn pause_quarantined(&mut self) -> Result<(), Error> {
        for (partition, feeds) in &mut self.feeds {
            if feeds.started && self.context.partitions.is_quarantined(*partition) {
                self.consumer.pause(*partition)?;
                feeds.started = false;
            }
        }
        Ok(())
    }

    /// Whether every assigned partition (possibly none) is read or quarantined.
    fn is_settled(&self) -> bool {
        let is_quarantined = |partition| self.context.partitions.is_quarantined(partition);
        let mut feeds = self.feeds.iter();
        self.is_decided()
            && feeds.all(|(partition, feeds)| feeds.started || is_quarantined(*partition))
    }

    /// Whether every assigned partition (possibly none) is read.
    fn is_complete(&self) -> bool {
        self.is_decided() && self.feeds.values().all(|feeds| feeds.started)
    }

    fn is_decided(&self) -> bool {
        // The `consumer` protocol does not report an empty assignment: there, a membership is enough.
        let uses_consumer_protocol =
            self.context.settings.kafka.group_protocol == GroupProtocol::Consumer;
        self.context.assignment.is_decided()
            || uses_consumer_protocol && self.consumer.membership().is_some()
    }

    fn start_feeds(&mut self, start: &StartRequest) -> Result<(), Error> {
        let Some(feeds) =
            self.feeds.get_mut(&start.partition).filter(|feeds| feeds.epoch == start.epoch)
        else {
            return Ok(());
        };
        let started = feeds.feeds.iter().map(|(feed, _)| feed);
        self.consumer.start(started, &start.positions)?;
        feeds.started = true;
        Ok(())
    }

    /// Passes fetched records to the workers, as far as the feeds have room.
    fn read_feeds(&self) -> Result<ReadOutcome, Error> {
        let mut outcome = ReadOutcome::Nothing;
        let feeds = self.feeds.values().map(|feeds| feeds.feeds.len()).sum();
        let settings = &self.context.settings;
        let limit = settings.feed_buffer_bytes(feeds, FEED_BYTES_MAX);
        for (partition, Feeds { epoch, feeds, started }) in &self.feeds {
            for (feed, usage) in feeds.iter().filter(|_| *started) {
                for _ in 0..FEED_READ_MAX {
                    if !usage.has_room(limit) {
                        outcome = outcome.max(ReadOutcome::NoRoom);
                        break;
                    }
                    let Some(fetched) = feed.next()? else { break };
                    outcome = ReadOutcome::More;
                    let reservation = usage.reserve(&fetched);
                    let message = WorkerMessage::Fetched {
                        partition: *partition,
                        epoch: *epoch,
                        input: feed.input,
                        fetched,
                        reservation,
                    };
                    self.mailbox(*partition).post(message);
                }
            }
        }
        Ok(outcome)
    }

    fn mailbox(&self, partition: i32) -> &Mailbox {
        &self.mailboxes[store_partition(partition) as usize % self.mailboxes.len()]
    }
}
