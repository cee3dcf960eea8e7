//! Reads the changelog into the local state, or into a rebuild of it.

use std::collections::BTreeMap;

use super::error::Error;
use super::local_state::is_stale;
use super::outbox::{publish_outbox, retain_last_batch};
use super::phase::{
    ChangelogRelation, ChangelogScan, CommittedOffsets, LocalCompleteness, PartitionRestore,
    RestoreTarget, STALLED_POLLS_MAX,
};
use crate::crash;
use crate::kafka::{ChangelogRecord, OffsetBounds};
use crate::runtime::context::Context;
use crate::runtime::quarantine::{QuarantineCause, RecoveryAction};
use crate::runtime::worker_io::WorkerIo;
use crate::store::store_partition;
use crate::telemetry::LocalState;

impl ChangelogScan {
    fn new(ends: OffsetBounds, from: i64, target: RestoreTarget) -> ChangelogScan {
        ChangelogScan {
            start: ends.start,
            from,
            position: from,
            end: ends.end,
            target,
            outbox: Vec::new(),
            is_rewritten: false,
        }
    }

    pub(super) fn ends(&self) -> OffsetBounds {
        OffsetBounds { start: self.start, last_stable: self.end, end: self.end }
    }

    /// After the last record: derives more timers of a rebuild. Returns whether all are derived.
    pub(super) fn arm_timers<W: WorkerIo>(&mut self, io: &W) -> Result<bool, Error> {
        match &mut self.target {
            RestoreTarget::CatchUp(_) => Ok(true),
            RestoreTarget::Rebuild(rebuild, _) => Ok(io.store().arm_timers(rebuild)?),
        }
    }
}

impl PartitionRestore {
    pub(super) fn empty_scan(&self, context: &Context, ends: OffsetBounds) -> ChangelogScan {
        self.report(context, LocalState::Complete);
        ChangelogScan::new(ends, ends.end, RestoreTarget::CatchUp(BTreeMap::new()))
    }

    /// Catches up from the offset of the local state, or begins a rebuild where the local state cannot be continued.
    pub(super) fn begin_scan<W: WorkerIo>(
        &self,
        context: &Context,
        io: &W,
        ends: OffsetBounds,
        completeness: LocalCompleteness,
    ) -> Result<ChangelogScan, Error> {
        let OffsetBounds { start, end, .. } = ends;
        let known = io.store().changelog_offset(store_partition(self.partition))?;
        let local = match self.relation(context, io, ends)? {
            ChangelogRelation::NoLocalState => LocalState::Missing,
            _ if self.is_requested(RecoveryAction::Rebuild) => LocalState::RebuildRequested,
            ChangelogRelation::OtherChangelog => LocalState::OtherChangelog,
            // Reported, and not refused here: offsets may have been reused. The batches decide, after the rebuild.
            ChangelogRelation::LocalAhead => LocalState::Ahead,
            ChangelogRelation::Truncated => LocalState::TooOld,
            ChangelogRelation::Continues if completeness == LocalCompleteness::Incomplete => {
                LocalState::Incomplete
            }
            ChangelogRelation::Continues if known == Some(end) => LocalState::Complete,
            ChangelogRelation::Continues if is_stale(context, io, self.partition)? => {
                LocalState::Stale
            }
            ChangelogRelation::Continues => LocalState::Behind,
        };
        self.report(context, local);
        let (from, target) = match (local, known) {
            (LocalState::Complete | LocalState::Behind, Some(known)) => {
                if self.is_truncated(io, ends)? {
                    self.report_truncated(context, start);
                }
                (known, RestoreTarget::CatchUp(BTreeMap::new()))
            }
            _ => {
                self.check_disk_space(io)?;
                let (partition, workers) =
                    (store_partition(self.partition), context.settings.workers);
                let rebuild = io.store().begin_rebuild(partition, workers)?;
                (start, RestoreTarget::Rebuild(rebuild, None))
            }
        };
        Ok(ChangelogScan::new(ends, from, target))
    }

