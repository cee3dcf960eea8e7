//! Reads partitions outside of the group, up to a given end offset.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::metadata::Metadata;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::client::with_request_timeout;
use super::connection::take_events;
use super::error::FetchError;
use super::log_throttle::LogThrottle;
use super::{Config, Error, native};
use crate::event::Headers;

/// Longest wait for the bounds of a partition: workers wait for it.
const BOUNDS_TIMEOUT: Duration = Duration::from_secs(5);
/// The same for leaders, which any broker knows.
const LEADERS_TIMEOUT: Duration = Duration::from_secs(2);
/// Events of a client that are taken at a time.
const EVENTS_MAX: usize = 20;
/// Longest duration of one `read`, so that the thread can do other work.
const READ_TIME: Duration = Duration::from_millis(100);
const POLL_TIMEOUT: Duration = Duration::from_millis(50);

/// The first offset and the ends of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetBounds {
    pub start: i64,
    /// The end for `read_committed` readers. It stays before an open transaction, and before a
    /// committed one whose marker is not written yet.
    pub last_stable: i64,
    /// The end for `read_uncommitted` readers.
    pub end: i64,
}

impl OffsetBounds {
    /// Whether no transaction is open: `read_committed` readers see all records.
    pub(crate) fn is_stable(self) -> bool {
        self.last_stable >= self.end
    }
}

#[derive(Clone, Debug)]
pub struct ConsumerRecord<'r> {
    pub offset: i64,
    pub key: Option<&'r [u8]>,
    pub value: Option<&'r [u8]>,
    pub headers: Headers,
}

/// Requests the bounds of partitions. All workers share it, and the observer of the inputs.
pub(crate) struct OffsetFinder {
    pub(super) committed: BaseConsumer<LogThrottle>,
    pub(super) uncommitted: BaseConsumer<LogThrottle>,
}

impl std::fmt::Debug for OffsetFinder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("OffsetFinder")
    }
}

impl OffsetFinder {
    pub(crate) fn open(config: &Config) -> Result<OffsetFinder, Error> {
        Ok(OffsetFinder {
            committed: create_request_client(config.reader())?,
            uncommitted: create_request_client(config.uncommitted_reader())?,
        })
    }

    /// The bounds of a partition. The uncommitted end is requested first: if the later last stable
    /// offset reaches it, no transaction before it is open.
    pub(crate) fn find(&self, topic: &str, partition: i32) -> Result<OffsetBounds, Error> {
        let action = "requesting offset bounds";
        let request = |client: &BaseConsumer<LogThrottle>| {
            let bounds = client.fetch_watermarks(topic, partition, BOUNDS_TIMEOUT);
            bounds.map_err(|source| match source.rdkafka_error_code() {
                // It has no leader (the start has checked that the topic exists), or another one than before.
                Some(
                    RDKafkaErrorCode::UnknownPartition
                    | RDKafkaErrorCode::UnknownTopic
                    | RDKafkaErrorCode::OperationTimedOut,
                ) => {
                    refresh_leaders(client, topic);
                    Error::Retry { action, source }
                }
                _ => from_any_broker(action, source),
            })
        };
        let ends = request(&self.uncommitted).and_then(|(start, end)| {
            let (_, last_stable) = request(&self.committed)?;
            Ok(OffsetBounds { start, last_stable, end })
        });
        self.take_events();
        ends
    }

    /// Logs what the clients report, which they would queue without a bound.
    pub(super) fn take_events(&self) {
        for client in [&self.uncommitted, &self.committed] {
            take_events(client, EVENTS_MAX);
        }
    }
}

/// A refusal by one broker, which need not be the one that leads the partition, ends nothing: where no broker is left, the
/// daemon ends for that cause (`login`).
fn from_any_broker(action: &'static str, source: KafkaError) -> Error {
    match source.rdkafka_error_code() {
        Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL) => {
            Error::Retry { action, source }
        }
        _ => Error::from_request(action, source),
    }
}

