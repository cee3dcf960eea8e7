//! The member of the group. Polled by one thread; what the group decides is told to a listener.
//!
//! Every partition of every input has a queue of its own. So the end of one is not taken for the
//! end of another (rdkafka does not say which topic has ended), and back-pressure is simply not to
//! take from a queue: librdkafka stops fetching when it is full.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedHeaders, Header, Headers as MessageHeaders, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::{Config, Error, native};
use crate::event::Headers;

/// Who is told what the group decides. Called on the polling thread, from inside a poll.
pub trait Listener: Send + Sync + 'static {
    /// These partitions are this process's now; they are paused until they are started.
    fn assigned(&self, partitions: &[i32]);
    /// These partitions are about to go elsewhere. Returns when they are no longer worked on, or
    /// after a bounded wait. `lost`: they have gone already, and nothing may be committed.
    fn revoked(&self, partitions: &[i32], lost: bool);
}

/// Where reading a partition of an input goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The input's order.
    pub input: u32,
    /// The partition.
    pub partition: i32,
    /// The next offset.
    pub offset: i64,
}

/// What a feed brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// A record.
    Record {
        /// Its offset.
        offset: i64,
        /// Its own timestamp in milliseconds, if it has one.
        timestamp: Option<i64>,
        /// Its key.
        key: Option<Vec<u8>>,
        /// Its value.
        value: Option<Vec<u8>>,
        /// Its headers.
        headers: Headers,
    },
    /// There is no further committed record.
    End,
}

fn headers(headers: &BorrowedHeaders) -> Headers {
    let one = |header: Header<'_, &[u8]>| (header.key.to_owned(), header.value.map(<[u8]>::to_vec));
    headers.iter().map(one).collect()
}

/// One partition of one input.
pub struct Feed {
    /// The input's order.
    pub input: u32,
    /// The partition.
    pub partition: i32,
    queue: PartitionQueue<Context>,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Feed({}, {})", self.input, self.partition)
    }
}

impl Feed {
    /// What has been fetched next, without waiting.
    pub fn next(&self) -> Result<Option<Fetched>, Error> {
        match self.queue.poll(Duration::ZERO) {
            None => Ok(None),
            Some(Ok(message)) => Ok(Some(Fetched::Record {
                offset: message.offset(),
                timestamp: message.timestamp().to_millis(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers: message.headers().map(headers).unwrap_or_default(),
            })),
            Some(Err(KafkaError::PartitionEOF(_))) => Ok(Some(Fetched::End)),
            Some(Err(error)) => quiet_unless_fatal(error).map(|()| None),
        }
    }
}

struct Context {
    listener: Arc<dyn Listener>,
    inputs: Vec<String>,
}

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        client_error(&error, reason);
    }
}

/// What a client says of itself. The end of a partition is no error.
pub(super) fn client_error(error: &KafkaError, reason: &str) {
    if !matches!(error, KafkaError::Global(RDKafkaErrorCode::PartitionEOF)) {
        tracing::warn!(%error, reason, "a Kafka client reports an error");
    }
}

impl ConsumerContext for Context {
    /// New partitions are paused, and begin nowhere until they are started: at the end, where no
    /// record and no error can come from, rather than at the group's offset, which is not the
    /// authority.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        decision: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let done = match decision {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                let assigned = list.set_all_offsets(Offset::End);
                let assigned = assigned.and_then(|()| consumer.assign(list));
                let paused = assigned.and_then(|()| consumer.pause(list));
                self.listener.assigned(&self.partitions(list));
                paused
            }
            _ => {
                self.listener
                    .revoked(&self.partitions(list), consumer.assignment_lost());
                consumer.unassign()
            }
        };
        if let Err(error) = done {
            tracing::error!(%error, "a decision of the group could not be followed");
        }
    }
}

impl Context {
    fn partitions(&self, list: &TopicPartitionList) -> Vec<i32> {
        let first = self.inputs.first().map(String::as_str);
        let elements = list.elements();
        let own = elements
            .iter()
            .filter(|element| Some(element.topic()) == first);
        own.map(|element| element.partition()).collect()
    }
}

/// The consumer. Shared: one thread polls, others ask for metadata and offsets.
#[derive(Clone)]
pub struct Consumer {
    consumer: Arc<BaseConsumer<Context>>,
    inputs: Vec<String>,
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

impl Consumer {
    /// Joins the group.
    pub fn join(
        config: &Config,
        inputs: &[String],
        listener: Arc<dyn Listener>,
    ) -> Result<Consumer, Error> {
        let context = Context {
            listener,
            inputs: inputs.to_vec(),
        };
        let consumer: BaseConsumer<Context> = config
            .consumer()
            .create_with_context(context)
            .map_err(|source| Error::Fatal {
                action: "making the consumer",
                source,
            })?;
        let topics: Vec<&str> = inputs.iter().map(String::as_str).collect();
        consumer.subscribe(&topics).map_err(|source| Error::Fatal {
            action: "subscribing to the inputs",
            source,
        })?;
        Ok(Consumer {
            consumer: Arc::new(consumer),
            inputs: inputs.to_vec(),
        })
    }

