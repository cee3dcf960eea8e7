//! Reading a partition of the changelog up to its true end.

use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::consumer::client_error;
use super::output::PROGRESS_KEY;
use super::{Config, Error};
use crate::event::CustomerId;

const TIMEOUT: Duration = Duration::from_secs(10);
/// A transaction that its producer left open ends by itself after its timeout; then some.
const OPEN_TRANSACTION_MAX: Duration = Duration::from_secs(30);

/// One record of the changelog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The state of a customer; `None` is a tombstone.
    State(CustomerId, Option<Vec<u8>>),
    /// The progress that ends a batch, and the offset after it.
    Progress(Vec<u8>, i64),
}

/// A reader of the changelog.
pub struct Changelog {
    topic: String,
    committed: BaseConsumer<Quiet>,
    uncommitted: BaseConsumer<Quiet>,
}

/// Reading to the end of a partition is what this client is for.
struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        client_error(&error, reason);
    }
}

impl ConsumerContext for Quiet {}

impl std::fmt::Debug for Changelog {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Changelog")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

impl Changelog {
    /// Makes the clients.
    pub fn open(config: &Config, topic: &str) -> Result<Changelog, Error> {
        let make = |settings: rdkafka::ClientConfig| settings.create_with_context(Quiet);
        let fail = |source| Error::Fatal {
            action: "making a reader of the changelog",
            source,
        };
        Ok(Changelog {
            topic: topic.to_owned(),
            committed: make(config.reader()).map_err(fail)?,
            uncommitted: make(config.end_finder()).map_err(fail)?,
        })
    }

    /// The first offset and the true end. What committed readers are shown ends at the last stable
    /// offset, which a committed batch may not have reached yet: markers come to partitions one by
    /// one. So the end is what uncommitted readers see, once committed ones see as far.
    pub fn bounds(&self, partition: i32) -> Result<(i64, i64), Error> {
        let look = |client: &BaseConsumer<Quiet>| {
            let bounds = client.fetch_watermarks(&self.topic, partition, TIMEOUT);
            bounds.map_err(|source| Error::plain("asking for the bounds of the changelog", source))
        };
        let (start, end) = look(&self.uncommitted)?;
        let deadline = Instant::now() + OPEN_TRANSACTION_MAX;
        while look(&self.committed)?.1 < end {
            if Instant::now() > deadline {
                return Err(Error::Topology(format!(
                    "a transaction in {} partition {partition} does not end; look for it with kafka-transactions.sh find-hanging",
                    self.topic
                )));
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        Ok((start, end))
    }

    /// Hands over every committed record from `from` to before `end`.
    pub fn read<E: From<Error>>(
        &self,
        partition: i32,
        from: i64,
        end: i64,
        mut take: impl FnMut(Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        if from >= end {
            return Ok(());
        }
        self.assign(partition, from)?;
        let mut quiet_since = Instant::now();
        // Control records and aborted batches have no record to show: the partition's end tells.
        loop {
            match self.committed.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    quiet_since = Instant::now();
                    if message.offset() >= end {
                        break;
                    }
                    if let Some(entry) = entry(&message) {
                        take(entry)?;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(source)) => match Error::plain("reading the changelog", source) {
                    Error::Retry { .. } => {}
                    other => return Err(other.into()),
                },
                None if quiet_since.elapsed() > OPEN_TRANSACTION_MAX => {
                    return Err(Error::Topology(format!(
                        "{} partition {partition} cannot be read",
                        self.topic
                    ))
                    .into());
                }
                None => {}
            }
        }
        let done = self.committed.unassign();
        done.map_err(|source| Error::plain("leaving the changelog", source).into())
    }

    fn assign(&self, partition: i32, from: i64) -> Result<(), Error> {
        let fail = |source| Error::plain("reading the changelog", source);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, partition, Offset::Offset(from))
            .map_err(fail)?;
        self.committed.assign(&list).map_err(fail)
    }
}

/// A record that is neither is not ours, and is left alone.
fn entry(message: &impl Message) -> Option<Entry> {
    let key = message.key()?;
    if key == PROGRESS_KEY {
        return Some(Entry::Progress(
            message.payload()?.to_vec(),
            message.offset() + 1,
        ));
    }
    let customer = std::str::from_utf8(key.strip_prefix(b"c")?).ok()?;
    Some(Entry::State(
        customer.into(),
        message.payload().map(<[u8]>::to_vec),
    ))
}
