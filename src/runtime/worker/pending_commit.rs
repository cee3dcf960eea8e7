//! A batch between its application and the write to disk.

use super::active_models::ActiveModels;
use crate::event::EventTime;
use crate::partition::{Commit, Generation};

/// One partition's applied batch, until it is on disk.
#[derive(Debug)]
pub(super) struct PendingCommit {
    pub(super) partition: i32,
    pub(super) epoch: u64,
    /// The models that the batch was applied with.
    pub(super) models: ActiveModels,
    /// The generation to store with this commit, where no earlier commit has stored it.
    pub(super) generation: Option<Generation>,
    pub(super) commit: Commit,
    /// The step of the watermark that the batch ended with.
    pub(super) advance: Option<EventTime>,
    /// What its records took in the merge.
    pub(super) bytes: usize,
    /// The changelog's offset after this commit, once the transaction is committed.
    pub(super) changelog_offset: Option<i64>,
}

/// The outcome of commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommitOutcome {
    /// Committed, except for partitions that were revoked.
    Committed,
    /// Nothing was committed: the records are to be applied again, in smaller batches.
    RolledBack,
}