    /// Serves the group: rebalances happen in here.
    pub fn poll(&self, timeout: Duration) -> Result<(), Error> {
        match self.consumer.poll(timeout) {
            Some(Err(KafkaError::PartitionEOF(_))) | None => Ok(()),
            Some(Ok(message)) => Err(Error::Topology(format!(
                "a record of {} came before its partition was started",
                message.topic()
            ))),
            Some(Err(error)) => quiet_unless_fatal(error),
        }
    }

    /// The feeds of newly assigned partitions. They must be made before the partitions are
    /// started, and kept until they are revoked.
    pub fn feeds(&self, partition: i32) -> Result<Vec<Feed>, Error> {
        let feed = |(input, topic): (usize, &String)| {
            let queue = self.consumer.split_partition_queue(topic, partition)?;
            Some(Feed {
                input: input as u32,
                partition,
                queue,
            })
        };
        let feeds: Option<Vec<Feed>> = self.inputs.iter().enumerate().map(feed).collect();
        feeds.ok_or_else(|| Error::Topology(format!("partition {partition} has no queue")))
    }

    /// Sets where partitions are read from and lets them flow.
    pub fn start(&self, positions: &[Position]) -> Result<(), Error> {
        let mut list = TopicPartitionList::new();
        for position in positions {
            let topic = &self.inputs[position.input as usize];
            list.add_partition_offset(topic, position.partition, Offset::Offset(position.offset))
                .map_err(|source| Error::Fatal {
                    action: "setting the position",
                    source,
                })?;
        }
        let set = self.consumer.seek_partitions(list, TIMEOUT);
        let set = set.map_err(|source| Error::plain("setting the position", source))?;
        for element in set.elements() {
            element
                .error()
                .map_err(|source| Error::plain("setting the position", source))?;
        }
        self.consumer
            .resume(&set)
            .map_err(|source| Error::plain("resuming", source))
    }

    /// The stable committed offsets of a partition's inputs, each with the metadata it was
    /// committed with. Waits, bounded, until no transaction that could change them is open.
    pub fn committed(&self, partition: i32) -> Result<Vec<Option<(i64, String)>>, Error> {
        let mut list = TopicPartitionList::new();
        for topic in &self.inputs {
            list.add_partition(topic, partition);
        }
        let found = self.consumer.committed_offsets(list, TIMEOUT);
        let found = found.map_err(|source| Error::plain("asking for committed offsets", source))?;
        let one = |topic: &String| {
            let Some(element) = found.find_partition(topic, partition) else {
                return Ok(None);
            };
            // librdkafka asks again only twice while a transaction is open, and then tells so here:
            // that is not the same as that nothing was committed.
            let answered = element.error();
            answered.map_err(|source| Error::plain("asking for committed offsets", source))?;
            Ok(match element.offset() {
                Offset::Offset(offset) => Some((offset, element.metadata().to_owned())),
                _ => None,
            })
        };
        self.inputs.iter().map(one).collect()
    }

    /// The first offset and the end of an input's partition, as committed readers see it.
    pub fn bounds(&self, input: u32, partition: i32) -> Result<(i64, i64), Error> {
        let topic = &self.inputs[input as usize];
        let bounds = self.consumer.fetch_watermarks(topic, partition, TIMEOUT);
        bounds.map_err(|source| Error::plain("asking for the bounds of an input", source))
    }

    /// The membership to send with a transaction, unless this process is no member right now.
    pub fn membership(&self) -> Option<ConsumerGroupMetadata> {
        let client = self.consumer.client();
        let before = native::generation(client)?;
        let metadata = self.consumer.group_metadata()?;
        (native::generation(client) == Some(before)).then_some(metadata)
    }
}

/// Most errors of a consumer pass by themselves; librdkafka goes on trying.
fn quiet_unless_fatal(source: KafkaError) -> Result<(), Error> {
    let fatal = matches!(source, KafkaError::MessageConsumptionFatal(_))
        || matches!(
            source.rdkafka_error_code(),
            Some(
                RDKafkaErrorCode::Fatal
                    | RDKafkaErrorCode::FencedInstanceId
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
    tracing::warn!(error = %source, "reading the inputs failed for now");
    Ok(())
}
