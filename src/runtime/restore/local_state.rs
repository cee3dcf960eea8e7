//! Compares the local state of a partition with the changelog, the group's committed offsets and the inputs.

use super::error::Error;
use super::phase::{ChangelogRelation, CommittedOffsets, LocalCompleteness, PartitionRestore};
use crate::event::Position;
use crate::kafka::OffsetBounds;
use crate::partition::{LostRange, Progress};
use crate::runtime::context::Context;
use crate::runtime::offset_metadata::{OffsetMetadata, committed_batches};
use crate::runtime::quarantine::{QuarantineCause, RecoveryAction};
use crate::runtime::worker_io::WorkerIo;
use crate::store;
use crate::store::store_partition;

/// Whether compaction may have removed tombstones that the local state has not read: catching up
/// would keep deleted customers.
pub(in crate::runtime) fn is_stale<W: WorkerIo>(
    context: &Context,
    io: &W,
    partition: i32,
) -> Result<bool, Error> {
    let confirmed = io.store().last_confirmed(store_partition(partition))?;
    let (Some(confirmed), Some(retention)) = (confirmed, context.topology.tombstone_retention)
    else {
        return Ok(false);
    };
    Ok(io.wall_time().duration_since(confirmed) > retention)
}

/// Whether all committed offsets name the batch of `progress`. With `or_none`, an offset may also name no batch.
pub(super) fn matches_committed(
    progress: &Progress,
    committed: &CommittedOffsets,
    or_none: bool,
) -> bool {
    // Inputs that were added since have no committed offsets.
    let mut batches = committed_batches(committed).take(progress.offsets.len());
    batches.all(|batch| match batch {
        Some(batch) => batch == progress.batch,
        None => or_none,
    })
}

impl PartitionRestore {
    pub(super) fn relation<W: WorkerIo>(
        &self,
        context: &Context,
        io: &W,
        ends: OffsetBounds,
    ) -> Result<ChangelogRelation, Error> {
        let (store, partition) = (io.store(), store_partition(self.partition));
        let Some(known) = store.changelog_offset(partition)? else {
            return Ok(ChangelogRelation::NoLocalState);
        };
        let is_other = |origin: String| !context.is_own_origin(&origin);
        Ok(if self.is_rewritten || store.origin(partition)?.is_some_and(is_other) {
            ChangelogRelation::OtherChangelog
        } else if known > ends.end {
            ChangelogRelation::LocalAhead
        } else if known < ends.start {
            ChangelogRelation::Truncated
        } else {
            ChangelogRelation::Continues
        })
    }

    /// The completeness of the local state, without counting customers.
    pub(super) fn local_state<W: WorkerIo>(
        &self,
        context: &Context,
        io: &W,
    ) -> Result<LocalCompleteness, Error> {
        let (store, partition) = (io.store(), store_partition(self.partition));
        match context.progress(store, partition) {
            Ok(Some(_)) if store.is_known_complete(partition) => Ok(LocalCompleteness::Complete),
            Ok(Some(_)) => Ok(LocalCompleteness::Uncounted),
            Ok(None) | Err(store::Error::Unusable { .. }) => Ok(LocalCompleteness::Unknown),
            Err(other) => Err(other.into()),
        }
    }

    /// The completeness, once the customers are counted.
    pub(super) fn verify_count<W: WorkerIo>(
        &self,
        context: &Context,
        io: &W,
        customers: u64,
    ) -> Result<LocalCompleteness, Error> {
        let (store, partition) = (io.store(), store_partition(self.partition));
        let expected = context.progress(store, partition)?.map(|it| it.customers());
        if expected.is_some_and(|expected| expected != customers) {
            return Ok(LocalCompleteness::Incomplete);
        }
        store.mark_complete(partition);
        Ok(LocalCompleteness::Complete)
    }

