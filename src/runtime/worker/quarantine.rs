//! One partition that cannot be processed does not stop the others: it is put down, and taken up again when an operator
//! asks for it. A panic is traced to its record first, by applying fewer and fewer of those that it came with.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Worker;
use crate::customer::StateDecodeError;
use crate::event::{EventTime, Position, Watermark};
use crate::partition::codec::UnusableState;
use crate::partition::{Batch, apply};
use crate::runtime::context::error_chain;
use crate::runtime::partitions::{PartitionState, Quarantine, QuarantineCause, RecoveryAction};
use crate::runtime::restore::{Error, PartitionRestore, store_partition};
use crate::runtime::worker_io::WorkerIo;
use crate::store;

/// What to do when a partition is taken up again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PartitionRestart {
    /// What an operator has asked for, and the record that it is about.
    requested: Option<(RecoveryAction, Option<Position>)>,
    search: Option<PanicSearch>,
}

/// A panic is looked for among the next records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PanicSearch {
    /// Most records that are applied together.
    limit: usize,
    /// Records that the panic is among, or was.
    remaining: usize,
}

impl PanicSearch {
    /// After a panic with so many records.
    fn new(records: usize) -> PanicSearch {
        PanicSearch {
            limit: (records / 2).max(1),
            remaining: records,
        }
    }

    pub(super) fn limit(self) -> usize {
        self.limit
    }

    /// After so many were applied; `None` where none are left.
    pub(super) fn after_applied(self, records: usize) -> Option<PanicSearch> {
        let left = self.remaining.saturating_sub(records);
        (left > 0).then_some(PanicSearch {
            remaining: left,
            ..self
        })
    }
}

/// What is caught of a panic; its own text is in the log and may have data in it.
pub(super) fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(work))
}

