//! Brings the local state of a partition to where the group's committed offsets say it is.
//!
//! Normally there is nothing to do, or the tail of the changelog that a crash left between the
//! transaction and the write to disk. State that is missing is rebuilt from the changelog; it is
//! never given up. Done in steps of bounded length, so that a worker's other partitions go on.
//!
//! The order matters: what is committed is asked for first, and stable; then how far the changelog
//! goes; then it is read that far. Markers of a transaction reach partitions one by one, so the end
//! that committed readers see may lie before a batch that is committed: it is waited for.

mod lost;
pub(super) mod outbox;
mod position;
mod reading;
mod replace;
mod republish;

use std::time::Duration;

use super::partitions::{Action, Cause};
use super::report::{Shared, chain};
use super::world::World;
use crate::event::Position;
use crate::kafka::{self, Ends};
use crate::partition::{LostRange, Progress};
use crate::store::{self, Counting};
pub(super) use position::is_stale;
use position::{Local, Relation, is_named};
use reading::{Reading, Target};
use replace::Lost;
use republish::Republishing;

/// Why a partition cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kafka.
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    /// The disk, or state of other models.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The loaded models or settings cannot take over from those that the state was made with.
    #[error("what is loaded does not take over the state of partition {partition}: {what}")]
    Models {
        /// The partition.
        partition: i32,
        /// Why, and what to do.
        what: String,
    },
    /// Kafka and the state disagree: a person has to look.
    #[error("partition {partition}: {what}")]
    Disagreement {
        /// The partition.
        partition: i32,
        /// What kind of disagreement.
        cause: Cause,
        /// What disagrees, and what to do.
        what: String,
    },
}

/// What a partition goes on with.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) progress: Progress,
    /// Whether a position has still to be committed.
    pub(super) fresh: bool,
    /// What the inputs have lost, as an operator has accepted.
    pub(super) lost: Vec<LostRange>,
}

/// A partition on its way to being worked on.
#[derive(Debug)]
pub(super) struct Restore {
    pub(super) partition: i32,
    pub(super) epoch: u64,
    phase: Phase,
    /// Looks since something last went on. Counted, not timed: a process that was stopped for a
    /// while has not waited in vain.
    looks: u32,
    records: u64,
    /// Whether the changelog was written anew behind the local state.
    is_rewritten: bool,
    /// What an operator has asked for, and the record that it is about.
    asked: Option<(Action, Option<Position>)>,
}

/// What comes of having read the changelog.
enum Finished {
    Restored(Restored),
    /// Something else has to be done first.
    Goes(Phase),
}

type Offsets = Vec<Option<(i64, String)>>;

#[derive(Debug)]
enum Phase {
    Asking,
    /// Until it is known whether everybody is on disk.
    Counting(Offsets, Ends, Counting),
    /// Until committed readers are shown the changelog up to its end.
    Waiting(Offsets, Ends, Local),
    Reading(Offsets, Reading),
    /// An operator has the local state written to the changelog.
    Republishing(Box<Republishing>),
}

/// Looks at an open transaction; its producer may be dead, but then it ends after its timeout.
/// Half a minute, twice that timeout.
const LOOKS_MAX: u32 = 600;
/// Time between two of them.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Wait after a failure that passes by itself.
const RETRY_AFTER: Duration = Duration::from_millis(200);

impl Restore {
    pub(super) fn new(
        partition: i32,
        epoch: u64,
        asked: Option<(Action, Option<Position>)>,
    ) -> Restore {
        Restore {
            partition,
            epoch,
            phase: Phase::Asking,
            looks: 0,
            records: 0,
            is_rewritten: false,
            asked,
        }
    }

    fn is_asked_for(&self, action: Action) -> bool {
        self.asked.is_some_and(|(asked, _)| asked == action)
    }

