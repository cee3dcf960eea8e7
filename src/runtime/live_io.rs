//! The daemon's world: Kafka, RocksDB and the machine's clocks.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use super::clock;
use super::settings::Settings;
use super::worker::StartRequest;
use super::worker_io::WorkerIo;
use crate::event::WallTime;
use crate::kafka::{
    ChangelogRecord, CommittedTransaction, Consumer, ConsumerRecord, Error, Membership,
    OffsetBounds, OffsetFinder, PartitionReader, ProducerRecord, TransactionPart,
    TransactionalProducer,
};
use crate::store::{Rocks, Store};
use crate::telemetry::Metrics;

/// One worker's part of the world.
pub(super) struct LiveIo {
    settings: Arc<Settings>,
    store: Arc<Store>,
    consumer: Consumer,
    ends: Arc<OffsetFinder>,
    reader: PartitionReader,
    log: TransactionalProducer,
    start_requests: SyncSender<StartRequest>,
    begun: Instant,
}

/// Times that a gap is read for before it counts as one with a record in it.
const GAP_READS_MAX: usize = 20;

impl LiveIo {
    pub(super) fn open(
        settings: Arc<Settings>,
        store: Arc<Store>,
        consumer: Consumer,
        ends: Arc<OffsetFinder>,
        worker: usize,
        batch_bytes: usize,
        starts: SyncSender<StartRequest>,
    ) -> Result<LiveIo, Error> {
        Ok(LiveIo {
            log: TransactionalProducer::open(&settings.kafka, worker, batch_bytes)?,
            ends,
            reader: PartitionReader::new(&settings.kafka),
            settings,
            store,
            consumer,
            start_requests: starts,
            begun: Instant::now(),
        })
    }

    fn input_topic(&self, input: u32) -> &str {
        &self.settings.outputs.inputs[input as usize]
    }
}

impl WorkerIo for LiveIo {
    type Membership = Membership;
    type Engine = Rocks;

    fn store(&self) -> &Store {
        &self.store
    }

    fn committed_offsets(&self, partition: i32) -> Result<Vec<Option<(i64, String)>>, Error> {
        self.consumer.committed(partition)
    }

    fn membership(&self) -> Option<Membership> {
        self.consumer.membership()
    }

    fn input_ends(&self, input: u32, partition: i32) -> Result<OffsetBounds, Error> {
        self.ends.find(self.input_topic(input), partition)
    }

    fn is_range_empty(
        &mut self,
        input: u32,
        partition: i32,
        from: i64,
        to: i64,
    ) -> Result<bool, Error> {
        let topic = self.settings.outputs.inputs[input as usize].clone();
        let (mut position, mut empty) = (from, true);
        let mut take = |_: &ConsumerRecord<'_>| empty = false;
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

    fn changelog_ends(&self, partition: i32) -> Result<OffsetBounds, Error> {
        self.ends.find(&self.settings.outputs.changelog, partition)
    }

    fn read_changelog(
        &mut self,
        partition: i32,
        from: i64,
        end: i64,
        take: &mut dyn FnMut(ChangelogRecord),
    ) -> Result<i64, Error> {
        let changelog = &self.settings.outputs.changelog;
        let mut entry = |received: &ConsumerRecord<'_>| {
            if let Some(entry) = ChangelogRecord::decode(received) {
                take(entry);
            }
        };
        self.reader
            .read(changelog, partition, from, end, &mut entry)
    }

    fn transact(
        &mut self,
        shares: &[TransactionPart],
        membership: &Membership,
    ) -> Result<CommittedTransaction, Error> {
        self.log
            .transact(&self.settings.outputs.inputs, shares, membership)
    }

    fn publish(&mut self, outputs: &[ProducerRecord]) -> Result<(), Error> {
        self.log.publish(outputs)
    }

    fn renew_producer(&mut self) -> Result<(), Error> {
        self.log.renew()
    }

    fn start_reading(&mut self, start: StartRequest) {
        // The polling thread may have ended already; then there is nothing to start.
        drop(self.start_requests.send(start));
        self.consumer.poll_thread().unpark();
    }

    fn observe(&self, metrics: &Metrics) {
        for (property, value) in self.store.properties() {
            if let Some(gauge) = metrics.rocksdb.get(property) {
                gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            }
        }
    }

    fn wall_time(&self) -> WallTime {
        clock::now()
    }

    fn uptime(&self) -> Duration {
        self.begun.elapsed()
    }

    fn wait(&self, time: Duration) {
        std::thread::park_timeout(time);
    }
}
