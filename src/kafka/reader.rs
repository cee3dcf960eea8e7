//! Reading partitions outside of the group, up to their true end.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::error::Trouble;
use super::seldom::Quiet;
use super::{Config, Error, native};
use crate::event::Headers;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest stay in one call, so that other work of the thread goes on.
const READ_TIME: Duration = Duration::from_millis(100);
const POLL_TIME: Duration = Duration::from_millis(50);

/// The first offset of a partition and where it ends, for two kinds of readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The first offset.
    pub start: i64,
    /// The end for readers of committed records: an open transaction holds it back, and so does a
    /// marker of a committed one that has not arrived yet.
    pub stable: i64,
    /// The end for readers of everything.
    pub end: i64,
}

impl Ends {
    /// Whether committed readers see as far as all others, so that the end is the true one.
    pub fn agree(self) -> bool {
        self.stable >= self.end
    }
}

/// A record that was read.
#[derive(Clone, Debug)]
pub struct Received<'r> {
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
pub struct EndFinder {
    committed: BaseConsumer<Quiet>,
    uncommitted: BaseConsumer<Quiet>,
}

impl std::fmt::Debug for EndFinder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("EndFinder")
    }
}

impl EndFinder {
    /// Makes the clients.
    pub fn open(config: &Config) -> Result<EndFinder, Error> {
        Ok(EndFinder {
            committed: make(config.reader())?,
            uncommitted: make(config.end_finder())?,
        })
    }

    /// Where a partition begins and ends. Asked in this order, so that where both ends agree
    /// nothing before them was undecided.
    pub fn find(&self, topic: &str, partition: i32) -> Result<Ends, Error> {
        let look = |client: &BaseConsumer<Quiet>| {
            let bounds = client.fetch_watermarks(topic, partition, TIMEOUT);
            bounds.map_err(|source| Error::plain("asking for the ends of a partition", source))
        };
        let (start, end) = look(&self.uncommitted)?;
        let (_, stable) = look(&self.committed)?;
        Ok(Ends { start, stable, end })
    }
}

fn make(settings: ClientConfig) -> Result<BaseConsumer<Quiet>, Error> {
    let client = settings.create_with_context(Quiet);
    client.map_err(|source| Error::making("making a reader of partitions", source))
}

/// Reads partitions outside of the group.
pub struct Reader {
    settings: ClientConfig,
    /// Made when it is needed first.
    client: Option<BaseConsumer<Quiet>>,
    /// What is being read, from where the next call goes on, and up to where. One that was given up
    /// and is begun again has another end: what is left of the first, its end above all, is not
    /// taken for the second's.
    reading: Option<(String, i32, i64, i64)>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Reader")
            .field("reading", &self.reading)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// Reads nothing yet.
    pub fn new(config: &Config) -> Reader {
        Reader {
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
        take: &mut dyn FnMut(&Received<'_>),
    ) -> Result<i64, Error> {
        if from >= end {
            return Ok(end);
        }
        let begun = Instant::now();
        let there = matches!(&self.reading, Some((own_topic, own_partition, own_from, own_end))
            if own_topic == topic && (*own_partition, *own_from, *own_end) == (partition, from, end));
        let client = match self.client.take() {
            Some(client) => self.client.insert(client),
            None => self.client.insert(make(self.settings.clone())?),
        };
        if !there {
            go_to(client, topic, partition, from)?;
        }
        let mut position = from;
        while position < end && begun.elapsed() < READ_TIME {
            match client.poll(POLL_TIME) {
                Some(Ok(message)) if message.offset() < end => {
                    take(&Received {
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
                    return Err(match Trouble::of(&source) {
                        Some(Trouble::Damaged) => Error::Damaged {
                            offset: position,
                            source,
                        },
                        // It was cut since it was asked how far it goes.
                        Some(Trouble::OutOfRange) => Error::OutOfRange {
                            action: "reading a partition",
                            source,
                        },
                        None => Error::plain("reading a partition", source),
                    });
                }
                None => {}
            }
        }
        self.reading = Some((topic.to_owned(), partition, position, end));
        if position >= end {
            self.reading = None;
            let left = client.unassign();
            left.map_err(|source| Error::plain("leaving a partition", source))?;
        }
        Ok(position)
    }
}

fn go_to(
    client: &BaseConsumer<Quiet>,
    topic: &str,
    partition: i32,
    from: i64,
) -> Result<(), Error> {
    let fail = |source| Error::plain("reading a partition", source);
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(from))
        .map_err(fail)?;
    client.assign(&list).map_err(fail)
}
