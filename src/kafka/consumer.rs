//! The member of the group. Polled by one thread; what the group decides is told to a listener.
//!
//! Every partition of every input has a queue of its own. So the end of one is not taken for the
//! end of another (rdkafka does not say which topic has ended), and back-pressure is simply not to
//! take from a queue: librdkafka stops fetching when it is full.

mod feed;
mod fetch;
mod heartbeats;
mod member;
mod owned_partitions;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::error_class::ErrorClass;
use super::{Config, Error, GroupProtocol, log_throttle};
use heartbeats::Heartbeats;
use member::{join_group, membership, serve, subscribe};
use owned_partitions::OwnedPartitions;

pub use feed::{Feed, Fetched};

/// Who is told what the group decides. Called on the polling thread, from inside a poll.
pub trait RebalanceListener: Send + Sync + 'static {
    /// These partitions are this process's now; they are paused until they are started.
    fn on_assigned(&self, partitions: &[i32]);
    /// These partitions are about to go elsewhere. Returns when they are no longer worked on, or
    /// after a bounded wait. `lost`: they have gone already, and nothing may be committed.
    fn on_revoked(&self, partitions: &[i32], lost: bool);
}

/// Where reading a partition of an input goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeekPosition {
    /// The input's order.
    pub input: u32,
    /// The partition.
    pub partition: i32,
    /// The next offset.
    pub offset: i64,
}

struct GroupContext {
    listener: Arc<dyn RebalanceListener>,
    inputs: Vec<String>,
    protocol: GroupProtocol,
    owned: Mutex<OwnedPartitions>,
    heartbeats: Mutex<Heartbeats>,
    /// Whether another client has replaced this one: its rebalances are no longer reported to the listener.
    is_replaced: AtomicBool,
    /// Whether the group has given it nothing of some input, as to a member that did not ask for it.
    lacks_input: AtomicBool,
    /// Whether it has left the group for that, and asked for all anew: what it gets since is what there is for it.
    has_resubscribed: AtomicBool,
}

impl ClientContext for GroupContext {
    fn error(&self, error: KafkaError, reason: &str) {
        log_throttle::warn(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.heartbeats().observe(&statistics, Instant::now());
    }
}

impl ConsumerContext for GroupContext {
    /// New partitions are paused until they are started. librdkafka wants an offset for them all the
    /// same: not the group's, which is not the authority, and not the end. librdkafka asks the broker
    /// where that is, twice because of the pause, and an answer that comes after the seek to the true
    /// position undoes the seek (`rd_kafka_toppar_offset_retry`): records would be skipped. Undone to
    /// the beginning, it only costs time: feeds drop what they have handed over.
    ///
    /// Under the classic protocol a list is all there is, under the other one it is what changes.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        decision: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let done = match decision {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                let assigned = list.set_all_offsets(Offset::Beginning);
                let assigned = assigned.and_then(|()| assign(consumer, self.protocol, list));
                let paused = assigned.and_then(|()| consumer.pause(list));
                let complete = self.owned().add(self.partitions(list));
                let lacks = self.protocol == GroupProtocol::Classic
                    && !self.has_resubscribed.load(Ordering::Acquire)
                    && self.owned().lacks_input();
                if lacks {
                    self.lacks_input.store(true, Ordering::Release);
                } else if !self.is_replaced.load(Ordering::Acquire) {
                    self.listener.on_assigned(&complete);
                }
                paused
            }
            _ => {
                let broken = self.owned().remove(self.partitions(list));
                if !broken.is_empty() && !self.is_replaced.load(Ordering::Acquire) {
                    self.listener
                        .on_revoked(&broken, consumer.assignment_lost());
                }
                match self.protocol {
                    GroupProtocol::Classic => consumer.unassign(),
                    GroupProtocol::Consumer => consumer.incremental_unassign(list),
                }
            }
        };
        if let Err(error) = done {
            tracing::error!(%error, "a decision of the group could not be followed");
        }
    }
}

