//! The worker's loop: the only place that orders effects.
//!
//! ```text
//! let mut commits = self.apply()?;               records in merge order, through the pure core
//! if self.must_suspend(&commits) { suspend }     a burst waits for an operator (circuit breaker)
//! self.transact(&mut commits)?;                  outputs, states, progress, offsets: one Kafka transaction;
//!                                                or, after an abort, roll back and apply smaller batches
//! self.write_store(&commits)?;                   the same states and progress: one atomic write
//! self.update_after_commit(commits)              continue from the new progress
//! ```
//!
//! | crash | on disk | recovery |
//! |---|---|---|
//! | before the transaction ends | old state | the transaction is aborted; the input is read again from the committed offset. Outputs may differ from those of the first attempt, which no committed reader has seen |
//! | between transaction and write | old state, behind Kafka | the changelog is read from the stored offset to its end |
//! | during the write | old or new state, never a mix | as above, or none needed |
//! | the disk is lost | nothing | the changelog is read from its start |

mod active_models;
mod apply;
mod budget;
mod cleanup;
mod idle;
mod idle_state;
mod ingest;
mod input_mapping;
mod input_report;
mod observe;
mod owned_partition;
mod panic_search;
mod partition;
mod pending_commit;
mod quarantine;
mod suspend;
mod transact;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::time::Duration;

use super::clock::SlewingClock;
use super::clock_check::{ClockCheck, ClockReading};
use super::context::Context;
use super::mailbox::{Mailbox, WorkerMessage};
use super::restore::{Error, PartitionRestore};
use super::thread_heartbeats::DaemonThread;
use super::worker_io::WorkerIo;
use crate::crash;
use crate::event::{self, Decoder, Mapping};
use crate::store::PartitionCommit;
use crate::store::store_partition;
use budget::Budget;
use input_mapping::InputMapping;
use owned_partition::OwnedPartition;
use panic_search::PartitionRestart;
use pending_commit::{CommitOutcome, PendingCommit};

/// Processes the partitions that its mailbox assigns to it.
pub(super) struct Worker<W> {
    context: Context,
    io: W,
    /// Index among the workers of the process.
    number: usize,
    /// By input.
    mappings: Vec<Vec<InputMapping>>,
    partitions: BTreeMap<i32, OwnedPartition>,
    /// Partitions that another process has processed with newer models or a newer version.
    deferred: BTreeSet<i32>,
    /// Partitions that cannot be processed.
    quarantined: BTreeSet<i32>,
    /// Partitions that are about to be restored and read again, and why.
    restarts: BTreeMap<i32, PartitionRestart>,
    /// Records that operators have skipped: they become dead letters without being decoded.
    skips: BTreeMap<i32, BTreeSet<event::Position>>,
    /// The epoch of every partition that is assigned to this worker.
    epochs: BTreeMap<i32, u64>,
    /// Restored one at a time, in the order of their assignment, except for those that wait for Kafka.
    restoring: VecDeque<PartitionRestore>,
    /// Applied, and not committed before an operator resumes the worker. Until then nothing else is
    /// applied, since it would build on these commits.
    suspended: Vec<PendingCommit>,
    /// Bounds the next transaction.
    budget: Budget,
    clock: SlewingClock,
    /// The clocks at the beginning of this turn.
    now: ClockReading,
    clock_check: ClockCheck,
    /// Whether the changelog has `LogAppendTime`, so that commits show the brokers' clock.
    has_append_time: bool,
    /// Partitions that wait for the verdict on a suspect timestamp.
    suspect_partitions: Vec<i32>,
    last_commit: Duration,
    last_observed: Duration,
    /// Since when the group has refused every commit while this process counts as a member.
    refused_since: Option<Duration>,
    /// When a fenced producer was last replaced.
    producer_replaced_at: Option<Duration>,
    /// Whether a transaction was given up because the process is stopping: nothing is committed after that.
    has_stopped_committing: bool,
    /// The last partition that was checked for stale local state.
    last_cleanup_checked: Option<i32>,
}

