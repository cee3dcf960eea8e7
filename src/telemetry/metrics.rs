//! All metrics with names and help texts. No other module declares any. Label values come from closed
//! sets (topics, partitions, models, stages, reasons), never from customers.

mod declare;
mod sections;

use std::collections::BTreeMap;

use prometheus::{
    Encoder, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};

use declare::Registrar;

/// All metrics of the process.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    pub input: InputMetrics,
    pub decoding: DecodingMetrics,
    /// By model, from, to and cause.
    pub transitions: IntCounterVec,
    /// Transitions that are not published, by model and reason.
    pub quiet_transitions: IntCounterVec,
    pub bursts: BurstMetrics,
    pub batches: IntCounter,
    /// By outcome.
    pub transactions: IntCounterVec,
    /// By worker.
    pub transaction_limit_percent: IntGaugeVec,
    pub transaction_seconds: Histogram,
    /// By model and stage.
    pub customers: IntGaugeVec,
    pub lag: LagMetrics,
    /// Partitions of an input, by topic.
    pub input_partitions: IntGaugeVec,
    /// By partition.
    pub watermark_seconds: IntGaugeVec,
    /// Customers with an armed timer.
    pub timers: IntGauge,
    /// 1 for what the daemon is doing, 0 for all else, by state.
    pub state: IntGaugeVec,
    /// Partitions of this process, by state.
    pub partitions: IntGaugeVec,
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
    /// Properties of RocksDB summed over all column families, by property name.
    pub rocksdb: BTreeMap<&'static str, IntGauge>,
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
    /// When they were last observed, in seconds since 1970.
    pub observed_seconds: IntGaugeVec,
}

impl LagMetrics {
    pub(super) fn all(&self) -> [&IntGaugeVec; 4] {
        [&self.records, &self.seconds, &self.undecided, &self.observed_seconds]
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

/// Metrics of bursts of transitions.
#[derive(Clone, Debug)]
pub struct BurstMetrics {
    pub started: IntCounter,
    /// Transitions in percent of the burst limit.
    pub reached_percent: IntGauge,
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
    /// If a name is declared twice, which a test rules out.
    pub fn new() -> prometheus::Result<Metrics> {
        let registry = Registry::new();
        let declare = Registrar(&registry);
        let [transitions, quiet_transitions] = declare.transitions()?;
        let metrics = Metrics {
            input: declare.input()?,
            decoding: declare.decoding()?,
            transitions,
            quiet_transitions,
            bursts: declare.bursts()?,
            batches: declare.counter("batches_total", "Batches applied.")?,
            transactions: declare.counters(
                "transactions_total",
                "Kafka transactions ended.",
                &["outcome"],
            )?,
            transaction_limit_percent: declare.gauges(
                "transaction_limit_percent",
                "Current size limit of a transaction, in percent of the maximum: reduced for a while after an abort.",
                &["worker"],
            )?,
            transaction_seconds: declare
                .histogram("transaction_seconds", "Duration of a Kafka transaction.")?,
            customers: declare.gauges("customers", "Customers in a stage.", &["model", "stage"])?,
            lag: declare.lag()?,
            input_partitions: declare.gauges(
                "input_partitions",
                "Partitions of an input, over all processes.",
                &["topic"],
            )?,
            watermark_seconds: declare.gauges(
                "watermark_timestamp_seconds",
                "The watermark, in seconds since 1970.",
                &["partition"],
            )?,
            timers: declare.gauge("timers", "Customers with an armed timer.")?,
            state: declare.gauges(
                "state",
                "1 for the current state of the daemon: starting, waiting (for Kafka, or for a correction; /readyz and the log have the cause), restoring, running or stopping.",
                &["state"],
            )?,
            partitions: declare.gauges(
                "partitions",
                "Partitions assigned to this process: restoring, running, left_alone (deferred: the changelog has newer models or a newer version) or quarantined (they cannot be processed; `tenure state` shows why).",
                &["state"],
            )?,
            topics: declare.topics()?,
            model_changes: declare.model_changes()?,
            rebalances: declare.counters(
                "rebalances_total",
                "Rebalances of the group.",
                &["kind"],
            )?,
            consumer_rejoins: declare.rejoins()?,
            restore: declare.restore()?,
            clock: declare.clock()?,
            merge_timeouts: declare.counter(
                "merge_timeouts_total",
                "Idle inputs that a merge stopped waiting for.",
            )?,
            rocksdb: declare.rocksdb()?,
            registry: registry.clone(),
        };
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(metrics)
    }

    /// Clears the metrics of partitions, for a daemon that restarts in the same process.
    pub fn reset_partitions(&self) {
        self.timers.set(0);
        let gauges = [&self.customers, &self.watermark_seconds].into_iter().chain(self.lag.all());
        gauges.for_each(IntGaugeVec::reset);
    }

    /// All values in the Prometheus text format.
    pub fn render(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "encoding the metrics failed");
        }
        text
    }
}
