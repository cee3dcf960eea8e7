//! The loop that everything else serves: the only place that orders effects.
//!
//! ```text
//! let mut commits = self.apply()?;            records in merge order, through the pure core
//! if self.holds(&commits) { return }          a burst waits for an operator (fuse)
//! self.transact(&mut commits)?;               outputs, states, progress, offsets: at once; or, after an
//!                                             abort, all is taken back and applied again in smaller parts
//! self.write(&commits)?;                      the same states and progress, at once
//! self.settle(commits);                       go on from there
//! ```
//!
//! | crash | on disk | recovery |
//! |---|---|---|
//! | before the transaction ends | old state | it is aborted; the input is read again from the committed offset. Outputs may differ from the first attempt, which nobody has seen |
//! | between transaction and write | old state, behind Kafka | the tail of the changelog past the stored offset is read |
//! | during the write | old or new, never between | as above, or nothing |
//! | the disk is lost | nothing | the changelog is read from its start |

mod active_models;
mod apply;
mod budget;
mod cleanup;
mod idle;
mod ingest;
mod observe;
mod partition;
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
use super::restore::{Error, PartitionRestore, store_partition};
use super::worker_io::WorkerIo;
use crate::crash;
use crate::event::{self, Decoder, EventTime, Mapping};
use crate::kafka::SeekPosition;
use crate::partition::{Commit, Generation};
use crate::store::PartitionCommit;
use active_models::ActiveModels;
use budget::Budget;
use partition::OwnedPartition;
use quarantine::PartitionRestart;
use transact::CommitOutcome;

/// A partition that is ready to be read, from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StartRequest {
    pub(super) partition: i32,
    pub(super) epoch: u64,
    pub(super) positions: Vec<SeekPosition>,
}

/// A commit on its way.
#[derive(Debug)]
struct PendingCommit {
    partition: i32,
    epoch: u64,
    /// The models that it was made with.
    models: ActiveModels,
    /// Those models, where the partition is not yet known to be worked on with them.
    generation: Option<Generation>,
    commit: Commit,
    /// The step of the watermark that it was to end with.
    advance: Option<EventTime>,
    /// What its records took in the merge.
    bytes: usize,
    changelog_offset: Option<i64>,
}

/// Works on the partitions that its mail gives it.
pub(super) struct Worker<W> {
    context: Context,
    io: W,
    /// Among the workers of the process.
    number: usize,
    decoders: Vec<Decoder>,
    partitions: BTreeMap<i32, OwnedPartition>,
    /// Partitions that others have gone on with, with newer models or a newer version.
    deferred: BTreeSet<i32>,
    /// Partitions that cannot be processed.
    quarantined: BTreeSet<i32>,
    /// Partitions that are to be restored and read again, and what for.
    restarts: BTreeMap<i32, PartitionRestart>,
    /// Records that go to the dead letters unread, as operators have asked.
    skips: BTreeMap<i32, BTreeSet<event::Position>>,
    /// The epoch of every partition that was given to this worker.
    epochs: BTreeMap<i32, u64>,
    /// One at a time, in the order of their assignment.
    restoring: VecDeque<PartitionRestore>,
    /// Applied, and not committed before an operator says go on. While anything is, nothing else is
    /// applied: it comes after.
    suspended: Vec<PendingCommit>,
    /// How much the next transaction may hold.
    budget: Budget,
    clock: SlewingClock,
    /// What the clocks showed at the beginning of this turn.
    now: ClockReading,
    clock_check: ClockCheck,
    /// Whether commits tell what the brokers' clock shows, as far as is known.
    has_append_time: bool,
    /// Partitions that wait for it to end.
    suspect_partitions: Vec<i32>,
    last_commit: Duration,
    last_observed: Duration,
    /// Since when the group has refused every commit, while this process counts as a member.
    refused_since: Option<Duration>,
    /// When a producer that was fenced was last replaced.
    producer_replaced_at: Option<Duration>,
    /// Whether a transaction was given up, since the process is to end: nothing is committed any more.
    has_stopped_committing: bool,
    /// The last partition of which it was looked whether it has gone to another process for good.
    last_cleanup_checked: Option<i32>,
}

/// Longest sleep without mail.
const POLL_TIMEOUT_MAX: Duration = Duration::from_millis(100);
/// The same where nothing is in hand that time, or somebody else, could let go on.
const IDLE_POLL_TIMEOUT_MAX: Duration = Duration::from_secs(1);

impl<W: WorkerIo> Worker<W> {
    pub(super) fn new(number: usize, shared: Context, world: W) -> Worker<W> {
        let settings = &shared.settings;
        let decoder = |mapping: &Mapping| {
            Decoder::new(
                mapping.clone(),
                shared.models.vocabulary.clone(),
                settings.money.clone(),
                settings.limits.clone(),
            )
        };
        let worker = Worker {
            decoders: settings.mappings.iter().map(decoder).collect(),
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
            clock: SlewingClock::new(world.wall_time(), world.uptime()),
            now: ClockReading::default(),
            clock_check: ClockCheck::default(),
            has_append_time: shared.topology.uses_log_append_time,
            suspect_partitions: Vec::new(),
            last_commit: world.uptime(),
            last_observed: world.uptime(),
            last_cleanup_checked: None,
            refused_since: None,
            producer_replaced_at: None,
            has_stopped_committing: false,
            io: world,
            context: shared,
        };
        worker.observe_suspect_partitions(0);
        worker
    }

