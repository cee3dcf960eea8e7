//! The statistics of librdkafka, as metrics of a client.

use std::sync::atomic::{AtomicU64, Ordering};

use rdkafka::statistics::{Broker, Statistics};

use crate::telemetry::{ClientMetrics, ClientStatistics};

/// Reads the statistics of one client.
#[derive(Debug, Default)]
pub(super) struct StatisticsReader {
    /// Since the client was created.
    request_errors: AtomicU64,
}

impl StatisticsReader {
    pub(super) fn read(&self, statistics: &Statistics) -> ClientStatistics {
        // Brokers without a number are addresses of the settings, which the client connects to again by their number.
        let brokers = || statistics.brokers.values().filter(|broker| broker.nodeid >= 0);
        let errors = |broker: &Broker| broker.txerrs + broker.rxerrs + broker.req_timeouts;
        let all: u64 = statistics.brokers.values().map(errors).sum();
        let before = self.request_errors.swap(all, Ordering::Relaxed);
        let throttled = brokers().filter_map(|broker| Some(broker.throttle.as_ref()?.max));
        let topics = statistics.topics.values();
        // The queue of a revoked partition keeps its records until the partition is assigned again.
        let partitions = || topics.clone().flat_map(|topic| topic.partitions.values());
        let fetched = || partitions().filter(|partition| partition.desired);
        let records = fetched().map(|it| u64::try_from(it.fetchq_cnt).unwrap_or(0));
        ClientStatistics {
            connected_brokers: brokers().filter(|broker| broker.state == "UP").count() as u64,
            throttle_seconds: throttled.max().unwrap_or(0).max(0) as f64 / 1000.0,
            queue_records: statistics.msg_cnt + records.sum::<u64>(),
            queue_bytes: statistics.msg_size + fetched().map(|it| it.fetchq_size).sum::<u64>(),
            request_errors: all.saturating_sub(before),
        }
    }
}

/// Where a producer reports to.
#[derive(Debug)]
pub(super) struct ProducerObserver {
    client: String,
    metrics: ClientMetrics,
    reader: StatisticsReader,
}

impl ProducerObserver {
    pub(super) fn new(worker: usize, metrics: &ClientMetrics) -> ProducerObserver {
        ProducerObserver {
            client: format!("producer-{worker}"),
            metrics: metrics.clone(),
            reader: StatisticsReader::default(),
        }
    }

    pub(super) fn observe(&self, statistics: &Statistics) {
        self.metrics.observe(&self.client, self.reader.read(statistics));
    }

    pub(super) fn count_error(&self, topic: &str) {
        self.metrics.produce_errors.with_label_values(&[topic]).inc();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rdkafka::statistics::{Partition, Topic, Window};

    use super::*;

    #[test]
    fn statistics_count_connected_brokers_queues_and_new_errors() {
        let broker = |nodeid, state: &str, throttled, req_timeouts| Broker {
            nodeid,
            state: state.to_owned(),
            throttle: Some(Window { max: throttled, ..Window::default() }),
            req_timeouts,
            txerrs: 1,
            ..Broker::default()
        };
        let partition = |desired, fetchq_cnt, fetchq_size| Partition {
            desired,
            fetchq_cnt,
            fetchq_size,
            ..Partition::default()
        };
        let partitions = HashMap::from([
            (-1, partition(false, 0, 0)),
            (0, partition(true, 3, 300)),
            (1, partition(false, 5, 50)),
            (7, partition(true, 4, 40)),
        ]);
        let brokers = [broker(-1, "UP", 0, 0), broker(1, "UP", 20, 2), broker(2, "DOWN", 1500, 0)];
        let mut statistics = Statistics {
            msg_cnt: 2,
            msg_size: 20,
            brokers: (0..).zip(brokers).map(|(at, it): (i32, _)| (at.to_string(), it)).collect(),
            topics: HashMap::from([(
                "visits".to_owned(),
                Topic { partitions, ..Topic::default() },
            )]),
            ..Statistics::default()
        };
        let reader = StatisticsReader::default();
        let expected = ClientStatistics {
            connected_brokers: 1,
            throttle_seconds: 1.5,
            queue_records: 9,
            queue_bytes: 360,
            request_errors: 5,
        };
        assert_eq!(reader.read(&statistics), expected);
        if let Some(broker) = statistics.brokers.get_mut("1") {
            broker.rxerrs = 4;
        }
        assert_eq!(reader.read(&statistics).request_errors, 4);
        assert_eq!(reader.read(&statistics).request_errors, 0);
    }
}
