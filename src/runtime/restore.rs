//! Restores the local state of a partition up to the group's committed offsets.
//!
//! Normally there is nothing to do, or only the tail of the changelog that a crash left between the
//! transaction and the write to disk. Missing state is rebuilt from the changelog, never dropped.
//! The restore runs in steps of bounded length, so that the worker's other partitions continue.
//!
//! The order matters: first the committed offsets, which must be stable; then the end of the
//! changelog; then the changelog is read up to that end. Transaction markers reach partitions one by
//! one, so the last stable offset may lie before a batch that is committed: the restore waits for it.

mod changelog_scan;
mod error;
mod local_state;
mod lost;
pub(super) mod outbox;
mod phase;
mod replace;
mod republish;

use std::cell::Cell;
use std::time::Duration;

use super::backoff;
use super::context::Context;
use super::quarantine::{QuarantineCause, RecoveryAction};
use super::worker_io::WorkerIo;
use crate::event::Position;
use crate::kafka::{self, OffsetBounds};
use crate::partition::Progress;
use crate::store::store_partition;
use crate::telemetry::{LocalState, error_chain};
pub(crate) use error::Error;
pub(super) use local_state::is_stale;
use local_state::matches_committed;
use phase::{
    ChangelogLoss, ChangelogRelation, ChangelogScan, CommittedOffsets, LocalCompleteness, Phase,
    RETRY_BACKOFF, RETRY_BACKOFF_MAX, RestoreOutcome, RestoreTarget, STALLED_POLLS_MAX,
};
pub(super) use phase::{PartitionRestore, Restored};

const POLL_INTERVAL: Duration = Duration::from_millis(50);

impl PartitionRestore {
    pub(super) fn new(
        partition: i32,
        epoch: u64,
        requested: Option<(RecoveryAction, Option<Position>)>,
    ) -> PartitionRestore {
        PartitionRestore {
            partition,
            epoch,
            phase: Phase::FetchingOffsets,
            stalled_polls: 0,
            failures: 0,
            reported: Cell::new(None),
            truncated_at: Cell::new(None),
            has_reported_offsets: Cell::new(false),
            retry_at: Duration::ZERO,
            records: 0,
            is_rewritten: false,
            requested,
        }
    }

    fn is_requested(&self, action: RecoveryAction) -> bool {
        self.requested.is_some_and(|(requested, _)| requested == action)
    }

    /// Runs one step of bounded length; `Some` after the last one.
    pub(super) fn step<W: WorkerIo>(
        &mut self,
        context: &Context,
        io: &mut W,
    ) -> Result<Option<Restored>, Error> {
        let (partition, records) = (self.partition, self.records);
        match self.try_step(context, io) {
            Err(Error::Kafka(error @ kafka::Error::Retry { .. })) => {
                self.postpone(context, &error, io.uptime());
                Ok(None)
            }
            Err(Error::Kafka(error @ kafka::Error::OutOfRange { .. })) => {
                tracing::warn!(partition, error = %error_chain(&error), "the changelog was truncated while it was read; restarting the restore");
                self.phase = Phase::FetchingOffsets;
                io.wait(RETRY_BACKOFF);
                Ok(None)
            }
            Err(Error::Kafka(error @ kafka::Error::Damaged { .. })) => {
                let (changelog, error) = (&context.settings.outputs.changelog, error_chain(&error));
                Err(self.state_mismatch(&format!("{changelog} cannot be read: {error}")))
            }
            other => {
                if self.records > records {
                    self.failures = 0;
                }
                other
            }
        }
    }

    /// Whether the next step is due. Others continue while a partition waits, for example for its leader.
    pub(super) fn is_due(&self, uptime: Duration) -> bool {
        self.retry_at <= uptime
    }

    /// Reports what was found on disk, once, however often the restore is tried.
    fn report(&self, context: &Context, state: LocalState) {
        if self.reported.replace(Some(state)) != Some(state) {
            context.metrics.report_local_state(self.partition, state);
        }
    }

    fn report_truncated(&self, context: &Context, start: i64) {
        if self.truncated_at.replace(Some(start)) != Some(start) {
            context.metrics.report_truncated_changelog(self.partition, start);
        }
    }

