//! How far the restoring of partitions is, for whoever waits.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

/// Changelog records read and to be read, over all partitions that are being restored.
#[derive(Debug, Default)]
pub struct Restoring(Mutex<BTreeMap<i32, (u64, u64)>>);

impl Restoring {
    pub(super) fn set(&self, partition: i32, done: u64, all: u64) {
        self.lock().insert(partition, (done, all));
    }

    pub(super) fn done(&self, partition: i32) {
        self.lock().remove(&partition);
    }

    /// Partitions, offsets of theirs that were read, and all that are to be read.
    pub fn look(&self) -> (usize, u64, u64) {
        let inner = self.lock();
        let sum = |(done, all), (more_done, more): &(u64, u64)| (done + more_done, all + more);
        let (done, all) = inner.values().fold((0, 0), sum);
        (inner.len(), done, all)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i32, (u64, u64)>> {
        // The numbers are whole whoever panicked while holding them.
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
