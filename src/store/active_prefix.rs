//! The active one of the two key prefixes of a partition contains its state. A replacement is built under the other
//! prefix and the old state is deleted only when both switch, so that one complete state always exists.

use std::sync::{MutexGuard, PoisonError};

use super::engine::{BatchWriter, Family, StorageEngine};
use super::key::Prefix;
use super::partition_cache::PartitionCache;
use super::{Error, Store, key};

impl<E: StorageEngine> Store<E> {
    /// Whether a partition was found to have all customers since the store was opened. One check per start is
    /// enough: data that is lost later causes an error when it is read.
    pub(crate) fn is_known_complete(&self, partition: u32) -> bool {
        self.lock_cache().complete.contains(&partition)
    }

    pub(crate) fn mark_complete(&self, partition: u32) {
        self.lock_cache().complete.insert(partition);
    }

    /// The start offset of a partition's changelog when the changelog last had all customers.
    pub(crate) fn complete_from(&self, partition: u32) -> Result<Option<i64>, Error> {
        self.get_meta_number(key::complete_from(self.prefix(partition)?))
    }

    /// Records that the changelog `origin`, which starts at offset `start`, contains the whole state up to
    /// `changelog_offset`.
    pub(crate) fn record_republished(
        &self,
        partition: u32,
        changelog_offset: i64,
        start: i64,
        origin: &str,
    ) -> Result<(), Error> {
        let prefix = self.prefix(partition)?;
        let (offset, start) = (changelog_offset.to_be_bytes(), start.to_be_bytes());
        self.engine.write(&mut |batch| {
            batch.put(Family::Meta, &key::changelog_offset(prefix), &offset);
            batch.put(Family::Meta, &key::complete_from(prefix), &start);
            batch.put(Family::Meta, &key::partition_origin(prefix), origin.as_bytes());
            Ok(())
        })
    }

    /// Deletes the data of an unfinished rebuild.
    pub(crate) fn abandon_rebuild(&self, partition: u32) -> Result<(), Error> {
        let unfinished = self.prefix(partition)?.other();
        self.engine.write(&mut |batch| {
            delete_prefix(batch, unfinished);
            Ok(())
        })
    }

    /// Bytes that a rebuild of a partition needs on disk in addition (the size of its current state), and free bytes.
    pub(crate) fn rebuild_space(&self, partition: u32) -> Result<(u64, Option<u64>), Error> {
        let [from, to] = key::bounds(self.prefix(partition)?);
        let needed = self.engine.bytes_on_disk(&from, &to);
        Ok((needed, self.engine.free_bytes()))
    }

    fn lock_cache(&self) -> MutexGuard<'_, PartitionCache> {
        // Every update of the cache is complete on its own, so a panic while it was locked did no harm.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The active prefix of a partition.
    pub(super) fn prefix(&self, partition: u32) -> Result<Prefix, Error> {
        if let Some(prefix) = self.lock_cache().active_prefixes.get(&partition) {
            return Ok(*prefix);
        }
        let active = self.get_meta(key::active_prefix(partition))?;
        let prefix = Prefix::new(partition, active.as_deref() == Some(&[1]));
        // A concurrent switch has cached a newer prefix, which wins.
        Ok(*self.lock_cache().active_prefixes.entry(partition).or_insert(prefix))
    }

    /// Atomically makes `to` the active prefix of its partition, writes the changes of `fill`, and deletes the old
    /// state.
    pub(super) fn switch_prefix(
        &self,
        to: Prefix,
        fill: &mut dyn FnMut(&mut dyn BatchWriter),
    ) -> Result<(), Error> {
        let partition = to.partition();
        self.engine.write(&mut |batch| {
            fill(batch);
            let is_second = u8::from(to.is_second());
            batch.put(Family::Meta, &key::active_prefix(partition), &[is_second]);
            delete_prefix(batch, to.other());
            Ok(())
        })?;
        self.lock_cache().active_prefixes.insert(partition, to);
        Ok(())
    }

    /// Deletes all data of a partition.
    pub fn clear(&self, partition: u32) -> Result<(), Error> {
        self.engine.write(&mut |batch| {
            for is_second in [false, true] {
                delete_prefix(batch, Prefix::new(partition, is_second));
            }
            batch.delete(Family::Meta, &key::active_prefix(partition));
            Ok(())
        })?;
        let mut cache = self.lock_cache();
        cache.complete.remove(&partition);
        cache.active_prefixes.remove(&partition);
        Ok(())
    }
}

fn delete_prefix(batch: &mut dyn BatchWriter, prefix: Prefix) {
    let [from, to] = key::bounds(prefix);
    for family in Family::ALL {
        batch.delete_range(family, &from, &to);
    }
}
