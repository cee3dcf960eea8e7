//! Starts, pauses and repositions the reading of partitions.

use std::collections::BTreeSet;
use std::time::Instant;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::group_context::{Client, RETRY_INTERVAL, assign, waker};
use super::{Consumer, Feed, SeekPosition, TIMEOUT};
use crate::kafka::{Error, GroupProtocol};

impl Consumer {
    /// The feeds of a newly assigned partition, one per input. They must be created before the
    /// partition is started, and retained until it is revoked.
    pub fn create_feeds(&self, partition: i32) -> Result<Vec<Feed>, Error> {
        let client = self.client()?;
        let feed = |(input, topic): (usize, &String)| {
            let mut queue = client.split_partition_queue(topic, partition)?;
            queue.set_nonempty_callback(waker(&self.poll_thread));
            Some(Feed::new(input as u32, partition, queue, client.context().clone()))
        };
        let feeds: Option<Vec<Feed>> = self.inputs.iter().enumerate().map(feed).collect();
        feeds.ok_or_else(|| Error::Misconfigured(format!("partition {partition} has no queue")))
    }

    /// Sets the positions of the feeds of a partition and resumes fetching.
    pub fn start<'f>(
        &self,
        feeds: impl Iterator<Item = &'f Feed>,
        positions: &[SeekPosition],
    ) -> Result<(), Error> {
        for feed in feeds {
            if let Some(position) = positions.iter().find(|it| it.input == feed.input) {
                feed.seek(position.offset);
            }
        }
        let mut list = TopicPartitionList::new();
        for position in positions {
            let topic = &self.inputs[position.input as usize];
            list.add_partition_offset(topic, position.partition, Offset::Offset(position.offset))
                .map_err(|source| Error::Fatal { action: "setting the position", source })?;
        }
        let client = self.client()?;
        let deadline = Instant::now() + TIMEOUT;
        // A partition that was just revoked and assigned again may still be closing in librdkafka.
        while let Err(source) = seek(&client, &list) {
            let is_closing = matches!(
                source.rdkafka_error_code(),
                Some(RDKafkaErrorCode::State | RDKafkaErrorCode::PreviousInProgress)
            );
            if !is_closing || Instant::now() >= deadline {
                return Err(Error::from_request("setting the position", source));
            }
            std::thread::park_timeout(RETRY_INTERVAL);
        }
        client.resume(&list).map_err(|source| Error::from_request("resuming a partition", source))
    }

    /// Stops fetching a partition until it is started again.
    pub fn pause(&self, partition: i32) -> Result<(), Error> {
        let paused = self.client()?.pause(&self.topic_partitions(partition));
        paused.map_err(|source| Error::from_request("pausing a partition", source))
    }

    /// Reassigns a partition that librdkafka has stopped fetching; it is paused until it is started.
    /// Returns all reassigned partitions: under [`GroupProtocol::Classic`] librdkafka replaces an
    /// assignment only as a whole.
    pub(crate) fn reassign(&self, partition: i32) -> Result<Vec<i32>, Error> {
        let fail = |source| Error::from_request("reassigning a partition", source);
        let client = self.client()?;
        let protocol = client.context().config.group_protocol;
        let mut list = match protocol {
            GroupProtocol::Classic => client.assignment().map_err(fail)?,
            GroupProtocol::Consumer => self.topic_partitions(partition),
        };
        if protocol == GroupProtocol::Consumer {
            client.incremental_unassign(&list).map_err(fail)?;
        }
        list.set_all_offsets(Offset::Beginning).map_err(fail)?;
        assign(&client, protocol, &list).and_then(|()| client.pause(&list)).map_err(fail)?;
        let elements = list.elements();
        let partitions: BTreeSet<i32> = elements.iter().map(|it| it.partition()).collect();
        Ok(partitions.into_iter().collect())
    }
}

fn seek(client: &Client, list: &TopicPartitionList) -> Result<(), KafkaError> {
    // The call succeeds even if single partitions fail.
    let result = client.seek_partitions(list.clone(), TIMEOUT)?;
    let elements = result.elements();
    elements.iter().try_for_each(|element| element.error())
}
