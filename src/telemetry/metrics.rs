//! Every metric, with its name and its help. No other file declares one. Labels come from closed
//! sets: topics, partitions, models, stages, reasons; never a customer.

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
    /// What comes in.
    pub input: InputMetrics,
    /// Transitions, by model, from, to and cause.
    pub transitions: IntCounterVec,
    /// Transitions that subscribers are not told of, by model and why.
    pub quiet_transitions: IntCounterVec,
    /// Unusually many transitions at once.
    pub bursts: BurstMetrics,
    /// Batches applied.
    pub batches: IntCounter,
    /// Transactions, by outcome.
    pub transactions: IntCounterVec,
    /// How large transactions may be, by worker.
    pub transaction_limit_percent: IntGaugeVec,
    /// How long a transaction took.
    pub transaction_seconds: Histogram,
    /// Customers, by model and stage.
    pub customers: IntGaugeVec,
    /// Records between the position and the end, by topic and partition.
    pub lag_records: IntGaugeVec,
    /// Records behind a transaction that has not ended, by topic and partition.
    pub undecided_records: IntGaugeVec,
    /// The watermark of a partition.
    pub watermark_seconds: IntGaugeVec,
    /// Timers that have been armed and not met.
    pub timers: IntGauge,
    /// Partitions of this process, by what is done with them.
    pub partitions: IntGaugeVec,
    /// Topics that lose something.
    pub topics: TopicMetrics,
    /// What is said of models that change.
    pub model_changes: ModelChangeMetrics,
    /// Rebalances, by kind.
    pub rebalances: IntCounterVec,
    /// Times that the group was joined anew in the same process, by reason.
    pub consumer_rejoins: IntCounterVec,
    /// What restoring does.
    pub restore: RestoreMetrics,
    /// What is said of clocks.
    pub clock: ClockMetrics,
    /// Merges that went on although an input was silent.
    pub merge_timeouts: IntCounter,
    /// What RocksDB says of itself, over all column families, by the name of the property.
    pub rocksdb: BTreeMap<&'static str, IntGauge>,
}

/// What is said of the records that come in.
#[derive(Clone, Debug)]
pub struct InputMetrics {
    /// Records applied, by topic.
    pub records: IntCounterVec,
    /// Accepted records of an event type that no model names, by topic.
    pub unnamed: IntCounterVec,
    /// Events that came a second time.
    pub duplicates: IntCounter,
    /// Events earlier than what their customer had already seen.
    pub late: IntCounter,
    /// Late events by which nothing can be corrected any more.
    pub late_beyond_horizon: IntCounter,
    /// Refunds and cancellations without an order.
    pub returns_unmatched: IntCounter,
    /// Records not accepted, by reason.
    pub dead_letters: IntCounterVec,
    /// Outputs that the broker refused for what they are, by topic.
    pub refused_outputs: IntCounterVec,
    /// Records whose loss an operator has accepted, by topic.
    pub lost_records: IntCounterVec,
}

/// What is said of topics that lose something.
#[derive(Clone, Debug)]
pub struct TopicMetrics {
    /// Topics that lose what they have to keep.
    pub misconfigured: IntGauge,
    /// Partitions of inputs whose next unread record is about to be deleted.
    pub expiring_partitions: IntGauge,
}

/// What is said of models that change.
#[derive(Clone, Debug)]
pub struct ModelChangeMetrics {
    /// Partitions for which other models than before took over.
    pub changes: IntCounter,
    /// Looks at the model files while it runs, by what came of them.
    pub reloads: IntCounterVec,
}

/// What is said of unusually many transitions at once.
#[derive(Clone, Debug)]
pub struct BurstMetrics {
    /// Those that have begun.
    pub started: IntCounter,
    /// How far it is to the next, or how much is in this one.
    pub reached_percent: IntGauge,
    /// Whether transitions wait for an operator.
    pub fuse_blown: IntGauge,
}

/// What is said of clocks.
#[derive(Clone, Debug)]
pub struct ClockMetrics {
    /// Jumps of the wall clock.
    pub jumps: IntCounter,
    /// How far the brokers' clock was ahead at the last commit, by worker.
    pub brokers_ahead_seconds: IntGaugeVec,
    /// Partitions that wait for a doubt about the own clock to end, by worker.
    pub suspect_partitions: IntGaugeVec,
}

/// What is said of restoring.
#[derive(Clone, Debug)]
pub struct RestoreMetrics {
    /// Records read from the changelog.
    pub records: IntCounter,
    /// Partitions assigned, by the state that their local state was found in.
    pub restores: IntCounterVec,
    /// Committed offsets of the group that were not as they were committed, by how.
    pub group_offsets: IntCounterVec,
    /// Partitions that are being restored.
    pub partitions: IntGauge,
    /// Offsets of the changelog that are still to be read to restore state.
    pub remaining_records: IntGauge,
    /// Seconds until state is restored, estimated.
    pub remaining_seconds: IntGauge,
    /// State folders emptied, by reason.
    pub stores_cleared: IntCounterVec,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// When a name is there twice, which a test rules out.
    pub fn new() -> prometheus::Result<Metrics> {
        let registry = Registry::new();
        let declare = Registrar(&registry);
        let [transitions, quiet_transitions] = declare.transitions()?;
        let metrics = Metrics {
            input: declare.input()?,
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
                "How much a transaction may hold, of the most: less for a while after one was aborted.",
                &["worker"],
            )?,
            transaction_seconds: declare
                .histogram("transaction_seconds", "Duration of a Kafka transaction.")?,
            customers: declare.gauges("customers", "Customers in a stage.", &["model", "stage"])?,
            lag_records: declare.gauges(
                "lag_records",
                "Records between position and end of an input.",
                &["topic", "partition"],
            )?,
            undecided_records: declare.gauges(
                "undecided_records",
                "Records of an input that wait for a transaction to end: nobody who reads committed records sees them.",
                &["topic", "partition"],
            )?,
            watermark_seconds: declare.gauges(
                "watermark_timestamp_seconds",
                "The watermark, since 1970.",
                &["partition"],
            )?,
            timers: declare.gauge("timers", "Customers with an armed timer.")?,
            partitions: declare.gauges(
                "partitions",
                "Partitions assigned to this process: restoring, running, left_alone (others have newer models or a newer version) or quarantined (they cannot be processed; `tenure state` says why).",
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
                "Inputs that were waited for in vain.",
            )?,
            rocksdb: declare.rocksdb()?,
            registry: registry.clone(),
        };
        #[cfg(target_os = "linux")]
        registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        Ok(metrics)
    }

    /// Removes what is said of partitions, for a daemon that begins anew in the same process.
    pub fn reset_partitions(&self) {
        self.timers.set(0);
        let gauges = [
            &self.customers,
            &self.lag_records,
            &self.undecided_records,
            &self.watermark_seconds,
        ];
        gauges.into_iter().for_each(IntGaugeVec::reset);
    }

    /// All values in the Prometheus text format.
    pub fn render(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "the metrics cannot be written");
        }
        text
    }
}
