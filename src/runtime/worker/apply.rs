//! Applies each partition's pending records with the pure core; the results are the commits of one transaction.

use super::Worker;
use super::budget::{self, BatchLimit};
use super::panic_search::{PanicSearch, catch_panic};
use super::pending_commit::PendingCommit;
use crate::crash;
use crate::event;
use crate::partition::{Batch, apply};
use crate::runtime::restore::Error;
use crate::runtime::worker_io::WorkerIo;
use crate::store::store_partition;

impl<W: WorkerIo> Worker<W> {
    pub(super) fn apply(&mut self) -> Result<Vec<PendingCommit>, Error> {
        let limit = self.batch_limit();
        let partitions: Vec<i32> = self.partitions.keys().copied().collect();
        let mut commits = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let pending = self.apply_partition(partition, limit);
            commits.extend(self.quarantine_on_error(partition, pending)?.flatten());
        }
        Ok(commits)
    }

    /// `None` where the partition has nothing to commit, or where applying its records panics.
    fn apply_partition(
        &mut self,
        partition: i32,
        limit: BatchLimit,
    ) -> Result<Option<PendingCommit>, Error> {
        let lateness = self.context.settings.lateness;
        let Some(owned) = self.partitions.get_mut(&partition) else {
            return Ok(None);
        };
        let queued = owned.records.len();
        let searched = owned.search.map_or(limit.records, PanicSearch::limit);
        let records = budget::take_records(&mut owned.records, searched.min(limit.records));
        // The idle step of the watermark follows the last pending record.
        let is_last = owned.records.is_empty();
        let advance = owned.idle.advance.take_if(|_| is_last);
        let bytes = budget::proportional_bytes(owned.bytes, records.len(), queued);
        let batch = Batch { lost: owned.lost.clone(), records, advance_to: advance };
        if batch.records.is_empty() && batch.advance_to.is_none() && !owned.must_commit {
            return Ok(None);
        }
        owned.bytes -= bytes;
        let generations = owned.models.generations();
        let started = self.io.uptime();
        let view = self.io.store().prefetch_limited(
            generations,
            store_partition(partition),
            lateness,
            &owned.progress,
            &batch,
            limit.transitions,
        )?;
        let took = self.io.uptime().saturating_sub(started);
        self.context.metrics.store.read_seconds.observe(took.as_secs_f64());
        let reached = batch.watermark(owned.progress.watermark, lateness);
        let records = batch.records.len();
        let first = batch.records.first().map(|record| record.position);
        let applied = catch_panic(|| {
            for record in batch.records.iter().filter(|it| it.content.is_ok()) {
                let event::Position { input, offset } = record.position;
                crash::panic_at("apply", input, partition, offset);
            }
            apply(generations, lateness, &owned.progress, view, batch)
        });
        let Ok(commit) = applied else {
            // A single record is only blamed if the timers that are due with it do not panic without it.
            let first = match records {
                1 if self.is_timer_panic(partition, reached)? => None,
                _ => first,
            };
            self.handle_panic(partition, records, first);
            return Ok(None);
        };
        Ok(Some(PendingCommit {
            partition,
            epoch: owned.epoch,
            models: owned.models.clone(),
            generation: owned.generation.take(),
            commit,
            advance,
            bytes,
            changelog_offset: None,
        }))
    }
}