impl GroupContext {
    /// Every partition in the list, with the order of its input.
    fn partitions(&self, list: &TopicPartitionList) -> Vec<(usize, i32)> {
        let elements = list.elements().into_iter().filter_map(|element| {
            let is_own = |input: &String| input == element.topic();
            Some((self.inputs.iter().position(is_own)?, element.partition()))
        });
        elements.collect()
    }

    fn owned(&self) -> MutexGuard<'_, OwnedPartitions> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heartbeats(&self) -> MutexGuard<'_, Heartbeats> {
        self.heartbeats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

type Client = BaseConsumer<GroupContext>;

/// The consumer. Shared: one thread polls, others ask for metadata and offsets.
#[derive(Clone)]
pub struct Consumer {
    /// Replaced by another one when it has lost its membership for good.
    client: Arc<Mutex<Option<Arc<Client>>>>,
    config: Arc<Config>,
    inputs: Vec<String>,
    /// Woken when something is to be polled or read from a feed.
    poll_thread: Thread,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Consumer")
            .field("inputs", &self.inputs)
            .finish_non_exhaustive()
    }
}

/// Longest wait for an answer of the coordinator or a leader.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Between two tries of what is not possible yet.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

impl Consumer {
    /// Joins the group; the calling thread is the one that polls.
    ///
    /// Under [`GroupProtocol::Consumer`] the group lets nobody in under the name of a member that has not left, such as the
    /// predecessor that was killed, until that one's session is over: this is waited for, unless `stop`.
    pub fn join(
        config: &Config,
        inputs: &[String],
        listener: Arc<dyn RebalanceListener>,
        stop: impl Fn() -> bool,
    ) -> Result<Consumer, Error> {
        let client = join_group(config, inputs, listener, &stop)?;
        Ok(Consumer {
            client: Arc::new(Mutex::new(Some(Arc::new(client)))),
            config: Arc::new(config.clone()),
            inputs: inputs.to_vec(),
            poll_thread: std::thread::current(),
        })
    }

    /// Rejoins the group with a new client and the same `group.instance.id`. All partitions must have been revoked and their
    /// feeds dropped: rebalances of the old client are not reported. To be called on the polling thread; until it returns,
    /// other calls fail with [`Error::Retry`].
    pub fn rejoin(&self, stop: impl Fn() -> bool) -> Result<(), Error> {
        let old = self.client()?;
        old.context().is_replaced.store(true, Ordering::Release);
        let listener = old.context().listener.clone();
        *self.lock() = None;
        // Closing it, by which it leaves the group, takes as long as the coordinator takes to respond.
        std::thread::spawn(move || drop(old));
        let new = join_group(&self.config, &self.inputs, listener, &stop)?;
        *self.lock() = Some(Arc::new(new));
        Ok(())
    }

    /// Whether the group has not heard of this process for so long that its membership is lost, while a broker could
    /// be reached: librdkafka 2.12 may come to send no heartbeats any more, and tell nobody.
    pub fn is_missing_heartbeats(&self) -> bool {
        self.client().is_ok_and(|client| {
            let heartbeats = client.context().heartbeats();
            heartbeats.are_missing(Instant::now())
        })
    }