    /// A step of bounded length; `Some` after the last.
    pub(super) fn step<W: World>(
        &mut self,
        shared: &Shared,
        world: &mut W,
    ) -> Result<Option<Restored>, Error> {
        match self.try_step(shared, world) {
            Err(Error::Kafka(error @ kafka::Error::Retry { .. })) => {
                let partition = self.partition;
                tracing::warn!(partition, error = %chain(&error), "restoring failed for now");
                world.wait(RETRY_AFTER);
                Ok(None)
            }
            Err(Error::Kafka(error @ kafka::Error::OutOfRange { .. })) => {
                let partition = self.partition;
                tracing::warn!(partition, error = %chain(&error), "the changelog was cut while it was read; beginning anew");
                self.phase = Phase::Asking;
                world.wait(RETRY_AFTER);
                Ok(None)
            }
            Err(Error::Kafka(error @ kafka::Error::Damaged { .. })) => {
                let changelog = &shared.settings.outputs.changelog;
                Err(self.disagreement(&format!("{changelog} cannot be read: {}", chain(&error))))
            }
            other => other,
        }
    }

    fn try_step<W: World>(
        &mut self,
        shared: &Shared,
        world: &mut W,
    ) -> Result<Option<Restored>, Error> {
        match std::mem::replace(&mut self.phase, Phase::Asking) {
            Phase::Asking => {
                self.looks = 0;
                self.phase = self.ask(shared, world)?;
                Ok(None)
            }
            Phase::Counting(committed, ends, mut counting) => {
                self.phase = match world.store().count(&mut counting)? {
                    None => Phase::Counting(committed, ends, counting),
                    Some(found) => {
                        let local = self.counted(shared, world, found)?;
                        self.compare(shared, world, committed, ends, local)?
                    }
                };
                Ok(None)
            }
            Phase::Waiting(committed, ends, local) => {
                let now = world.changelog_ends(self.partition)?;
                self.phase = match now.stable >= ends.end {
                    true => {
                        let reading = self.begin(shared, world, ends, local)?;
                        Phase::Reading(committed, reading)
                    }
                    false => self.wait(shared, world, committed, ends, local)?,
                };
                Ok(None)
            }
            Phase::Republishing(mut republishing) => {
                if !self.republish(shared, world, &mut republishing)? {
                    self.phase = Phase::Republishing(republishing);
                }
                Ok(None)
            }
            Phase::Reading(committed, mut reading) if reading.position < reading.end => {
                let read = self.read(shared, world, &committed, &mut reading);
                self.is_rewritten |= reading.is_rewritten;
                if !reading.is_rewritten {
                    self.phase = Phase::Reading(committed, reading);
                }
                read.map(|()| None)
            }
            Phase::Reading(committed, mut reading) => {
                if !reading.is_armed(world)? {
                    self.phase = Phase::Reading(committed, reading);
                    return Ok(None);
                }
                match self.finish(shared, world, &committed, reading) {
                    // Somebody else has gone on meanwhile, and compaction may have taken away what
                    // was to be read: the partition is about to be revoked here.
                    Err(Error::Disagreement { .. })
                        if world.committed(self.partition)? != committed =>
                    {
                        world.wait(RETRY_AFTER);
                        Ok(None)
                    }
                    Ok(Finished::Restored(restored)) => Ok(Some(restored)),
                    Ok(Finished::Goes(phase)) => {
                        self.phase = phase;
                        Ok(None)
                    }
                    Err(error) => Err(error),
                }
            }
        }
    }

    fn ask<W: World>(&self, shared: &Shared, world: &W) -> Result<Phase, Error> {
        let committed = world.committed(self.partition)?;
        let ends = world.changelog_ends(self.partition)?;
        if self.is_asked_for(Action::Rebuild) {
            return Ok(Phase::Waiting(committed, ends, Local::Unknown));
        }
        match self.local(shared, world)? {
            Local::Uncounted => {
                let counting = world.store().begin_counting(key(self.partition))?;
                Ok(Phase::Counting(committed, ends, counting))
            }
            local => self.compare(shared, world, committed, ends, local),
        }
    }

    /// What is to be done about the local state.
    fn compare<W: World>(
        &self,
        shared: &Shared,
        world: &W,
        committed: Offsets,
        ends: Ends,
        local: Local,
    ) -> Result<Phase, Error> {
        let relation = self.relation(shared, world, ends)?;
        let is_last = self.is_last(shared, world, &committed, local)?;
        // Another changelog is read first: it may be whole, or another deployment's.
        if relation != Relation::Other
            && is_last
            && let Some(phase) = self.republishing(shared, world, &committed, ends, false)?
        {
            return Ok(phase);
        }
        // What it says of its own batch counts, also where records of the changelog are gone.
        let is_comparable = matches!(relation, Relation::Continues | Relation::Cut);
        Ok(match is_comparable && is_last {
            true => {
                if self.is_cut(world, ends)? {
                    shared.changelog_is_cut(self.partition, ends.start);
                }
                Phase::Reading(committed, self.nothing_to_read(shared, ends))
            }
            false => Phase::Waiting(committed, ends, local),
        })
    }

