//! The stream of records of one partition of one input.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedHeaders, Message};

use super::fatal::fail_if_fatal;
use super::group_context::GroupContext;
use crate::event::Headers;
use crate::kafka::error::FetchError;
use crate::kafka::{Error, native};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    Record {
        offset: i64,
        /// The record's timestamp in milliseconds.
        timestamp: Option<i64>,
        key: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        headers: Headers,
    },
    /// No further committed record exists at present.
    End,
    /// The input does not contain the next offset: it begins after it, or ends before it.
    OutOfRange,
    /// The batch at `offset`, the next one to read, is damaged or has a format unknown to librdkafka.
    /// The feed returns nothing after it, since the next record in the queue may lie anywhere behind.
    Damaged { offset: i64 },
}

pub struct Feed {
    /// Index of the input.
    pub input: u32,
    pub partition: i32,
    queue: PartitionQueue<GroupContext>,
    context: Arc<GroupContext>,
    /// Records below this offset are dropped.
    next_offset: Cell<i64>,
    /// An error ended it; only a new feed of the partition returns records.
    is_broken: Cell<bool>,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Feed({}, {})", self.input, self.partition)
    }
}

impl Feed {
    pub(super) fn new(
        input: u32,
        partition: i32,
        queue: PartitionQueue<GroupContext>,
        context: Arc<GroupContext>,
    ) -> Feed {
        Feed {
            input,
            partition,
            queue,
            context,
            next_offset: Cell::new(i64::MAX),
            is_broken: Cell::default(),
        }
    }

    /// Drops records below the offset from now on.
    pub(super) fn seek(&self, offset: i64) {
        self.next_offset.set(offset);
    }

    /// Whether an error has ended this feed.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken.get()
    }

    /// The next fetched item, without waiting. Returns every record once and none before the start
    /// position, even if librdkafka goes back.
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
                    None => {
                        let GroupContext { config, inputs, .. } = &*self.context;
                        fail_if_fatal(error, config, inputs).map(|()| None)
                    }
                    Some(fetch_error) => {
                        self.is_broken.set(true);
                        let offset = self.next_offset.get();
                        Ok(Some(match fetch_error {
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