    /// Whether the batch of the local state is the last one that was committed: then the rest of the
    /// changelog can only contain transaction markers.
    pub(super) fn is_last_committed<W: WorkerIo>(
        &self,
        context: &Context,
        io: &W,
        committed: &CommittedOffsets,
        local: LocalCompleteness,
    ) -> Result<bool, Error> {
        if local != LocalCompleteness::Complete {
            return Ok(false);
        }
        match context.progress(io.store(), store_partition(self.partition)) {
            Ok(Some(progress)) => Ok(matches_committed(&progress, committed, false)),
            // A state of other models: the changelog decides.
            Ok(None) | Err(store::Error::Unusable { .. }) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    /// The progress of a new partition: each input at its first offset.
    pub(super) fn initial_progress<W: WorkerIo>(
        &self,
        context: &Context,
        io: &W,
    ) -> Result<Progress, Error> {
        let mut progress = Progress::new(&context.models, 0);
        self.add_inputs(context, io, &mut progress)?;
        Ok(progress)
    }

    /// A changelog belongs to one deployment: two would use each other's states.
    pub(super) fn check_app(&self, context: &Context, app: &str) -> Result<(), Error> {
        let settings = &context.settings;
        if app == settings.outputs.app || settings.recovery.take_over.as_deref() == Some(app) {
            return Ok(());
        }
        Err(self.state_mismatch(&format!(
            "the changelog {} belongs to the deployment {app:?} (kafka.app), and this one is {:?}: give this one a changelog \
            of its own. If {app:?} no longer runs and this deployment continues its states, start once with \
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
        // The operator has decided for the changelog, whichever batch the group names.
        if self.is_requested(RecoveryAction::Rebuild) {
            return Ok(());
        }
        let mut others = committed_batches(committed).flatten();
        match others.find(|batch| *batch != progress.batch) {
            None => Ok(()),
            Some(batch) => Err(self.state_mismatch(&format!(
                "the changelog ends with batch {}, the group's offsets with {batch}: one of them was changed by something \
                else than Tenure. `rebuild` continues from the changelog: records that were committed after its last batch \
                are read and their outputs produced again, under the same ids",
                progress.batch
            ))),
        }
    }

    /// Checks that progress and committed offsets name the same batch. Returns whether the offsets of the progress, which is
    /// the authority, have to be committed to the group again.
    pub(super) fn check_committed(
        &self,
        context: &Context,
        progress: &Progress,
        committed: &CommittedOffsets,
    ) -> Result<bool, Error> {
        self.check_batch(progress, committed)?;
        let mut needs_commit = false;
        for (committed, expected) in committed.iter().zip(&progress.offsets) {
            let kind = match committed {
                Some((offset, metadata))
                    if offset == expected && OffsetMetadata::parse(metadata).is_some() =>
                {
                    continue;
                }
                Some(_) => "foreign",
                None => "missing",
            };
            needs_commit = true;
            if !self.has_reported_offsets.get() {
                context.metrics.report_unexpected_offsets(self.partition, kind);
            }
        }
        self.has_reported_offsets.set(needs_commit);
        Ok(needs_commit)
    }

    /// Adds the inputs that were added since to `progress`: they are read from their first offset.
    pub(super) fn add_inputs<W: WorkerIo>(
        &self,
        context: &Context,
        io: &W,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        for input in progress.offsets.len()..context.settings.outputs.inputs.len() {
            let start = io.input_bounds(input as u32, self.partition)?.start;
            progress.offsets.push(start);
        }
        Ok(())
    }

    /// The inputs must still contain the next records, unless an operator accepts the loss. Returns the lost ranges.
    pub(super) fn check_inputs<W: WorkerIo>(
        &self,
        context: &Context,
        io: &W,
        progress: &Progress,
    ) -> Result<Vec<LostRange>, Error> {
        let (mut lost, mut reasons) = (Vec::new(), Vec::new());
        for (input, from) in (0..).zip(progress.offsets.iter().copied()) {
            let OffsetBounds { start, end, .. } = io.input_bounds(input, self.partition)?;
            let topic = &context.settings.outputs.inputs[input as usize];
            let to = if from < start {
                reasons.push(format!(
                    "{topic} begins at offset {start}, but {from} is the next to be read: {} records were deleted, by \
                    retention or by a person, before they were applied. `accept-loss` continues without them",
                    start - from
                ));
                start
            } else if from > end {
                reasons.push(format!(
                    "{topic} ends at offset {end}, but {from} is the next to be read: the topic has lost {} records that \
                    were applied. `accept-loss` continues from its end",
                    from - end
                ));
                end
            } else {
                let next = Position { input, offset: from };
                let Some((RecoveryAction::AcceptLoss(Some(to)), Some(damaged))) = self.requested
                else {
                    continue;
                };
                if damaged != next {
                    continue;
                }
                // The operator's offset behind the damaged batch, bounded by the end of the input.
                to.min(end)
            };
            lost.push(LostRange { input, from, to });
        }
        if !reasons.is_empty() && !self.is_requested(RecoveryAction::AcceptLoss(None)) {
            return Err(Error::Unprocessable {
                partition: self.partition,
                cause: QuarantineCause::InputLost,
                what: reasons.join("; "),
            });
        }
        Ok(lost)
    }
}