/// librdkafka keeps leaders for minutes: it sends requests to one that is gone, and refuses those for partitions without a
/// leader.
pub(super) fn refresh_leaders(client: &BaseConsumer<LogThrottle>, topic: &str) -> Option<Metadata> {
    let metadata = client.fetch_metadata(Some(topic), LEADERS_TIMEOUT);
    let failed =
        |error: &KafkaError| tracing::debug!(topic, %error, "requesting the leaders failed");
    metadata.inspect_err(failed).ok()
}

/// A client whose connection to a broker that does not respond ends with the request. librdkafka sends requests for
/// metadata to the broker that was used last, for as long as its connection counts as working.
fn create_request_client(settings: ClientConfig) -> Result<BaseConsumer<LogThrottle>, Error> {
    create_client("bounds", with_request_timeout(settings, BOUNDS_TIMEOUT))
}

fn create_client(
    name: &'static str,
    settings: ClientConfig,
) -> Result<BaseConsumer<LogThrottle>, Error> {
    let client = settings.create_with_context(LogThrottle(name));
    client.map_err(|source| Error::from_client_creation("creating a reader of partitions", source))
}

/// Reads committed records of one partition at a time.
pub struct PartitionReader {
    settings: ClientConfig,
    /// Created by the first read.
    client: Option<BaseConsumer<LogThrottle>>,
    /// The assigned range: topic, partition, next offset and end. An abandoned read that starts again
    /// has another end, so it is assigned again: events left in the queue of the first read, above all
    /// its end of partition, are not mistaken for those of the second.
    reading: Option<(String, i32, i64, i64)>,
}

impl std::fmt::Debug for PartitionReader {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("PartitionReader").field("reading", &self.reading).finish_non_exhaustive()
    }
}

impl PartitionReader {
    pub fn new(config: &Config) -> PartitionReader {
        PartitionReader { settings: config.reader(), client: None, reading: None }
    }

    /// Passes committed records in `from..end` to `take`, for at most [`READ_TIME`]. Returns the next
    /// offset, `end` if all were read. A call with that as `from` continues without a seek.
    pub fn read(
        &mut self,
        topic: &str,
        partition: i32,
        from: i64,
        end: i64,
        take: &mut dyn FnMut(&ConsumerRecord<'_>),
    ) -> Result<i64, Error> {
        if from >= end {
            return Ok(end);
        }
        let start = Instant::now();
        let is_assigned = matches!(&self.reading, Some((assigned_topic, assigned_partition, next, last))
            if assigned_topic == topic && (*assigned_partition, *next, *last) == (partition, from, end));
        let client = match self.client.take() {
            Some(client) => self.client.insert(client),
            None => self.client.insert(create_client("reader", self.settings.clone())?),
        };
        if !is_assigned {
            assign_at(client, topic, partition, from)?;
        }
        let mut position = from;
        while position < end && start.elapsed() < READ_TIME {
            match client.poll(POLL_TIMEOUT) {
                Some(Ok(message)) if message.offset() < end => {
                    take(&ConsumerRecord {
                        offset: message.offset(),
                        key: message.key(),
                        value: message.payload(),
                        headers: message.headers().map(native::headers).unwrap_or_default(),
                    });
                    position = message.offset() + 1;
                }
                // Control records and aborted batches yield no record: a record after them, or the
                // end of the partition, shows that they were passed.
                Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => position = end,
                Some(Err(source)) => {
                    self.reading = None;
                    return Err(match FetchError::from_kafka(&source) {
                        Some(FetchError::Damaged) => Error::Damaged { offset: position, source },
                        // The partition was truncated after its bounds were requested.
                        Some(FetchError::OutOfRange) => {
                            Error::OutOfRange { action: "reading a partition", source }
                        }
                        None => from_any_broker("reading a partition", source),
                    });
                }
                None => {}
            }
        }
        self.reading = Some((topic.to_owned(), partition, position, end));
        if position >= end {
            self.reading = None;
            let unassigned = client.unassign();
            unassigned.map_err(|source| Error::from_request("unassigning a partition", source))?;
        }
        Ok(position)
    }
}

fn assign_at(
    client: &BaseConsumer<LogThrottle>,
    topic: &str,
    partition: i32,
    from: i64,
) -> Result<(), Error> {
    let fail = |source| Error::from_request("assigning a partition", source);
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(from)).map_err(fail)?;
    client.assign(&list).map_err(fail)
}
