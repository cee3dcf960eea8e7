//! Every metric, with its name and its help. No other file declares one. Labels come from closed
//! sets: topics, partitions, models, stages, reasons; never a customer.

mod declare;

use std::collections::BTreeMap;

use prometheus::{
    Encoder, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};

use declare::Declare;

/// All metrics of the process.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    /// What comes in.
    pub input: Input,
    /// Transitions, by model, from, to and cause.
    pub transitions: IntCounterVec,
    /// Transitions that subscribers are not told of, by model and why.
    pub quiet_transitions: IntCounterVec,
    /// Unusually many transitions at once.
    pub bursts: Bursts,
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
    /// Topics that lose what they have to keep.
    pub misconfigured_topics: IntGauge,
    /// What is said of models that change.
    pub change: Change,
    /// Rebalances, by kind.
    pub rebalances: IntCounterVec,
    /// What restoring does.
    pub restore: Restore,
    /// What is said of clocks.
    pub clock: Clock,
    /// Merges that went on although an input was silent.
    pub merge_timeouts: IntCounter,
    /// What RocksDB says of itself, over all column families, by the name of the property.
    pub rocksdb: BTreeMap<&'static str, IntGauge>,
}

/// What is said of the records that come in.
#[derive(Clone, Debug)]
pub struct Input {
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

/// What is said of models that change.
#[derive(Clone, Debug)]
pub struct Change {
    /// Partitions for which other models than before took over.
    pub changes: IntCounter,
    /// Looks at the model files while it runs, by what came of them.
    pub reloads: IntCounterVec,
}

/// What is said of unusually many transitions at once.
#[derive(Clone, Debug)]
pub struct Bursts {
    /// Those that have begun.
    pub begun: IntCounter,
    /// How far it is to the next, or how much is in this one.
    pub reached_percent: IntGauge,
    /// Whether transitions wait for an operator.
    pub fuse_blown: IntGauge,
}

/// What is said of clocks.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Jumps of the wall clock.
    pub jumps: IntCounter,
    /// How far the brokers' clock was ahead at the last commit, by worker.
    pub brokers_ahead_seconds: IntGaugeVec,
    /// Partitions that wait for a doubt about the own clock to end, by worker.
    pub doubtful_partitions: IntGaugeVec,
}

