//! Reading the changelog into the local state.

use std::collections::BTreeMap;

use super::local_state::{ChangelogRelation, LocalCompleteness, is_stale};
use super::outbox::{publish_outbox, retain_last_batch};
use super::{CommittedOffsets, Error, PartitionRestore, STALLED_POLLS_MAX, store_partition};
use crate::crash;
use crate::event::CustomerId;
use crate::kafka::{ChangelogRecord, OffsetBounds, OutboxEntry, ProgressRecord};
use crate::runtime::context::{Context, LocalState};
use crate::runtime::partitions::{QuarantineCause, RecoveryAction};
use crate::runtime::worker_io::WorkerIo;
use crate::store::Rebuild;

/// How far the changelog has been read, and what becomes of it.
#[derive(Debug)]
pub(super) struct ChangelogScan {
    /// Where the changelog begins.
    pub(super) start: i64,
    from: i64,
    pub(super) position: i64,
    pub(super) end: i64,
    pub(super) target: RestoreTarget,
    /// Outputs of the last batch that carried some: whether they have been told is not known.
    pub(super) outbox: Vec<OutboxEntry>,
    /// Whether the changelog was written anew behind the local state: then all of it is to be read.
    pub(super) is_rewritten: bool,
}

/// What it is read for.
#[derive(Debug)]
pub(super) enum RestoreTarget {
    /// Batch by batch: a batch becomes visible on disk with the progress that ends it.
    CatchUp(BTreeMap<CustomerId, Option<Vec<u8>>>),
    /// All or nothing: the last progress makes it visible.
    Rebuild(Rebuild, Option<ProgressRecord>),
}

impl ChangelogScan {
    fn new(ends: OffsetBounds, from: i64, into: RestoreTarget) -> ChangelogScan {
        ChangelogScan {
            start: ends.start,
            from,
            position: from,
            end: ends.end,
            target: into,
            outbox: Vec::new(),
            is_rewritten: false,
        }
    }

    pub(super) fn ends(&self) -> OffsetBounds {
        OffsetBounds {
            start: self.start,
            last_stable: self.end,
            end: self.end,
        }
    }

    /// After the last record: goes on deriving timers. Whether there are none left.
    pub(super) fn arm_timers<W: WorkerIo>(&mut self, world: &W) -> Result<bool, Error> {
        match &mut self.target {
            RestoreTarget::CatchUp(_) => Ok(true),
            RestoreTarget::Rebuild(rebuild, _) => Ok(world.store().arm_timers(rebuild)?),
        }
    }
}

impl PartitionRestore {
    pub(super) fn empty_scan(&self, shared: &Context, ends: OffsetBounds) -> ChangelogScan {
        shared.report_local_state(self.partition, LocalState::Complete);
        ChangelogScan::new(ends, ends.end, RestoreTarget::CatchUp(BTreeMap::new()))
    }

    /// From where the changelog has to be read; where the local state cannot be continued, another one is built beside it.
    pub(super) fn begin_scan<W: WorkerIo>(
        &self,
        shared: &Context,
        world: &W,
        ends: OffsetBounds,
        local: LocalCompleteness,
    ) -> Result<ChangelogScan, Error> {
        let OffsetBounds { start, end, .. } = ends;
        let known = world
            .store()
            .changelog_offset(store_partition(self.partition))?;
        let found = match self.relation(shared, world, ends)? {
            ChangelogRelation::NoLocalState => LocalState::Missing,
            _ if self.is_requested(RecoveryAction::Rebuild) => LocalState::RebuildRequested,
            ChangelogRelation::OtherChangelog => LocalState::OtherChangelog,
            // Whether it ends before the local state is told by what it has: its offsets may have come again.
            ChangelogRelation::LocalAhead => LocalState::Ahead,
            ChangelogRelation::Truncated => LocalState::TooOld,
            ChangelogRelation::Continues if local == LocalCompleteness::Incomplete => {
                LocalState::Incomplete
            }
            ChangelogRelation::Continues if known == Some(end) => LocalState::Complete,
            ChangelogRelation::Continues if is_stale(shared, world, self.partition)? => {
                LocalState::Stale
            }
            ChangelogRelation::Continues => LocalState::Behind,
        };
        shared.report_local_state(self.partition, found);
        let (from, into) = match (found, known) {
            (LocalState::Complete | LocalState::Behind, Some(known)) => {
                if self.is_truncated(world, ends)? {
                    shared.report_truncated_changelog(self.partition, start);
                }
                (known, RestoreTarget::CatchUp(BTreeMap::new()))
            }
            _ => {
                self.check_disk_space(world)?;
                let (partition, workers) =
                    (store_partition(self.partition), shared.settings.workers);
                let rebuild = world.store().begin_rebuild(partition, workers)?;
                (start, RestoreTarget::Rebuild(rebuild, None))
            }
        };
        Ok(ChangelogScan::new(ends, from, into))
    }

