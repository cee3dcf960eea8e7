//! The polling thread: serves the group, and moves what was fetched to the workers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::assignment::{Assignment, AssignmentChange};
use super::context::{Context, error_chain};
use super::daemon::{Error, Handle};
use super::mailbox::{BufferUsage, FEED_BYTES_MAX, Mailbox, ReleaseLatch, WorkerMessage};
use super::restore::store_partition;
use super::restore_progress::ProgressReporter;
use super::worker::StartRequest;
use crate::kafka::{self, Consumer, Feed, GroupProtocol, RebalanceListener};
use crate::store::Store;
use crate::telemetry::Metrics;

/// Wait for a worker to make room for what has been fetched.
const ROOM_POLL_TIMEOUT: Duration = Duration::from_millis(5);
/// Longest wait where nothing is there: what comes ends it. Between two looks whether the process is to stop.
const EMPTY_POLL_TIMEOUT: Duration = Duration::from_millis(250);
/// Between two looks whether there is still somebody to wait for.
const CLOSED_CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// Longest wait for the workers to let go, inside a poll.
const RELEASE_TIMEOUT_MAX: Duration = Duration::from_secs(30);
/// A member that is fenced once more within this time has been so by another process, which heard of it by its next heartbeat.
const MEMBER_FENCE_WINDOW: Duration = Duration::from_secs(30);
/// What is taken from one feed before the others have their turn.
const FEED_READ_MAX: usize = 512;

/// Tells the workers what the group decides. Runs inside a poll.
pub(super) struct RebalanceHandler {
    assignment: Arc<Assignment>,
    mailboxes: Vec<Arc<Mailbox>>,
    metrics: Metrics,
    /// Longest wait for the workers to let go.
    release_timeout: Duration,
}

impl RebalanceHandler {
    pub(super) fn new(shared: &Context, mailboxes: &[Arc<Mailbox>]) -> RebalanceHandler {
        let interval = shared.settings.kafka.max_poll_interval;
        RebalanceHandler {
            assignment: shared.assignment.clone(),
            mailboxes: mailboxes.to_vec(),
            metrics: shared.metrics.clone(),
            release_timeout: (interval / 4).min(RELEASE_TIMEOUT_MAX),
        }
    }
}

impl RebalanceListener for RebalanceHandler {
    fn on_assigned(&self, partitions: &[i32]) {
        tracing::info!(?partitions, "partitions assigned");
        self.metrics
            .rebalances
            .with_label_values(&["assigned"])
            .inc();
        self.assignment.assign(partitions);
    }

    fn on_revoked(&self, partitions: &[i32], lost: bool) {
        tracing::info!(?partitions, lost, "partitions revoked");
        self.metrics
            .rebalances
            .with_label_values(&[if lost { "lost" } else { "revoked" }])
            .inc();
        self.assignment.revoke(partitions);
        // Once a worker has ended, the process does too: nobody need be waited for.
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
        let until = Instant::now() + self.release_timeout;
        while !released.wait(CLOSED_CHECK_INTERVAL) && !self.assignment.is_closed() {
            if Instant::now() >= until {
                tracing::warn!("a worker did not let go in time; its result will be dropped");
                return;
            }
        }
    }
}

/// What the polling thread has at hand.
pub(super) struct PollLoop<'p> {
    pub(super) context: Context,
    pub(super) consumer: Consumer,
    pub(super) rebalance_listener: Arc<RebalanceHandler>,
    /// When this member of the group was last fenced.
    pub(super) fenced_at: Option<Instant>,
    pub(super) mailboxes: Vec<Arc<Mailbox>>,
    pub(super) start_requests: Receiver<StartRequest>,
    /// Restored, and not yet started.
    pub(super) restored: Vec<StartRequest>,
    pub(super) feeds: BTreeMap<i32, Feeds>,
    pub(super) handle: &'p Handle,
    pub(super) reporter: ProgressReporter,
    /// Whether all of a first assignment that is not nothing was restored.
    pub(super) has_restored_all: bool,
}

/// The feeds of one partition.
#[derive(Debug)]
pub(super) struct Feeds {
    epoch: u64,
    feeds: Vec<(Feed, BufferUsage)>,
    /// Restored, and reading from the right place.
    started: bool,
}