/// What is said of restoring.
#[derive(Clone, Debug)]
pub struct Restore {
    /// Records read from the changelog.
    pub records: IntCounter,
    /// Partitions assigned, by the state that their local state was found in.
    pub found: IntCounterVec,
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

/// Properties of RocksDB, by the names that the store gives them.
const ROCKSDB: [(&str, &str); 6] = [
    ("keys", "Keys, estimated."),
    ("live_sst_bytes", "Bytes of the live files."),
    (
        "memtable_bytes",
        "Bytes in memory that wait to be written to files.",
    ),
    (
        "pending_compaction_bytes",
        "Bytes that compaction still has to rewrite, estimated.",
    ),
    ("background_errors", "Errors of background work."),
    (
        "write_stopped",
        "Whether writes are stopped until compaction catches up.",
    ),
];

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// When a name is there twice, which a test rules out.
    pub fn new() -> prometheus::Result<Metrics> {
        let registry = Registry::new();
        let declare = Declare(&registry);
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
            misconfigured_topics: declare.gauge(
                "misconfigured_topics",
                "Topics with a cleanup.policy that deletes what they have to keep; the log says which, and what to do.",
            )?,
            change: declare.change()?,
            rebalances: declare.counters(
                "rebalances_total",
                "Rebalances of the group.",
                &["kind"],
            )?,
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
    pub fn forget_partitions(&self) {
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

impl Declare<'_> {
    fn clock(&self) -> prometheus::Result<Clock> {
        Ok(Clock {
            jumps: self.counter("clock_jumps_total", "Jumps of the wall clock by more than a minute.")?,
            brokers_ahead_seconds: self.gauges(
                "brokers_clock_ahead_seconds",
                "How far the brokers' clock was ahead of this machine's at the last commit.",
                &["worker"],
            )?,
            doubtful_partitions: self.gauges(
                "clock_doubt_partitions",
                "Partitions that wait: either this machine's clock is slow, or records have timestamps of a time to come.",
                &["worker"],
            )?,
        })
    }

    fn rocksdb(&self) -> prometheus::Result<BTreeMap<&'static str, IntGauge>> {
        let one = |(property, help): (&'static str, &str)| {
            Ok((property, self.gauge(&format!("rocksdb_{property}"), help)?))
        };
        ROCKSDB.into_iter().map(one).collect()
    }

    fn input(&self) -> prometheus::Result<Input> {
        let dead_letters =
            self.counters("dead_letters_total", "Records not accepted.", &["reason"])?;
        for reason in crate::event::Reason::ALL {
            dead_letters.with_label_values(&[reason.code()]);
        }
        Ok(Input {
            records: self.counters("records_total", "Records applied.", &["topic"])?,
            unnamed: self.counters(
                "unnamed_records_total",
                "Records of an event type that no model names.",
                &["topic"],
            )?,
            duplicates: self.counter(
                "duplicates_total",
                "Events that came a second time, recognised by their id or order id, and did nothing.",
            )?,
            late: self.counter(
                "late_events_total",
                "Events earlier than what their customer had already seen.",
            )?,
            late_beyond_horizon: self.counter(
                "late_events_beyond_horizon_total",
                "Late events by which no transition is corrected and no order taken back any more.",
            )?,
            returns_unmatched: self.counter(
                "returns_unmatched_total",
                "Refunds and cancellations whose order did not come while it was waited for.",
            )?,
            dead_letters,
            lost_records: self.counters(
                "lost_input_records_total",
                "Records that an input no longer holds, and whose loss an operator has accepted.",
                &["topic"],
            )?,
            refused_outputs: self.counters(
                "refused_outputs_total",
                "Outputs that the broker refused for what they are (too large, invalid), each replaced by a small dead letter.",
                &["topic"],
            )?,
        })
    }

    fn bursts(&self) -> prometheus::Result<Bursts> {
        Ok(Bursts {
            begun: self.counter(
                "bursts_total",
                "Times that unusually many transitions were told at once, or were held back instead (settings burst).",
            )?,
            reached_percent: self.gauge(
                "burst_reached_percent",
                "Transitions told within burst.within or held back, in percent of those that make a burst: from 100 on it is one.",
            )?,
            fuse_blown: self.gauge(
                "fuse_blown",
                "Whether transitions are held back, and the input with them, until an operator says go on (POST /go-on at http.admin).",
            )?,
        })
    }

    fn change(&self) -> prometheus::Result<Change> {
        Ok(Change {
            changes: self.counter(
                "model_changes_total",
                "Times that other models than before took over a partition.",
            )?,
            reloads: self.counters(
                "model_reloads_total",
                "Times that SIGHUP had the model files read again: accepted, refused or unchanged.",
                &["outcome"],
            )?,
        })
    }

    /// Those that happened, and of them those that subscribers are not told of.
    fn transitions(&self) -> prometheus::Result<[IntCounterVec; 2]> {
        let labels = ["model", "from", "to", "cause"];
        let all = self.counters("transitions_total", "Transitions made.", &labels)?;
        let quiet = self.counters(
            "quiet_transitions_total",
            "Transitions made of which subscribers are not told: before emit_from, or of a model in shadow.",
            &["model", "reason"],
        )?;
        Ok([all, quiet])
    }

    fn restore(&self) -> prometheus::Result<Restore> {
        Ok(Restore {
            records: self.counter(
                "restored_records_total",
                "Changelog records read to restore state.",
            )?,
            found: self.counters(
                "restores_total",
                "Partitions assigned, by what was found: local state that is complete, behind, missing, incomplete, stale, too_old, of other_changelog, ahead of it or given_up by an operator; and by changelog_cut where that has lost its beginning.",
                &["found"],
            )?,
            group_offsets: self.counters(
                "group_offsets_unexpected_total",
                "Committed offsets of the group that were missing, or not those that Tenure committed.",
                &["found"],
            )?,
            partitions: self
                .gauge("restoring_partitions", "Partitions that are being restored.")?,
            remaining_records: self.gauge(
                "restoring_remaining_records",
                "Offsets of the changelog that are still to be read to restore state.",
            )?,
            remaining_seconds: self.gauge(
                "restoring_remaining_seconds",
                "Time until state is restored, estimated; 0 when nothing is.",
            )?,
            stores_cleared: self.counters(
                "stores_cleared_total",
                "State folders that could not be gone on with and were emptied, to be rebuilt.",
                &["reason"],
            )?,
        })
    }
}
