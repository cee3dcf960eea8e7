//! What is on disk of partitions that have gone to other processes. It is kept for when they come back, as long as the
//! changelog continues it; then it only takes up space.

use super::Worker;
use crate::runtime::context::error_chain;
use crate::runtime::offset_metadata::committed_batches;
use crate::runtime::restore::{Error, is_stale, store_partition};
use crate::runtime::worker_io::WorkerIo;
use crate::{kafka, store};

impl<W: WorkerIo> Worker<W> {
    /// Removes the state of one partition that another process has gone on with, if it is so old that it would be
    /// rebuilt should the partition come back. That somebody has gone on with it, from a state that was complete, is
    /// what a later batch in the group's offsets proves: before that, this may be the only copy there is.
    pub(super) fn clean_up_stale_state(&mut self) -> Result<(), Error> {
        let Some(partition) = self.next_stale_partition()? else {
            return Ok(());
        };
        self.last_cleanup_checked = Some(partition);
        let own = match self
            .context
            .progress(self.io.store(), store_partition(partition))
        {
            Ok(Some(progress)) => progress.batch,
            // Not of these models or settings: it is not known how far it is.
            Ok(None) | Err(store::Error::Unusable { .. }) => return Ok(()),
            Err(other) => return Err(other.into()),
        };
        let committed = match self.io.committed_offsets(partition) {
            Ok(committed) => committed,
            Err(error @ kafka::Error::Retry { .. }) => {
                tracing::debug!(partition, error = %error_chain(&error), "the group's offsets are not known for now");
                return Ok(());
            }
            Err(other) => return Err(other.into()),
        };
        if committed_batches(&committed)
            .flatten()
            .any(|batch| batch > own)
        {
            self.io.store().clear(store_partition(partition))?;
            tracing::info!(
                partition,
                "another process has gone on with this partition for longer than delete.retention.ms of the changelog: \
                its state is removed here"
            );
        }
        Ok(())
    }

    /// The next partition, in their order, that is this worker's by its number, not assigned, and old.
    fn next_stale_partition(&self) -> Result<Option<i32>, Error> {
        let store = self.io.store();
        let workers = self.context.settings.workers.max(1);
        let mut found = Vec::new();
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
                found.push(number);
            }
        }
        let after = |partition: &&i32| Some(**partition) > self.last_cleanup_checked;
        Ok(found.iter().find(after).or(found.first()).copied())
    }
}