/// Longest sleep without messages.
const POLL_TIMEOUT_MAX: Duration = Duration::from_millis(100);
/// Longest sleep while no work is pending that the passing of time or an operator could release.
const IDLE_POLL_TIMEOUT_MAX: Duration = Duration::from_secs(1);

impl<W: WorkerIo> Worker<W> {
    pub(super) fn new(number: usize, context: Context, io: W) -> Worker<W> {
        let settings = &context.settings;
        let mapping = |mapping: &Mapping| {
            InputMapping::new(Decoder::new(
                mapping.clone(),
                context.models.vocabulary.clone(),
                settings.money.clone(),
                settings.limits.clone(),
            ))
        };
        let of_input = |mappings: &Vec<Mapping>| mappings.iter().map(mapping).collect();
        let worker = Worker {
            mappings: settings.mappings.iter().map(of_input).collect(),
            number,
            partitions: BTreeMap::new(),
            deferred: BTreeSet::new(),
            quarantined: BTreeSet::new(),
            restarts: BTreeMap::new(),
            skips: BTreeMap::new(),
            epochs: BTreeMap::new(),
            restoring: VecDeque::new(),
            suspended: Vec::new(),
            budget: Budget::full(),
            clock: SlewingClock::new(io.wall_time(), io.uptime()),
            now: ClockReading::default(),
            clock_check: ClockCheck::default(),
            has_append_time: context.topology.uses_log_append_time,
            suspect_partitions: Vec::new(),
            last_commit: io.uptime(),
            last_observed: io.uptime(),
            last_cleanup_checked: None,
            refused_since: None,
            producer_replaced_at: None,
            has_stopped_committing: false,
            io,
            context,
        };
        worker.observe_suspect_partitions(0);
        worker
    }

    /// Runs until [`WorkerMessage::Stop`]. Pending records are committed then; a suspended burst is not.
    pub(super) fn run(mut self, mailbox: &Mailbox) -> Result<(), Error> {
        while self.run_once(mailbox.take(self.poll_timeout()))?.is_continue() {}
        Ok(())
    }

    fn record_heartbeat(&self) {
        self.context.heartbeats.record(DaemonThread::Worker(self.number));
    }

