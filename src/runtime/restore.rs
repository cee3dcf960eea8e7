//! Brings the local state of a partition to where the group's committed offsets say it is.
//!
//! Normally there is nothing to do, or the tail of the changelog that a crash left between the
//! transaction and the write to disk. State that is missing is rebuilt from the changelog; it is
//! never given up. Done in steps of bounded length, so that a worker's other partitions go on.
//!
//! The order matters: what is committed is asked for first, and stable; then how far the changelog
//! goes; then it is read that far. Markers of a transaction reach partitions one by one, so the end
//! that committed readers see may lie before a batch that is committed: it is waited for.

mod changelog_scan;
mod local_state;
mod lost;
pub(super) mod outbox;
mod replace;
mod republish;

use std::time::Duration;

use super::context::{Context, error_chain};
use super::partitions::{QuarantineCause, RecoveryAction};
use super::worker_io::WorkerIo;
use crate::event::Position;
use crate::kafka::{self, OffsetBounds};
use crate::partition::{LostRange, Progress};
use crate::store::{self, CustomerCount};
use changelog_scan::{ChangelogScan, RestoreTarget};
pub(super) use local_state::is_stale;
use local_state::{ChangelogRelation, LocalCompleteness, matches_committed};
use replace::ChangelogLoss;
use republish::Republishing;

/// Why a partition cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kafka.
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    /// The disk, or state of other models.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The loaded models or settings cannot take over from those that the state was made with.
    #[error("what is loaded does not take over the state of partition {partition}: {what}")]
    Models {
        /// The partition.
        partition: i32,
        /// Why, and what to do.
        what: String,
    },
    /// Kafka and the state disagree: a person has to look.
    #[error("partition {partition}: {what}")]
    Unprocessable {
        /// The partition.
        partition: i32,
        /// What kind of disagreement.
        cause: QuarantineCause,
        /// What disagrees, and what to do.
        what: String,
    },
}

/// What a partition goes on with.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) progress: Progress,
    /// Whether a position has still to be committed.
    pub(super) needs_commit: bool,
    /// What the inputs have lost, as an operator has accepted.
    pub(super) lost: Vec<LostRange>,
}

/// A partition on its way to being worked on.
#[derive(Debug)]
pub(super) struct PartitionRestore {
    pub(super) partition: i32,
    pub(super) epoch: u64,
    phase: Phase,
    /// Looks since something last went on. Counted, not timed: a process that was stopped for a
    /// while has not waited in vain.
    stalled_polls: u32,
    records: u64,
    /// Whether the changelog was written anew behind the local state.
    is_rewritten: bool,
    /// What an operator has asked for, and the record that it is about.
    requested: Option<(RecoveryAction, Option<Position>)>,
}

/// What comes of having read the changelog.
enum RestoreOutcome {
    Restored(Restored),
    /// Something else has to be done first.
    NextPhase(Phase),
}

type CommittedOffsets = Vec<Option<(i64, String)>>;

#[derive(Debug)]
enum Phase {
    FetchingOffsets,
    /// Until it is known whether everybody is on disk.
    Counting(CommittedOffsets, OffsetBounds, CustomerCount),
    /// Until committed readers are shown the changelog up to its end.
    AwaitingStableOffset(CommittedOffsets, OffsetBounds, LocalCompleteness),
    Reading(CommittedOffsets, ChangelogScan),
    /// An operator has the local state written to the changelog.
    Republishing(Box<Republishing>),
}

/// Looks at an open transaction; its producer may be dead, but then it ends after its timeout.
/// Half a minute, twice that timeout.
const STALLED_POLLS_MAX: u32 = 600;
/// Time between two of them.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Wait after a failure that passes by itself.
const RETRY_BACKOFF: Duration = Duration::from_millis(200);

impl PartitionRestore {
    pub(super) fn new(
        partition: i32,
        epoch: u64,
        asked: Option<(RecoveryAction, Option<Position>)>,
    ) -> PartitionRestore {
        PartitionRestore {
            partition,
            epoch,
            phase: Phase::FetchingOffsets,
            stalled_polls: 0,
            records: 0,
            is_rewritten: false,
            requested: asked,
        }
    }

    fn is_requested(&self, action: RecoveryAction) -> bool {
        self.requested.is_some_and(|(asked, _)| asked == action)
    }