impl<W: WorkerIo> Worker<W> {
    /// Gives back what there is, unless the partition cannot be processed: then it is put down.
    pub(super) fn quarantine_on_error<T>(
        &mut self,
        partition: i32,
        result: Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        match result {
            Ok(done) => Ok(Some(done)),
            Err(error) if is_from_newer_version(&error) => {
                tracing::warn!(
                    partition,
                    error = %error_chain(&error),
                    "a newer version of Tenure, or one with more inputs, has worked on this partition: it is left alone until it goes to one"
                );
                self.discard_partition(partition);
                self.restarts.remove(&partition);
                self.deferred.insert(partition);
                self.context.set_state(partition, PartitionState::Deferred);
                Ok(None)
            }
            // Others go on: it may stand at other models than they did.
            Err(Error::Models { what, .. }) if !self.partitions.is_empty() => {
                self.quarantine(
                    partition,
                    Quarantine::new(QuarantineCause::Models, None, what),
                );
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

    /// Stops processing a partition, and nothing else.
    pub(super) fn quarantine(&mut self, partition: i32, quarantine: Quarantine) {
        let Quarantine {
            cause, what, at, ..
        } = &quarantine;
        let topic = |at: &Position| self.context.settings.outputs.inputs[at.input as usize].clone();
        tracing::error!(
            partition,
            cause = cause.code(),
            topic = at.as_ref().map(topic),
            offset = at.map(|at| at.offset),
            "partition {partition} is quarantined: {what}. All other partitions go on. `tenure state` shows what can be done: \
            {}",
            cause.actions().join(", ")
        );
        self.discard_partition(partition);
        self.restarts.remove(&partition);
        if self.epochs.contains_key(&partition) {
            self.quarantined.insert(partition);
            self.context
                .set_state(partition, PartitionState::Quarantined(quarantine));
        }
    }

    /// Begins anew with partitions of which an operator has asked it.
    pub(super) fn apply_operator_actions(&mut self) {
        for partition in self.quarantined.clone() {
            let Some((action, at)) = self.context.partitions.take_requested(partition) else {
                continue;
            };
            tracing::info!(
                partition,
                action = action.name(),
                "an operator has asked for it"
            );
            if let (RecoveryAction::Skip, Some(at)) = (action, at) {
                self.skips.entry(partition).or_default().insert(at);
            }
            let again = PartitionRestart {
                requested: Some((action, at)),
                search: None,
            };
            self.restart_partition(partition, again);
        }
    }

    /// Has the partition restored and read again from its last commit.
    pub(super) fn restart_partition(&mut self, partition: i32, again: PartitionRestart) {
        let Some(epoch) = self.epochs.get(&partition) else {
            return;
        };
        self.context.assignment.restart(partition, *epoch);
        self.quarantined.remove(&partition);
        self.restarts.insert(partition, again);
    }

    /// What comes of the polling thread's answer to that, as of an assignment.
    pub(super) fn begin_restore(&mut self, partition: i32, epoch: u64) {
        if !self.context.assignment.is_current(partition, epoch) {
            return;
        }
        // It may be begun anew with all others of the process.
        self.discard_partition(partition);
        self.epochs.insert(partition, epoch);
        self.deferred.remove(&partition);
        self.quarantined.remove(&partition);
        let asked = self
            .restarts
            .get(&partition)
            .and_then(|again| again.requested);
        self.context.set_state(partition, PartitionState::Restoring);
        self.restoring
            .push_back(PartitionRestore::new(partition, epoch, asked));
    }

    /// What is still looked for once the partition is restored.
    pub(super) fn take_search(&mut self, partition: i32) -> Option<PanicSearch> {
        self.restarts.remove(&partition)?.search
    }

    /// Whether processing panics as well without a record, when time goes to where that would have led: it is a timer's.
    pub(super) fn is_timer_panic(&self, partition: i32, reached: Watermark) -> Result<bool, Error> {
        let lateness = self.context.settings.lateness;
        let Some(own) = self.partitions.get(&partition) else {
            return Ok(false);
        };
        let batch = Batch {
            advance_to: Some(EventTime(reached.0)),
            ..Batch::default()
        };
        let lineage = own.models.generations();
        let store = self.io.store();
        let view = store.prefetch(
            lineage,
            store_partition(partition),
            lateness,
            &own.progress,
            &batch,
        )?;
        let applied = catch_panic(|| apply(lineage, lateness, &own.progress, view, batch));
        Ok(applied.is_err())
    }

    /// After a panic with these many records, of which the first is at this position.
    pub(super) fn handle_panic(&mut self, partition: i32, records: usize, first: Option<Position>) {
        if records > 1 {
            tracing::error!(
                partition,
                records,
                "processing records panicked; looking for the one that makes it"
            );
            self.discard_partition(partition);
            let again = PartitionRestart {
                requested: None,
                search: Some(PanicSearch::new(records)),
            };
            self.restart_partition(partition, again);
            return;
        }
        let (cause, what) = match first {
            Some(at) => (
                QuarantineCause::Record,
                format!(
                    "processing the record at offset {} of {} panics, which is a bug of Tenure: the log has the panic's own \
                    text. Run a version without the bug, or `skip` sends this record to the dead letters",
                    at.offset, self.context.settings.outputs.inputs[at.input as usize]
                ),
            ),
            None => (
                QuarantineCause::Panic,
                "processing a timer or a change of models panics, which is a bug of Tenure: the log has the panic's own \
                text. Run a version without the bug"
                    .to_owned(),
            ),
        };
        self.quarantine(partition, Quarantine::new(cause, first, what));
    }

    /// Drops what is in hand of a partition that stays assigned.
    fn discard_partition(&mut self, partition: i32) {
        let was_held = !self.suspended.is_empty();
        self.suspended
            .retain(|planned| planned.partition != partition);
        if was_held && self.suspended.is_empty() {
            self.clear_suspended();
        }
        self.close_partition(partition);
    }

    /// Forgets all that is known of a partition but what is on disk.
    pub(super) fn close_partition(&mut self, partition: i32) {
        let was_restoring = self.restoring.len();
        self.restoring
            .retain(|restore| restore.partition != partition);
        if self.restoring.len() < was_restoring
            && let Err(error) = self.io.store().abandon_rebuild(store_partition(partition))
        {
            // Whoever reads or writes there next hears of it too.
            tracing::warn!(partition, error = %error_chain(&error), "an unfinished rebuild is left on disk");
        }
        self.context.restoring.finish(partition);
        self.context.customers.release(partition);
        if let Some(own) = self.partitions.remove(&partition) {
            self.context
                .count_population(&own.models.current, &own.progress, -1);
            self.context.remove_series(partition);
        }
    }
}

/// Whether a later version wrote what is there.
fn is_from_newer_version(error: &Error) -> bool {
    matches!(
        error,
        Error::Store(
            store::Error::Unusable {
                source: UnusableState::NewerFormat(_) | UnusableState::FewerInputs { .. },
                ..
            } | store::Error::Corrupt {
                source: StateDecodeError::NewerFormat { .. },
                ..
            }
        )
    )
}

/// Why an error is one partition's alone; `None` where it is the whole process's.
fn quarantine_for(error: &Error) -> Option<Quarantine> {
    match error {
        Error::Unprocessable { cause, what, .. } => {
            Some(Quarantine::new(*cause, None, what.clone()))
        }
        Error::Store(
            store::Error::Corrupt { .. }
            | store::Error::Unusable {
                source: UnusableState::Damaged,
                ..
            },
        ) => {
            let what = format!(
                "{}. `rebuild` builds the state from the changelog",
                error_chain(error)
            );
            Some(Quarantine::new(QuarantineCause::StateCorrupt, None, what))
        }
        Error::Store(_) | Error::Kafka(_) | Error::Models { .. } => None,
    }
}
