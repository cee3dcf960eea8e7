//! Writes the local state to a changelog that has lost it, at an operator's request.
//!
//! Each transaction contains some of the customers and the current progress of the partition, and is fenced as every
//! commit is. Up to the last transaction the progress is marked partial: no process continues from a partial progress,
//! and a start after a crash republishes from the beginning.
//!
//! Only a changelog that is empty, or has lost only its beginning, is written to: then all of the new records lie behind
//! any offset that another copy of the state has stored. A changelog that has lost its end has to be deleted and created
//! first, since it assigns its lost offsets again: a copy at one of them would read a part as if it were the whole.

use super::error::Error;
use super::phase::{ChangelogRelation, PartitionRestore, RETRY_BACKOFF, Republishing};
use crate::crash;
use crate::kafka::{self, OffsetBounds, TransactionPart};
use crate::partition::Progress;
use crate::runtime::context::Context;
use crate::runtime::offset_metadata::OffsetMetadata;
use crate::runtime::quarantine::RecoveryAction;
use crate::runtime::worker_io::WorkerIo;
use crate::store::store_partition;
use crate::telemetry::error_chain;

impl PartitionRestore {
    /// Whether an operator has requested a republish, and the changelog needs it.
    pub(super) fn needs_republish<W: WorkerIo>(
        &self,
        context: &Context,
        io: &W,
        relation: ChangelogRelation,
        ends: OffsetBounds,
    ) -> Result<bool, Error> {
        Ok(self.is_republish_requested(context)
            && match relation {
                ChangelogRelation::NoLocalState | ChangelogRelation::LocalAhead => false,
                ChangelogRelation::OtherChangelog | ChangelogRelation::Truncated => true,
                ChangelogRelation::Continues => self.is_truncated(io, ends)?,
            })
    }

    /// Whether an operator has requested a republish, at the start (`--republish`) or since.
    pub(super) fn is_republish_requested(&self, context: &Context) -> bool {
        context.settings.recovery.republish || self.is_requested(RecoveryAction::Republish)
    }

    /// Whether records were deleted from the beginning of the changelog that were not republished since.
    pub(super) fn is_truncated<W: WorkerIo>(
        &self,
        io: &W,
        ends: OffsetBounds,
    ) -> Result<bool, Error> {
        let complete_from = io.store().complete_from(store_partition(self.partition))?;
        Ok(ends.start > complete_from.unwrap_or(0))
    }

    /// Begins with the first customers. The local state must be complete, and the latest of the group.
    pub(super) fn begin_republish<W: WorkerIo>(
        &self,
        context: &Context,
        io: &W,
        progress: Progress,
        ends: OffsetBounds,
    ) -> Result<Republishing, Error> {
        let (partition, batch) = (self.partition, progress.batch);
        tracing::warn!(
            partition,
            batch,
            "republishing the local state to the changelog, as requested"
        );
        let store = io.store();
        store.abandon_rebuild(store_partition(partition))?;
        let mut generations = Vec::new();
        // During a migration sweep, states of the previous generation remain.
        let previous = progress.generation.checked_sub(1);
        for number in previous.into_iter().chain([progress.generation]) {
            generations.extend(store.generation(store_partition(partition), number)?);
        }
        let mut republishing = Republishing {
            scan: store.begin_scan(store_partition(partition))?,
            records: context.settings.outputs.encode_generations(partition, &generations),
            progress,
            is_last: false,
            limit: usize::MAX,
            customers: 0,
            start: ends.start,
        };
        republishing.load_states(context, io, partition)?;
        Ok(republishing)
    }

    /// Commits some customers; returns whether they were the last.
    pub(super) fn republish<W: WorkerIo>(
        &self,
        context: &Context,
        io: &mut W,
        republishing: &mut Republishing,
    ) -> Result<bool, Error> {
        // The membership first, then the epoch: the coordinator checks the member and its group generation, but never
        // the owner of a partition.
        let membership = io.membership();
        let is_owned = context.assignment.is_current(self.partition, self.epoch);
        let (Some(membership), true) = (membership, is_owned) else {
            io.wait(RETRY_BACKOFF);
            return Ok(false);
        };
        let count = republishing.limit.min(republishing.records.len());
        let is_last = republishing.is_last && count == republishing.records.len();
        let part = self.transaction_part(context, republishing, count, is_last);
        let offset = match io.transact(&[part], &membership) {
            Ok(committed) => committed.changelog_offsets.first().copied(),
            Err(error @ (kafka::Error::Abort { .. } | kafka::Error::Retry { .. })) => {
                if error.is_delivery_failure() {
                    republishing.limit = (count / 2).max(1);
                }
                self.back_off(io, &error);
                return Ok(false);
            }
            // Whether it was committed or not, the same records are written again.
            Err(error @ kafka::Error::Indefinite { .. }) => {
                self.back_off(io, &error);
                if let Err(error) = io.renew_producer() {
                    match error {
                        kafka::Error::Retry { .. } => self.back_off(io, &error),
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
                republishing.load_states(context, io, self.partition)?;
            }
            return Ok(false);
        }
        let (partition, customers) = (self.partition, republishing.customers);
        let (offset, start) = (offset.unwrap_or(0), republishing.start);
        let store = io.store();
        store.record_republished(store_partition(partition), offset, start, &context.origin())?;
        tracing::warn!(partition, customers, "republished the local state to the changelog");
        Ok(true)
    }

    fn transaction_part(
        &self,
        context: &Context,
        republishing: &Republishing,
        count: usize,
        is_last: bool,
    ) -> TransactionPart {
        let (settings, progress) = (&context.settings, &republishing.progress);
        let metadata = OffsetMetadata { batch: progress.batch, writer_id: &context.writer_id };
        let mut records = republishing.records[..count].to_vec();
        records.push(settings.outputs.encode_progress(
            self.partition,
            progress,
            &settings.identity,
            !is_last,
        ));
        TransactionPart {
            partition: self.partition,
            metadata: metadata.encode(),
            offsets: progress.offsets.clone(),
            records,
        }
    }

    fn back_off<W: WorkerIo>(&self, io: &W, error: &kafka::Error) {
        let partition = self.partition;
        tracing::warn!(partition, error = %error_chain(error), "republishing a part of the state failed; retrying");
        io.wait(RETRY_BACKOFF);
    }
}

impl Republishing {
    fn load_states<W: WorkerIo>(
        &mut self,
        context: &Context,
        io: &W,
        partition: i32,
    ) -> Result<(), Error> {
        let (states, is_last) = io.store().next_states(&mut self.scan)?;
        self.is_last = is_last;
        self.customers += states.len() as u64;
        let records = context.settings.outputs.encode_states(partition, states);
        self.records.extend(records);
        Ok(())
    }
}
