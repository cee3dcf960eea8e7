//! A partition that cannot be processed does not stop the others: it is quarantined until an operator acts. Where a batch
//! panics, the record that causes it is found first, by applying smaller and smaller batches.

use super::Worker;
use super::panic_search::{PanicSearch, PartitionRestart, catch_panic};
use crate::customer::StateDecodeError;
use crate::event::{EventTime, Position, Watermark};
use crate::partition::codec::UnusableState;
use crate::partition::{Batch, apply};
use crate::runtime::partition_registry::PartitionState;
use crate::runtime::quarantine::{Quarantine, QuarantineCause, RecoveryAction};
use crate::runtime::restore::{Error, PartitionRestore};
use crate::runtime::worker_io::WorkerIo;
use crate::store;
use crate::store::store_partition;
use crate::telemetry::error_chain;

impl<W: WorkerIo> Worker<W> {
    /// Passes a result through, unless the error concerns this partition alone: then the partition is quarantined, or
    /// deferred to a newer version, and the result is `None`.
    pub(super) fn quarantine_on_error<T>(
        &mut self,
        partition: i32,
        result: Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if is_from_newer_version(&error) => {
                tracing::warn!(
                    partition,
                    error = %error_chain(&error),
                    "the partition is deferred: a newer version of Tenure, or one with more inputs, has processed it. It is processed \
                    again once such a process owns it"
                );
                self.discard_partition(partition);
                self.restarts.remove(&partition);
                self.deferred.insert(partition);
                self.context.set_state(partition, PartitionState::Deferred);
                Ok(None)
            }
            // The other partitions of this worker accept the loaded models; this one may have a different generation. Where
            // there are no others, the models are refused as a whole, and the process ends.
            Err(Error::Models { what, .. }) if !self.partitions.is_empty() => {
                self.quarantine(partition, Quarantine::new(QuarantineCause::Models, None, what));
                Ok(None)
            }
            Err(error) => match quarantine_for(&error) {
                Some(cause) => {
                    self.quarantine(partition, cause);
                    Ok(None)
                }
                None => Err(error),
            },
        }
    }

    /// Stops processing one partition until an operator acts.
    pub(super) fn quarantine(&mut self, partition: i32, quarantine: Quarantine) {
        let Quarantine { cause, what, at, .. } = &quarantine;
        let topic = |at: &Position| self.context.settings.outputs.inputs[at.input as usize].clone();
        tracing::error!(
            partition,
            cause = cause.code(),
            topic = at.as_ref().map(topic),
            offset = at.map(|at| at.offset),
            "partition {partition} is quarantined: {what}. All other partitions continue. `tenure state` shows the possible \
            actions: {}",
            cause.actions().join(", ")
        );
        self.discard_partition(partition);
        self.restarts.remove(&partition);
        if self.epochs.contains_key(&partition) {
            self.quarantined.insert(partition);
            self.context.set_state(partition, PartitionState::Quarantined(quarantine));
        }
    }

    /// Restarts the quarantined partitions for which an operator requested an action.
    pub(super) fn apply_operator_actions(&mut self) {
        for partition in self.quarantined.clone() {
            let Some((action, at)) = self.context.partitions.take_requested(partition) else {
                continue;
            };
            tracing::info!(
                partition,
                action = action.name(),
                "an operator requested an action for a quarantined partition"
            );
            if let (RecoveryAction::Skip, Some(at)) = (action, at) {
                self.skips.entry(partition).or_default().insert(at);
            }
            let restart = PartitionRestart { requested: Some((action, at)), search: None };
            self.restart_partition(partition, restart);
        }
    }

    /// Requests that the polling thread assigns the partition again, in a new epoch: it is then restored and read again
    /// from its last commit.
    pub(super) fn restart_partition(&mut self, partition: i32, restart: PartitionRestart) {
        let Some(epoch) = self.epochs.get(&partition) else {
            return;
        };
        self.context.assignment.restart(partition, *epoch);
        self.quarantined.remove(&partition);
        self.restarts.insert(partition, restart);
    }

    /// Queues the restore of an assigned or restarted partition.
    pub(super) fn begin_restore(&mut self, partition: i32, epoch: u64) {
        if !self.context.assignment.is_current(partition, epoch) {
            return;
        }
        // It may be in progress: the polling thread also restarts partitions, when librdkafka reassigns all of them.
        self.discard_partition(partition);
        self.epochs.insert(partition, epoch);
        self.deferred.remove(&partition);
        self.quarantined.remove(&partition);
        let requested = self.restarts.get(&partition).and_then(|restart| restart.requested);
        self.context.set_state(partition, PartitionState::Restoring);
        self.restoring.push_back(PartitionRestore::new(partition, epoch, requested));
    }

    /// The search to continue once the partition is restored.
    pub(super) fn take_search(&mut self, partition: i32) -> Option<PanicSearch> {
        self.restarts.remove(&partition)?.search
    }

    /// Whether processing also panics without the record, when only the watermark advances as far: then a timer causes it.
    pub(super) fn is_timer_panic(&self, partition: i32, reached: Watermark) -> Result<bool, Error> {
        let lateness = self.context.settings.lateness;
        let Some(owned) = self.partitions.get(&partition) else {
            return Ok(false);
        };
        let batch = Batch { advance_to: Some(EventTime(reached.0)), ..Batch::default() };
        let generations = owned.models.generations();
        let store = self.io.store();
        let view = store.prefetch(
            generations,
            store_partition(partition),
            lateness,
            &owned.progress,
            &batch,
        )?;
        let applied = catch_panic(|| apply(generations, lateness, &owned.progress, view, batch));
        Ok(applied.is_err())
    }

    /// Handles a panic in a batch of `records`: with several, searches for the one that causes it; with one, quarantines
    /// the partition. `first` is the record, or `None` where a timer or a migration panics.
    pub(super) fn handle_panic(&mut self, partition: i32, records: usize, first: Option<Position>) {
        if records > 1 {
            tracing::error!(
                partition,
                records,
                "processing records panicked; searching for the record that causes it"
            );
            self.discard_partition(partition);
            let restart =
                PartitionRestart { requested: None, search: Some(PanicSearch::new(records)) };
            self.restart_partition(partition, restart);
            return;
        }
        let (cause, what) = match first {
            Some(at) => (
                QuarantineCause::Record,
                format!(
                    "processing the record at offset {} of {} panics, which is a bug of Tenure; the log has the panic's \
                    message. Run a version without the bug, or `skip` sends this record to the dead letters",
                    at.offset, self.context.settings.outputs.inputs[at.input as usize]
                ),
            ),
            None => (
                QuarantineCause::Panic,
                "processing a timer or a change of models panics, which is a bug of Tenure; the log has the panic's \
                message. Run a version without the bug"
                    .to_owned(),
            ),
        };
        self.quarantine(partition, Quarantine::new(cause, first, what));
    }

    /// Drops all pending work of a partition that stays assigned.
    fn discard_partition(&mut self, partition: i32) {
        let was_suspended = !self.suspended.is_empty();
        self.suspended.retain(|pending| pending.partition != partition);
        if was_suspended && self.suspended.is_empty() {
            self.clear_suspended();
        }
        self.close_partition(partition);
    }

    /// Removes a partition from memory and metrics; the local state stays on disk.
    pub(super) fn close_partition(&mut self, partition: i32) {
        let restores = self.restoring.len();
        self.restoring.retain(|restore| restore.partition != partition);
        if self.restoring.len() < restores
            && let Err(error) = self.io.store().abandon_rebuild(store_partition(partition))
        {
            // Not fatal here: the next read or write of the store reports a broken disk.
            tracing::warn!(partition, error = %error_chain(&error), "deleting an unfinished rebuild failed; it is left on disk");
        }
        self.context.restoring.finish(partition);
        self.context.customers.release(partition);
        if let Some(owned) = self.partitions.remove(&partition) {
            self.context.metrics.count_population(&owned.models.current, &owned.progress, -1);
        }
        // Also where it was not activated again after a migration.
        self.context.input_ends.remove_positions(partition);
        self.context.metrics.remove_series(&self.context.settings.outputs.inputs, partition);
    }
}

/// Whether a newer version wrote the state.
fn is_from_newer_version(error: &Error) -> bool {
    matches!(
        error,
        Error::Store(
            store::Error::Unusable {
                source: UnusableState::NewerFormat(_) | UnusableState::FewerInputs { .. },
                ..
            } | store::Error::Corrupt { source: StateDecodeError::NewerFormat { .. }, .. }
        )
    )
}

/// The quarantine for an error of one partition; `None` for an error that ends the process.
fn quarantine_for(error: &Error) -> Option<Quarantine> {
    match error {
        Error::Unprocessable { cause, what, .. } => {
            Some(Quarantine::new(*cause, None, what.clone()))
        }
        Error::Store(
            store::Error::Corrupt { .. }
            | store::Error::Unusable { source: UnusableState::Damaged, .. },
        ) => {
            let what =
                format!("{}. `rebuild` builds the state from the changelog", error_chain(error));
            Some(Quarantine::new(QuarantineCause::StateCorrupt, None, what))
        }
        Error::Store(_) | Error::Kafka(_) | Error::Models { .. } => None,
    }
}
