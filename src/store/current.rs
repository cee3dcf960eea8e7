//! Which of its two prefixes is the state of a partition. What replaces a state is built beside it, so that there is
//! always one that is complete: nothing is removed before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};

use super::engine::{BatchWriter, Family, StorageEngine};
use super::key::Prefix;
use super::{Error, Store, key};

/// What is known of partitions without asking the engine.
#[derive(Debug, Default)]
pub(super) struct PartitionCache {
    /// Those that were found to have everybody.
    complete: BTreeSet<u32>,
    current: BTreeMap<u32, Prefix>,
}

impl<E: StorageEngine> Store<E> {
    /// Whether a partition was found to have everybody since the store was opened. Only a start can find less than
    /// was written: what goes missing later is an error where it is read.
    pub fn is_known_complete(&self, partition: u32) -> bool {
        self.lock_cache().complete.contains(&partition)
    }

    /// Notes that a partition has everybody.
    pub fn mark_complete(&self, partition: u32) {
        self.lock_cache().complete.insert(partition);
    }

    /// Where the changelog of a partition began when it was last known to have everybody.
    pub fn complete_from(&self, partition: u32) -> Result<Option<i64>, Error> {
        self.get_meta_number(key::complete_from(self.prefix(partition)?))
    }

    /// Notes that it was: up to which offset the changelog holds the state, where it begins, and which one it is.
    pub fn record_republished(
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
            batch.put(
                Family::Meta,
                &key::partition_origin(prefix),
                origin.as_bytes(),
            );
            Ok(())
        })
    }

    /// Removes what an unfinished rebuild of a partition has left.
    pub fn abandon_rebuild(&self, partition: u32) -> Result<(), Error> {
        let left = self.prefix(partition)?.other();
        self.engine.write(&mut |batch| {
            delete_prefix(batch, left);
            Ok(())
        })
    }

    /// Bytes that the state of a partition takes on disk, as another one beside it will, and bytes that are free for that.
    pub fn rebuild_space(&self, partition: u32) -> Result<(u64, Option<u64>), Error> {
        let [from, to] = key::bounds(self.prefix(partition)?);
        let needed = self.engine.bytes_on_disk(&from, &to);
        Ok((needed, self.engine.free_bytes()))
    }

    fn lock_cache(&self) -> MutexGuard<'_, PartitionCache> {
        // It is as good as what was asked for, whoever panicked while holding it.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the keys of a partition's state begin with.
    pub(super) fn prefix(&self, partition: u32) -> Result<Prefix, Error> {
        if let Some(prefix) = self.lock_cache().current.get(&partition) {
            return Ok(*prefix);
        }
        let current = self.get_meta(key::current(partition))?;
        let prefix = Prefix::new(partition, current.as_deref() == Some(&[1]));
        // Whoever has switched meanwhile knows better.
        Ok(*self.lock_cache().current.entry(partition).or_insert(prefix))
    }

    /// Has another prefix be the state of its partition from here on, with what `fill` writes, and removes the one
    /// before: all of it at once.
    pub(super) fn switch_prefix(
        &self,
        to: Prefix,
        fill: &mut dyn FnMut(&mut dyn BatchWriter),
    ) -> Result<(), Error> {
        let partition = to.partition();
        self.engine.write(&mut |batch| {
            fill(batch);
            let is_second = u8::from(to.is_second());
            batch.put(Family::Meta, &key::current(partition), &[is_second]);
            delete_prefix(batch, to.other());
            Ok(())
        })?;
        self.lock_cache().current.insert(partition, to);
        Ok(())
    }

    /// Forgets everything of a partition.
    pub fn clear(&self, partition: u32) -> Result<(), Error> {
        self.engine.write(&mut |batch| {
            for is_second in [false, true] {
                delete_prefix(batch, Prefix::new(partition, is_second));
            }
            batch.delete(Family::Meta, &key::current(partition));
            Ok(())
        })?;
        let mut kept = self.lock_cache();
        kept.complete.remove(&partition);
        kept.current.remove(&partition);
        Ok(())
    }
}

fn delete_prefix(batch: &mut dyn BatchWriter, prefix: Prefix) {
    let [from, to] = key::bounds(prefix);
    for family in Family::ALL {
        batch.delete_range(family, &from, &to);
    }
}