    /// A step of bounded length; `Some` after the last.
    pub(super) fn step<W: WorkerIo>(
        &mut self,
        shared: &Context,
        world: &mut W,
    ) -> Result<Option<Restored>, Error> {
        match self.try_step(shared, world) {
            Err(Error::Kafka(error @ kafka::Error::Retry { .. })) => {
                let partition = self.partition;
                tracing::warn!(partition, error = %error_chain(&error), "restoring failed for now");
                world.wait(RETRY_BACKOFF);
                Ok(None)
            }
            Err(Error::Kafka(error @ kafka::Error::OutOfRange { .. })) => {
                let partition = self.partition;
                tracing::warn!(partition, error = %error_chain(&error), "the changelog was cut while it was read; beginning anew");
                self.phase = Phase::FetchingOffsets;
                world.wait(RETRY_BACKOFF);
                Ok(None)
            }
            Err(Error::Kafka(error @ kafka::Error::Damaged { .. })) => {
                let changelog = &shared.settings.outputs.changelog;
                Err(self.state_mismatch(&format!(
                    "{changelog} cannot be read: {}",
                    error_chain(&error)
                )))
            }
            other => other,
        }
    }

    fn try_step<W: WorkerIo>(
        &mut self,
        shared: &Context,
        world: &mut W,
    ) -> Result<Option<Restored>, Error> {
        match std::mem::replace(&mut self.phase, Phase::FetchingOffsets) {
            Phase::FetchingOffsets => {
                self.stalled_polls = 0;
                self.phase = self.fetch_offsets(shared, world)?;
                Ok(None)
            }
            Phase::Counting(committed, ends, mut counting) => {
                self.phase = match world.store().continue_count(&mut counting)? {
                    None => Phase::Counting(committed, ends, counting),
                    Some(found) => {
                        let local = self.verify_count(shared, world, found)?;
                        self.choose_phase(shared, world, committed, ends, local)?
                    }
                };
                Ok(None)
            }
            Phase::AwaitingStableOffset(committed, ends, local) => {
                let now = world.changelog_ends(self.partition)?;
                self.phase = match now.last_stable >= ends.end {
                    true => {
                        let reading = self.begin_scan(shared, world, ends, local)?;
                        Phase::Reading(committed, reading)
                    }
                    false => self.await_stable_offset(shared, world, committed, ends, local)?,
                };
                Ok(None)
            }
            Phase::Republishing(mut republishing) => {
                if !self.republish(shared, world, &mut republishing)? {
                    self.phase = Phase::Republishing(republishing);
                }
                Ok(None)
            }
            Phase::Reading(committed, mut reading) if reading.position < reading.end => {
                let read = self.read_changelog(shared, world, &committed, &mut reading);
                self.is_rewritten |= reading.is_rewritten;
                if !reading.is_rewritten {
                    self.phase = Phase::Reading(committed, reading);
                }
                read.map(|()| None)
            }
            Phase::Reading(committed, mut reading) => {
                if !reading.arm_timers(world)? {
                    self.phase = Phase::Reading(committed, reading);
                    return Ok(None);
                }
                match self.finish(shared, world, &committed, reading) {
                    // Somebody else has gone on meanwhile, and compaction may have taken away what
                    // was to be read: the partition is about to be revoked here.
                    Err(Error::Unprocessable { .. })
                        if world.committed_offsets(self.partition)? != committed =>
                    {
                        world.wait(RETRY_BACKOFF);
                        Ok(None)
                    }
                    Ok(RestoreOutcome::Restored(restored)) => Ok(Some(restored)),
                    Ok(RestoreOutcome::NextPhase(phase)) => {
                        self.phase = phase;
                        Ok(None)
                    }
                    Err(error) => Err(error),
                }
            }
        }
    }

    fn fetch_offsets<W: WorkerIo>(&self, shared: &Context, world: &W) -> Result<Phase, Error> {
        let committed = world.committed_offsets(self.partition)?;
        let ends = world.changelog_ends(self.partition)?;
        if self.is_requested(RecoveryAction::Rebuild) {
            return Ok(Phase::AwaitingStableOffset(
                committed,
                ends,
                LocalCompleteness::Unknown,
            ));
        }
        match self.local_state(shared, world)? {
            LocalCompleteness::Uncounted => {
                let counting = world.store().begin_count(store_partition(self.partition))?;
                Ok(Phase::Counting(committed, ends, counting))
            }
            local => self.choose_phase(shared, world, committed, ends, local),
        }
    }

    /// What is to be done about the local state.
    fn choose_phase<W: WorkerIo>(
        &self,
        shared: &Context,
        world: &W,
        committed: CommittedOffsets,
        ends: OffsetBounds,
        local: LocalCompleteness,
    ) -> Result<Phase, Error> {
        let relation = self.relation(shared, world, ends)?;
        let is_last = self.is_last_committed(shared, world, &committed, local)?;
        // Another changelog is read first: it may be whole, or another deployment's.
        if relation != ChangelogRelation::OtherChangelog
            && is_last
            && let Some(phase) = self.try_republish(shared, world, &committed, ends, false)?
        {
            return Ok(phase);
        }
        // What it says of its own batch counts, also where records of the changelog are gone.
        let is_comparable = matches!(
            relation,
            ChangelogRelation::Continues | ChangelogRelation::Truncated
        );
        Ok(match is_comparable && is_last {
            true => {
                if self.is_truncated(world, ends)? {
                    shared.report_truncated_changelog(self.partition, ends.start);
                }
                Phase::Reading(committed, self.empty_scan(shared, ends))
            }
            false => Phase::AwaitingStableOffset(committed, ends, local),
        })
    }

