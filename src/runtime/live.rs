//! The daemon's world: Kafka, RocksDB and the machine's clocks.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use super::clock;
use super::settings::Settings;
use super::worker::Start;
use super::world::World;
use crate::event::WallTime;
use crate::kafka::{
    Committed, Consumer, EndFinder, Ends, Entry, Error, Log, Membership, Outgoing, Reader,
    Received, Share,
};
use crate::store::{Rocks, Store};
use crate::telemetry::Metrics;

/// One worker's part of the world.
pub(super) struct Live {
    settings: Arc<Settings>,
    store: Arc<Store>,
    consumer: Consumer,
    ends: Arc<EndFinder>,
    reader: Reader,
    log: Log,
    starts: SyncSender<Start>,
    begun: Instant,
}

/// Times that a gap is read for before it counts as one with a record in it.
const GAP_READS_MAX: usize = 20;

impl Live {
    pub(super) fn open(
        settings: Arc<Settings>,
        store: Arc<Store>,
        consumer: Consumer,
        ends: Arc<EndFinder>,
        worker: usize,
        batch_bytes: usize,
        starts: SyncSender<Start>,
    ) -> Result<Live, Error> {
        Ok(Live {
            log: Log::open(&settings.kafka, worker, batch_bytes)?,
            ends,
            reader: Reader::new(&settings.kafka),
            settings,
            store,
            consumer,
            starts,
            begun: Instant::now(),
        })
    }

    fn input(&self, input: u32) -> &str {
        &self.settings.outputs.inputs[input as usize]
    }
}

impl World for Live {
    type Membership = Membership;
    type Engine = Rocks;

    fn store(&self) -> &Store {
        &self.store
    }

    fn committed(&self, partition: i32) -> Result<Vec<Option<(i64, String)>>, Error> {
        self.consumer.committed(partition)
    }

    fn membership(&self) -> Option<Membership> {
        self.consumer.membership()
    }

    fn input_ends(&self, input: u32, partition: i32) -> Result<Ends, Error> {
        self.ends.find(self.input(input), partition)
    }

    fn is_empty(&mut self, input: u32, partition: i32, from: i64, to: i64) -> Result<bool, Error> {
        let topic = self.settings.outputs.inputs[input as usize].clone();
        let (mut position, mut empty) = (from, true);
        let mut take = |_: &Received<'_>| empty = false;
        for _ in 0..GAP_READS_MAX {
            position = self
                .reader
                .read(&topic, partition, position, to, &mut take)?;
            if position >= to {
                break;
            }
        }
        Ok(empty && position >= to)
    }

    fn changelog_ends(&self, partition: i32) -> Result<Ends, Error> {
        self.ends.find(&self.settings.outputs.changelog, partition)
    }

    fn read_changelog(
        &mut self,
        partition: i32,
        from: i64,
        end: i64,
        take: &mut dyn FnMut(Entry),
    ) -> Result<i64, Error> {
        let changelog = &self.settings.outputs.changelog;
        let mut entry = |received: &Received<'_>| {
            if let Some(entry) = Entry::of(received) {
                take(entry);
            }
        };
        self.reader
            .read(changelog, partition, from, end, &mut entry)
    }

    fn transact(&mut self, shares: &[Share], membership: &Membership) -> Result<Committed, Error> {
        self.log
            .transact(&self.settings.outputs.inputs, shares, membership)
    }

    fn tell(&mut self, outputs: &[Outgoing]) -> Result<(), Error> {
        self.log.tell(outputs)
    }

    fn renew(&mut self) -> Result<(), Error> {
        self.log.renew()
    }

    fn start(&mut self, start: Start) {
        // The polling thread may have ended already; then there is nothing to start.
        drop(self.starts.send(start));
        self.consumer.polling().unpark();
    }

    fn observe(&self, metrics: &Metrics) {
        for (property, value) in self.store.properties() {
            if let Some(gauge) = metrics.rocksdb.get(property) {
                gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            }
        }
    }

    fn wall(&self) -> WallTime {
        clock::now()
    }

    fn uptime(&self) -> Duration {
        self.begun.elapsed()
    }

    fn wait(&self, time: Duration) {
        std::thread::park_timeout(time);
    }
}
