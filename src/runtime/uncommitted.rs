//! Which workers have work that a stop should commit.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The workers that have applied or buffered records and not committed them yet.
#[derive(Debug, Default)]
pub(super) struct UncommittedWork(Mutex<BTreeSet<usize>>);

impl UncommittedWork {
    pub(super) fn set(&self, worker: usize, has_work: bool) {
        let mut workers = self.lock();
        if has_work {
            workers.insert(worker);
        } else {
            workers.remove(&worker);
        }
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        // A panic while the lock is taken leaves the set consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