    /// Works until it is told to stop; what is in hand then is committed, but what is held.
    pub(super) fn run(mut self, mailbox: &Mailbox) -> Result<(), Error> {
        while self
            .run_once(mailbox.take(self.poll_timeout()))?
            .is_continue()
        {}
        Ok(())
    }

    /// Reads its mail, and does everything once for which it is time.
    pub(super) fn run_once(
        &mut self,
        mail: VecDeque<WorkerMessage>,
    ) -> Result<ControlFlow<()>, Error> {
        self.now = self.read_clocks();
        for mail in mail {
            match mail {
                WorkerMessage::Assigned { partition, epoch } => {
                    crash::point("assigned");
                    self.begin_restore(partition, epoch);
                }
                WorkerMessage::Revoked {
                    partitions,
                    released,
                } => {
                    crash::point("revoked");
                    partitions
                        .iter()
                        .for_each(|partition| self.release_partition(*partition));
                    released.count_down();
                }
                WorkerMessage::Fetched {
                    partition,
                    epoch,
                    input,
                    fetched,
                    reservation: load,
                } => {
                    self.handle_fetched(partition, epoch, input, fetched, load);
                }
                WorkerMessage::Stop => {
                    crash::point("stopping");
                    // No member has nothing to commit: nobody is left who could make it one. What is held
                    // ends here, and what came after it.
                    if self.suspended.is_empty()
                        && !self.has_stopped_committing
                        && self.io.membership().is_some()
                    {
                        self.commit()?;
                    }
                    if !self.suspended.is_empty() {
                        tracing::info!(
                            "what is held back is not committed: the next start reads it again"
                        );
                    }
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
        self.continue_restore()?;
        Ok(ControlFlow::Continue(()))
    }

    fn read_clocks(&self) -> ClockReading {
        ClockReading {
            wall: self.io.wall_time(),
            uptime: self.io.uptime(),
        }
    }

    fn commit(&mut self) -> Result<(), Error> {
        if self.has_stopped_committing {
            return Ok(());
        }
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

    /// How long to wait for mail: until the next commit is due, if there is something to commit.
    pub(super) fn poll_timeout(&self) -> Duration {
        if !self.restoring.is_empty() {
            return Duration::ZERO;
        }
        let interval = self.context.settings.commit_interval;
        let waited = self.io.uptime().saturating_sub(self.last_commit);
        match self.has_work() {
            true => interval.saturating_sub(waited).min(POLL_TIMEOUT_MAX),
            false if self.is_idle() => IDLE_POLL_TIMEOUT_MAX,
            false => POLL_TIMEOUT_MAX,
        }
    }

    fn is_idle(&self) -> bool {
        self.suspended.is_empty() && self.partitions.values().all(|own| own.merge.is_idle())
    }

    fn has_work(&self) -> bool {
        let any = |own: &OwnedPartition| {
            own.must_commit || own.idle.advance.is_some() || !own.records.is_empty()
        };
        self.suspended.is_empty() && self.partitions.values().any(any)
    }

    fn is_commit_due(&self) -> bool {
        let waited = self.io.uptime().saturating_sub(self.last_commit);
        let urgent = |own: &OwnedPartition| own.must_commit || self.is_full(own);
        self.has_work()
            && (waited >= self.context.settings.commit_interval
                || self.partitions.values().any(urgent))
    }

    /// Goes on with restoring; a partition that is done is read from where it stands.
    fn continue_restore(&mut self) -> Result<(), Error> {
        let Some(restore) = self.restoring.front_mut() else {
            return Ok(());
        };
        let (partition, epoch) = (restore.partition, restore.epoch);
        if !self.context.assignment.is_current(partition, epoch) {
            self.restoring.pop_front();
            self.context.restoring.finish(partition);
            return Ok(());
        }
        let step = restore.step(&self.context, &mut self.io);
        if let Some(Some(restored)) = self.quarantine_on_error(partition, step)? {
            crash::point("restored");
            self.restoring.pop_front();
            let begun = self.complete_restore(partition, epoch, restored);
            self.quarantine_on_error(partition, begun)?;
        }
        Ok(())
    }

    /// What is now committed in Kafka goes to disk.
    fn write_store(&self, commits: &[PendingCommit]) -> Result<(), Error> {
        let mut written = Vec::with_capacity(commits.len());
        for planned in commits {
            written.push(PartitionCommit {
                partition: store_partition(planned.partition),
                commit: &planned.commit,
                changelog_offset: planned.changelog_offset,
                generation: planned.generation.as_ref(),
            });
        }
        let identity = &self.context.settings.identity;
        Ok(self.io.store().write(identity, &written)?)
    }
}
