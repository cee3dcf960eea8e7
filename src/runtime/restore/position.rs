//! Where a partition stands: by its progress, by the group's offsets, by what the inputs still hold.

use super::{Error, Offsets, Restore, key};
use crate::event::Position;
use crate::kafka::Ends;
use crate::partition::{LostRange, Progress};
use crate::runtime::mark::{Mark, batches};
use crate::runtime::partitions::{Action, Cause};
use crate::runtime::report::Shared;
use crate::runtime::world::World;
use crate::store;

/// What the disk has of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Local {
    /// Nothing of which it is known how many there should be.
    Unknown,
    /// Whether everybody is there is not known yet. RocksDB does not notice all that a disk can lose, as the end
    /// of its list of files.
    Uncounted,
    /// Everybody whom the progress counts.
    Whole,
    /// Others than the progress counts.
    Incomplete,
}

/// How the changelog goes on from the local state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// There is none.
    Nothing,
    /// It is another changelog.
    Other,
    /// It ends before.
    Ahead,
    /// It begins after.
    Cut,
    /// From the offset that the local state knows.
    Continues,
}

/// Whether tombstones may have been compacted away that the local state has not seen: it would
/// bring back who was deleted.
pub(in crate::runtime) fn is_stale<W: World>(
    shared: &Shared,
    world: &W,
    partition: i32,
) -> Result<bool, Error> {
    let seen = world.store().seen(key(partition))?;
    let (Some(seen), Some(kept)) = (seen, shared.topology.tombstones_kept) else {
        return Ok(false);
    };
    Ok(world.wall().since(seen) > kept)
}

/// Whether all committed offsets name the batch that a progress ends with, but for those that name none, where `or_none`.
pub(super) fn is_named(progress: &Progress, committed: &Offsets, or_none: bool) -> bool {
    // Of inputs that were added since nothing is committed.
    let known = batches(committed).take(progress.offsets.len());
    known.into_iter().all(|batch| match batch {
        Some(batch) => batch == progress.batch,
        None => or_none,
    })
}

impl Restore {
    pub(super) fn relation<W: World>(
        &self,
        shared: &Shared,
        world: &W,
        ends: Ends,
    ) -> Result<Relation, Error> {
        let (store, partition) = (world.store(), key(self.partition));
        let Some(known) = store.changelog_offset(partition)? else {
            return Ok(Relation::Nothing);
        };
        let is_other = |origin: String| !shared.is_origin(&origin);
        Ok(
            match self.is_rewritten || store.origin(partition)?.is_some_and(is_other) {
                true => Relation::Other,
                false if known > ends.end => Relation::Ahead,
                false if known < ends.start => Relation::Cut,
                false => Relation::Continues,
            },
        )
    }

    /// What the disk has, as far as it can be told at once.
    pub(super) fn local<W: World>(&self, shared: &Shared, world: &W) -> Result<Local, Error> {
        let (store, partition) = (world.store(), key(self.partition));
        match shared.progress(store, partition) {
            Ok(Some(_)) if store.is_known_whole(partition) => Ok(Local::Whole),
            Ok(Some(_)) => Ok(Local::Uncounted),
            Ok(None) | Err(store::Error::Progress { .. }) => Ok(Local::Unknown),
            Err(other) => Err(other.into()),
        }
    }

    /// The same, once it is known how many there are.
    pub(super) fn counted<W: World>(
        &self,
        shared: &Shared,
        world: &W,
        found: u64,
    ) -> Result<Local, Error> {
        let (store, partition) = (world.store(), key(self.partition));
        let expected = shared.progress(store, partition)?.map(|it| it.customers());
        if expected.is_some_and(|expected| expected != found) {
            return Ok(Local::Incomplete);
        }
        store.set_whole(partition);
        Ok(Local::Whole)
    }

    /// Whether the batch that the local state ends with is the last one that was committed: then
    /// nothing but markers can be left in the changelog.
    pub(super) fn is_last<W: World>(
        &self,
        shared: &Shared,
        world: &W,
        committed: &Offsets,
        local: Local,
    ) -> Result<bool, Error> {
        if local != Local::Whole {
            return Ok(false);
        }
        match shared.progress(world.store(), key(self.partition)) {
            Ok(Some(progress)) => Ok(is_named(&progress, committed, false)),
            // Of other models: what the changelog says counts.
            Ok(None) | Err(store::Error::Progress { .. }) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    /// The first position: where each input begins.
    pub(super) fn first_progress<W: World>(
        &self,
        shared: &Shared,
        world: &W,
    ) -> Result<Progress, Error> {
        let mut progress = Progress::new(&shared.models, 0);
        self.add_inputs(shared, world, &mut progress)?;
        Ok(progress)
    }

    /// A changelog is one deployment's: two would take each other's states for their own.
    pub(super) fn check_app(&self, shared: &Shared, app: &str) -> Result<(), Error> {
        let settings = &shared.settings;
        if app == settings.outputs.app || settings.recovery.take_over.as_deref() == Some(app) {
            return Ok(());
        }
        Err(self.disagreement(&format!(
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
        committed: &Offsets,
    ) -> Result<(), Error> {
        // Then the changelog counts, whichever batch the group names.
        if self.is_asked_for(Action::Rebuild) {
            return Ok(());
        }
        let mut others = batches(committed).flatten();
        match others.find(|batch| *batch != progress.batch) {
            None => Ok(()),
            Some(batch) => Err(self.disagreement(&format!(
                "the changelog ends with batch {}, the group's offsets with {batch}; somebody has changed one of them. \
                `rebuild` goes on from what the changelog holds: what was committed after it is read and produced again, under \
                the same ids",
                progress.batch
            ))),
        }
    }

    /// Progress and committed offsets must name the same batch. Progress is the authority: whether the group has to be
    /// told anew.
    pub(super) fn check(
        &self,
        shared: &Shared,
        progress: &Progress,
        committed: &Offsets,
    ) -> Result<bool, Error> {
        self.check_batch(progress, committed)?;
        let mut tell = false;
        for (found, offset) in committed.iter().zip(&progress.offsets) {
            let mark = found.as_ref().map(|(_, metadata)| Mark::read(metadata));
            match (mark, found) {
                (Some(Some(_)), Some((found, _))) if found == offset => {}
                (None, _) => {
                    tell = true;
                    shared.offsets_found(self.partition, "missing");
                }
                _ => {
                    tell = true;
                    shared.offsets_found(self.partition, "foreign");
                }
            }
        }
        Ok(tell)
    }

    /// Inputs that were added since are read from their beginning.
    pub(super) fn add_inputs<W: World>(
        &self,
        shared: &Shared,
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
    pub(super) fn check_inputs<W: World>(
        &self,
        shared: &Shared,
        world: &W,
        progress: &Progress,
    ) -> Result<Vec<LostRange>, Error> {
        let (mut lost, mut told) = (Vec::new(), Vec::new());
        for (input, from) in (0..).zip(&progress.offsets) {
            let Ends { start, end, .. } = world.input_ends(input, self.partition)?;
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
                    if let Some((Action::AcceptLoss(Some(to)), Some(at))) = self.asked
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
        if !told.is_empty() && !self.is_asked_for(Action::AcceptLoss(None)) {
            return Err(Error::Disagreement {
                partition: self.partition,
                cause: Cause::InputLost,
                what: told.join("; "),
            });
        }
        Ok(lost)
    }
}
