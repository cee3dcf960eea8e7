//! The phases of a restore, and the data that each of them carries.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::event::{CustomerId, Position};
use crate::kafka::{OffsetBounds, OutboxEntry, ProducerRecord, ProgressRecord};
use crate::partition::{LostRange, Progress};
use crate::runtime::quarantine::RecoveryAction;
use crate::store::{CustomerCount, CustomerScan, Rebuild};
use crate::telemetry::LocalState;

/// What the processing of a restored partition starts from.
#[derive(Debug)]
pub(in super::super) struct Restored {
    pub(in super::super) progress: Progress,
    /// Whether the offsets of `progress` are not committed to the group yet.
    pub(in super::super) needs_commit: bool,
    /// Records that the inputs have lost, accepted by an operator.
    pub(in super::super) lost: Vec<LostRange>,
}

/// A partition that is being restored.
#[derive(Debug)]
pub(in super::super) struct PartitionRestore {
    pub(in super::super) partition: i32,
    pub(in super::super) epoch: u64,
    pub(super) phase: Phase,
    /// Polls since the last progress. Counted, not timed: a process that was stopped for a while
    /// has not waited for Kafka during that time.
    pub(super) stalled_polls: u32,
    /// Failed requests since a record was last read.
    pub(super) failures: u32,
    /// What was last found on disk.
    pub(super) reported: Cell<Option<LocalState>>,
    /// The first offset of a changelog that was reported as truncated.
    pub(super) truncated_at: Cell<Option<i64>>,
    /// Whether unexpected offsets of the group were reported.
    pub(super) has_reported_offsets: Cell<bool>,
    /// The uptime at which the next step is due.
    pub(super) retry_at: Duration,
    pub(super) records: u64,
    /// Whether the changelog was republished after the local state was written.
    pub(super) is_rewritten: bool,
    /// The action that an operator has requested, and the record that the quarantine is about.
    pub(super) requested: Option<(RecoveryAction, Option<Position>)>,
}

/// The result of a completed scan of the changelog.
pub(super) enum RestoreOutcome {
    Restored(Restored),
    NextPhase(Phase),
}

pub(super) type CommittedOffsets = Vec<Option<(i64, String)>>;

#[derive(Debug)]
pub(super) enum Phase {
    FetchingOffsets,
    /// Counts the customers on disk, to verify that the local state is complete.
    Counting(CommittedOffsets, OffsetBounds, CustomerCount),
    /// Waits until the last stable offset has reached the end of the changelog.
    AwaitingStableOffset(CommittedOffsets, OffsetBounds, LocalCompleteness),
    Reading(CommittedOffsets, ChangelogScan),
    /// Writes the local state to the changelog, at an operator's request.
    Republishing(Box<Republishing>),
}

/// Polls of an open transaction: half a minute, twice the transaction timeout after which the
/// broker aborts the transaction of a dead producer.
pub(super) const STALLED_POLLS_MAX: u32 = 600;
/// Wait after a transient failure; doubled after each further one.
pub(super) const RETRY_BACKOFF: Duration = Duration::from_millis(200);
pub(super) const RETRY_BACKOFF_MAX: Duration = Duration::from_secs(10);

/// A read of the changelog from `from` to `end`, and its position.
#[derive(Debug)]
pub(super) struct ChangelogScan {
    /// The first offset of the changelog.
    pub(super) start: i64,
    pub(super) from: i64,
    pub(super) position: i64,
    pub(super) end: i64,
    pub(super) target: RestoreTarget,
    /// Outputs of the last batch that has any: they may not have been published.
    pub(super) outbox: Vec<OutboxEntry>,
    /// Whether the changelog was republished after the local state was written: then all of it has to be read.
    pub(super) is_rewritten: bool,
}

#[derive(Debug)]
pub(super) enum RestoreTarget {
    /// Batch by batch: a batch becomes visible on disk with the progress that ends it.
    CatchUp(BTreeMap<CustomerId, Option<Vec<u8>>>),
    /// All or nothing: the last progress makes it visible.
    Rebuild(Rebuild, Option<ProgressRecord>),
}

/// How complete the local state of a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LocalCompleteness {
    /// No usable progress, so that the expected number of customers is unknown.
    Unknown,
    /// The customers are not counted yet. RocksDB does not notice everything that a disk can lose, such as the end
    /// of its list of files.
    Uncounted,
    /// As many customers as the progress counts.
    Complete,
    /// More or fewer customers than the progress counts.
    Incomplete,
}

/// How the changelog relates to the local state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangelogRelation {
    NoLocalState,
    /// The local state was restored from another changelog, or the changelog was republished since.
    OtherChangelog,
    /// The changelog ends before the offset of the local state.
    LocalAhead,
    /// The changelog begins after the offset of the local state.
    Truncated,
    /// The changelog contains the offset of the local state.
    Continues,
}

/// The changelog has lost records that the local state contains, so the rebuilt state must not replace it.
#[derive(Debug)]
pub(super) struct ChangelogLoss {
    pub(super) reason: String,
    /// Whether the local state may be written to the changelog: it is empty, or contains an unfinished republish.
    pub(super) can_republish: bool,
}

/// The progress of a republish.
#[derive(Debug)]
pub(super) struct Republishing {
    pub(super) progress: Progress,
    pub(super) scan: CustomerScan,
    /// The next records to commit.
    pub(super) records: Vec<ProducerRecord>,
    /// Whether `records` are the last ones.
    pub(super) is_last: bool,
    /// The maximum number of records in a transaction; halved after a delivery failure.
    pub(super) limit: usize,
    pub(super) customers: u64,
    /// The first offset of the changelog before the republish.
    pub(super) start: i64,
}