/// What came of reading all feeds once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ReadOutcome {
    /// They were empty.
    Nothing,
    /// No worker has room for what may be there.
    NoRoom,
    /// There may be more.
    More,
}

impl PollLoop<'_> {
    pub(super) fn run(&mut self, workers: &[JoinHandle<()>]) -> Result<(), Error> {
        let mut patience = Duration::ZERO;
        while !self.handle.is_stopping() && !workers.iter().any(JoinHandle::is_finished) {
            self.handle.record_heartbeat();
            self.reporter
                .report(&self.context.restoring, &self.context.metrics);
            match self.consumer.poll(patience) {
                Err(error @ kafka::Error::Fenced { .. }) => self.rejoin("fenced", Some(error))?,
                _ if self.consumer.is_missing_heartbeats() => self.rejoin("silent", None)?,
                _ if self.context.assignment.is_rejoin_requested() => {
                    self.rejoin("refused", None)?
                }
                other => other?,
            }
            let changes = self.context.assignment.take_changes();
            let has_changed = !changes.is_empty();
            for change in changes {
                self.apply_change(change)?;
            }
            let has_started = self.start_restored()?;
            self.pause_quarantined()?;
            if !self.handle.is_ready() && self.is_settled() && self.handle.set_ready() {
                tracing::info!(partitions = self.feeds.len(), "ready");
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
            patience = match read {
                ReadOutcome::Nothing if has_changed || has_started => Duration::ZERO,
                ReadOutcome::More => Duration::ZERO,
                ReadOutcome::NoRoom => ROOM_POLL_TIMEOUT,
                ReadOutcome::Nothing => EMPTY_POLL_TIMEOUT,
            };
        }
        Ok(())
    }

    /// Takes this process's place in the group anew. It may have been fenced by a request of its own that came late, after
    /// the broker had stalled; somebody else who takes the same place again and again is another process.
    fn rejoin(&mut self, reason: &'static str, error: Option<kafka::Error>) -> Result<(), Error> {
        if let Some(error) = error {
            tracing::warn!(error = %error_chain(&error), "this member of the group was fenced");
            let now = Instant::now();
            let before = self.fenced_at.replace(now);
            if before.is_some_and(|at| now.duration_since(at) < MEMBER_FENCE_WINDOW) {
                return Err(error.into());
            }
        }
        tracing::warn!(reason, "the membership is lost; joining the group anew");
        self.context
            .metrics
            .consumer_rejoins
            .with_label_values(&[reason])
            .inc();
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

    /// All is restored: what was damaged is needed no longer. Deleting it takes its time.
    fn delete_set_aside(&self) {
        let path = self.context.settings.state_dir.clone();
        std::thread::spawn(move || {
            if let Err(error) = Store::delete_set_aside(&path) {
                tracing::warn!(path = %path.display(), %error, "the damaged state cannot be deleted");
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

    /// Makes the feeds of a partition, and has its worker restore it.
    fn assign(&mut self, partition: i32, epoch: u64) -> Result<(), Error> {
        let known = self.context.topology.partitions;
        if partition >= known {
            return Err(Error::Kafka(kafka::Error::Misconfigured(format!(
                "the inputs have more than the {known} partitions of the start: nothing is processed before the next start, \
                which says what can be done"
            ))));
        }
        self.create_feeds(partition, epoch)?;
        self.mailbox(partition)
            .post(WorkerMessage::Assigned { partition, epoch });
        Ok(())
    }

    fn create_feeds(&mut self, partition: i32, epoch: u64) -> Result<(), Error> {
        let feeds = self.consumer.create_feeds(partition)?.into_iter();
        let own = Feeds {
            epoch,
            feeds: feeds.map(|feed| (feed, BufferUsage::default())).collect(),
            started: false,
        };
        self.feeds.insert(partition, own);
        Ok(())
    }

    /// Has a partition restored, and read again from there.
    fn restart(&mut self, partition: i32, epoch: u64) -> Result<(), Error> {
        let is_current = self.context.assignment.is_current(partition, epoch);
        let Some(own) = self.feeds.get(&partition).filter(|_| is_current) else {
            return Ok(());
        };
        let again = match own.feeds.iter().any(|(feed, _)| feed.is_broken()) {
            // librdkafka has given it up, and would not seek.
            true => self.consumer.reassign(partition)?,
            false => {
                self.consumer.pause(partition)?;
                vec![partition]
            }
        };
        for one in again {
            // The old feeds go first: the new ones share their queues. Of a partition that has none yet the first are
            // about to be made.
            let Some(former) = self.feeds.remove(&one).map(|feeds| feeds.epoch) else {
                continue;
            };
            if one == partition {
                self.assign(one, epoch)?;
            } else if self.context.partitions.is_quarantined(one) {
                // It waits for an operator, as before.
                self.create_feeds(one, former)?;
            } else if let Some(renewed) = self.context.assignment.bump_epoch(one) {
                self.assign(one, renewed)?;
            }
        }
        Ok(())
    }

    /// What cannot be started for now is tried again with the next poll. Whether anything was started.
    fn start_restored(&mut self) -> Result<bool, Error> {
        self.restored.extend(self.start_requests.try_iter());
        let starts = std::mem::take(&mut self.restored);
        let any = !starts.is_empty();
        for start in starts {
            match self.start_feeds(&start) {
                Err(Error::Kafka(error @ kafka::Error::Retry { .. })) => {
                    let partition = start.partition;
                    tracing::warn!(partition, error = %error_chain(&error), "cannot be read for now");
                    self.restored.push(start);
                }
                other => other?,
            }
        }
        Ok(any && self.restored.is_empty())
    }

    /// Stops reading what is quarantined: nobody would take it.
    fn pause_quarantined(&mut self) -> Result<(), Error> {
        for (partition, feeds) in &mut self.feeds {
            if feeds.started && self.context.partitions.is_quarantined(*partition) {
                self.consumer.pause(*partition)?;
                feeds.started = false;
            }
        }
        Ok(())
    }

    /// Whether all that the group has given to this process is read, or quarantined: nothing, maybe.
    fn is_settled(&self) -> bool {
        let is_quarantined = |partition| self.context.partitions.is_quarantined(partition);
        let mut feeds = self.feeds.iter();
        self.is_decided()
            && feeds.all(|(partition, feeds)| feeds.started || is_quarantined(*partition))
    }

    /// Whether all that the group has given to this process is read: nothing, maybe.
    fn is_complete(&self) -> bool {
        self.is_decided() && self.feeds.values().all(|feeds| feeds.started)
    }

    fn is_decided(&self) -> bool {
        // The newer protocol does not say that there is nothing.
        let by_epoch = self.context.settings.kafka.group_protocol == GroupProtocol::Consumer;
        self.context.assignment.is_decided() || by_epoch && self.consumer.membership().is_some()
    }

    fn start_feeds(&mut self, start: &StartRequest) -> Result<(), Error> {
        let Some(feeds) = self
            .feeds
            .get_mut(&start.partition)
            .filter(|feeds| feeds.epoch == start.epoch)
        else {
            return Ok(());
        };
        let own = feeds.feeds.iter().map(|(feed, _)| feed);
        self.consumer.start(own, &start.positions)?;
        feeds.started = true;
        Ok(())
    }

    /// Takes what was fetched, as far as there is room for it.
    fn read_feeds(&self) -> Result<ReadOutcome, Error> {
        let mut read = ReadOutcome::Nothing;
        let feeds = self.feeds.values().map(|feeds| feeds.feeds.len()).sum();
        let most = self
            .context
            .settings
            .feed_buffer_bytes(feeds, FEED_BYTES_MAX);
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
                for _ in 0..FEED_READ_MAX {
                    if !gauge.has_room(most) {
                        read = read.max(ReadOutcome::NoRoom);
                        break;
                    }
                    let Some(fetched) = feed.next()? else { break };
                    read = ReadOutcome::More;
                    let load = gauge.reserve(&fetched);
                    let mail = WorkerMessage::Fetched {
                        partition: *partition,
                        epoch: *epoch,
                        input: feed.input,
                        fetched,
                        reservation: load,
                    };
                    self.mailbox(*partition).post(mail);
                }
            }
        }
        Ok(read)
    }

    fn mailbox(&self, partition: i32) -> &Mailbox {
        &self.mailboxes[store_partition(partition) as usize % self.mailboxes.len()]
    }
}
