//! Where a partition stands: by its progress, by the group's offsets, by what the inputs still hold.

use super::{CommittedOffsets, Error, PartitionRestore, store_partition};
use crate::event::Position;
use crate::kafka::OffsetBounds;
use crate::partition::{LostRange, Progress};
use crate::runtime::context::Context;
use crate::runtime::offset_metadata::{OffsetMetadata, committed_batches};
use crate::runtime::partitions::{QuarantineCause, RecoveryAction};
use crate::runtime::worker_io::WorkerIo;
use crate::store;

/// What the disk has of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LocalCompleteness {
    /// Nothing of which it is known how many there should be.
    Unknown,
    /// Whether everybody is there is not known yet. RocksDB does not notice all that a disk can lose, as the end
    /// of its list of files.
    Uncounted,
    /// Everybody whom the progress counts.
    Complete,
    /// Others than the progress counts.
    Incomplete,
}

/// How the changelog goes on from the local state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangelogRelation {
    /// There is none.
    NoLocalState,
    /// It is another changelog.
    OtherChangelog,
    /// It ends before.
    LocalAhead,
    /// It begins after.
    Truncated,
    /// From the offset that the local state knows.
    Continues,
}

/// Whether tombstones may have been compacted away that the local state has not seen: it would
/// bring back who was deleted.
pub(in crate::runtime) fn is_stale<W: WorkerIo>(
    shared: &Context,
    world: &W,
    partition: i32,
) -> Result<bool, Error> {
    let seen = world.store().last_confirmed(store_partition(partition))?;
    let (Some(seen), Some(kept)) = (seen, shared.topology.tombstone_retention) else {
        return Ok(false);
    };
    Ok(world.wall_time().duration_since(seen) > kept)
}

/// Whether all committed offsets name the batch that a progress ends with, but for those that name none, where `or_none`.
pub(super) fn matches_committed(
    progress: &Progress,
    committed: &CommittedOffsets,
    or_none: bool,
) -> bool {
    // Of inputs that were added since nothing is committed.
    let known = committed_batches(committed).take(progress.offsets.len());
    known.into_iter().all(|batch| match batch {
        Some(batch) => batch == progress.batch,
        None => or_none,
    })
}

impl PartitionRestore {
    pub(super) fn relation<W: WorkerIo>(
        &self,
        shared: &Context,
        world: &W,
        ends: OffsetBounds,
    ) -> Result<ChangelogRelation, Error> {
        let (store, partition) = (world.store(), store_partition(self.partition));
        let Some(known) = store.changelog_offset(partition)? else {
            return Ok(ChangelogRelation::NoLocalState);
        };
        let is_other = |origin: String| !shared.is_own_origin(&origin);
        Ok(
            match self.is_rewritten || store.origin(partition)?.is_some_and(is_other) {
                true => ChangelogRelation::OtherChangelog,
                false if known > ends.end => ChangelogRelation::LocalAhead,
                false if known < ends.start => ChangelogRelation::Truncated,
                false => ChangelogRelation::Continues,
            },
        )
    }

    /// What the disk has, as far as it can be told at once.
    pub(super) fn local_state<W: WorkerIo>(
        &self,
        shared: &Context,
        world: &W,
    ) -> Result<LocalCompleteness, Error> {
        let (store, partition) = (world.store(), store_partition(self.partition));
        match shared.progress(store, partition) {
            Ok(Some(_)) if store.is_known_complete(partition) => Ok(LocalCompleteness::Complete),
            Ok(Some(_)) => Ok(LocalCompleteness::Uncounted),
            Ok(None) | Err(store::Error::Unusable { .. }) => Ok(LocalCompleteness::Unknown),
            Err(other) => Err(other.into()),
        }
    }

    /// The same, once it is known how many there are.
    pub(super) fn verify_count<W: WorkerIo>(
        &self,
        shared: &Context,
        world: &W,
        found: u64,
    ) -> Result<LocalCompleteness, Error> {
        let (store, partition) = (world.store(), store_partition(self.partition));
        let expected = shared.progress(store, partition)?.map(|it| it.customers());
        if expected.is_some_and(|expected| expected != found) {
            return Ok(LocalCompleteness::Incomplete);
        }
        store.mark_complete(partition);
        Ok(LocalCompleteness::Complete)
    }

