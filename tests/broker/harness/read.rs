//! Reading topics from their beginning, and the committed offsets of groups.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::{
    Broker, REQUEST_MAX, StoredRecord, WAIT_MAX, client_config, eventually, is_transient, retry,
};

/// Poll timeout for records.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);

/// The isolation level of a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// Records outside of transactions and of committed ones, up to the first open one.
    Committed,
    /// All records, including those of open and aborted transactions.
    Uncommitted,
}

/// A committed offset of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommittedOffset {
    pub offset: i64,
    pub metadata: String,
}

impl Broker {
    /// All records of the topic, by partition and offset, up to its current end. A committed reader
    /// waits for open transactions before that end.
    pub(crate) fn read(&self, topic: &str, isolation: Isolation) -> Vec<StoredRecord> {
        let ends = self.bounds(topic, Isolation::Uncommitted);
        // The end for committed readers is the last stable offset, which may still be before the
        // end of a committed transaction: markers are written to partitions one by one.
        eventually("open transactions end", || {
            let seen = self.bounds(topic, isolation);
            ends.iter().all(|(partition, end)| seen[partition].1 >= end.1)
        });
        let reader = self.reader(isolation);
        let mut stored = Vec::new();
        let mut open = assign(&reader, topic, ends.iter().filter(|(_, it)| it.0 < it.1));
        let deadline = Instant::now() + WAIT_MAX;
        while !open.is_empty() {
            assert!(Instant::now() < deadline, "{topic} is not read to its end");
            match reader.poll(POLL_TIMEOUT) {
                Some(Ok(message)) => {
                    let end = ends[&message.partition()].1;
                    if message.offset() + 1 >= end {
                        open.retain(|partition| *partition != message.partition());
                    }
                    if message.offset() < end {
                        stored.push(StoredRecord::from_message(&message));
                    }
                }
                // The last offsets may be those of markers or aborted records.
                Some(Err(KafkaError::PartitionEOF(at))) => open.retain(|it| *it != at),
                Some(Err(error)) => assert!(is_transient(&error), "reading {topic}: {error}"),
                None => {}
            }
        }
        stored.sort_by_key(|it| (it.record.partition, it.offset));
        stored
    }

    /// Reads committed records from the beginning until `is_complete` is true of all that were read, in the order of
    /// receipt: that of the offsets in each partition.
    pub(crate) fn read_until(
        &self,
        topic: &str,
        mut is_complete: impl FnMut(&[StoredRecord]) -> bool,
    ) -> Vec<StoredRecord> {
        let reader = self.reader(Isolation::Committed);
        assign(&reader, topic, &self.bounds(topic, Isolation::Committed));
        let mut stored = Vec::new();
        let deadline = Instant::now() + WAIT_MAX;
        while !is_complete(&stored) {
            assert!(Instant::now() < deadline, "{topic} has only {stored:#?}");
            match reader.poll(POLL_TIMEOUT) {
                Some(Ok(message)) => stored.push(StoredRecord::from_message(&message)),
                Some(Err(KafkaError::PartitionEOF(_))) | None => {}
                Some(Err(error)) => assert!(is_transient(&error), "reading {topic}: {error}"),
            }
        }
        stored
    }

    /// First offset and end of each partition, for this isolation level.
    pub(crate) fn bounds(&self, topic: &str, isolation: Isolation) -> BTreeMap<i32, (i64, i64)> {
        let client = match isolation {
            Isolation::Committed => &self.committed,
            Isolation::Uncommitted => &self.uncommitted,
        };
        let bounds =
            |partition| retry("bounds", || client.fetch_watermarks(topic, partition, REQUEST_MAX));
        // By this client, which would otherwise use outdated metadata of a recreated topic.
        let partitions = partitions_of(client, topic).into_iter();
        partitions.map(|it| (it, bounds(it))).collect()
    }

    /// The group's committed offsets, outside of open transactions.
    pub(crate) fn committed_offsets(
        &self,
        group: &str,
        topic: &str,
    ) -> BTreeMap<i32, CommittedOffset> {
        let mut config = reader_config(self.bootstrap(), Isolation::Committed);
        let member: BaseConsumer = config.set("group.id", group).create().unwrap();
        let mut asked = TopicPartitionList::new();
        for partition in self.partitions(topic) {
            asked.add_partition(topic, partition);
        }
        let response = retry("positions", || member.committed_offsets(asked.clone(), REQUEST_MAX));
        let elements = response.elements().into_iter().filter_map(|element| {
            element.error().unwrap();
            let Offset::Offset(offset) = element.offset() else {
                return None;
            };
            let metadata = element.metadata().to_owned();
            Some((element.partition(), CommittedOffset { offset, metadata }))
        });
        elements.collect()
    }

    fn reader(&self, isolation: Isolation) -> BaseConsumer {
        reader_config(self.bootstrap(), isolation).create().unwrap()
    }
}

/// The configuration of a consumer that does not join its group.
pub(super) fn reader_config(bootstrap: &str, isolation: Isolation) -> ClientConfig {
    let isolation = match isolation {
        Isolation::Committed => "read_committed",
        Isolation::Uncommitted => "read_uncommitted",
    };
    let mut config = client_config(bootstrap);
    config
        .set("group.id", "readers of tests")
        .set("isolation.level", isolation)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "20")
        .set("fetch.queue.backoff.ms", "10");
    config
}

/// The partitions, once all have a leader; empty if the topic does not exist.
pub(super) fn partitions_of(client: &BaseConsumer, topic: &str) -> Vec<i32> {
    let mut ids = Vec::new();
    eventually("every partition has a leader", || {
        let metadata = retry("metadata", || client.fetch_metadata(Some(topic), REQUEST_MAX));
        let partitions = metadata.topics()[0].partitions();
        ids = partitions.iter().map(|it| it.id()).collect();
        partitions.iter().all(|it| it.leader() >= 0)
    });
    ids
}

/// Starts at the first offset of each partition; returns the partitions.
fn assign<'a>(
    reader: &BaseConsumer,
    topic: &str,
    bounds: impl IntoIterator<Item = (&'a i32, &'a (i64, i64))>,
) -> Vec<i32> {
    // Without metadata the reader would look for the leaders a second later.
    partitions_of(reader, topic);
    let mut list = TopicPartitionList::new();
    for (partition, (start, _)) in bounds {
        let at = Offset::Offset(*start);
        list.add_partition_offset(topic, *partition, at).unwrap();
    }
    reader.assign(&list).unwrap();
    list.elements().iter().map(|it| it.partition()).collect()
}