    /// Begins to write the local state to the changelog, where that is asked for, needed, and certain to be right: nobody
    /// has gone further, as the group's offsets prove, or else a changelog that was found empty.
    fn try_republish<W: WorkerIo>(
        &self,
        shared: &Context,
        world: &W,
        committed: &CommittedOffsets,
        ends: OffsetBounds,
        is_empty: bool,
    ) -> Result<Option<Phase>, Error> {
        let relation = self.relation(shared, world, ends)?;
        if !self.needs_republish(shared, world, relation, ends)?
            || !world
                .store()
                .is_known_complete(store_partition(self.partition))
        {
            return Ok(None);
        }
        let progress = shared.progress(world.store(), store_partition(self.partition))?;
        match progress.filter(|progress| matches_committed(progress, committed, is_empty)) {
            None => Ok(None),
            Some(progress) => {
                let begun = self.begin_republish(shared, world, progress, ends)?;
                Ok(Some(Phase::Republishing(Box::new(begun))))
            }
        }
    }

    fn await_stable_offset<W: WorkerIo>(
        &mut self,
        shared: &Context,
        world: &W,
        committed: CommittedOffsets,
        ends: OffsetBounds,
        local: LocalCompleteness,
    ) -> Result<Phase, Error> {
        self.stalled_polls += 1;
        if self.stalled_polls > STALLED_POLLS_MAX {
            return Err(self.state_mismatch(&format!(
                "a transaction in {} partition {} does not end; find it with kafka-transactions.sh find-hanging, abort it, \
                and `retry`",
                shared.settings.outputs.changelog, self.partition
            )));
        }
        world.wait(POLL_INTERVAL);
        Ok(Phase::AwaitingStableOffset(committed, ends, local))
    }

    fn finish<W: WorkerIo>(
        &self,
        shared: &Context,
        world: &mut W,
        committed: &CommittedOffsets,
        reading: ChangelogScan,
    ) -> Result<RestoreOutcome, Error> {
        let ends = reading.ends();
        let has_caught_up = matches!(reading.target, RestoreTarget::CatchUp(_));
        if let Some(ChangelogLoss {
            what,
            can_republish: is_free,
        }) = self.replace(shared, world, committed, reading)?
        {
            if is_free
                && let Some(phase) = self.try_republish(shared, world, committed, ends, true)?
            {
                return Ok(RestoreOutcome::NextPhase(phase));
            }
            let refused = match self.is_republish_requested(shared) {
                true => {
                    ". The state on disk was not written to it, since it lacks customers, is not the last one or the \
                         changelog has records"
                }
                false => "",
            };
            return Err(self.lost_state_error(
                shared,
                world,
                &format!("{what}{refused}"),
                committed,
                ends,
            ));
        }
        let is_empty = ends.start == ends.end;
        if has_caught_up
            && let Some(phase) = self.try_republish(shared, world, committed, ends, is_empty)?
        {
            return Ok(RestoreOutcome::NextPhase(phase));
        }
        shared.restoring.finish(self.partition);
        if self.records > 0 {
            let (partition, records) = (self.partition, self.records);
            tracing::info!(partition, records, "state restored from the changelog");
        }
        match shared.progress(world.store(), store_partition(self.partition))? {
            None if committed.iter().all(Option::is_none) => Ok(RestoreOutcome::Restored(Restored {
                progress: self.initial_progress(shared, world)?,
                needs_commit: true,
                lost: Vec::new(),
            })),
            None => Err(self.state_mismatch(
                "the group has committed offsets, but the changelog is empty, and there is no local state. Was it \
                deleted? A process that has the state in its folder has to get this partition and `republish` it. To \
                begin anew, delete the group's offsets too, and `retry`",
            )),
            Some(mut progress) => {
                let fresh = self.check_committed(shared, &progress, committed)?;
                self.add_inputs(shared, world, &mut progress)?;
                let lost = self.check_inputs(shared, world, &progress)?;
                Ok(RestoreOutcome::Restored(Restored {
                    progress,
                    needs_commit: fresh,
                    lost,
                }))
            }
        }
    }

    fn state_mismatch(&self, what: &str) -> Error {
        Error::Unprocessable {
            partition: self.partition,
            cause: QuarantineCause::StateMismatch,
            what: what.to_owned(),
        }
    }
}

/// A partition as the store knows it.
pub(super) fn store_partition(partition: i32) -> u32 {
    u32::try_from(partition).unwrap_or(u32::MAX)
}
