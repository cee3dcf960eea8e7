//! From records to a commit: the pure core, one partition after the other.

use super::budget::{self, BatchLimit};
use super::quarantine::{PanicSearch, catch_panic};
use super::{PendingCommit, Worker};
use crate::crash;
use crate::event;
use crate::partition::{Batch, apply};
use crate::runtime::restore::{Error, store_partition};
use crate::runtime::worker_io::WorkerIo;

impl<W: WorkerIo> Worker<W> {
    /// The pure core, over what was prefetched for it.
    pub(super) fn apply(&mut self) -> Result<Vec<PendingCommit>, Error> {
        let share = self.batch_limit();
        let partitions: Vec<i32> = self.partitions.keys().copied().collect();
        let mut commits = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let planned = self.apply_partition(partition, share);
            commits.extend(self.quarantine_on_error(partition, planned)?.flatten());
        }
        Ok(commits)
    }

    /// The same for one partition; `None` where it has nothing to commit, or that panics.
    fn apply_partition(
        &mut self,
        partition: i32,
        share: BatchLimit,
    ) -> Result<Option<PendingCommit>, Error> {
        let lateness = self.context.settings.lateness;
        let Some(own) = self.partitions.get_mut(&partition) else {
            return Ok(None);
        };
        let all = own.records.len();
        let most = own.search.map_or(share.records, PanicSearch::limit);
        let records = budget::take_records(&mut own.records, most.min(share.records));
        let is_last = own.records.is_empty();
        let advance = own.idle.advance.take_if(|_| is_last);
        let bytes = budget::proportional_bytes(own.bytes, records.len(), all);
        let batch = Batch {
            lost: own.lost.clone(),
            records,
            advance_to: advance,
        };
        if batch.records.is_empty() && batch.advance_to.is_none() && !own.must_commit {
            return Ok(None);
        }
        own.bytes -= bytes;
        let lineage = own.models.generations();
        let view = self.io.store().prefetch_limited(
            lineage,
            store_partition(partition),
            lateness,
            &own.progress,
            &batch,
            share.transitions,
        )?;
        let reached = batch.watermark(own.progress.watermark, lateness);
        let (records, first) = (batch.records.len(), batch.records.first());
        let first = first.map(|record| record.position);
        let applied = catch_panic(|| {
            for record in batch.records.iter().filter(|it| it.content.is_ok()) {
                let event::Position { input, offset } = record.position;
                crash::panic_at("apply", input, partition, offset);
            }
            apply(lineage, lateness, &own.progress, view, batch)
        });
        let Ok(commit) = applied else {
            let first = match records {
                1 if self.is_timer_panic(partition, reached)? => None,
                _ => first,
            };
            self.handle_panic(partition, records, first);
            return Ok(None);
        };
        Ok(Some(PendingCommit {
            partition,
            epoch: own.epoch,
            models: own.models.clone(),
            generation: own.generation.take(),
            commit,
            advance,
            bytes,
            changelog_offset: None,
        }))
    }
}