    /// A rebuild is stored next to the local state until it replaces it, and needs about as much of the disk.
    fn check_disk_space<W: WorkerIo>(&self, io: &W) -> Result<(), Error> {
        let (needed, free) = io.store().rebuild_space(store_partition(self.partition))?;
        let partition = self.partition;
        if needed > 0 {
            tracing::info!(
                partition,
                needed_bytes = needed,
                free_bytes = free,
                "rebuilding the state next to the local one"
            );
        }
        match free {
            Some(free) if free < needed => Err(Error::Unprocessable {
                partition,
                cause: QuarantineCause::DiskSpace,
                what: format!(
                    "rebuilding the state needs about {needed} bytes of disk in addition to the local state, and {free} \
                    are free. Free disk space, and `retry`"
                ),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn read_changelog<W: WorkerIo>(
        &mut self,
        context: &Context,
        io: &mut W,
        committed: &CommittedOffsets,
        scan: &mut ChangelogScan,
    ) -> Result<(), Error> {
        let mut entries = Vec::new();
        let mut take = |entry| entries.push(entry);
        let ChangelogScan { position, end, .. } = *scan;
        let reached = io.read_changelog(self.partition, position, end, &mut take)?;
        self.records += entries.len() as u64;
        context.metrics.restore.records.inc_by(entries.len() as u64);
        crash::point("restoring");
        for entry in entries {
            self.apply_entry(context, io, committed, scan, entry)?;
            if scan.is_rewritten {
                return Ok(());
            }
        }
        self.stalled_polls += 1;
        if reached > position {
            scan.position = reached;
            self.stalled_polls = 0;
        } else if self.stalled_polls > STALLED_POLLS_MAX {
            return Err(self.state_mismatch(&format!(
                "{} partition {} cannot be read",
                context.settings.outputs.changelog, self.partition
            )));
        }
        let [done, all] = [scan.position, end].map(|at| (at - scan.from).unsigned_abs());
        context.restoring.set(self.partition, done, all);
        Ok(())
    }

    fn apply_entry<W: WorkerIo>(
        &self,
        context: &Context,
        io: &mut W,
        committed: &CommittedOffsets,
        scan: &mut ChangelogScan,
        entry: ChangelogRecord,
    ) -> Result<(), Error> {
        let partition = store_partition(self.partition);
        match (&mut scan.target, entry) {
            (_, ChangelogRecord::Output(output)) => retain_last_batch(&mut scan.outbox, output),
            // Written immediately: it is read only after the progress that names it was written.
            (RestoreTarget::CatchUp(_), ChangelogRecord::Generation(generation)) => {
                io.store().put_generation(partition, &generation)?;
            }
            (RestoreTarget::Rebuild(rebuild, _), ChangelogRecord::Generation(generation)) => {
                io.store().add_generation(rebuild, &generation)?;
            }
            (RestoreTarget::CatchUp(states), ChangelogRecord::State(customer, state)) => {
                drop(states.insert(customer, state));
            }
            (RestoreTarget::CatchUp(_), ChangelogRecord::Progress(progress))
                if progress.is_partial =>
            {
                scan.is_rewritten = true;
            }
            (RestoreTarget::CatchUp(states), ChangelogRecord::Progress(record)) => {
                if let Some(app) = &record.app {
                    self.check_app(context, app)?;
                }
                // Published before the batch is on disk: a restart would not read its outbox again.
                publish_outbox(io, context, committed, &scan.outbox)?;
                let progress = (&*record.bytes, record.next_offset);
                io.store().catch_up(partition, states, progress)?;
                states.clear();
            }
            (RestoreTarget::Rebuild(rebuild, _), ChangelogRecord::State(customer, state)) => {
                io.store().add_record(rebuild, &customer, state.as_deref())?;
            }
            (RestoreTarget::Rebuild(_, last), ChangelogRecord::Progress(record)) => {
                *last = Some(record)
            }
        }
        Ok(())
    }
}
