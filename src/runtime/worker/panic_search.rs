//! Catches panics of the core and bisects the records that follow for the one that causes them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::event::Position;
use crate::runtime::quarantine::RecoveryAction;

/// What to do when a partition is restored again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PartitionRestart {
    /// The action that an operator requested, and the record that it applies to.
    pub(super) requested: Option<(RecoveryAction, Option<Position>)>,
    pub(super) search: Option<PanicSearch>,
}

/// Bisects the next records for the one that panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PanicSearch {
    /// Most records of a batch.
    limit: usize,
    /// Records that may still contain it.
    remaining: usize,
}

impl PanicSearch {
    /// After a panic in a batch of `records`.
    pub(super) fn new(records: usize) -> PanicSearch {
        PanicSearch { limit: (records / 2).max(1), remaining: records }
    }

    pub(super) fn limit(self) -> usize {
        self.limit
    }

    /// After a batch of `records` without a panic; `None` once none remain.
    pub(super) fn after_applied(self, records: usize) -> Option<PanicSearch> {
        let remaining = self.remaining.saturating_sub(records);
        (remaining > 0).then_some(PanicSearch { remaining, ..self })
    }
}

/// Catches a panic. Its text is only logged, by the panic hook, since it may contain customer data.
pub(super) fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(work))
}
