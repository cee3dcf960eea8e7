//! Looks topics up one by one: brokers leave topics that must not be described out of the list of all, and do not say
//! whether a single one exists.

use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode as Code;

use crate::kafka::connection::{RequestClient, request};
use crate::kafka::permissions::{Resource, is_denied};
use crate::kafka::{Config, Error};

/// What brokers say about a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TopicStatus {
    Exists { partitions: usize },
    Missing,
    NotDescribed,
}

impl TopicStatus {
    /// 0 for a topic that is not known to exist.
    pub(super) fn partitions(self) -> usize {
        match self {
            TopicStatus::Exists { partitions } => partitions,
            TopicStatus::Missing | TopicStatus::NotDescribed => 0,
        }
    }
}

/// The topics in the same order, each with its status.
pub(super) fn look_up<'r>(
    config: &Config,
    client: &RequestClient,
    topics: &[Resource<'r>],
) -> Result<Vec<(Resource<'r>, TopicStatus)>, Error> {
    let status = |topic: &Resource<'r>| Ok((*topic, look_up_topic(config, client, topic.name())?));
    topics.iter().map(status).collect()
}

pub(super) fn look_up_topic(
    config: &Config,
    client: &RequestClient,
    topic: &str,
) -> Result<TopicStatus, Error> {
    let metadata = request(config, client, |timeout| client.fetch_metadata(Some(topic), timeout))?;
    let Some(metadata) = metadata.topics().first() else {
        return Ok(TopicStatus::Missing);
    };
    let error: Option<Code> = metadata.error().map(Into::into);
    Ok(match metadata.partitions().len() {
        _ if is_denied(error) => TopicStatus::NotDescribed,
        0 => TopicStatus::Missing,
        partitions => TopicStatus::Exists { partitions },
    })
}
