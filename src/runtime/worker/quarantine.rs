//! One partition that cannot be processed does not stop the others: it is put down, and taken up again when an operator
//! asks for it. A panic is traced to its record first, by applying fewer and fewer of those that it came with.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Worker;
use crate::customer::Corrupt;
use crate::event::{EventTime, Position, Watermark};
use crate::partition::codec::Unusable;
use crate::partition::{Batch, apply};
use crate::runtime::partitions::{Action, Cause, Quarantine, State};
use crate::runtime::report::chain;
use crate::runtime::restore::{Error, Restore, key};
use crate::runtime::world::World;
use crate::store;

/// What to do when a partition is taken up again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Again {
    /// What an operator has asked for, and the record that it is about.
    asked: Option<(Action, Option<Position>)>,
    search: Option<Search>,
}

/// A panic is looked for among the next records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Search {
    /// Most records that are applied together.
    limit: usize,
    /// Records that the panic is among, or was.
    left: usize,
}

impl Search {
    /// After a panic with so many records.
    fn among(records: usize) -> Search {
        Search {
            limit: (records / 2).max(1),
            left: records,
        }
    }

    pub(super) fn limit(self) -> usize {
        self.limit
    }

    /// After so many were applied; `None` where none are left.
    pub(super) fn applied(self, records: usize) -> Option<Search> {
        let left = self.left.saturating_sub(records);
        (left > 0).then_some(Search { left, ..self })
    }
}

/// What is caught of a panic; its own text is in the log and may have data in it.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(work))
}

