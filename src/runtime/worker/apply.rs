//! From records to a commit: the pure core, one partition after the other.

use super::budget::{self, Share};
use super::quarantine::{Search, caught};
use super::{Planned, Worker};
use crate::crash;
use crate::event;
use crate::partition::{Batch, apply};
use crate::runtime::restore::{Error, key};
use crate::runtime::world::World;

impl<W: World> Worker<W> {
    /// The pure core, over what was prefetched for it.
    pub(super) fn apply(&mut self) -> Result<Vec<Planned>, Error> {
        let share = self.share();
        let partitions: Vec<i32> = self.partitions.keys().copied().collect();
        let mut commits = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let planned = self.apply_to(partition, share);
            commits.extend(self.contain(partition, planned)?.flatten());
        }
        Ok(commits)
    }

    /// The same for one partition; `None` where it has nothing to commit, or that panics.
    fn apply_to(&mut self, partition: i32, share: Share) -> Result<Option<Planned>, Error> {
        let lateness = self.shared.settings.lateness;
        let Some(own) = self.partitions.get_mut(&partition) else {
            return Ok(None);
        };
        let all = own.records.len();
        let most = own.search.map_or(share.records, Search::limit);
        let records = budget::split(&mut own.records, most.min(share.records));
        let is_last = own.records.is_empty();
        let advance = own.idle.advance.take_if(|_| is_last);
        let bytes = budget::part(own.bytes, records.len(), all);
        let batch = Batch {
            lost: own.lost.clone(),
            records,
            advance,
        };
        if batch.records.is_empty() && batch.advance.is_none() && !own.pending {
            return Ok(None);
        }
        own.bytes -= bytes;
        let lineage = own.under.lineage();
        let view = self.world.store().prefetch_for(
            lineage,
            key(partition),
            lateness,
            &own.progress,
            &batch,
            share.transitions,
        )?;
        let reached = batch.watermark(own.progress.watermark, lateness);
        let (records, first) = (batch.records.len(), batch.records.first());
        let first = first.map(|record| record.position);
        let applied = caught(|| {
            for record in batch.records.iter().filter(|it| it.content.is_ok()) {
                let event::Position { input, offset } = record.position;
                crash::panic_at("apply", input, partition, offset);
            }
            apply(lineage, lateness, &own.progress, view, batch)
        });
        let Ok(commit) = applied else {
            let first = match records {
                1 if self.is_of_time(partition, reached)? => None,
                _ => first,
            };
            self.panicked(partition, records, first);
            return Ok(None);
        };
        Ok(Some(Planned {
            partition,
            epoch: own.epoch,
            under: own.under.clone(),
            generation: own.generation.take(),
            commit,
            advance,
            bytes,
            changelog_offset: None,
        }))
    }
}
