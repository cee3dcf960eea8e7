//! The effects of a worker in the daemon: Kafka, RocksDB and the machine's clocks.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use super::clock;
use super::context::Context;
use super::input_ends::InputEnds;
use super::memory_limit;
use super::settings::Settings;
use super::worker_io::{StartRequest, WorkerIo};
use crate::event::{EventTime, WallTime};
use crate::kafka::{
    ChangelogRecord, CommittedTransaction, Consumer, ConsumerRecord, EndOffsets, Error, Membership,
    OffsetBounds, OffsetFinder, PartitionReader, ProducerRecord, TransactionPart,
    TransactionalProducer,
};
use crate::partition::Progress;
use crate::store::{Rocks, Store, store_partition};
use crate::telemetry::Metrics;

/// One worker's clients, and the store that all workers share.
pub(super) struct LiveIo {
    settings: Arc<Settings>,
    worker: usize,
    store: Arc<Store>,
    consumer: Consumer,
    bounds: Arc<OffsetFinder>,
    input_ends: Arc<InputEnds>,
    reader: PartitionReader,
    producer: TransactionalProducer,
    start_requests: SyncSender<StartRequest>,
    started: Instant,
}

/// Reads of a range before it counts as not empty.
const GAP_READS_MAX: usize = 20;

impl LiveIo {
    pub(super) fn open(
        context: &Context,
        store: Arc<Store>,
        consumer: Consumer,
        bounds: Arc<OffsetFinder>,
        worker: usize,
        start_requests: SyncSender<StartRequest>,
    ) -> Result<LiveIo, Error> {
        let (settings, batch_bytes) = (context.settings.clone(), context.topology.batch_bytes());
        let metrics = Some(context.metrics.clients.clone());
        Ok(LiveIo {
            producer: TransactionalProducer::open(&settings.kafka, worker, batch_bytes, metrics)?,
            worker,
            bounds,
            input_ends: context.input_ends.clone(),
            reader: PartitionReader::new(&settings.kafka),
            settings,
            store,
            consumer,
            start_requests,
            started: Instant::now(),
        })
    }

    /// How late the oldest timer of the worker's partitions is. An error of the disk is left to the next batch.
    fn observe_timers(&self, metrics: &Metrics, partitions: &[(i32, &Progress)]) {
        let now = EventTime(clock::now().0);
        let lag = |(partition, progress): &(i32, &Progress)| {
            let due = self.store.oldest_timer(store_partition(*partition), progress, now);
            Some(now.duration_since(due.ok()??).0 / 1000)
        };
        let lag = partitions.iter().filter_map(lag).max().unwrap_or(0);
        metrics.timers.lag_seconds.with_label_values(&[&self.worker.to_string()]).set(lag);
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

    fn input_bounds(&self, input: u32, partition: i32) -> Result<OffsetBounds, Error> {
        self.bounds.find(self.input_topic(input), partition)
    }

    fn observed_ends(&self, input: u32, partition: i32) -> Option<(EndOffsets, Duration)> {
        self.input_ends.find(input as usize, partition)
    }

    fn is_range_empty(
        &mut self,
        input: u32,
        partition: i32,
        from: i64,
        to: i64,
    ) -> Result<bool, Error> {
        let topic = self.settings.outputs.inputs[input as usize].clone();
        let (mut position, mut is_empty) = (from, true);
        let mut take = |_: &ConsumerRecord<'_>| is_empty = false;
        for _ in 0..GAP_READS_MAX {
            position = self.reader.read(&topic, partition, position, to, &mut take)?;
            if position >= to {
                break;
            }
        }
        Ok(is_empty && position >= to)
    }

    fn changelog_ends(&self, partition: i32) -> Result<OffsetBounds, Error> {
        self.bounds.find(&self.settings.outputs.changelog, partition)
    }

    fn read_changelog(
        &mut self,
        partition: i32,
        from: i64,
        end: i64,
        take: &mut dyn FnMut(ChangelogRecord),
    ) -> Result<i64, Error> {
        let changelog = &self.settings.outputs.changelog;
        let mut decode = |record: &ConsumerRecord<'_>| {
            if let Some(record) = ChangelogRecord::decode(record) {
                take(record);
            }
        };
        self.reader.read(changelog, partition, from, end, &mut decode)
    }

    fn transact(
        &mut self,
        parts: &[TransactionPart],
        membership: &Membership,
    ) -> Result<CommittedTransaction, Error> {
        self.producer.transact(&self.settings.outputs.inputs, parts, membership)
    }

    fn publish(&mut self, outputs: &[ProducerRecord]) -> Result<(), Error> {
        self.producer.publish(outputs)
    }

    fn renew_producer(&mut self) -> Result<(), Error> {
        self.producer.renew()
    }

    fn start_reading(&mut self, start: StartRequest) {
        // The polling thread may have ended; then the process is stopping.
        drop(self.start_requests.send(start));
        self.consumer.poll_thread().unpark();
    }

    fn observe(&self, metrics: &Metrics, partitions: &[(i32, &Progress)]) {
        self.producer.observe();
        let number = |value| i64::try_from(value).unwrap_or(i64::MAX);
        for (property, value) in self.store.properties() {
            if let Some(gauge) = metrics.rocksdb.get(property) {
                gauge.set(number(value));
            }
        }
        if let Some(disk) = self.store.disk_space() {
            metrics.disk.free_bytes.with_label_values::<&str>(&[]).set(number(disk.free));
            metrics.disk.size_bytes.with_label_values::<&str>(&[]).set(number(disk.size));
        }
        if let Some(limit) = memory_limit::find() {
            metrics.memory.limit_bytes.with_label_values::<&str>(&[]).set(number(limit));
        }
        self.observe_timers(metrics, partitions);
    }

    fn wall_time(&self) -> WallTime {
        clock::now()
    }

    fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    fn wait(&self, time: Duration) {
        std::thread::park_timeout(time);
    }
}
