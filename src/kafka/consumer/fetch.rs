//! Which partitions are read, from where on.

use std::collections::BTreeSet;
use std::time::Instant;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{Client, Consumer, Feed, RETRY_INTERVAL, SeekPosition, TIMEOUT, assign, waker};
use crate::kafka::{Error, GroupProtocol};

impl Consumer {
    /// The feeds of newly assigned partitions. They must be made before the partitions are
    /// started, and kept until they are revoked.
    pub fn create_feeds(&self, partition: i32) -> Result<Vec<Feed>, Error> {
        let client = self.client()?;
        let feed = |(input, topic): (usize, &String)| {
            let mut queue = client.split_partition_queue(topic, partition)?;
            queue.set_nonempty_callback(waker(&self.poll_thread));
            Some(Feed::new(input as u32, partition, queue))
        };
        let feeds: Option<Vec<Feed>> = self.inputs.iter().enumerate().map(feed).collect();
        feeds.ok_or_else(|| Error::Misconfigured(format!("partition {partition} has no queue")))
    }

    /// Sets where the feeds of a partition are read from and lets them flow.
    pub fn start<'f>(
        &self,
        feeds: impl Iterator<Item = &'f Feed>,
        positions: &[SeekPosition],
    ) -> Result<(), Error> {
        for feed in feeds {
            let own = |position: &&SeekPosition| position.input == feed.input;
            if let Some(position) = positions.iter().find(own) {
                feed.seek(position.offset);
            }
        }
        let mut list = TopicPartitionList::new();
        for position in positions {
            let topic = &self.inputs[position.input as usize];
            list.add_partition_offset(topic, position.partition, Offset::Offset(position.offset))
                .map_err(|source| Error::Fatal {
                    action: "setting the position",
                    source,
                })?;
        }
        let client = self.client()?;
        let deadline = Instant::now() + TIMEOUT;
        // What was just taken away and given back may still be on its way out of librdkafka.
        while let Err(source) = seek(&client, &list) {
            let is_early = matches!(
                source.rdkafka_error_code(),
                Some(RDKafkaErrorCode::State | RDKafkaErrorCode::PreviousInProgress)
            );
            if !is_early || Instant::now() >= deadline {
                return Err(Error::from_request("setting the position", source));
            }
            std::thread::park_timeout(RETRY_INTERVAL);
        }
        client
            .resume(&list)
            .map_err(|source| Error::from_request("resuming", source))
    }

    /// Fetches nothing more of a partition before it is started again.
    pub fn pause(&self, partition: i32) -> Result<(), Error> {
        let paused = self.client()?.pause(&self.topic_partitions(partition));
        paused.map_err(|source| Error::from_request("pausing", source))
    }

    /// Reassigns a partition that librdkafka has stopped fetching, paused until it is started. Returns the partitions that
    /// were reassigned: under [`GroupProtocol::Classic`] librdkafka replaces an assignment only as a whole.
    pub fn reassign(&self, partition: i32) -> Result<Vec<i32>, Error> {
        let fail = |source| Error::from_request("beginning anew with a partition", source);
        let client = self.client()?;
        let protocol = client.context().protocol;
        let mut list = match protocol {
            GroupProtocol::Classic => client.assignment().map_err(fail)?,
            GroupProtocol::Consumer => self.topic_partitions(partition),
        };
        if protocol == GroupProtocol::Consumer {
            client.incremental_unassign(&list).map_err(fail)?;
        }
        list.set_all_offsets(Offset::Beginning).map_err(fail)?;
        assign(&client, protocol, &list)
            .and_then(|()| client.pause(&list))
            .map_err(fail)?;
        let elements = list.elements();
        let partitions: BTreeSet<i32> = elements.iter().map(|one| one.partition()).collect();
        Ok(partitions.into_iter().collect())
    }
}

fn seek(client: &Client, list: &TopicPartitionList) -> Result<(), KafkaError> {
    let set = client.seek_partitions(list.clone(), TIMEOUT)?;
    set.elements()
        .iter()
        .try_for_each(|element| element.error())
}
