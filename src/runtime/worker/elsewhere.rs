//! What is on disk of partitions that have gone to other processes. It is kept for when they come back, as long as the
//! changelog continues it; then it only takes up space.

use super::Worker;
use crate::runtime::mark::batches;
use crate::runtime::report::chain;
use crate::runtime::restore::{Error, is_stale, key};
use crate::runtime::world::World;
use crate::{kafka, store};

impl<W: World> Worker<W> {
    /// Removes the state of one partition that another process has gone on with, if it is so old that it would be
    /// rebuilt should the partition come back. That somebody has gone on with it, from a state that was complete, is
    /// what a later batch in the group's offsets proves: before that, this may be the only copy there is.
    pub(super) fn remove_what_is_elsewhere(&mut self) -> Result<(), Error> {
        let Some(partition) = self.next_elsewhere()? else {
            return Ok(());
        };
        self.looked_elsewhere = Some(partition);
        let own = match self.shared.progress(self.world.store(), key(partition)) {
            Ok(Some(progress)) => progress.batch,
            // Not of these models or settings: it is not known how far it is.
            Ok(None) | Err(store::Error::Progress { .. }) => return Ok(()),
            Err(other) => return Err(other.into()),
        };
        let committed = match self.world.committed(partition) {
            Ok(committed) => committed,
            Err(error @ kafka::Error::Retry { .. }) => {
                tracing::debug!(partition, error = %chain(&error), "the group's offsets are not known for now");
                return Ok(());
            }
            Err(other) => return Err(other.into()),
        };
        if batches(&committed).flatten().any(|batch| batch > own) {
            self.world.store().clear(key(partition))?;
            tracing::info!(
                partition,
                "another process has gone on with this partition for longer than delete.retention.ms of the changelog: \
                its state is removed here"
            );
        }
        Ok(())
    }

    /// The next partition, in their order, that is this worker's by its number, not assigned, and old.
    fn next_elsewhere(&self) -> Result<Option<i32>, Error> {
        let store = self.world.store();
        let workers = self.shared.settings.workers.max(1);
        let mut found = Vec::new();
        for partition in store.partitions()? {
            let Ok(number) = i32::try_from(partition) else {
                continue;
            };
            let is_here = self.partitions.contains_key(&number)
                || self.left_alone.contains(&number)
                || self.quarantined.contains(&number)
                || self.again.contains_key(&number)
                || self.restoring.iter().any(|it| it.partition == number);
            if partition as usize % workers == self.number
                && !is_here
                && is_stale(&self.shared, &self.world, number)?
            {
                found.push(number);
            }
        }
        let after = |partition: &&i32| Some(**partition) > self.looked_elsewhere;
        Ok(found.iter().find(after).or(found.first()).copied())
    }
}
