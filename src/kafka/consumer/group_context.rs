//! The context of the group member's client: receives rebalances and statistics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::heartbeats::Heartbeats;
use super::owned_partitions::OwnedPartitions;
use crate::kafka::statistics::StatisticsReader;
use crate::kafka::{Config, GroupProtocol, log_throttle};
use crate::telemetry::ClientStatistics;

/// Interval between retries of calls that are not possible yet.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// Receives rebalances. Called on the polling thread, from inside a poll.
pub trait RebalanceListener: Send + Sync + 'static {
    /// This process now owns these partitions; they are paused until `Consumer::start`.
    fn on_assigned(&self, partitions: &[i32]);
    /// These partitions are being revoked. Returns when they are released, or after a bounded wait.
    /// `lost`: another member may already own them, and nothing may be committed.
    fn on_revoked(&self, partitions: &[i32], lost: bool);
    /// Of the client; from time to time.
    fn on_statistics(&self, _statistics: ClientStatistics) {}
}

pub(super) struct GroupContext {
    pub(super) listener: Arc<dyn RebalanceListener>,
    pub(super) inputs: Vec<String>,
    pub(super) config: Config,
    pub(super) owned: Mutex<OwnedPartitions>,
    pub(super) heartbeats: Mutex<Heartbeats>,
    pub(super) statistics: StatisticsReader,
    /// Closed, or replaced by another client: the listener gets none of its rebalances.
    pub(super) is_replaced: AtomicBool,
    /// The assignment contains no partition of some input, as if this member had not subscribed to it.
    pub(super) lacks_input: AtomicBool,
    /// It has left the group and subscribed again for that reason: assignments are final from then on.
    pub(super) has_resubscribed: AtomicBool,
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_throttle::line("consumer", level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_throttle::warn("consumer", &error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.heartbeats().observe(&statistics, Instant::now());
        if !self.is_replaced.load(Ordering::Acquire) {
            self.listener.on_statistics(self.statistics.read(&statistics));
        }
    }
}

impl ConsumerContext for GroupContext {
    /// New partitions are paused until they are started. librdkafka still requires an offset for them,
    /// and gets the beginning. Not the group's committed offset, which is not authoritative. Not the
    /// end: librdkafka queries the broker for it, twice because of the pause, and a response after the
    /// seek to the true position undoes the seek (`rd_kafka_toppar_offset_retry`), which would skip
    /// records. A seek undone to the beginning only costs time: feeds drop records before their
    /// position.
    ///
    /// `list` is the whole assignment under the classic protocol, else only the change.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        decision: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let result = match decision {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                let assigned = list.set_all_offsets(Offset::Beginning);
                let assigned =
                    assigned.and_then(|()| assign(consumer, self.config.group_protocol, list));
                let paused = assigned.and_then(|()| consumer.pause(list));
                let complete = self.owned().add(self.partitions(list));
                let lacks_input = self.config.group_protocol == GroupProtocol::Classic
                    && !self.has_resubscribed.load(Ordering::Acquire)
                    && self.owned().lacks_input();
                if lacks_input {
                    self.lacks_input.store(true, Ordering::Release);
                } else if !self.is_replaced.load(Ordering::Acquire) {
                    self.listener.on_assigned(&complete);
                }
                paused
            }
            _ => {
                let incomplete = self.owned().remove(self.partitions(list));
                if !incomplete.is_empty() && !self.is_replaced.load(Ordering::Acquire) {
                    self.listener.on_revoked(&incomplete, consumer.assignment_lost());
                }
                match self.config.group_protocol {
                    GroupProtocol::Classic => consumer.unassign(),
                    GroupProtocol::Consumer => consumer.incremental_unassign(list),
                }
            }
        };
        // The callback cannot return an error.
        if let Err(error) = result {
            tracing::error!(%error, "applying a rebalance failed");
        }
    }
}

impl GroupContext {
    /// (input index, partition) pairs of the list.
    fn partitions(&self, list: &TopicPartitionList) -> Vec<(usize, i32)> {
        let elements = list.elements().into_iter().filter_map(|element| {
            let is_topic = |input: &String| input == element.topic();
            Some((self.inputs.iter().position(is_topic)?, element.partition()))
        });
        elements.collect()
    }

    pub(super) fn owned(&self) -> MutexGuard<'_, OwnedPartitions> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn heartbeats(&self) -> MutexGuard<'_, Heartbeats> {
        self.heartbeats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) type Client = BaseConsumer<GroupContext>;

/// `list` is the whole assignment under the classic protocol, else only the added partitions.
pub(super) fn assign(
    client: &Client,
    protocol: GroupProtocol,
    list: &TopicPartitionList,
) -> Result<(), KafkaError> {
    match protocol {
        GroupProtocol::Classic => client.assign(list),
        GroupProtocol::Consumer => client.incremental_assign(list),
    }
}

/// A callback for librdkafka's threads that unparks the polling thread.
pub(super) fn waker(poll_thread: &Thread) -> impl Fn() + Send + Sync + 'static {
    let poll_thread = poll_thread.clone();
    move || poll_thread.unpark()
}
