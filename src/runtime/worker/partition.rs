//! A partition that a worker owns: from its restore to its revocation.

use super::active_models::Activation;
use super::idle_state::IdleState;
use super::owned_partition::OwnedPartition;
use super::pending_commit::PendingCommit;
use super::{Worker, budget};
use crate::event::Millis;
use crate::kafka::SeekPosition;
use crate::partition::{Commit, LostRange, Progress};
use crate::runtime::merge::Merge;
use crate::runtime::partition_registry::PartitionState;
use crate::runtime::restore::{Error, Restored};
use crate::runtime::worker_io::{StartRequest, WorkerIo};
use crate::store::store_partition;

/// Interval of those confirmations: far shorter than any tombstone is retained.
const CONFIRM_INTERVAL: Millis = Millis(60_000);

impl<W: WorkerIo> Worker<W> {
    pub(super) fn complete_restore(
        &mut self,
        partition: i32,
        epoch: u64,
        restored: Restored,
    ) -> Result<(), Error> {
        let Restored { progress, needs_commit, lost } = restored;
        let now = self.io.wall_time();
        let store = self.io.store();
        store.set_last_confirmed(store_partition(partition), now)?;
        store.set_origin(store_partition(partition), &self.context.origin())?;
        self.activate(partition, epoch, progress, needs_commit, lost)
    }

    /// Leaves a partition to processes with newer models or settings: this one must not revert its states.
    pub(super) fn defer(&mut self, partition: i32) {
        tracing::warn!(
            partition,
            "the partition is deferred: another process has processed it with newer models or settings than are loaded \
            here. It is processed again once such a process owns it, or they are loaded here. To return to older models, give \
            them a higher `version`; to older mappings, limits or money, raise `settings_version`"
        );
        self.deferred.insert(partition);
        self.context.set_state(partition, PartitionState::Deferred);
    }

    /// Activates the partition with the loaded models again once its migration sweep is done.
    pub(super) fn finish_migration(&mut self, partition: i32) -> Result<(), Error> {
        let Some(owned) = self.partitions.get_mut(&partition) else {
            return Ok(());
        };
        if owned.progress.sweep.is_some() {
            return Ok(());
        }
        owned.models.previous = None;
        if !owned.is_migrating {
            return Ok(());
        }
        let (progress, epoch) = (owned.progress.clone(), owned.epoch);
        self.context.metrics.count_population(&owned.models.current, &progress, -1);
        self.partitions.remove(&partition);
        self.context.customers.release(partition);
        self.activate(partition, epoch, progress, false, Vec::new())
    }

    /// Begins to process a restored partition with the models that it needs, or defers it.
    pub(super) fn activate(
        &mut self,
        partition: i32,
        epoch: u64,
        progress: Progress,
        needs_commit: bool,
        lost: Vec<LostRange>,
    ) -> Result<(), Error> {
        let activation = self.context.choose_models(&self.io, partition, progress)?;
        let (models, progress, generation, is_migrating) = match activation {
            Activation::Ready { models, progress, generation } => {
                (models, progress, generation, false)
            }
            Activation::FinishSweep { models, progress } => (models, progress, None, true),
            Activation::Outdated => {
                self.defer(partition);
                return Ok(());
            }
        };
        self.context.metrics.count_population(&models.current, &progress, 1);
        let position = |(input, offset): (u32, &i64)| {
            let range = lost.iter().find(|range| range.input == input);
            SeekPosition { input, partition, offset: range.map_or(*offset, |range| range.to) }
        };
        let positions = (0..).zip(&progress.offsets).map(position).collect();
        let owned = OwnedPartition {
            epoch,
            merge: Merge::new(progress.offsets.len()),
            last_timestamps: vec![None; progress.offsets.len()],
            records: Vec::new(),
            bytes: 0,
            must_commit: needs_commit
                || generation.is_some()
                || progress.sweep.is_some()
                || !lost.is_empty(),
            idle: IdleState::default(),
            lost,
            broken_input: None,
            search: self.take_search(partition),
            last_confirmed: self.io.wall_time(),
            progress,
            models,
            generation,
            is_migrating,
        };
        owned.report_positions(partition, &self.context.input_ends);
        self.partitions.insert(partition, owned);
        self.context.customers.own(partition);
        self.context.set_state(partition, PartitionState::Running);
        if !is_migrating {
            self.io.start_reading(StartRequest { partition, epoch, positions });
        }
        Ok(())
    }

    pub(super) fn release_partition(&mut self, partition: i32) {
        // Every worker receives every revocation; this partition's worker may own it again already.
        if !self.epochs.contains_key(&partition) {
            return;
        }
        self.close_partition(partition);
        self.deferred.remove(&partition);
        self.quarantined.remove(&partition);
        self.restarts.remove(&partition);
        self.skips.remove(&partition);
        self.epochs.remove(&partition);
        self.context.partitions.remove(partition, &self.context.metrics);
    }

    /// Returns the records of commits that were rolled back to their partitions, to be applied again to the unchanged
    /// progress.
    pub(super) fn roll_back(&mut self, commits: Vec<PendingCommit>) {
        for pending in commits {
            let owned = self.partitions.get_mut(&pending.partition);
            let Some(owned) = owned.filter(|owned| owned.epoch == pending.epoch) else {
                continue;
            };
            let Commit { applied: mut records, mut unused, .. } = pending.commit;
            records.append(&mut unused);
            records.append(&mut owned.records);
            owned.records = records;
            owned.bytes += pending.bytes;
            owned.generation = pending.generation.or(owned.generation.take());
            owned.idle.advance = owned.idle.advance.max(pending.advance);
        }
    }

    /// Continues from the commits, which are now in Kafka and on disk.
    pub(super) fn update_after_commit(&mut self, commits: Vec<PendingCommit>) -> Result<(), Error> {
        self.last_commit = self.io.uptime();
        let now = self.io.wall_time();
        let settings = self.context.settings.clone();
        let topics = &settings.outputs.inputs;
        for PendingCommit { partition, mut commit, models, bytes, .. } in commits {
            self.context.metrics.count_records(topics, &commit.applied);
            let models = &models.current;
            self.context.metrics.count_commit(models, topics, partition, &commit, now);
            let Some(owned) = self.partitions.get_mut(&partition) else {
                continue;
            };
            self.context.metrics.count_population(models, &owned.progress, -1);
            self.context.metrics.count_population(models, &commit.progress, 1);
            owned.record_timestamps(&commit.applied);
            owned.must_commit = !commit.finished;
            owned.lost.clear();
            let (applied, unused) = (commit.applied.len(), commit.unused.len());
            owned.search = owned.search.and_then(|search| search.after_applied(applied));
            owned.progress = commit.progress;
            owned.report_positions(partition, &self.context.input_ends);
            owned.bytes += budget::proportional_bytes(bytes, unused, unused + applied);
            // Records that did not fit into the batch precede those that were read since.
            commit.unused.append(&mut owned.records);
            owned.records = commit.unused;
            if now.duration_since(owned.last_confirmed) > CONFIRM_INTERVAL {
                owned.last_confirmed = now;
                self.io.store().set_last_confirmed(store_partition(partition), now)?;
            }
            let finished = self.finish_migration(partition);
            self.quarantine_on_error(partition, finished)?;
        }
        Ok(())
    }
}