    /// One turn of the loop: handles the messages, then does everything that is due.
    pub(super) fn run_once(
        &mut self,
        messages: VecDeque<WorkerMessage>,
    ) -> Result<ControlFlow<()>, Error> {
        self.record_heartbeat();
        self.now = self.read_clocks();
        for message in messages {
            match message {
                WorkerMessage::Assigned { partition, epoch } => {
                    crash::point("assigned");
                    self.begin_restore(partition, epoch);
                }
                WorkerMessage::Revoked { partitions, released } => {
                    crash::point("revoked");
                    partitions.iter().for_each(|partition| self.release_partition(*partition));
                    released.count_down();
                }
                WorkerMessage::Fetched { partition, epoch, input, fetched, reservation } => {
                    self.handle_fetched(partition, epoch, input, fetched, reservation)
                }
                WorkerMessage::Stop => {
                    crash::point("stopping");
                    // Without a membership a commit would wait for one, but the polling thread has ended and
                    // cannot rejoin. A suspended burst, and the records after it, are dropped.
                    if self.suspended.is_empty()
                        && !self.has_stopped_committing
                        && self.io.membership().is_some()
                    {
                        self.commit()?;
                    }
                    if !self.suspended.is_empty() {
                        tracing::info!(
                            "the suspended burst is not committed; the next start reads its records again"
                        );
                    }
                    self.context.uncommitted.set(self.number, false);
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        self.observe()?;
        self.apply_operator_actions();
        self.resume_suspended()?;
        if self.suspended.is_empty() {
            self.fill_batches();
            self.advance_idle_watermarks()?;
            if self.is_commit_due() {
                self.commit()?;
            }
            self.close_broken_partitions();
        }
        self.context.uncommitted.set(self.number, self.has_work());
        self.continue_restore()?;
        Ok(ControlFlow::Continue(()))
    }

    fn read_clocks(&self) -> ClockReading {
        ClockReading { wall: self.io.wall_time(), uptime: self.io.uptime() }
    }

    fn commit(&mut self) -> Result<(), Error> {
        if self.has_stopped_committing {
            return Ok(());
        }
        self.context.uncommitted.set(self.number, true);
        let commits = self.apply()?;
        crash::point("applied");
        if self.must_suspend(&commits) {
            self.suspended = commits;
            return Ok(());
        }
        self.finish_commit(commits)
    }

    fn finish_commit(&mut self, mut commits: Vec<PendingCommit>) -> Result<(), Error> {
        if self.transact(&mut commits)? == CommitOutcome::RolledBack {
            self.roll_back(commits);
            return Ok(());
        }
        crash::point("before-write");
        self.write_store(&commits)?;
        crash::point("written");
        self.count_published(&commits);
        self.update_after_commit(commits)
    }

    /// How long to wait for messages: until the next commit is due, where there is something to commit.
    pub(super) fn poll_timeout(&self) -> Duration {
        let uptime = self.io.uptime();
        if self.restoring.iter().any(|restore| restore.is_due(uptime)) {
            return Duration::ZERO;
        }
        let interval = self.context.settings.commit_interval;
        let waited = uptime.saturating_sub(self.last_commit);
        if self.has_work() {
            interval.saturating_sub(waited).min(POLL_TIMEOUT_MAX)
        } else if self.is_idle() {
            IDLE_POLL_TIMEOUT_MAX
        } else {
            POLL_TIMEOUT_MAX
        }
    }

    fn is_idle(&self) -> bool {
        self.suspended.is_empty()
            && self.restoring.is_empty()
            && self.partitions.values().all(|owned| owned.merge.is_idle())
    }

    fn has_work(&self) -> bool {
        let has_any = |owned: &OwnedPartition| {
            owned.must_commit || owned.idle.advance.is_some() || !owned.records.is_empty()
        };
        self.suspended.is_empty() && self.partitions.values().any(has_any)
    }

    fn is_commit_due(&self) -> bool {
        let waited = self.io.uptime().saturating_sub(self.last_commit);
        let is_urgent = |owned: &OwnedPartition| owned.must_commit || self.is_full(owned);
        self.has_work()
            && (waited >= self.context.settings.commit_interval
                || self.partitions.values().any(is_urgent))
    }

    /// Takes one step of the first restore that is due; a restored partition is read from its progress.
    fn continue_restore(&mut self) -> Result<(), Error> {
        let uptime = self.io.uptime();
        let Some(due) = self.restoring.iter().position(|restore| restore.is_due(uptime)) else {
            return Ok(());
        };
        let restore = &mut self.restoring[due];
        let (partition, epoch) = (restore.partition, restore.epoch);
        if !self.context.assignment.is_current(partition, epoch) {
            self.restoring.remove(due);
            self.context.restoring.finish(partition);
            return Ok(());
        }
        let step = restore.step(&self.context, &mut self.io);
        if let Some(Some(restored)) = self.quarantine_on_error(partition, step)? {
            crash::point("restored");
            self.restoring.remove(due);
            let completed = self.complete_restore(partition, epoch, restored);
            self.quarantine_on_error(partition, completed)?;
        }
        Ok(())
    }

    /// Writes to disk what is now committed in Kafka.
    fn write_store(&self, commits: &[PendingCommit]) -> Result<(), Error> {
        let mut written = Vec::with_capacity(commits.len());
        for pending in commits {
            written.push(PartitionCommit {
                partition: store_partition(pending.partition),
                commit: &pending.commit,
                changelog_offset: pending.changelog_offset,
                generation: pending.generation.as_ref(),
            });
        }
        let identity = &self.context.settings.identity;
        let started = self.io.uptime();
        self.io.store().write(identity, &written)?;
        let took = self.io.uptime().saturating_sub(started);
        self.context.metrics.store.write_seconds.observe(took.as_secs_f64());
        Ok(())
    }
}
