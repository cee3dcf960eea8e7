//! The handles of all metrics. What they are is in the [catalogue](super::catalogue).

mod declare;
mod kafka;
mod sections;

use std::collections::BTreeMap;

use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Registry, TextEncoder,
};

use super::log_lines;
use crate::customer::Cause;
use declare::Registrar;
pub use kafka::{ClientMetrics, ClientStatistics};

/// All metrics of the process.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    /// By hash of the settings and of the models.
    pub(super) config: IntGaugeVec,
    /// By level.
    log_lines: IntCounterVec,
    pub input: InputMetrics,
    pub decoding: DecodingMetrics,
    pub transitions: TransitionMetrics,
    pub delays: DelayMetrics,
    pub bursts: BurstMetrics,
    pub commits: CommitMetrics,
    /// By model and stage.
    pub customers: IntGaugeVec,
    pub lag: LagMetrics,
    /// Partitions of an input, by topic.
    pub input_partitions: IntGaugeVec,
    /// By partition.
    pub watermark_seconds: IntGaugeVec,
    pub timers: TimerMetrics,
    /// 1 for what the daemon is doing, 0 for all else, by state.
    pub state: IntGaugeVec,
    /// Partitions of this process, by state.
    pub partitions: IntGaugeVec,
    /// By cause.
    pub quarantined_partitions: IntGaugeVec,
    pub topics: TopicMetrics,
    pub model_changes: ModelChangeMetrics,
    /// By kind.
    pub rebalances: IntCounterVec,
    /// Rejoins without a restart of the process, by reason.
    pub consumer_rejoins: IntCounterVec,
    pub restore: RestoreMetrics,
    pub clock: ClockMetrics,
    /// Merges that stopped waiting for an idle input.
    pub merge_timeouts: IntCounter,
    pub store: StoreMetrics,
    pub disk: DiskMetrics,
    pub memory: MemoryMetrics,
    /// Properties of RocksDB, by property name.
    pub rocksdb: BTreeMap<&'static str, IntGauge>,
    pub clients: ClientMetrics,
}

/// Metrics of input records.
#[derive(Clone, Debug)]
pub struct InputMetrics {
    /// Applied records, by topic.
    pub records: IntCounterVec,
    /// Accepted records of an event type that no model names, by topic.
    pub unnamed: IntCounterVec,
    pub duplicates: IntCounter,
    /// Duplicates of orders with another value.
    pub duplicates_differing: IntCounter,
    pub late: IntCounter,
    /// Late events beyond the horizon of corrections.
    pub late_beyond_horizon: IntCounter,
    /// Refunds and cancellations whose order was not received.
    pub returns_unmatched: IntCounter,
    /// Refunds without a value.
    pub refunds_unstated: IntCounter,
    /// Order events with a negative value.
    pub credit_notes: IntCounter,
    /// Further lines and newer versions of orders.
    pub orders_amended: IntCounter,
    /// Orders that became final because a customer had too many.
    pub orders_evicted: IntCounter,
    /// Ids of events that were forgotten because a customer had too many.
    pub ids_evicted: IntCounter,
    /// By reason.
    pub dead_letters: IntCounterVec,
    /// Outputs that the broker refused as too large or invalid, by topic.
    pub refused_outputs: IntCounterVec,
    /// Deleted records whose loss an operator accepted, by topic.
    pub lost_records: IntCounterVec,
}

/// Metrics of how far inputs are ahead, by topic and partition.
#[derive(Clone, Debug)]
pub struct LagMetrics {
    pub records: IntGaugeVec,
    /// Age of the last read record while others follow, in seconds.
    pub seconds: IntGaugeVec,
    /// Records behind an open transaction.
    pub undecided: IntGaugeVec,
    /// How long that transaction has been open, in seconds.
    pub open_transaction_seconds: IntGaugeVec,
    /// When they were last observed, in seconds since 1970.
    pub observed_seconds: IntGaugeVec,
}

impl LagMetrics {
    /// Those that are absent while they are unknown.
    pub(super) fn observations(&self) -> [&IntGaugeVec; 4] {
        [&self.records, &self.seconds, &self.undecided, &self.open_transaction_seconds]
    }
}

/// Metrics of what was not understood when records were decoded.
#[derive(Clone, Debug)]
pub struct DecodingMetrics {
    /// Rejected records, by topic and reason.
    pub rejected: IntCounterVec,
    /// Values that were not what the models expect, by topic and field.
    pub misread: IntCounterVec,
    /// Records that the mapping leaves out, by topic.
    pub left_out: IntCounterVec,
}

/// Metrics of topics that delete records too early.
#[derive(Clone, Debug)]
pub struct TopicMetrics {
    /// Topics whose config deletes records that must be retained.
    pub misconfigured: IntGauge,
    /// Partitions of inputs whose next unread record will soon be deleted.
    pub expiring_partitions: IntGauge,
}

/// Metrics of model changes.
#[derive(Clone, Debug)]
pub struct ModelChangeMetrics {
    /// Model changes of partitions.
    pub changes: IntCounter,
    /// Reloads of the model files, by outcome.
    pub reloads: IntCounterVec,
}

/// Metrics of transitions, by model.
#[derive(Clone, Debug)]
pub struct TransitionMetrics {
    /// By model, from, to and cause.
    pub taken: IntCounterVec,
    /// Those that are not published, by model and reason.
    pub quiet: IntCounterVec,
    /// Time in the stage that was left, by model and stage.
    pub stay_seconds: HistogramVec,
}

