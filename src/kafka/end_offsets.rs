//! Requests the ends of many partitions at once: one request for each broker that leads some of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::log_throttle::LogThrottle;
use super::reader::{OffsetFinder, refresh_leaders};

/// Longest wait for one response.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long leaders are taken to be the same, if they respond.
const LEADERS_MAX_AGE: Duration = Duration::from_secs(60);
/// Interval at which the leaders of partitions without one are requested again.
const LEADERS_RETRY: Duration = Duration::from_secs(2);
/// A broker that did not respond is not asked again for this time, so that the partitions of the others are not delayed.
const BROKER_RETRY: Duration = Duration::from_secs(10);

/// The ends of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndOffsets {
    /// The end for `read_committed` readers: before an open transaction.
    pub last_stable: i64,
    /// The end for `read_uncommitted` readers.
    pub end: i64,
}

/// Topic, as its index, and partition.
type TopicPartition = (usize, i32);

/// Requests ends, and knows which brokers lead the partitions.
pub(crate) struct EndOffsetsClient {
    clients: Arc<OffsetFinder>,
    topics: Vec<String>,
    leaders: BTreeMap<TopicPartition, i32>,
    leaders_at: Option<Instant>,
    /// Brokers that did not respond, and when.
    unavailable: BTreeMap<i32, Instant>,
}

impl EndOffsetsClient {
    pub(crate) fn new(clients: Arc<OffsetFinder>, topics: &[String]) -> EndOffsetsClient {
        EndOffsetsClient {
            clients,
            topics: topics.to_vec(),
            leaders: BTreeMap::new(),
            leaders_at: None,
            unavailable: BTreeMap::new(),
        }
    }

    /// Passes the ends of these partitions of all topics, by topic and partition, and the time of their request: records that
    /// were appended before it are counted. Partitions without a leader that responds are missing.
    pub(crate) fn request(
        &mut self,
        partitions: &[i32],
        mut take: impl FnMut(usize, i32, EndOffsets, Instant),
    ) {
        self.update_leaders();
        let mut by_leader: BTreeMap<i32, Vec<TopicPartition>> = BTreeMap::new();
        let mut has_all = true;
        for topic in 0..self.topics.len() {
            for partition in partitions {
                let key = (topic, *partition);
                match self.leaders.get(&key) {
                    Some(leader) => by_leader.entry(*leader).or_default().push(key),
                    None => has_all = false,
                }
            }
        }
        for (leader, wanted) in by_leader {
            if self.unavailable.get(&leader).is_some_and(|since| since.elapsed() < BROKER_RETRY) {
                has_all = false;
                continue;
            }
            let at = Instant::now();
            let Some(ends) = self.request_from_leader(leader, &wanted) else {
                self.unavailable.insert(leader, Instant::now());
                has_all = false;
                continue;
            };
            self.unavailable.remove(&leader);
            has_all &= ends.len() == wanted.len();
            for ((topic, partition), ends) in ends {
                take(topic, partition, ends, at);
            }
        }
        self.clients.take_events();
        if !has_all {
            // Others may lead these partitions by now.
            self.leaders_at = self.leaders_at.filter(|at| at.elapsed() < LEADERS_RETRY);
        }
    }

    /// Keeps what is known of topics whose metadata cannot be had now.
    fn update_leaders(&mut self) {
        if self.leaders_at.is_some_and(|at| at.elapsed() < LEADERS_MAX_AGE) {
            return;
        }
        for (index, topic) in self.topics.iter().enumerate() {
            let OffsetFinder { committed, uncommitted } = &*self.clients;
            let [_, metadata] =
                [committed, uncommitted].map(|client| refresh_leaders(client, topic));
            let Some(metadata) = metadata else {
                continue;
            };
            self.leaders.retain(|(topic, _), _| *topic != index);
            for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
                if partition.leader() >= 0 {
                    self.leaders.insert((index, partition.id()), partition.leader());
                }
            }
        }
        self.leaders_at = Some(Instant::now());
    }

    /// The ends of partitions of a leader, as far as they are known; `None` if it does not respond.
    fn request_from_leader(
        &self,
        leader: i32,
        wanted: &[TopicPartition],
    ) -> Option<BTreeMap<TopicPartition, EndOffsets>> {
        match self.request_ends(wanted) {
            Ok(ends) => Some(ends),
            Err(error) => {
                tracing::debug!(broker = leader, %error, "requesting the ends of the inputs failed");
                // The error of one partition is that of the whole request.
                let one = |key: &TopicPartition| self.request_ends(&[*key]).unwrap_or_default();
                (!is_no_response(&error)).then(|| wanted.iter().flat_map(one).collect())
            }
        }
    }

    /// The ends of partitions with the same leader. The uncommitted ends are requested first: if the later last stable offset
    /// reaches one, no transaction before it is open.
    fn request_ends(
        &self,
        wanted: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, EndOffsets>, KafkaError> {
        let uncommitted = self.request_latest(&self.clients.uncommitted, wanted)?;
        let committed = self.request_latest(&self.clients.committed, wanted)?;
        let ends = uncommitted.into_iter().filter_map(|(key, end)| {
            let last_stable = *committed.get(&key)?;
            Some((key, EndOffsets { last_stable, end }))
        });
        Ok(ends.collect())
    }

    fn request_latest(
        &self,
        client: &BaseConsumer<LogThrottle>,
        wanted: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, i64>, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(wanted.len());
        for (topic, partition) in wanted {
            // As a time, "the end" requests the latest offset.
            list.add_partition_offset(&self.topics[*topic], *partition, Offset::End)?;
        }
        Ok(self.offsets(&client.offsets_for_times(list, TIMEOUT)?, wanted))
    }

    /// The committed offsets of the group, where it has any.
    pub(crate) fn committed_offsets(
        &self,
        wanted: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, i64>, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(wanted.len());
        for (topic, partition) in wanted {
            list.add_partition(&self.topics[*topic], *partition);
        }
        Ok(self.offsets(&self.clients.committed.committed_offsets(list, TIMEOUT)?, wanted))
    }

    /// The offsets in a response, of the partitions that have one.
    fn offsets(
        &self,
        response: &TopicPartitionList,
        wanted: &[TopicPartition],
    ) -> BTreeMap<TopicPartition, i64> {
        let offset = |key: &TopicPartition| {
            let found = response.find_partition(&self.topics[key.0], key.1)?;
            match (found.error(), found.offset()) {
                (Ok(()), Offset::Offset(offset)) => Some((*key, offset)),
                _ => None,
            }
        };
        wanted.iter().filter_map(offset).collect()
    }
}

/// Whether the broker did not respond, as opposed to an error of a partition.
fn is_no_response(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, OperationTimedOut};
    matches!(
        error.rdkafka_error_code(),
        Some(OperationTimedOut | BrokerTransportFailure | AllBrokersDown)
    )
}
