//! Reading topics from their beginning, and the positions of groups.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::{Broker, PATIENCE, Stored, ask, client_config, eventually, is_passing};

/// How long records are waited for at a time.
const TURN: Duration = Duration::from_millis(100);

/// Which records are shown to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// Those outside of transactions and in committed ones, up to the first open one.
    Committed,
    /// All, those of open and aborted transactions too.
    Uncommitted,
}

/// What a group has committed for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub offset: i64,
    pub metadata: String,
}

impl Broker {
    /// Everything in the topic, by partition and offset, up to the end that it has now: open
    /// transactions before it are awaited, where isolation makes them a difference.
    pub(crate) fn read(&self, topic: &str, isolation: Isolation) -> Vec<Stored> {
        let ends = self.bounds(topic, Isolation::Uncommitted);
        // The end for committed readers is the last stable offset, which a committed transaction
        // may not have reached yet: its markers come to partitions one by one.
        eventually("open transactions end", || {
            let seen = self.bounds(topic, isolation);
            ends.iter()
                .all(|(partition, end)| seen[partition].1 >= end.1)
        });
        let reader = self.reader(isolation);
        let mut stored = Vec::new();
        let mut open = assign(&reader, topic, ends.iter().filter(|(_, it)| it.0 < it.1));
        let deadline = Instant::now() + PATIENCE;
        while !open.is_empty() {
            assert!(Instant::now() < deadline, "{topic} is not read to its end");
            match reader.poll(TURN) {
                Some(Ok(message)) => {
                    let end = ends[&message.partition()].1;
                    if message.offset() + 1 >= end {
                        open.retain(|partition| *partition != message.partition());
                    }
                    if message.offset() < end {
                        stored.push(Stored::of(&message));
                    }
                }
                // The last offsets may be those of markers or aborted records.
                Some(Err(KafkaError::PartitionEOF(at))) => open.retain(|it| *it != at),
                Some(Err(error)) => assert!(is_passing(&error), "reading {topic}: {error}"),
                None => {}
            }
        }
        stored.sort_by_key(|it| (it.record.partition, it.offset));
        stored
    }

    /// Reads what is committed from the beginning and on, as it comes, until `enough` says so of all
    /// that was read, in the order of its coming: that of the offsets in each partition.
    pub(crate) fn read_until(
        &self,
        topic: &str,
        mut enough: impl FnMut(&[Stored]) -> bool,
    ) -> Vec<Stored> {
        let reader = self.reader(Isolation::Committed);
        assign(&reader, topic, &self.bounds(topic, Isolation::Committed));
        let mut stored = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while !enough(&stored) {
            assert!(Instant::now() < deadline, "{topic} has only {stored:#?}");
            match reader.poll(TURN) {
                Some(Ok(message)) => stored.push(Stored::of(&message)),
                Some(Err(KafkaError::PartitionEOF(_))) | None => {}
                Some(Err(error)) => assert!(is_passing(&error), "reading {topic}: {error}"),
            }
        }
        stored
    }

    /// First offset and end of each partition: the end of what isolation shows.
    pub(crate) fn bounds(&self, topic: &str, isolation: Isolation) -> BTreeMap<i32, (i64, i64)> {
        let client = match isolation {
            Isolation::Committed => &self.committed,
            Isolation::Uncommitted => &self.uncommitted,
        };
        let bounds = |partition| {
            ask("bounds", || {
                client.fetch_watermarks(topic, partition, PATIENCE)
            })
        };
        // Asked by this client: it would go on with what it knows of a topic that was made anew.
        let partitions = partitions_of(client, topic).into_iter();
        partitions.map(|it| (it, bounds(it))).collect()
    }

    /// What the group has committed, where it has, outside of open transactions.
    pub(crate) fn positions(&self, group: &str, topic: &str) -> BTreeMap<i32, Position> {
        let mut config = reader_config(self.bootstrap(), Isolation::Committed);
        let member: BaseConsumer = config.set("group.id", group).create().unwrap();
        let mut asked = TopicPartitionList::new();
        for partition in self.partitions(topic) {
            asked.add_partition(topic, partition);
        }
        let answer = ask("positions", || {
            member.committed_offsets(asked.clone(), PATIENCE)
        });
        let elements = answer.elements().into_iter().filter_map(|element| {
            element.error().unwrap();
            let Offset::Offset(offset) = element.offset() else {
                return None;
            };
            let metadata = element.metadata().to_owned();
            Some((element.partition(), Position { offset, metadata }))
        });
        elements.collect()
    }

    fn reader(&self, isolation: Isolation) -> BaseConsumer {
        reader_config(self.bootstrap(), isolation).create().unwrap()
    }
}

/// Of a consumer that is no member of its group.
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

/// The partitions, once all have a leader; none when there is no such topic.
pub(super) fn partitions_of(client: &BaseConsumer, topic: &str) -> Vec<i32> {
    let mut ids = Vec::new();
    eventually("every partition has a leader", || {
        let metadata = ask("metadata", || client.fetch_metadata(Some(topic), PATIENCE));
        let partitions = metadata.topics()[0].partitions();
        ids = partitions.iter().map(|it| it.id()).collect();
        partitions.iter().all(|it| it.leader() >= 0)
    });
    ids
}

/// Begins with the first offset of each partition; those partitions.
fn assign<'a>(
    reader: &BaseConsumer,
    topic: &str,
    bounds: impl IntoIterator<Item = (&'a i32, &'a (i64, i64))>,
) -> Vec<i32> {
    // Without knowing the leaders it would look for them a second later.
    partitions_of(reader, topic);
    let mut list = TopicPartitionList::new();
    for (partition, (start, _)) in bounds {
        let at = Offset::Offset(*start);
        list.add_partition_offset(topic, *partition, at).unwrap();
    }
    reader.assign(&list).unwrap();
    list.elements().iter().map(|it| it.partition()).collect()
}