    /// Whether the batch that the local state ends with is the last one that was committed: then
    /// nothing but markers can be left in the changelog.
    pub(super) fn is_last_committed<W: WorkerIo>(
        &self,
        shared: &Context,
        world: &W,
        committed: &CommittedOffsets,
        local: LocalCompleteness,
    ) -> Result<bool, Error> {
        if local != LocalCompleteness::Complete {
            return Ok(false);
        }
        match shared.progress(world.store(), store_partition(self.partition)) {
            Ok(Some(progress)) => Ok(matches_committed(&progress, committed, false)),
            // Of other models: what the changelog says counts.
            Ok(None) | Err(store::Error::Unusable { .. }) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    /// The first position: where each input begins.
    pub(super) fn initial_progress<W: WorkerIo>(
        &self,
        shared: &Context,
        world: &W,
    ) -> Result<Progress, Error> {
        let mut progress = Progress::new(&shared.models, 0);
        self.add_inputs(shared, world, &mut progress)?;
        Ok(progress)
    }

    /// A changelog is one deployment's: two would take each other's states for their own.
    pub(super) fn check_app(&self, shared: &Context, app: &str) -> Result<(), Error> {
        let settings = &shared.settings;
        if app == settings.outputs.app || settings.recovery.take_over.as_deref() == Some(app) {
            return Ok(());
        }
        Err(self.state_mismatch(&format!(
            "the changelog {} belongs to the deployment {app:?} (kafka.app), and this one is {:?}: give this one a changelog \
            of its own. If {app:?} no longer runs and its states are to be continued, start once with \
            `tenure run --take-over {app}`",
            settings.outputs.changelog, settings.outputs.app
        )))
    }

    /// Progress and committed offsets must name the same batch.
    pub(super) fn check_batch(
        &self,
        progress: &Progress,
        committed: &CommittedOffsets,
    ) -> Result<(), Error> {
        // Then the changelog counts, whichever batch the group names.
        if self.is_requested(RecoveryAction::Rebuild) {
            return Ok(());
        }
        let mut others = committed_batches(committed).flatten();
        match others.find(|batch| *batch != progress.batch) {
            None => Ok(()),
            Some(batch) => Err(self.state_mismatch(&format!(
                "the changelog ends with batch {}, the group's offsets with {batch}; somebody has changed one of them. \
                `rebuild` goes on from what the changelog holds: what was committed after it is read and produced again, under \
                the same ids",
                progress.batch
            ))),
        }
    }

    /// Progress and committed offsets must name the same batch. Progress is the authority: whether the group has to be
    /// told anew.
    pub(super) fn check_committed(
        &self,
        shared: &Context,
        progress: &Progress,
        committed: &CommittedOffsets,
    ) -> Result<bool, Error> {
        self.check_batch(progress, committed)?;
        let mut tell = false;
        for (found, offset) in committed.iter().zip(&progress.offsets) {
            let mark = found
                .as_ref()
                .map(|(_, metadata)| OffsetMetadata::parse(metadata));
            match (mark, found) {
                (Some(Some(_)), Some((found, _))) if found == offset => {}
                (None, _) => {
                    tell = true;
                    shared.report_unexpected_offsets(self.partition, "missing");
                }
                _ => {
                    tell = true;
                    shared.report_unexpected_offsets(self.partition, "foreign");
                }
            }
        }
        Ok(tell)
    }

    /// Inputs that were added since are read from their beginning.
    pub(super) fn add_inputs<W: WorkerIo>(
        &self,
        shared: &Context,
        world: &W,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let all = shared.settings.outputs.inputs.len();
        for input in progress.offsets.len()..all {
            let start = world.input_ends(input as u32, self.partition)?.start;
            progress.offsets.push(start);
        }
        Ok(())
    }

    /// The inputs must still hold what comes next, unless an operator accepts what they have lost.
    pub(super) fn check_inputs<W: WorkerIo>(
        &self,
        shared: &Context,
        world: &W,
        progress: &Progress,
    ) -> Result<Vec<LostRange>, Error> {
        let (mut lost, mut told) = (Vec::new(), Vec::new());
        for (input, from) in (0..).zip(&progress.offsets) {
            let OffsetBounds { start, end, .. } = world.input_ends(input, self.partition)?;
            let topic = &shared.settings.outputs.inputs[input as usize];
            let (to, what) = match *from {
                from if from < start => (
                    start,
                    format!(
                        "{topic} begins at offset {start}, but {from} is the next to be read: retention has deleted {} \
                        records that were never applied. `accept-loss` goes on without them",
                        start - from
                    ),
                ),
                from if from > end => (
                    end,
                    format!(
                        "{topic} ends at offset {end}, but {from} is the next to be read: the topic has lost {} records \
                        that were applied. `accept-loss` goes on from its end",
                        from - end
                    ),
                ),
                from => {
                    // Behind a damaged batch, and no further than there are records.
                    let damaged = Position {
                        input,
                        offset: from,
                    };
                    if let Some((RecoveryAction::AcceptLoss(Some(to)), Some(at))) = self.requested
                        && at == damaged
                    {
                        let to = to.min(end);
                        lost.push(LostRange { input, from, to });
                    }
                    continue;
                }
            };
            let from = *from;
            lost.push(LostRange { input, from, to });
            told.push(what);
        }
        if !told.is_empty() && !self.is_requested(RecoveryAction::AcceptLoss(None)) {
            return Err(Error::Unprocessable {
                partition: self.partition,
                cause: QuarantineCause::InputLost,
                what: told.join("; "),
            });
        }
        Ok(lost)
    }
}
