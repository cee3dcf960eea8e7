//! Whether this process leaves the group when it stops. Otherwise the group keeps its partitions for it until its session
//! ends, so that a restart moves none.

use std::sync::atomic::{AtomicBool, Ordering};

/// Requested by an operator before a planned removal of the process.
#[derive(Debug, Default)]
pub struct Departure {
    is_possible: AtomicBool,
    is_requested: AtomicBool,
}

impl Departure {
    /// Sets whether the protocol of the group has a request for it.
    pub(super) fn set_possible(&self, is_possible: bool) {
        self.is_possible.store(is_possible, Ordering::Release);
    }

    /// Returns whether the process will leave the group.
    pub(crate) fn request(&self) -> bool {
        let is_possible = self.is_possible.load(Ordering::Acquire);
        self.is_requested.fetch_or(is_possible, Ordering::AcqRel);
        is_possible
    }

    pub(super) fn is_requested(&self) -> bool {
        self.is_requested.load(Ordering::Acquire)
    }
}
