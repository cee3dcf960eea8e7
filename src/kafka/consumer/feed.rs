//! What one partition of one input brings.

use std::cell::Cell;
use std::time::Duration;

use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedHeaders, Message};

use super::{GroupContext, fail_if_fatal};
use crate::event::Headers;
use crate::kafka::error::FetchError;
use crate::kafka::{Error, native};

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
    /// The input does not hold the next offset: it begins behind it, or ends before it.
    OutOfRange,
    /// The batch at this offset is damaged, or of a format that librdkafka does not know. What comes next may lie
    /// anywhere behind it, and is not given.
    Damaged {
        /// The next offset.
        offset: i64,
    },
}

/// One partition of one input.
pub struct Feed {
    /// The input's order.
    pub input: u32,
    /// The partition.
    pub partition: i32,
    queue: PartitionQueue<GroupContext>,
    /// The lowest offset that has not been handed over.
    next_offset: Cell<i64>,
    /// Whether it gives nothing more before it begins again.
    is_broken: Cell<bool>,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Feed({}, {})", self.input, self.partition)
    }
}

impl Feed {
    pub(super) fn new(input: u32, partition: i32, queue: PartitionQueue<GroupContext>) -> Feed {
        Feed {
            input,
            partition,
            queue,
            next_offset: Cell::new(i64::MAX),
            is_broken: Cell::default(),
        }
    }

    /// What lies before the offset is dropped from now on.
    pub(super) fn seek(&self, offset: i64) {
        self.next_offset.set(offset);
    }

    /// Whether it gives nothing more.
    pub fn is_broken(&self) -> bool {
        self.is_broken.get()
    }

    /// What has been fetched next, without waiting. Every record once, and none from before the
    /// beginning, also should librdkafka go back.
    pub fn next(&self) -> Result<Option<Fetched>, Error> {
        while !self.is_broken.get() {
            return match self.queue.poll(Duration::ZERO) {
                None => Ok(None),
                Some(Ok(message)) if message.offset() < self.next_offset.get() => continue,
                Some(Ok(message)) => {
                    self.next_offset.set(message.offset() + 1);
                    Ok(Some(record(&message)))
                }
                Some(Err(KafkaError::PartitionEOF(_))) => Ok(Some(Fetched::End)),
                Some(Err(error)) => match FetchError::from_kafka(&error) {
                    None => fail_if_fatal(error).map(|()| None),
                    Some(trouble) => {
                        self.is_broken.set(true);
                        let offset = self.next_offset.get();
                        Ok(Some(match trouble {
                            FetchError::OutOfRange => Fetched::OutOfRange,
                            FetchError::Damaged => Fetched::Damaged { offset },
                        }))
                    }
                },
            };
        }
        Ok(None)
    }
}

fn record(message: &impl Message<Headers = BorrowedHeaders>) -> Fetched {
    Fetched::Record {
        offset: message.offset(),
        timestamp: message.timestamp().to_millis(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: message.headers().map(native::headers).unwrap_or_default(),
    }
}