    fn postpone(&mut self, context: &Context, error: &kafka::Error, uptime: Duration) {
        let (partition, error) = (self.partition, error_chain(error));
        let wait = backoff::exponential(RETRY_BACKOFF, RETRY_BACKOFF_MAX, self.failures);
        self.retry_at = uptime.saturating_add(wait);
        self.failures += 1;
        let failures = self.failures;
        if failures.is_power_of_two() {
            tracing::warn!(partition, error, failures, "restoring the partition failed; retrying");
        }
        context.restoring.set_failure(partition, error);
    }

    fn try_step<W: WorkerIo>(
        &mut self,
        context: &Context,
        io: &mut W,
    ) -> Result<Option<Restored>, Error> {
        match std::mem::replace(&mut self.phase, Phase::FetchingOffsets) {
            Phase::FetchingOffsets => {
                self.stalled_polls = 0;
                self.phase = self.fetch_offsets(context, io)?;
                Ok(None)
            }
            Phase::Counting(committed, ends, mut count) => {
                self.phase = match io.store().continue_count(&mut count)? {
                    None => Phase::Counting(committed, ends, count),
                    Some(customers) => {
                        let local = self.verify_count(context, io, customers)?;
                        self.choose_phase(context, io, committed, ends, local)?
                    }
                };
                Ok(None)
            }
            Phase::AwaitingStableOffset(committed, ends, local) => {
                let now = io.changelog_ends(self.partition)?;
                self.phase = if now.last_stable >= ends.end {
                    Phase::Reading(committed, self.begin_scan(context, io, ends, local)?)
                } else {
                    self.await_stable_offset(context, io, committed, ends, local)?
                };
                Ok(None)
            }
            Phase::Republishing(mut republishing) => {
                if !self.republish(context, io, &mut republishing)? {
                    self.phase = Phase::Republishing(republishing);
                }
                Ok(None)
            }
            Phase::Reading(committed, mut scan) if scan.position < scan.end => {
                let result = self.read_changelog(context, io, &committed, &mut scan);
                self.is_rewritten |= scan.is_rewritten;
                // Otherwise the restore starts again, and reads the republished changelog as another one.
                if !scan.is_rewritten {
                    self.phase = Phase::Reading(committed, scan);
                }
                result.map(|()| None)
            }
            Phase::Reading(committed, mut scan) => {
                if !scan.arm_timers(io)? {
                    self.phase = Phase::Reading(committed, scan);
                    return Ok(None);
                }
                match self.finish(context, io, &committed, scan) {
                    // Another member has committed since, and compaction may have deleted records
                    // that this scan needed. The partition is about to be revoked: no quarantine.
                    Err(Error::Unprocessable { .. })
                        if io.committed_offsets(self.partition)? != committed =>
                    {
                        io.wait(RETRY_BACKOFF);
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

    fn fetch_offsets<W: WorkerIo>(&self, context: &Context, io: &W) -> Result<Phase, Error> {
        let committed = io.committed_offsets(self.partition)?;
        let ends = io.changelog_ends(self.partition)?;
        if self.is_requested(RecoveryAction::Rebuild) {
            let local = LocalCompleteness::Unknown;
            return Ok(Phase::AwaitingStableOffset(committed, ends, local));
        }
        match self.local_state(context, io)? {
            LocalCompleteness::Uncounted => {
                let count = io.store().begin_count(store_partition(self.partition))?;
                Ok(Phase::Counting(committed, ends, count))
            }
            local => self.choose_phase(context, io, committed, ends, local),
        }
    }

    /// Chooses how the local state is continued, or replaced.
    fn choose_phase<W: WorkerIo>(
        &self,
        context: &Context,
        io: &W,
        committed: CommittedOffsets,
        ends: OffsetBounds,
        local: LocalCompleteness,
    ) -> Result<Phase, Error> {
        let relation = self.relation(context, io, ends)?;
        let is_last = self.is_last_committed(context, io, &committed, local)?;
        // Another changelog is read first: it may be complete, or belong to another deployment.
        if relation != ChangelogRelation::OtherChangelog
            && is_last
            && let Some(phase) = self.try_republish(context, io, &committed, ends, false)?
        {
            return Ok(phase);
        }
        // The batch of the local progress is valid also where records of the changelog were deleted.
        let is_comparable =
            matches!(relation, ChangelogRelation::Continues | ChangelogRelation::Truncated);
        if !(is_comparable && is_last) {
            return Ok(Phase::AwaitingStableOffset(committed, ends, local));
        }
        if self.is_truncated(io, ends)? {
            self.report_truncated(context, ends.start);
        }
        Ok(Phase::Reading(committed, self.empty_scan(context, ends)))
    }

    /// Begins to republish the local state where that is requested, needed and safe: no other member has committed a later
    /// batch, as the group's offsets prove, or else an empty changelog (`is_empty`).
    fn try_republish<W: WorkerIo>(
        &self,
        context: &Context,
        io: &W,
        committed: &CommittedOffsets,
        ends: OffsetBounds,
        is_empty: bool,
    ) -> Result<Option<Phase>, Error> {
        let relation = self.relation(context, io, ends)?;
        let (store, partition) = (io.store(), store_partition(self.partition));
        let is_needed = self.needs_republish(context, io, relation, ends)?;
        if !is_needed || !store.is_known_complete(partition) {
            return Ok(None);
        }
        let progress = context.progress(store, partition)?;
        let is_latest = |progress: &Progress| matches_committed(progress, committed, is_empty);
        let Some(progress) = progress.filter(is_latest) else {
            return Ok(None);
        };
        let republishing = self.begin_republish(context, io, progress, ends)?;
        Ok(Some(Phase::Republishing(Box::new(republishing))))
    }

    fn await_stable_offset<W: WorkerIo>(
        &mut self,
        context: &Context,
        io: &W,
        committed: CommittedOffsets,
        ends: OffsetBounds,
        local: LocalCompleteness,
    ) -> Result<Phase, Error> {
        self.stalled_polls += 1;
        if self.stalled_polls > STALLED_POLLS_MAX {
            return Err(self.state_mismatch(&format!(
                "a transaction in {} partition {} does not end; find it with kafka-transactions.sh find-hanging, abort it, \
                and `retry`",
                context.settings.outputs.changelog, self.partition
            )));
        }
        io.wait(POLL_INTERVAL);
        Ok(Phase::AwaitingStableOffset(committed, ends, local))
    }

    fn finish<W: WorkerIo>(
        &self,
        context: &Context,
        io: &mut W,
        committed: &CommittedOffsets,
        scan: ChangelogScan,
    ) -> Result<RestoreOutcome, Error> {
        let ends = scan.ends();
        let has_caught_up = matches!(scan.target, RestoreTarget::CatchUp(_));
        if let Some(ChangelogLoss { reason, can_republish }) =
            self.replace(context, io, committed, scan)?
        {
            if can_republish
                && let Some(phase) = self.try_republish(context, io, committed, ends, true)?
            {
                return Ok(RestoreOutcome::NextPhase(phase));
            }
            let refused = if self.is_republish_requested(context) {
                ". The local state was not written to it: it lacks customers, is not the latest, or the changelog has \
                records"
            } else {
                ""
            };
            let reason = format!("{reason}{refused}");
            return Err(self.lost_state_error(context, io, &reason, committed, ends));
        }
        let is_empty = ends.start == ends.end;
        if has_caught_up
            && let Some(phase) = self.try_republish(context, io, committed, ends, is_empty)?
        {
            return Ok(RestoreOutcome::NextPhase(phase));
        }
        context.restoring.finish(self.partition);
        if self.records > 0 {
            let (partition, records) = (self.partition, self.records);
            tracing::info!(partition, records, "state restored from the changelog");
        }
        let (progress, needs_commit, lost) = match context
            .progress(io.store(), store_partition(self.partition))?
        {
            None if committed.iter().all(Option::is_none) => {
                (self.initial_progress(context, io)?, true, Vec::new())
            }
            None => {
                return Err(self.state_mismatch(
                        "the group has committed offsets, but the changelog is empty, and there is no local state. Was \
                        the changelog deleted? A process with the state in its folder must own this partition, and \
                        `republish` it. To start from the first records, delete the group's offsets too, and `retry`",
                    ));
            }
            Some(mut progress) => {
                let needs_commit = self.check_committed(context, &progress, committed)?;
                self.add_inputs(context, io, &mut progress)?;
                let lost = self.check_inputs(context, io, &progress)?;
                (progress, needs_commit, lost)
            }
        };
        Ok(RestoreOutcome::Restored(Restored { progress, needs_commit, lost }))
    }

    fn state_mismatch(&self, reason: &str) -> Error {
        Error::Unprocessable {
            partition: self.partition,
            cause: QuarantineCause::StateMismatch,
            what: reason.to_owned(),
        }
    }
}
