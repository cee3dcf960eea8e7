//! Writing the local state into a changelog that has lost it, because an operator has asked for that.
//!
//! Each step is a transaction with some of the customers and the partition's progress as it stands, fenced as every
//! commit is. Whoever is killed on the way leaves a changelog with fewer customers than its progress counts, from
//! which nobody goes on; the next start begins again, and writes the same.

use super::position::Relation;
use super::{Error, Offsets, RETRY_AFTER, Restore, key};
use crate::crash;
use crate::kafka::{self, Ends, Outgoing, Share};
use crate::partition::Progress;
use crate::runtime::mark::Mark;
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
    is_last: bool,
    customers: u64,
}

impl Restore {
    /// Whether an operator wants the changelog to be written anew, and it needs that.
    pub(super) fn is_to_be_republished<W: World>(
        &self,
        shared: &Shared,
        world: &W,
        relation: Relation,
        ends: Ends,
    ) -> bool {
        let is_needed = match relation {
            Relation::Nothing => false,
            Relation::Other | Relation::Ahead | Relation::Cut => true,
            Relation::Continues => ends.start > 0,
        };
        is_needed && shared.settings.republish && !world.store().is_republished(key(self.partition))
    }

    /// Begins with the first customers, where it is certain that nobody has gone further than this state.
    pub(super) fn begin_republishing<W: World>(
        &self,
        shared: &Shared,
        world: &W,
        progress: Progress,
        committed: &Offsets,
        ends: Ends,
    ) -> Result<Republishing, Error> {
        let mut is_proved = true;
        for found in committed {
            let mark = found
                .as_ref()
                .and_then(|(_, metadata)| Mark::read(metadata));
            match mark.map(|mark| mark.batch) {
                Some(batch) if batch == progress.batch => {}
                Some(_) => {
                    let what = "the state on disk is not the last one, and cannot be republished: another process has \
                                gone on. Republish where that one has its folder";
                    return Err(self.lost(shared, world, what, committed, ends));
                }
                None => is_proved = false,
            }
        }
        if !is_proved && ends.start < ends.end {
            let what = "the group's offsets do not prove that the state on disk is the last one, and the changelog has \
                        records: it is not overwritten. If it is of no use, delete and create it again";
            return Err(self.lost(shared, world, what, committed, ends));
        }
        let partition = self.partition;
        tracing::warn!(
            partition,
            batch = progress.batch,
            "writing the local state to the changelog, as asked for"
        );
        let store = world.store();
        let mut generations = Vec::new();
        for number in [
            progress.generation.checked_sub(1),
            Some(progress.generation),
        ] {
            let Some(number) = number else { continue };
            generations.extend(store.generation(key(partition), number)?);
        }
        let mut republishing = Republishing {
            walk: store.walk(key(partition))?,
            records: shared.settings.outputs.generations(partition, &generations),
            progress,
            is_last: false,
            customers: 0,
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
        let Some(membership) = world.membership() else {
            world.wait(RETRY_AFTER);
            return Ok(false);
        };
        let progress = &republishing.progress;
        let mark = Mark {
            batch: progress.batch,
            writer: &shared.writer,
        };
        let shares = [Share {
            partition: self.partition,
            metadata: mark.write(),
            offsets: progress.offsets.clone(),
            records: republishing.records.clone(),
        }];
        let offset = match world.transact(&shares, &membership) {
            Ok(committed) => committed.changelog_offsets.first().copied(),
            Err(error @ (kafka::Error::Abort { .. } | kafka::Error::Retry { .. })) => {
                self.again(world, &error);
                return Ok(false);
            }
            // Committed or not: it is written once more, the same.
            Err(error @ kafka::Error::Indefinite { .. }) => {
                self.again(world, &error);
                world.renew()?;
                return Ok(false);
            }
            Err(other) => return Err(other.into()),
        };
        crash::point("republished");
        if !republishing.is_last {
            republishing.records.clear();
            republishing.load(shared, world, self.partition)?;
            return Ok(false);
        }
        let origin = shared.topology.changelog_origin();
        let store = world.store();
        store.set_republished(key(self.partition), offset.unwrap_or(0), &origin)?;
        let (partition, customers) = (self.partition, republishing.customers);
        tracing::warn!(partition, customers, "the changelog holds the state again");
        Ok(true)
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
        let (outputs, identity) = (&shared.settings.outputs, &shared.settings.identity);
        let records = outputs.states(partition, states, &self.progress, identity);
        self.records.extend(records);
        Ok(())
    }
}
