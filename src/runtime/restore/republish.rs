//! Writing the local state into a changelog that has lost it, because an operator has asked for that.
//!
//! Each transaction has some of the customers and the partition's progress as it stands, and is fenced as every commit
//! is. Until the last one the progress says that it is of a part: nobody goes on from that, and a start after a crash
//! begins again.
//!
//! Only a changelog that is empty, or has lost its beginning alone, is written to: then whatever offset another copy of
//! the state knows, all of this lies behind it. One that has lost its end has to be made anew first, since its offsets
//! come again, and a copy that knows one of them would read a part for the whole.

use super::position::Relation;
use super::{Error, RETRY_AFTER, Restore, key};
use crate::crash;
use crate::kafka::{self, Ends, Outgoing, Share};
use crate::partition::Progress;
use crate::runtime::mark::Mark;
use crate::runtime::partitions::Action;
use crate::runtime::report::{Shared, chain};
use crate::runtime::world::World;
use crate::store::Walk;

/// How far it has got.
#[derive(Debug)]
pub(super) struct Republishing {
    progress: Progress,
    walk: Walk,
    /// What is to be committed next.
    records: Vec<Outgoing>,
    /// Whether nothing comes after them.
    is_last: bool,
    /// Most records of a transaction: less after one that took too long.
    limit: usize,
    customers: u64,
    /// Where the changelog began.
    start: i64,
}

impl Restore {
    /// Whether an operator wants the changelog to be written anew, and it needs that.
    pub(super) fn is_to_be_republished<W: World>(
        &self,
        shared: &Shared,
        world: &W,
        relation: Relation,
        ends: Ends,
    ) -> Result<bool, Error> {
        Ok(self.has_to_republish(shared)
            && match relation {
                Relation::Nothing | Relation::Ahead => false,
                Relation::Other | Relation::Cut => true,
                Relation::Continues => self.is_cut(world, ends)?,
            })
    }

    /// Whether an operator has asked for it, at the start or since.
    pub(super) fn has_to_republish(&self, shared: &Shared) -> bool {
        shared.settings.recovery.republish || self.is_asked_for(Action::Republish)
    }

    /// Whether records were deleted from the beginning of the changelog that were not written again since.
    pub(super) fn is_cut<W: World>(&self, world: &W, ends: Ends) -> Result<bool, Error> {
        let written = world.store().whole_from(key(self.partition))?;
        Ok(ends.start > written.unwrap_or(0))
    }

    /// Begins with the first customers. For a state that is whole, and that nobody has gone further than.
    pub(super) fn begin_republishing<W: World>(
        &self,
        shared: &Shared,
        world: &W,
        progress: Progress,
        ends: Ends,
    ) -> Result<Republishing, Error> {
        let (partition, batch) = (self.partition, progress.batch);
        tracing::warn!(
            partition,
            batch,
            "writing the local state to the changelog, as asked for"
        );
        let store = world.store();
        store.abandon_rebuild(key(partition))?;
        let mut generations = Vec::new();
        let before = progress.generation.checked_sub(1);
        for number in before.into_iter().chain([progress.generation]) {
            generations.extend(store.generation(key(partition), number)?);
        }
        let mut republishing = Republishing {
            walk: store.walk(key(partition))?,
            records: shared.settings.outputs.generations(partition, &generations),
            progress,
            is_last: false,
            limit: usize::MAX,
            customers: 0,
            start: ends.start,
        };
        republishing.load(shared, world, partition)?;
        Ok(republishing)
    }

    /// Commits some customers. Whether they were the last.
    pub(super) fn republish<W: World>(
        &self,
        shared: &Shared,
        world: &mut W,
        republishing: &mut Republishing,
    ) -> Result<bool, Error> {
        // The membership first, then the epoch: the coordinator checks the member and its generation, but never who
        // owns a partition.
        let membership = world.membership();
        let is_own = shared.assignment.is_current(self.partition, self.epoch);
        let (Some(membership), true) = (membership, is_own) else {
            world.wait(RETRY_AFTER);
            return Ok(false);
        };
        let count = republishing.limit.min(republishing.records.len());
        let is_last = republishing.is_last && count == republishing.records.len();
        let share = self.share(shared, republishing, count, is_last);
        let offset = match world.transact(&[share], &membership) {
            Ok(committed) => committed.changelog_offsets.first().copied(),
            Err(error @ (kafka::Error::Abort { .. } | kafka::Error::Retry { .. })) => {
                if error.is_for_size() {
                    republishing.limit = (count / 2).max(1);
                }
                self.again(world, &error);
                return Ok(false);
            }
            // Committed or not: it is written once more, the same.
            Err(error @ kafka::Error::Indefinite { .. }) => {
                self.again(world, &error);
                if let Err(error) = world.renew() {
                    match error {
                        kafka::Error::Retry { .. } => self.again(world, &error),
                        other => return Err(other.into()),
                    }
                }
                return Ok(false);
            }
            Err(other) => return Err(other.into()),
        };
        crash::point("republished");
        republishing.records.drain(..count);
        if !is_last {
            if republishing.records.is_empty() {
                republishing.load(shared, world, self.partition)?;
            }
            return Ok(false);
        }
        let (partition, customers) = (self.partition, republishing.customers);
        let (offset, start) = (offset.unwrap_or(0), republishing.start);
        let store = world.store();
        store.set_republished(key(partition), offset, start, &shared.origin())?;
        tracing::warn!(partition, customers, "the changelog holds the state again");
        Ok(true)
    }

    fn share(
        &self,
        shared: &Shared,
        republishing: &Republishing,
        count: usize,
        is_last: bool,
    ) -> Share {
        let (settings, progress) = (&shared.settings, &republishing.progress);
        let mark = Mark {
            batch: progress.batch,
            writer: &shared.writer,
        };
        let mut records = republishing.records[..count].to_vec();
        let end = settings
            .outputs
            .progress(self.partition, progress, &settings.identity, !is_last);
        records.push(end);
        Share {
            partition: self.partition,
            metadata: mark.write(),
            offsets: progress.offsets.clone(),
            records,
        }
    }

    fn again<W: World>(&self, world: &W, error: &kafka::Error) {
        let partition = self.partition;
        tracing::warn!(partition, error = %chain(error), "a part of the state could not be written; trying again");
        world.wait(RETRY_AFTER);
    }
}

impl Republishing {
    fn load<W: World>(&mut self, shared: &Shared, world: &W, partition: i32) -> Result<(), Error> {
        let (states, is_last) = world.store().next_states(&mut self.walk)?;
        self.is_last = is_last;
        self.customers += states.len() as u64;
        let records = shared.settings.outputs.states(partition, states);
        self.records.extend(records);
        Ok(())
    }
}