    /// Begins to write the local state to the changelog, where that is asked for, needed, and certain to be right: nobody
    /// has gone further, as the group's offsets prove, or else a changelog that was found empty.
    fn republishing<W: World>(
        &self,
        shared: &Shared,
        world: &W,
        committed: &Offsets,
        ends: Ends,
        is_empty: bool,
    ) -> Result<Option<Phase>, Error> {
        let relation = self.relation(shared, world, ends)?;
        if !self.is_to_be_republished(shared, world, relation, ends)?
            || !world.store().is_known_whole(key(self.partition))
        {
            return Ok(None);
        }
        let progress = shared.progress(world.store(), key(self.partition))?;
        match progress.filter(|progress| is_named(progress, committed, is_empty)) {
            None => Ok(None),
            Some(progress) => {
                let begun = self.begin_republishing(shared, world, progress, ends)?;
                Ok(Some(Phase::Republishing(Box::new(begun))))
            }
        }
    }

    fn wait<W: World>(
        &mut self,
        shared: &Shared,
        world: &W,
        committed: Offsets,
        ends: Ends,
        local: Local,
    ) -> Result<Phase, Error> {
        self.looks += 1;
        if self.looks > LOOKS_MAX {
            return Err(self.disagreement(&format!(
                "a transaction in {} partition {} does not end; find it with kafka-transactions.sh find-hanging, abort it, \
                and `retry`",
                shared.settings.outputs.changelog, self.partition
            )));
        }
        world.wait(LOOK_EVERY);
        Ok(Phase::Waiting(committed, ends, local))
    }

    fn finish<W: World>(
        &self,
        shared: &Shared,
        world: &mut W,
        committed: &Offsets,
        reading: Reading,
    ) -> Result<Finished, Error> {
        let ends = reading.ends();
        let has_caught_up = matches!(reading.into, Target::Old(_));
        if let Some(Lost { what, is_free }) = self.replace(shared, world, committed, reading)? {
            if is_free
                && let Some(phase) = self.republishing(shared, world, committed, ends, true)?
            {
                return Ok(Finished::Goes(phase));
            }
            let refused = match self.has_to_republish(shared) {
                true => {
                    ". The state on disk was not written to it, since it lacks customers, is not the last one or the \
                         changelog has records"
                }
                false => "",
            };
            return Err(self.lost(shared, world, &format!("{what}{refused}"), committed, ends));
        }
        let is_empty = ends.start == ends.end;
        if has_caught_up
            && let Some(phase) = self.republishing(shared, world, committed, ends, is_empty)?
        {
            return Ok(Finished::Goes(phase));
        }
        shared.restoring.done(self.partition);
        if self.records > 0 {
            let (partition, records) = (self.partition, self.records);
            tracing::info!(partition, records, "state restored from the changelog");
        }
        match shared.progress(world.store(), key(self.partition))? {
            None if committed.iter().all(Option::is_none) => Ok(Finished::Restored(Restored {
                progress: self.first_progress(shared, world)?,
                fresh: true,
                lost: Vec::new(),
            })),
            None => Err(self.disagreement(
                "the group has committed offsets, but the changelog is empty, and there is no local state. Was it \
                deleted? A process that has the state in its folder has to get this partition and `republish` it. To \
                begin anew, delete the group's offsets too, and `retry`",
            )),
            Some(mut progress) => {
                let fresh = self.check(shared, &progress, committed)?;
                self.add_inputs(shared, world, &mut progress)?;
                let lost = self.check_inputs(shared, world, &progress)?;
                Ok(Finished::Restored(Restored {
                    progress,
                    fresh,
                    lost,
                }))
            }
        }
    }

    fn disagreement(&self, what: &str) -> Error {
        Error::Disagreement {
            partition: self.partition,
            cause: Cause::StateMismatch,
            what: what.to_owned(),
        }
    }
}

/// A partition as the store knows it.
pub(super) fn key(partition: i32) -> u32 {
    u32::try_from(partition).unwrap_or(u32::MAX)
}
