//! The effects of a worker, as a trait: each call may be the last before a crash. [`super::live_io`] implements it with
//! Kafka, RocksDB and clocks; the simulation with fakes that inject faults.

use std::time::Duration;

use crate::event::WallTime;
use crate::kafka::{
    ChangelogRecord, CommittedTransaction, EndOffsets, Error, OffsetBounds, ProducerRecord,
    SeekPosition, TransactionPart,
};
use crate::partition::Progress;
use crate::store::{StorageEngine, Store};
use crate::telemetry::Metrics;

/// Asks the polling thread to read a restored partition from these positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StartRequest {
    pub(super) partition: i32,
    pub(super) epoch: u64,
    pub(super) positions: Vec<SeekPosition>,
}

pub(super) trait WorkerIo {
    /// Sent with a transaction, so that the coordinator can refuse former members.
    type Membership;
    type Engine: StorageEngine;

    fn store(&self) -> &Store<Self::Engine>;

    /// The stable committed offset of each input of a partition, with its metadata.
    fn committed_offsets(&self, partition: i32) -> Result<Vec<Option<(i64, String)>>, Error>;

    /// `None` while this process is not a member of the group.
    fn membership(&self) -> Option<Self::Membership>;

    /// Requests the bounds of an input.
    fn input_bounds(&self, input: u32, partition: i32) -> Result<OffsetBounds, Error>;

    /// The ends of an input as last observed, and the age of the observation: records that were appended before it are
    /// counted. `None` while nothing is known. Does not wait.
    fn observed_ends(&self, input: u32, partition: i32) -> Option<(EndOffsets, Duration)>;

    /// Whether no committed record lies in `from..to` of an input, only transaction markers and records of aborted
    /// transactions.
    fn is_range_empty(
        &mut self,
        input: u32,
        partition: i32,
        from: i64,
        to: i64,
    ) -> Result<bool, Error>;

    fn changelog_ends(&self, partition: i32) -> Result<OffsetBounds, Error>;

    /// Reads the committed records in `from..end` of the changelog for a bounded time; returns the position that it
    /// reached. The position also passes markers and aborted records.
    fn read_changelog(
        &mut self,
        partition: i32,
        from: i64,
        end: i64,
        take: &mut dyn FnMut(ChangelogRecord),
    ) -> Result<i64, Error>;

    /// Commits all parts in one transaction, or none.
    fn transact(
        &mut self,
        parts: &[TransactionPart],
        membership: &Self::Membership,
    ) -> Result<CommittedTransaction, Error>;

    /// Publishes outputs in order, outside of any transaction; returns once all are delivered. After an error some may
    /// have been delivered.
    fn publish(&mut self, outputs: &[ProducerRecord]) -> Result<(), Error>;

    /// Replaces the producer, which completes or aborts a transaction that the old one left open.
    fn renew_producer(&mut self) -> Result<(), Error>;

    /// Requests that the polling thread reads a restored partition.
    fn start_reading(&mut self, start: StartRequest);

    /// Updates the metrics that only the implementation can read; `partitions` are those of the worker.
    fn observe(&self, metrics: &Metrics, partitions: &[(i32, &Progress)]);

    fn wall_time(&self) -> WallTime;

    /// Monotonic time since an arbitrary instant.
    fn uptime(&self) -> Duration;

    fn wait(&self, time: Duration);
}
