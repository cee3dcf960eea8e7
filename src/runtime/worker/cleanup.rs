//! Removes stale local state of partitions that other processes own. It is kept for when the partition is assigned here
//! again, as long as the changelog can continue it; after that it only takes up space.

use super::Worker;
use crate::runtime::offset_metadata::committed_batches;
use crate::runtime::restore::{Error, is_stale};
use crate::runtime::worker_io::WorkerIo;
use crate::store::store_partition;
use crate::telemetry::error_chain;
use crate::{kafka, store};

impl<W: WorkerIo> Worker<W> {
    /// Removes the state of one partition that another process has continued, if it is so old that it would be rebuilt
    /// when the partition is assigned here again. Only a later batch in the group's offsets proves that another process
    /// had a complete state to continue from: without it, this may be the only copy.
    pub(super) fn clean_up_stale_state(&mut self) -> Result<(), Error> {
        let Some(partition) = self.next_stale_partition()? else {
            return Ok(());
        };
        self.last_cleanup_checked = Some(partition);
        let local_batch = match self.context.progress(self.io.store(), store_partition(partition)) {
            Ok(Some(progress)) => progress.batch,
            // Of other models or settings: its batch is not known.
            Ok(None) | Err(store::Error::Unusable { .. }) => return Ok(()),
            Err(other) => return Err(other.into()),
        };
        let committed = match self.io.committed_offsets(partition) {
            Ok(committed) => committed,
            Err(error @ kafka::Error::Retry { .. }) => {
                tracing::debug!(partition, error = %error_chain(&error), "fetching the group's offsets failed; stale state is not removed for now");
                return Ok(());
            }
            Err(other) => return Err(other.into()),
        };
        if committed_batches(&committed).flatten().any(|batch| batch > local_batch) {
            self.io.store().clear(store_partition(partition))?;
            tracing::info!(
                partition,
                "another process has owned this partition for longer than delete.retention.ms of the changelog; \
                its state is removed here"
            );
        }
        Ok(())
    }

    /// The next partition, in order, that maps to this worker, is not assigned to it, and is stale on disk.
    fn next_stale_partition(&self) -> Result<Option<i32>, Error> {
        let store = self.io.store();
        let workers = self.context.settings.workers.max(1);
        let mut stale = Vec::new();
        for partition in store.partitions()? {
            let Ok(number) = i32::try_from(partition) else {
                continue;
            };
            let is_here = self.partitions.contains_key(&number)
                || self.deferred.contains(&number)
                || self.quarantined.contains(&number)
                || self.restarts.contains_key(&number)
                || self.restoring.iter().any(|it| it.partition == number);
            if partition as usize % workers == self.number
                && !is_here
                && is_stale(&self.context, &self.io, number)?
            {
                stale.push(number);
            }
        }
        let after = |partition: &&i32| Some(**partition) > self.last_cleanup_checked;
        Ok(stale.iter().find(after).or(stale.first()).copied())
    }
}
