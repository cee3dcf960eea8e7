//! What the loop asks of the world and does to it: each call is an effect, and each may be the
//! last. The daemon's world is Kafka, RocksDB and clocks ([`super::live`]); that of the simulation
//! is made up, and fails on purpose.

use std::time::Duration;

use super::worker::Start;
use crate::event::WallTime;
use crate::kafka::{Committed, Ends, Entry, Error, Outgoing, Share};
use crate::store::{Engine, Store};
use crate::telemetry::Metrics;

pub(super) trait World {
    /// What a transaction is sent with, so that the coordinator can refuse those of former members.
    type Membership;
    type Engine: Engine;

    fn store(&self) -> &Store<Self::Engine>;

    /// The stable committed offsets of a partition's inputs, each with its metadata.
    fn committed(&self, partition: i32) -> Result<Vec<Option<(i64, String)>>, Error>;

    /// `None` while this process is no member of the group.
    fn membership(&self) -> Option<Self::Membership>;

    fn input_ends(&self, input: u32, partition: i32) -> Result<Ends, Error>;

    /// Whether no committed record lies between two offsets of an input: what is there are markers
    /// of transactions, and records of aborted ones.
    fn is_empty(&mut self, input: u32, partition: i32, from: i64, to: i64) -> Result<bool, Error>;

    fn changelog_ends(&self, partition: i32) -> Result<Ends, Error>;

    /// Reads committed records of the changelog from `from` on and before `end`, for a bounded
    /// time; returns how far it got. The position passes what is not shown.
    fn read_changelog(
        &mut self,
        partition: i32,
        from: i64,
        end: i64,
        take: &mut dyn FnMut(Entry),
    ) -> Result<i64, Error>;

    /// Commits all shares at once or not at all.
    fn transact(
        &mut self,
        shares: &[Share],
        membership: &Self::Membership,
    ) -> Result<Committed, Error>;

    /// Tells outputs outside of any transaction, in their order; returns once all are delivered.
    /// After `Err` some may have been.
    fn tell(&mut self, outputs: &[Outgoing]) -> Result<(), Error>;

    /// Ends whatever an earlier transaction left open, one way or the other.
    fn renew(&mut self) -> Result<(), Error>;

    /// Has a restored partition read.
    fn start(&mut self, start: Start);

    /// Tells the metrics what only this world has.
    fn observe(&self, metrics: &Metrics);

    fn wall(&self) -> WallTime;

    /// Never goes back, and is of no other use.
    fn uptime(&self) -> Duration;

    fn wait(&self, time: Duration);
}
