//! What the loop asks of the world and does to it: each call is an effect, and each may be the
//! last. The daemon's world is Kafka, RocksDB and clocks ([`super::live`]); that of the simulation
//! is made up, and fails on purpose.

use std::time::Duration;

use super::worker::StartRequest;
use crate::event::WallTime;
use crate::kafka::{
    ChangelogRecord, CommittedTransaction, Error, OffsetBounds, ProducerRecord, TransactionPart,
};
use crate::store::{StorageEngine, Store};
use crate::telemetry::Metrics;

pub(super) trait WorkerIo {
    /// What a transaction is sent with, so that the coordinator can refuse those of former members.
    type Membership;
    type Engine: StorageEngine;

    fn store(&self) -> &Store<Self::Engine>;

    /// The stable committed offsets of a partition's inputs, each with its metadata.
    fn committed_offsets(&self, partition: i32) -> Result<Vec<Option<(i64, String)>>, Error>;

    /// `None` while this process is no member of the group.
    fn membership(&self) -> Option<Self::Membership>;

    fn input_ends(&self, input: u32, partition: i32) -> Result<OffsetBounds, Error>;

    /// Whether no committed record lies between two offsets of an input: what is there are markers
    /// of transactions, and records of aborted ones.
    fn is_range_empty(
        &mut self,
        input: u32,
        partition: i32,
        from: i64,
        to: i64,
    ) -> Result<bool, Error>;

    fn changelog_ends(&self, partition: i32) -> Result<OffsetBounds, Error>;

    /// Reads committed records of the changelog from `from` on and before `end`, for a bounded
    /// time; returns how far it got. The position passes what is not shown.
    fn read_changelog(
        &mut self,
        partition: i32,
        from: i64,
        end: i64,
        take: &mut dyn FnMut(ChangelogRecord),
    ) -> Result<i64, Error>;

    /// Commits all shares at once or not at all.
    fn transact(
        &mut self,
        shares: &[TransactionPart],
        membership: &Self::Membership,
    ) -> Result<CommittedTransaction, Error>;

    /// Tells outputs outside of any transaction, in their order; returns once all are delivered.
    /// After `Err` some may have been.
    fn publish(&mut self, outputs: &[ProducerRecord]) -> Result<(), Error>;

    /// Ends whatever an earlier transaction left open, one way or the other.
    fn renew_producer(&mut self) -> Result<(), Error>;

    /// Has a restored partition read.
    fn start_reading(&mut self, start: StartRequest);

    /// Tells the metrics what only this world has.
    fn observe(&self, metrics: &Metrics);

    fn wall_time(&self) -> WallTime;

    /// Never goes back, and is of no other use.
    fn uptime(&self) -> Duration;

    fn wait(&self, time: Duration);
}