impl<W: World> Worker<W> {
    /// Gives back what there is, unless the partition cannot be processed: then it is put down.
    pub(super) fn contain<T>(
        &mut self,
        partition: i32,
        result: Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        match result {
            Ok(done) => Ok(Some(done)),
            Err(error) if is_of_newer_version(&error) => {
                tracing::warn!(
                    partition,
                    error = %chain(&error),
                    "a newer version of Tenure, or one with more inputs, has worked on this partition: it is left alone until it goes to one"
                );
                self.put_down(partition);
                self.again.remove(&partition);
                self.left_alone.insert(partition);
                self.shared.set_state(partition, State::LeftAlone);
                Ok(None)
            }
            // Others go on: it may stand at other models than they did.
            Err(Error::Models { what, .. }) if !self.partitions.is_empty() => {
                self.quarantine(partition, Quarantine::new(Cause::Models, None, what));
                Ok(None)
            }
            Err(error) => match quarantine_of(&error) {
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
        let topic = |at: &Position| self.shared.settings.outputs.inputs[at.input as usize].clone();
        tracing::error!(
            partition,
            cause = cause.code(),
            topic = at.as_ref().map(topic),
            offset = at.map(|at| at.offset),
            "partition {partition} is quarantined: {what}. All other partitions go on. `tenure state` shows what can be done: \
            {}",
            cause.actions().join(", ")
        );
        self.put_down(partition);
        self.again.remove(&partition);
        if self.epochs.contains_key(&partition) {
            self.quarantined.insert(partition);
            self.shared
                .set_state(partition, State::Quarantined(quarantine));
        }
    }

    /// Begins anew with partitions of which an operator has asked it.
    pub(super) fn recover(&mut self) {
        for partition in self.quarantined.clone() {
            let Some((action, at)) = self.shared.partitions.take_asked(partition) else {
                continue;
            };
            tracing::info!(
                partition,
                action = action.name(),
                "an operator has asked for it"
            );
            if let (Action::Skip, Some(at)) = (action, at) {
                self.skips.entry(partition).or_default().insert(at);
            }
            let again = Again {
                asked: Some((action, at)),
                search: None,
            };
            self.take_again(partition, again);
        }
    }

    /// Has the partition restored and read again from its last commit.
    pub(super) fn take_again(&mut self, partition: i32, again: Again) {
        let Some(epoch) = self.epochs.get(&partition) else {
            return;
        };
        self.shared.assignment.restart(partition, *epoch);
        self.quarantined.remove(&partition);
        self.again.insert(partition, again);
    }

    /// What comes of the polling thread's answer to that, as of an assignment.
    pub(super) fn begin_restore(&mut self, partition: i32, epoch: u64) {
        if !self.shared.assignment.is_current(partition, epoch) {
            return;
        }
        // It may be begun anew with all others of the process.
        self.put_down(partition);
        self.epochs.insert(partition, epoch);
        self.left_alone.remove(&partition);
        self.quarantined.remove(&partition);
        let asked = self.again.get(&partition).and_then(|again| again.asked);
        self.shared.set_state(partition, State::Restoring);
        self.restoring
            .push_back(Restore::new(partition, epoch, asked));
    }

    /// What is still looked for once the partition is restored.
    pub(super) fn search(&mut self, partition: i32) -> Option<Search> {
        self.again.remove(&partition)?.search
    }

    /// Whether processing panics as well without a record, when time goes to where that would have led: it is a timer's.
    pub(super) fn is_of_time(&self, partition: i32, reached: Watermark) -> Result<bool, Error> {
        let lateness = self.shared.settings.lateness;
        let Some(own) = self.partitions.get(&partition) else {
            return Ok(false);
        };
        let batch = Batch {
            advance: Some(EventTime(reached.0)),
            ..Batch::default()
        };
        let lineage = own.under.lineage();
        let store = self.world.store();
        let view = store.prefetch(lineage, key(partition), lateness, &own.progress, &batch)?;
        let applied = caught(|| apply(lineage, lateness, &own.progress, view, batch));
        Ok(applied.is_err())
    }

    /// After a panic with these many records, of which the first is at this position.
    pub(super) fn panicked(&mut self, partition: i32, records: usize, first: Option<Position>) {
        if records > 1 {
            tracing::error!(
                partition,
                records,
                "processing records panicked; looking for the one that makes it"
            );
            self.put_down(partition);
            let again = Again {
                asked: None,
                search: Some(Search::among(records)),
            };
            self.take_again(partition, again);
            return;
        }
        let (cause, what) = match first {
            Some(at) => (
                Cause::Record,
                format!(
                    "processing the record at offset {} of {} panics, which is a bug of Tenure: the log has the panic's own \
                    text. Run a version without the bug, or `skip` sends this record to the dead letters",
                    at.offset, self.shared.settings.outputs.inputs[at.input as usize]
                ),
            ),
            None => (
                Cause::Panic,
                "processing a timer or a change of models panics, which is a bug of Tenure: the log has the panic's own \
                text. Run a version without the bug"
                    .to_owned(),
            ),
        };
        self.quarantine(partition, Quarantine::new(cause, first, what));
    }

    /// Drops what is in hand of a partition that stays assigned.
    fn put_down(&mut self, partition: i32) {
        let was_held = !self.held.is_empty();
        self.held.retain(|planned| planned.partition != partition);
        if was_held && self.held.is_empty() {
            self.forget_held();
        }
        self.release(partition);
    }

    /// Forgets all that is known of a partition but what is on disk.
    pub(super) fn release(&mut self, partition: i32) {
        let was_restoring = self.restoring.len();
        self.restoring
            .retain(|restore| restore.partition != partition);
        if self.restoring.len() < was_restoring
            && let Err(error) = self.world.store().abandon_rebuild(key(partition))
        {
            // Whoever reads or writes there next hears of it too.
            tracing::warn!(partition, error = %chain(&error), "an unfinished rebuild is left on disk");
        }
        self.shared.restoring.done(partition);
        self.shared.customers.release(partition);
        if let Some(own) = self.partitions.remove(&partition) {
            self.shared
                .count_population(&own.under.models, &own.progress, -1);
            self.shared.forget(partition);
        }
    }
}

/// Whether a later version wrote what is there.
fn is_of_newer_version(error: &Error) -> bool {
    matches!(
        error,
        Error::Store(
            store::Error::Progress {
                source: Unusable::NewerFormat(_) | Unusable::FewerInputs { .. },
                ..
            } | store::Error::Corrupt {
                source: Corrupt::NewerFormat { .. },
                ..
            }
        )
    )
}

/// Why an error is one partition's alone; `None` where it is the whole process's.
fn quarantine_of(error: &Error) -> Option<Quarantine> {
    match error {
        Error::Disagreement { cause, what, .. } => {
            Some(Quarantine::new(*cause, None, what.clone()))
        }
        Error::Store(
            store::Error::Corrupt { .. }
            | store::Error::Progress {
                source: Unusable::Damaged,
                ..
            },
        ) => {
            let what = format!(
                "{}. `rebuild` builds the state from the changelog",
                chain(error)
            );
            Some(Quarantine::new(Cause::StateCorrupt, None, what))
        }
        Error::Store(_) | Error::Kafka(_) | Error::Models { .. } => None,
    }
}
