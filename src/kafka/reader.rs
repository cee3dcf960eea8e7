//! Reading partitions outside of the group, up to their true end.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::error::FetchError;
use super::log_throttle::LogThrottle;
use super::{Config, Error, native};
use crate::event::Headers;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest stay in one call, so that other work of the thread goes on.
const READ_TIME: Duration = Duration::from_millis(100);
const POLL_TIMEOUT: Duration = Duration::from_millis(50);

/// The first offset of a partition and where it ends, for two kinds of readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetBounds {
    /// The first offset.
    pub start: i64,
    /// The end for readers of committed records: an open transaction holds it back, and so does a
    /// marker of a committed one that has not arrived yet.
    pub last_stable: i64,
    /// The end for readers of everything.
    pub end: i64,
}

impl OffsetBounds {
    /// Whether committed readers see as far as all others, so that the end is the true one.
    pub fn is_stable(self) -> bool {
        self.last_stable >= self.end
    }
}

/// A record that was read.
#[derive(Clone, Debug)]
pub struct ConsumerRecord<'r> {
    /// Where it lies.
    pub offset: i64,
    /// Its key.
    pub key: Option<&'r [u8]>,
    /// Its value.
    pub value: Option<&'r [u8]>,
    /// Its headers.
    pub headers: Headers,
}

/// Asks where partitions begin and end. Shared by all workers.
pub struct OffsetFinder {
    committed: BaseConsumer<LogThrottle>,
    uncommitted: BaseConsumer<LogThrottle>,
}

impl std::fmt::Debug for OffsetFinder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("EndFinder")
    }
}

impl OffsetFinder {
    /// Makes the clients.
    pub fn open(config: &Config) -> Result<OffsetFinder, Error> {
        Ok(OffsetFinder {
            committed: create_client(config.reader())?,
            uncommitted: create_client(config.uncommitted_reader())?,
        })
    }

    /// Where a partition begins and ends. Asked in this order, so that where both ends agree
    /// nothing before them was undecided.
    pub fn find(&self, topic: &str, partition: i32) -> Result<OffsetBounds, Error> {
        let look = |client: &BaseConsumer<LogThrottle>| {
            let bounds = client.fetch_watermarks(topic, partition, TIMEOUT);
            bounds
                .map_err(|source| Error::from_request("asking for the ends of a partition", source))
        };
        let (start, end) = look(&self.uncommitted)?;
        let (_, stable) = look(&self.committed)?;
        Ok(OffsetBounds {
            start,
            last_stable: stable,
            end,
        })
    }
}

fn create_client(settings: ClientConfig) -> Result<BaseConsumer<LogThrottle>, Error> {
    let client = settings.create_with_context(LogThrottle);
    client.map_err(|source| Error::from_client_creation("making a reader of partitions", source))
}

/// Reads partitions outside of the group.
pub struct PartitionReader {
    settings: ClientConfig,
    /// Made when it is needed first.
    client: Option<BaseConsumer<LogThrottle>>,
    /// What is being read, from where the next call goes on, and up to where. One that was given up
    /// and is begun again has another end: what is left of the first, its end above all, is not
    /// taken for the second's.
    reading: Option<(String, i32, i64, i64)>,
}

impl std::fmt::Debug for PartitionReader {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Reader")
            .field("reading", &self.reading)
            .finish_non_exhaustive()
    }
}

impl PartitionReader {
    /// Reads nothing yet.
    pub fn new(config: &Config) -> PartitionReader {
        PartitionReader {
            settings: config.reader(),
            client: None,
            reading: None,
        }
    }

    /// Hands over committed records from `from` on and before `end`, for at most [`READ_TIME`];
    /// returns how far it got. Going on from there costs nothing.
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
        let begun = Instant::now();
        let there = matches!(&self.reading, Some((own_topic, own_partition, own_from, own_end))
            if own_topic == topic && (*own_partition, *own_from, *own_end) == (partition, from, end));
        let client = match self.client.take() {
            Some(client) => self.client.insert(client),
            None => self.client.insert(create_client(self.settings.clone())?),
        };
        if !there {
            assign_at(client, topic, partition, from)?;
        }
        let mut position = from;
        while position < end && begun.elapsed() < READ_TIME {
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
                // Control records and aborted batches have no record to show: what comes after
                // them, or the partition's end, tells that they have been passed.
                Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => position = end,
                Some(Err(source)) => {
                    self.reading = None;
                    return Err(match FetchError::from_kafka(&source) {
                        Some(FetchError::Damaged) => Error::Damaged {
                            offset: position,
                            source,
                        },
                        // It was cut since it was asked how far it goes.
                        Some(FetchError::OutOfRange) => Error::OutOfRange {
                            action: "reading a partition",
                            source,
                        },
                        None => Error::from_request("reading a partition", source),
                    });
                }
                None => {}
            }
        }
        self.reading = Some((topic.to_owned(), partition, position, end));
        if position >= end {
            self.reading = None;
            let left = client.unassign();
            left.map_err(|source| Error::from_request("leaving a partition", source))?;
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
    let fail = |source| Error::from_request("reading a partition", source);
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(from))
        .map_err(fail)?;
    client.assign(&list).map_err(fail)
}