/// Delays until a transition is published, by cause.
#[derive(Clone, Debug)]
pub struct DelayMetrics {
    /// From the timestamp of the record that caused it.
    pub from_record: BTreeMap<Cause, Histogram>,
    /// From the event time at which it took effect.
    pub from_event_time: BTreeMap<Cause, Histogram>,
}

/// Metrics of commits.
#[derive(Clone, Debug)]
pub struct CommitMetrics {
    pub batches: IntCounter,
    /// By outcome.
    pub transactions: IntCounterVec,
    pub transaction_seconds: Histogram,
    /// By worker.
    pub limit_ratio: GaugeVec,
    /// When it was last committed, by worker.
    pub last_seconds: IntGaugeVec,
    /// By kind of client.
    pub fenced: IntCounterVec,
}

/// Metrics of timers.
#[derive(Clone, Debug)]
pub struct TimerMetrics {
    /// Customers with an armed timer.
    pub armed: IntGauge,
    /// Age of the oldest due timer, by worker.
    pub lag_seconds: IntGaugeVec,
}

/// Metrics of the time that batches wait for the local state.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    pub read_seconds: Histogram,
    pub write_seconds: Histogram,
}

/// Metrics of the file system of the state directory; no series where it is not known.
#[derive(Clone, Debug)]
pub struct DiskMetrics {
    pub free_bytes: IntGaugeVec,
    pub size_bytes: IntGaugeVec,
}

/// Metrics of memory; no series where there is no limit.
#[derive(Clone, Debug)]
pub struct MemoryMetrics {
    pub limit_bytes: IntGaugeVec,
}

/// Metrics of bursts of transitions.
#[derive(Clone, Debug)]
pub struct BurstMetrics {
    pub started: IntCounter,
    /// Transitions relative to the burst limit.
    pub reached_ratio: Gauge,
    /// 1 while the circuit breaker suspends transitions.
    pub fuse_blown: IntGauge,
}

/// Metrics of clocks.
#[derive(Clone, Debug)]
pub struct ClockMetrics {
    pub jumps: IntCounter,
    /// By worker.
    pub brokers_ahead_seconds: IntGaugeVec,
    /// Partitions that wait because this clock or record timestamps are suspect, by worker.
    pub suspect_partitions: IntGaugeVec,
}

/// Metrics of restoring state.
#[derive(Clone, Debug)]
pub struct RestoreMetrics {
    /// Records restored from the changelog.
    pub records: IntCounter,
    /// Assigned partitions, by condition of their local state.
    pub restores: IntCounterVec,
    /// Committed offsets of the group that were missing or unexpected, by kind.
    pub group_offsets: IntCounterVec,
    /// Partitions in restore.
    pub partitions: IntGauge,
    /// Offsets of the changelog that remain to be read.
    pub remaining_records: IntGauge,
    /// Estimated seconds until state is restored.
    pub remaining_seconds: IntGauge,
    /// Emptied state directories, by reason.
    pub stores_cleared: IntCounterVec,
}

impl Metrics {
    /// Registers all metrics.
    ///
    /// # Errors
    /// If they are not those of the catalogue, which a test rules out.
    pub fn new() -> prometheus::Result<Metrics> {
        let declare = Registrar::default();
        declare.build_info()?;
        let mut metrics = Metrics {
            registry: Registry::new(),
            config: declare.gauges("tenure_config_info")?,
            log_lines: declare.counters("tenure_log_lines_total")?,
            input: declare.input()?,
            decoding: declare.decoding()?,
            transitions: declare.transitions()?,
            delays: declare.delays()?,
            bursts: declare.bursts()?,
            commits: declare.commits()?,
            customers: declare.gauges("tenure_customers")?,
            lag: declare.lag()?,
            input_partitions: declare.gauges("tenure_input_partitions")?,
            watermark_seconds: declare.gauges("tenure_watermark_timestamp_seconds")?,
            timers: declare.timers()?,
            state: declare.gauges("tenure_state")?,
            partitions: declare.gauges("tenure_partitions")?,
            quarantined_partitions: declare.gauges("tenure_quarantined_partitions")?,
            topics: declare.topics()?,
            model_changes: declare.model_changes()?,
            rebalances: declare.counters("tenure_rebalances_total")?,
            consumer_rejoins: declare.counters("tenure_group_rejoins_total")?,
            restore: declare.restore()?,
            clock: declare.clock()?,
            merge_timeouts: declare.counter("tenure_merge_timeouts_total")?,
            store: declare.store()?,
            disk: declare.disk()?,
            memory: declare.memory()?,
            rocksdb: declare.rocksdb()?,
            clients: declare.clients()?,
        };
        #[cfg(target_os = "linux")]
        declare
            .registry
            .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        metrics.registry = declare.finish()?;
        Ok(metrics)
    }

    /// Clears the metrics of partitions and clients, for a daemon that restarts in the same process.
    pub fn reset_partitions(&self) {
        self.timers.armed.set(0);
        self.timers.lag_seconds.reset();
        self.clients.reset();
        let gauges = [&self.customers, &self.watermark_seconds, &self.lag.observed_seconds];
        let gauges = gauges.into_iter().chain(self.lag.observations());
        gauges.for_each(IntGaugeVec::reset);
    }

    /// All values in the Prometheus text format.
    pub fn render(&self) -> Vec<u8> {
        for (level, lines) in log_lines::take() {
            self.log_lines.with_label_values(&[level]).inc_by(lines);
        }
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "encoding the metrics failed");
        }
        text
    }
}
