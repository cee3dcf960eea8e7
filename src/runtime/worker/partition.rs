//! A partition in a worker's hands: from where it is restored to where it is revoked.

use super::active_models::{Activation, ActiveModels};
use super::ingest::BrokenInput;
use super::quarantine::PanicSearch;
use super::{PendingCommit, StartRequest, Worker, budget, idle};
use crate::event::{Millis, WallTime};
use crate::kafka::SeekPosition;
use crate::partition::{Commit, Generation, LostRange, Progress, Record};
use crate::runtime::merge::Merge;
use crate::runtime::partitions::PartitionState;
use crate::runtime::restore::{Error, Restored, store_partition};
use crate::runtime::worker_io::WorkerIo;

/// One partition in this worker's hands.
#[derive(Debug)]
pub(super) struct OwnedPartition {
    pub(super) epoch: u64,
    pub(super) progress: Progress,
    pub(super) models: ActiveModels,
    /// Those models, as long as no commit has named them.
    pub(super) generation: Option<Generation>,
    /// Whether the loaded models have to wait until the sweep of those before is done; until then nothing is
    /// read.
    pub(super) is_migrating: bool,
    pub(super) merge: Merge,
    /// Taken from the merge and not yet applied.
    pub(super) records: Vec<Record>,
    /// What they took in the merge.
    pub(super) bytes: usize,
    /// Whether something has to be committed although no record is there: the first position, or
    /// timers that did not fit into the last batch.
    pub(super) must_commit: bool,
    pub(super) idle: idle::IdleState,
    /// What the inputs have lost, as an operator has accepted: part of the first commit.
    pub(super) lost: Vec<LostRange>,
    /// Why an input gives nothing more, once all it has given is committed.
    pub(super) broken_input: Option<BrokenInput>,
    /// While a panic is looked for.
    pub(super) search: Option<PanicSearch>,
    /// When it was last noted that the state on disk is the last one.
    seen: WallTime,
}

/// Time between two notes that the state on disk is the last one: far less than any tombstone is kept.
const SEEN_INTERVAL: Millis = Millis(60_000);

impl<W: WorkerIo> Worker<W> {
    pub(super) fn complete_restore(
        &mut self,
        partition: i32,
        epoch: u64,
        restored: Restored,
    ) -> Result<(), Error> {
        let Restored {
            progress,
            needs_commit: fresh,
            lost,
        } = restored;
        let seen = self.io.wall_time();
        let store = self.io.store();
        store.set_last_confirmed(store_partition(partition), seen)?;
        store.set_origin(store_partition(partition), &self.context.origin())?;
        self.activate(partition, epoch, progress, fresh, lost)
    }

    pub(super) fn activate(
        &mut self,
        partition: i32,
        epoch: u64,
        progress: Progress,
        fresh: bool,
        lost: Vec<LostRange>,
    ) -> Result<(), Error> {
        let taken_up = self.context.choose_models(&self.io, partition, progress)?;
        let (under, progress, generation, is_waiting) = match taken_up {
            Activation::Ready {
                models: under,
                progress,
                generation,
            } => (under, progress, generation, false),
            Activation::FinishSweep {
                models: under,
                progress,
            } => (under, progress, None, true),
            Activation::Outdated => {
                self.defer(partition);
                return Ok(());
            }
        };
        self.context.count_population(&under.current, &progress, 1);
        let position = |(input, offset): (u32, &i64)| {
            let moved = lost.iter().find(|lost| lost.input == input);
            SeekPosition {
                input,
                partition,
                offset: moved.map_or(*offset, |lost| lost.to),
            }
        };
        let positions = (0..).zip(&progress.offsets).map(position).collect();
        let own = OwnedPartition {
            epoch,
            merge: Merge::new(progress.offsets.len()),
            records: Vec::new(),
            bytes: 0,
            must_commit: fresh
                || generation.is_some()
                || progress.sweep.is_some()
                || !lost.is_empty(),
            idle: idle::IdleState::default(),
            lost,
            broken_input: None,
            search: self.take_search(partition),
            seen: self.io.wall_time(),
            progress,
            models: under,
            generation,
            is_migrating: is_waiting,
        };
        self.partitions.insert(partition, own);
        self.context.customers.own(partition);
        self.context.set_state(partition, PartitionState::Running);
        if !is_waiting {
            self.io.start_reading(StartRequest {
                partition,
                epoch,
                positions,
            });
        }
        Ok(())
    }

    pub(super) fn release_partition(&mut self, partition: i32) {
        // Of another worker, which may have been given it anew already.
        if !self.epochs.contains_key(&partition) {
            return;
        }
        self.close_partition(partition);
        self.deferred.remove(&partition);
        self.quarantined.remove(&partition);
        self.restarts.remove(&partition);
        self.skips.remove(&partition);
        self.epochs.remove(&partition);
        self.context
            .partitions
            .remove(partition, &self.context.metrics);
    }

    /// Has the records of commits that did not come about be applied again, from where their partitions stand.
    pub(super) fn roll_back(&mut self, commits: Vec<PendingCommit>) {
        for planned in commits {
            let own = self.partitions.get_mut(&planned.partition);
            let Some(own) = own.filter(|own| own.epoch == planned.epoch) else {
                continue;
            };
            let Commit {
                applied: mut records,
                mut unused,
                ..
            } = planned.commit;
            records.append(&mut unused);
            records.append(&mut own.records);
            own.records = records;
            own.bytes += planned.bytes;
            own.generation = planned.generation.or(own.generation.take());
            own.idle.advance = own.idle.advance.max(planned.advance);
        }
    }

    /// Goes on from what is now committed and on disk.
    pub(super) fn update_after_commit(&mut self, commits: Vec<PendingCommit>) -> Result<(), Error> {
        self.last_commit = self.io.uptime();
        let now = self.io.wall_time();
        for PendingCommit {
            partition,
            mut commit,
            models: under,
            bytes,
            ..
        } in commits
        {
            self.context.count_records(&commit.applied);
            self.context
                .count_commit(&under.current, partition, &commit);
            let Some(own) = self.partitions.get_mut(&partition) else {
                continue;
            };
            let models = &under.current;
            self.context.count_population(models, &own.progress, -1);
            self.context.count_population(models, &commit.progress, 1);
            own.must_commit = !commit.finished;
            own.lost.clear();
            let applied = commit.applied.len();
            own.search = own.search.and_then(|search| search.after_applied(applied));
            own.progress = commit.progress;
            let (unused, all) = (
                commit.unused.len(),
                commit.unused.len() + commit.applied.len(),
            );
            own.bytes += budget::proportional_bytes(bytes, unused, all);
            // What the batch could not take goes before what has come in since.
            commit.unused.append(&mut own.records);
            own.records = commit.unused;
            if now.duration_since(own.seen) > SEEN_INTERVAL {
                own.seen = now;
                self.io
                    .store()
                    .set_last_confirmed(store_partition(partition), now)?;
            }
            let taken_over = self.finish_migration(partition);
            self.quarantine_on_error(partition, taken_over)?;
        }
        Ok(())
    }
}
