//! Writing the local state into a changelog that has lost it, because an operator has asked for that.
//!
//! Each transaction has some of the customers and the partition's progress as it stands, and is fenced as every commit
//! is. Until the last one the progress says that it is of a part: nobody goes on from that, and a start after a crash
//! begins again.
//!
//! Only a changelog that is empty, or has lost its beginning alone, is written to: then whatever offset another copy of
//! the state knows, all of this lies behind it. One that has lost its end has to be made anew first, since its offsets
//! come again, and a copy that knows one of them would read a part for the whole.

use super::local_state::ChangelogRelation;
use super::{Error, PartitionRestore, RETRY_BACKOFF, store_partition};
use crate::crash;
use crate::kafka::{self, OffsetBounds, ProducerRecord, TransactionPart};
use crate::partition::Progress;
use crate::runtime::context::{Context, error_chain};
use crate::runtime::offset_metadata::OffsetMetadata;
use crate::runtime::partitions::RecoveryAction;
use crate::runtime::worker_io::WorkerIo;
use crate::store::CustomerScan;

/// How far it has got.
#[derive(Debug)]
pub(super) struct Republishing {
    progress: Progress,
    walk: CustomerScan,
    /// What is to be committed next.
    records: Vec<ProducerRecord>,
    /// Whether nothing comes after them.
    is_last: bool,
    /// Most records of a transaction: less after one that took too long.
    limit: usize,
    customers: u64,
    /// Where the changelog began.
    start: i64,
}

impl PartitionRestore {
    /// Whether an operator wants the changelog to be written anew, and it needs that.
    pub(super) fn needs_republish<W: WorkerIo>(
        &self,
        shared: &Context,
        world: &W,
        relation: ChangelogRelation,
        ends: OffsetBounds,
    ) -> Result<bool, Error> {
        Ok(self.is_republish_requested(shared)
            && match relation {
                ChangelogRelation::NoLocalState | ChangelogRelation::LocalAhead => false,
                ChangelogRelation::OtherChangelog | ChangelogRelation::Truncated => true,
                ChangelogRelation::Continues => self.is_truncated(world, ends)?,
            })
    }

    /// Whether an operator has asked for it, at the start or since.
    pub(super) fn is_republish_requested(&self, shared: &Context) -> bool {
        shared.settings.recovery.republish || self.is_requested(RecoveryAction::Republish)
    }

    /// Whether records were deleted from the beginning of the changelog that were not written again since.
    pub(super) fn is_truncated<W: WorkerIo>(
        &self,
        world: &W,
        ends: OffsetBounds,
    ) -> Result<bool, Error> {
        let written = world
            .store()
            .complete_from(store_partition(self.partition))?;
        Ok(ends.start > written.unwrap_or(0))
    }

    /// Begins with the first customers. For a state that is whole, and that nobody has gone further than.
    pub(super) fn begin_republish<W: WorkerIo>(
        &self,
        shared: &Context,
        world: &W,
        progress: Progress,
        ends: OffsetBounds,
    ) -> Result<Republishing, Error> {
        let (partition, batch) = (self.partition, progress.batch);
        tracing::warn!(
            partition,
            batch,
            "writing the local state to the changelog, as asked for"
        );
        let store = world.store();
        store.abandon_rebuild(store_partition(partition))?;
        let mut generations = Vec::new();
        let before = progress.generation.checked_sub(1);
        for number in before.into_iter().chain([progress.generation]) {
            generations.extend(store.generation(store_partition(partition), number)?);
        }
        let mut republishing = Republishing {
            walk: store.begin_scan(store_partition(partition))?,
            records: shared
                .settings
                .outputs
                .encode_generations(partition, &generations),
            progress,
            is_last: false,
            limit: usize::MAX,
            customers: 0,
            start: ends.start,
        };
        republishing.load_states(shared, world, partition)?;
        Ok(republishing)
    }

    /// Commits some customers. Whether they were the last.
    pub(super) fn republish<W: WorkerIo>(
        &self,
        shared: &Context,
        world: &mut W,
        republishing: &mut Republishing,
    ) -> Result<bool, Error> {
        // The membership first, then the epoch: the coordinator checks the member and its generation, but never who
        // owns a partition.
        let membership = world.membership();
        let is_own = shared.assignment.is_current(self.partition, self.epoch);
        let (Some(membership), true) = (membership, is_own) else {
            world.wait(RETRY_BACKOFF);
            return Ok(false);
        };
        let count = republishing.limit.min(republishing.records.len());
        let is_last = republishing.is_last && count == republishing.records.len();
        let share = self.share(shared, republishing, count, is_last);
        let offset = match world.transact(&[share], &membership) {
            Ok(committed) => committed.changelog_offsets.first().copied(),
            Err(error @ (kafka::Error::Abort { .. } | kafka::Error::Retry { .. })) => {
                if error.is_delivery_failure() {
                    republishing.limit = (count / 2).max(1);
                }
                self.back_off(world, &error);
                return Ok(false);
            }
            // Committed or not: it is written once more, the same.
            Err(error @ kafka::Error::Indefinite { .. }) => {
                self.back_off(world, &error);
                if let Err(error) = world.renew_producer() {
                    match error {
                        kafka::Error::Retry { .. } => self.back_off(world, &error),
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
                republishing.load_states(shared, world, self.partition)?;
            }
            return Ok(false);
        }
        let (partition, customers) = (self.partition, republishing.customers);
        let (offset, start) = (offset.unwrap_or(0), republishing.start);
        let store = world.store();
        store.record_republished(store_partition(partition), offset, start, &shared.origin())?;
        tracing::warn!(partition, customers, "the changelog holds the state again");
        Ok(true)
    }

    fn share(
        &self,
        shared: &Context,
        republishing: &Republishing,
        count: usize,
        is_last: bool,
    ) -> TransactionPart {
        let (settings, progress) = (&shared.settings, &republishing.progress);
        let mark = OffsetMetadata {
            batch: progress.batch,
            writer_id: &shared.writer_id,
        };
        let mut records = republishing.records[..count].to_vec();
        let end = settings.outputs.encode_progress(
            self.partition,
            progress,
            &settings.identity,
            !is_last,
        );
        records.push(end);
        TransactionPart {
            partition: self.partition,
            metadata: mark.encode(),
            offsets: progress.offsets.clone(),
            records,
        }
    }

    fn back_off<W: WorkerIo>(&self, world: &W, error: &kafka::Error) {
        let partition = self.partition;
        tracing::warn!(partition, error = %error_chain(error), "a part of the state could not be written; trying again");
        world.wait(RETRY_BACKOFF);
    }
}

impl Republishing {
    fn load_states<W: WorkerIo>(
        &mut self,
        shared: &Context,
        world: &W,
        partition: i32,
    ) -> Result<(), Error> {
        let (states, is_last) = world.store().next_states(&mut self.walk)?;
        self.is_last = is_last;
        self.customers += states.len() as u64;
        let records = shared.settings.outputs.encode_states(partition, states);
        self.records.extend(records);
        Ok(())
    }
}