    fn client(&self) -> Result<Arc<Client>, Error> {
        self.lock().clone().ok_or(Error::Retry {
            action: "using the consumer while it joins the group anew",
            source: KafkaError::Canceled,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Client>>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves the group: rebalances happen in here. Waits up to `timeout` until there is something to do for the
    /// thread that polls: something of the group, of a feed that was empty, or of whoever has unparked it.
    pub fn poll(&self, timeout: Duration) -> Result<(), Error> {
        if !timeout.is_zero() {
            std::thread::park_timeout(timeout);
        }
        let client = self.client()?;
        serve(&client)?;
        match client.context().lacks_input.swap(false, Ordering::AcqRel) {
            true => self.resubscribe(&client),
            false => Ok(()),
        }
    }

    /// A static member that comes back is given what it had before, also where it asks for more inputs now. Only one that
    /// has left is taken for another.
    fn resubscribe(&self, client: &Client) -> Result<(), Error> {
        tracing::info!(
            "the group does not know of an input that was added; leaving it, and joining it anew"
        );
        client
            .context()
            .has_resubscribed
            .store(true, Ordering::Release);
        client.unsubscribe();
        subscribe(client, &self.inputs)
    }

    /// The thread that polls.
    pub fn poll_thread(&self) -> &Thread {
        &self.poll_thread
    }

    /// This partition of every input.
    fn topic_partitions(&self, partition: i32) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for topic in &self.inputs {
            list.add_partition(topic, partition);
        }
        list
    }

    /// The stable committed offsets of a partition's inputs, each with the metadata it was
    /// committed with. Waits, bounded, until no transaction that could change them is open.
    pub fn committed(&self, partition: i32) -> Result<Vec<Option<(i64, String)>>, Error> {
        let list = self.topic_partitions(partition);
        let found = self.client()?.committed_offsets(list, TIMEOUT);
        let found =
            found.map_err(|source| Error::from_request("asking for committed offsets", source))?;
        let one = |topic: &String| {
            let Some(element) = found.find_partition(topic, partition) else {
                return Ok(None);
            };
            // librdkafka itself asks again while a transaction is open. What else is wrong with one
            // partition it tells only here: not to know is not that nothing was committed.
            let answered = element.error();
            answered
                .map_err(|source| Error::from_request("asking for committed offsets", source))?;
            Ok(match element.offset() {
                Offset::Offset(offset) => Some((offset, element.metadata().to_owned())),
                _ => None,
            })
        };
        self.inputs.iter().map(one).collect()
    }

    /// The first offset and the end of an input's partition, as committed readers see it.
    pub fn offset_bounds(&self, input: u32, partition: i32) -> Result<(i64, i64), Error> {
        let topic = &self.inputs[input as usize];
        let bounds = self.client()?.fetch_watermarks(topic, partition, TIMEOUT);
        bounds.map_err(|source| Error::from_request("asking for the bounds of an input", source))
    }

    /// The membership to send with a transaction, unless this process is no member right now.
    pub fn membership(&self) -> Option<ConsumerGroupMetadata> {
        membership(&*self.client().ok()?)
    }
}

/// Under the classic protocol a list is all there is, under the other one it is what is added.
fn assign(
    client: &Client,
    protocol: GroupProtocol,
    list: &TopicPartitionList,
) -> Result<(), KafkaError> {
    match protocol {
        GroupProtocol::Classic => client.assign(list),
        GroupProtocol::Consumer => client.incremental_assign(list),
    }
}

/// Called by librdkafka's threads.
fn waker(polling: &Thread) -> impl Fn() + Send + Sync + 'static {
    let polling = polling.clone();
    move || polling.unpark()
}

/// Most errors of a consumer pass by themselves; librdkafka goes on trying.
fn fail_if_fatal(source: KafkaError) -> Result<(), Error> {
    let code = source.rdkafka_error_code();
    // A name that is taken is knocked for before anything is read; later somebody has taken ours.
    let is_taken = matches!(
        source,
        KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::UnreleasedInstanceId)
    );
    if is_taken || code.map(ErrorClass::from_code) == Some(ErrorClass::Fenced) {
        return Err(Error::Fenced {
            action: "staying in the group",
            source,
        });
    }
    let fatal = matches!(source, KafkaError::MessageConsumptionFatal(_))
        || matches!(
            code,
            Some(
                RDKafkaErrorCode::Fatal
                    | RDKafkaErrorCode::AutoOffsetReset
                    | RDKafkaErrorCode::OffsetOutOfRange
                    | RDKafkaErrorCode::TopicAuthorizationFailed
                    | RDKafkaErrorCode::GroupAuthorizationFailed
                    | RDKafkaErrorCode::UnknownTopicOrPartition
            )
        );
    if fatal {
        return Err(Error::Fatal {
            action: "reading the inputs",
            source,
        });
    }
    log_throttle::warn(&source, "reading the inputs");
    Ok(())
}

#[cfg(test)]
mod tests;
