//! Metrics of the Kafka clients, and their update from the statistics of librdkafka.

use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec};

/// By client, except for the errors.
#[derive(Clone, Debug)]
pub struct ClientMetrics {
    pub connected_brokers: IntGaugeVec,
    pub throttle_seconds: GaugeVec,
    pub queue_records: IntGaugeVec,
    pub queue_bytes: IntGaugeVec,
    pub request_errors: IntCounterVec,
    /// Records that were not delivered, by topic.
    pub produce_errors: IntCounterVec,
}

/// What a client's statistics say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClientStatistics {
    pub connected_brokers: u64,
    pub throttle_seconds: f64,
    pub queue_records: u64,
    pub queue_bytes: u64,
    /// Since the statistics before.
    pub request_errors: u64,
}

impl ClientMetrics {
    pub fn observe(&self, client: &str, statistics: ClientStatistics) {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for (gauge, value) in [
            (&self.connected_brokers, statistics.connected_brokers),
            (&self.queue_records, statistics.queue_records),
            (&self.queue_bytes, statistics.queue_bytes),
        ] {
            gauge.with_label_values(&[client]).set(count(value));
        }
        self.throttle_seconds.with_label_values(&[client]).set(statistics.throttle_seconds);
        self.request_errors.with_label_values(&[client]).inc_by(statistics.request_errors);
    }

    /// Forgets the clients, which are closed.
    pub(super) fn reset(&self) {
        self.throttle_seconds.reset();
        let gauges = [&self.connected_brokers, &self.queue_records, &self.queue_bytes];
        gauges.into_iter().for_each(IntGaugeVec::reset);
    }
}