    /// A state that is built beside another one needs about as much of the disk.
    fn check_disk_space<W: WorkerIo>(&self, world: &W) -> Result<(), Error> {
        let (needed, free) = world
            .store()
            .rebuild_space(store_partition(self.partition))?;
        let partition = self.partition;
        if needed > 0 {
            tracing::info!(
                partition,
                needed_bytes = needed,
                free_bytes = free,
                "building the state beside the one that is there"
            );
        }
        match free {
            Some(free) if free < needed => Err(Error::Unprocessable {
                partition,
                cause: QuarantineCause::DiskSpace,
                what: format!(
                    "building the state anew takes about {needed} bytes of the disk beside what is there, and {free} are free. \
                    Make room, and `retry`"
                ),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn read_changelog<W: WorkerIo>(
        &mut self,
        shared: &Context,
        world: &mut W,
        committed: &CommittedOffsets,
        reading: &mut ChangelogScan,
    ) -> Result<(), Error> {
        let mut entries = Vec::new();
        let mut take = |entry| entries.push(entry);
        let ChangelogScan { position, end, .. } = *reading;
        let reached = world.read_changelog(self.partition, position, end, &mut take)?;
        self.records += entries.len() as u64;
        shared.metrics.restore.records.inc_by(entries.len() as u64);
        crash::point("restoring");
        for entry in entries {
            self.apply_entry(shared, world, committed, reading, entry)?;
            if reading.is_rewritten {
                return Ok(());
            }
        }
        self.stalled_polls += 1;
        if reached > position {
            reading.position = reached;
            self.stalled_polls = 0;
        } else if self.stalled_polls > STALLED_POLLS_MAX {
            return Err(self.state_mismatch(&format!(
                "{} partition {} cannot be read",
                shared.settings.outputs.changelog, self.partition
            )));
        }
        let [done, all] = [reading.position, end].map(|at| (at - reading.from).unsigned_abs());
        shared.restoring.set(self.partition, done, all);
        Ok(())
    }

    fn apply_entry<W: WorkerIo>(
        &self,
        shared: &Context,
        world: &mut W,
        committed: &CommittedOffsets,
        reading: &mut ChangelogScan,
        entry: ChangelogRecord,
    ) -> Result<(), Error> {
        let partition = store_partition(self.partition);
        match (&mut reading.target, entry) {
            (_, ChangelogRecord::Output(pending)) => {
                retain_last_batch(&mut reading.outbox, pending)
            }
            // It is looked for only when the progress that names it is there.
            (RestoreTarget::CatchUp(_), ChangelogRecord::Generation(known)) => {
                world.store().put_generation(partition, &known)?;
            }
            (RestoreTarget::Rebuild(rebuild, _), ChangelogRecord::Generation(known)) => {
                world.store().add_generation(rebuild, &known)?;
            }
            (RestoreTarget::CatchUp(states), ChangelogRecord::State(customer, state)) => {
                drop(states.insert(customer, state));
            }
            (RestoreTarget::CatchUp(_), ChangelogRecord::Progress(progress))
                if progress.is_partial =>
            {
                reading.is_rewritten = true;
            }
            (RestoreTarget::CatchUp(states), ChangelogRecord::Progress(found)) => {
                if let Some(app) = &found.app {
                    self.check_app(shared, app)?;
                }
                // Told before it is on disk: afterwards nobody would look for it.
                publish_outbox(world, shared, committed, &reading.outbox)?;
                let progress = (&*found.bytes, found.next_offset);
                world.store().catch_up(partition, states, progress)?;
                states.clear();
            }
            (RestoreTarget::Rebuild(rebuild, _), ChangelogRecord::State(customer, state)) => {
                world
                    .store()
                    .add_record(rebuild, &customer, state.as_deref())?;
            }
            (RestoreTarget::Rebuild(_, last), ChangelogRecord::Progress(progress)) => {
                *last = Some(progress)
            }
        }
        Ok(())
    }
}
