//! Reads and checks metadata and configs of the topics, before any record is read.

mod configs;
mod lookup;
mod retention;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;

use super::connection::{REQUEST_TIMEOUT, RequestClient, no_response, request_client};
use super::permissions::Resource;
use super::{Config, Error, OutputTopics, native};
use crate::event::Millis;
use configs::misconfigured_topics;
pub(super) use configs::{TopicConfigs, describe_configs};
use lookup::{TopicStatus, look_up, look_up_topic};

pub(crate) use configs::find_misconfigured_topics;
pub use retention::find_expiring_partitions;

/// Largest batch of a producer if all topics accept larger ones: librdkafka's default.
const BATCH_BYTES_MAX: usize = 1_000_000;
/// Bytes of a batch with one record in addition to key and value.
const RECORD_OVERHEAD: usize = 512;
/// Longest wait for topics that are missing or differ in partitions: they may be in creation.
const TOPICS_TIMEOUT: Duration = Duration::from_secs(3);
const TOPICS_RETRY_INTERVAL: Duration = Duration::from_millis(300);

/// Number of partitions of a topic; `Err` if it does not exist.
pub(crate) fn partition_count(config: &Config, topic: &str) -> Result<i32, Error> {
    let client = request_client(config)?;
    let count = topic_partitions(config, &client, Resource::Changelog(topic))?;
    count.ok_or_else(|| Error::Misconfigured(format!("the topic {topic} does not exist")))
}

/// Number of partitions of a topic; `None` if it does not exist, and `Err` if that must not be known.
pub(super) fn topic_partitions(
    config: &Config,
    client: &RequestClient,
    resource: Resource<'_>,
) -> Result<Option<i32>, Error> {
    match look_up_topic(config, client, resource.name())? {
        TopicStatus::Exists { partitions } => {
            Ok(Some(i32::try_from(partitions).unwrap_or(i32::MAX)))
        }
        TopicStatus::Missing => Ok(None),
        TopicStatus::NotDescribed => Err(Error::Misconfigured(config.not_described(resource))),
    }
}

/// The properties of the topics that processing depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMetadata {
    /// Number of partitions of every input and of the changelog.
    pub partitions: i32,
    /// The id of the cluster.
    pub cluster: String,
    /// The id of each input, by its index; zero if the broker has none.
    pub input_ids: Vec<[u8; 16]>,
    pub changelog_id: [u8; 16],
    /// Shortest retention of tombstones in the changelog; `None` if the config is not readable.
    pub tombstone_retention: Option<Millis>,
    /// Whether brokers set the timestamps of changelog records (`LogAppendTime`).
    pub uses_log_append_time: bool,
    /// `max.message.bytes` by output topic and changelog, as far as readable.
    pub max_message_bytes: BTreeMap<String, usize>,
}

impl TopicMetadata {
    /// Identifies the changelog by cluster and topic id: a recreated topic has the same name.
    pub fn changelog_origin(&self) -> String {
        let id = u128::from_be_bytes(self.changelog_id);
        format!("{}/{id:032x}", self.cluster)
    }

    /// `Err` if a topic does not accept a record of `bytes` bytes of key and value.
    pub fn check_record_size(&self, topic: &str, bytes: usize) -> Result<(), Error> {
        let needed = bytes + RECORD_OVERHEAD;
        match self.max_message_bytes.get(topic) {
            Some(max) if *max < needed => Err(Error::Misconfigured(format!(
                "the topic {topic} accepts records of up to {max} bytes (max.message.bytes), and the state of a customer \
                 can need {needed} with these models: raise max.message.bytes to {needed} or more, or reduce the state \
                 (`tenure check` shows what is large)"
            ))),
            _ => Ok(()),
        }
    }

    /// The largest batch that every topic written to accepts.
    pub fn batch_bytes(&self) -> usize {
        let smallest = self.max_message_bytes.values().copied().min();
        smallest.unwrap_or(BATCH_BYTES_MAX).clamp(1, BATCH_BYTES_MAX)
    }

    /// Fetches and checks the topics. `Err` lists every topic that is missing, has another number of
    /// partitions than the first input, or deletes records that it must retain, and what to do.
    pub fn fetch(config: &Config, outputs: &OutputTopics) -> Result<TopicMetadata, Error> {
        let (inputs, changelog) = (&outputs.inputs, &outputs.changelog);
        let client = request_client(config)?;
        let start = Instant::now();
        let partitions = loop {
            let statuses = look_up(config, &client, &outputs.resources())?;
            match check_partition_counts(config, &statuses) {
                Err(_) if start.elapsed() < TOPICS_TIMEOUT => {
                    std::thread::park_timeout(TOPICS_RETRY_INTERVAL)
                }
                other => break other?,
            }
        };
        let mut names: Vec<&str> = inputs.iter().map(String::as_str).collect();
        names.push(changelog);
        // No response must not be mistaken for "no id": the ids become part of the state.
        let ids = if config.is_local {
            Some(vec![None; names.len()])
        } else {
            native::topic_ids(client.client(), &names, REQUEST_TIMEOUT)
        };
        let mut ids = ids.ok_or_else(|| no_response(config, &client))?;
        let cluster = client.client().fetch_cluster_id(REQUEST_TIMEOUT);
        let changelog_id = ids.pop().flatten().unwrap_or_default();
        let written: Vec<&str> =
            outputs.topics().map(String::as_str).chain([changelog.as_str()]).collect();
        let configs =
            if config.is_local { BTreeMap::new() } else { describe_configs(config, &written)? };
        let problems = misconfigured_topics(&configs, config, outputs);
        if !problems.is_empty() {
            return Err(Error::Misconfigured(problems.join("\n")));
        }
        let setting = |topic: &str, name: &str| configs.get(topic)?.get(name);
        Ok(TopicMetadata {
            partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
            cluster: cluster.ok_or_else(|| no_response(config, &client))?,
            input_ids: ids.into_iter().map(Option::unwrap_or_default).collect(),
            changelog_id,
            tombstone_retention: setting(changelog, "delete.retention.ms")
                .and_then(|millis| millis.parse().ok())
                .map(Millis),
            uses_log_append_time: setting(changelog, "message.timestamp.type")
                .is_some_and(|kind| kind == "LogAppendTime"),
            max_message_bytes: configs
                .keys()
                .filter_map(|topic| {
                    let bytes = setting(topic, "max.message.bytes")?.parse().ok()?;
                    Some((topic.clone(), bytes))
                })
                .collect(),
        })
    }
}

/// Number of partitions of inputs and changelog; `Err` lists topics that are missing or differ.
fn check_partition_counts(
    config: &Config,
    statuses: &[(Resource<'_>, TopicStatus)],
) -> Result<usize, Error> {
    let (first, partitions) =
        statuses.first().map_or(("", 0), |(input, status)| (input.name(), status.partitions()));
    let mut problems = Vec::new();
    for (resource, status) in statuses {
        let topic = resource.name();
        match (*status, *resource) {
            (TopicStatus::NotDescribed, resource) => problems.push(config.not_described(resource)),
            (TopicStatus::Missing, Resource::Output(_)) => {
                problems.push(format!("the topic {topic} does not exist; create it"));
            }
            (TopicStatus::Missing, _) => problems.push(format!("the topic {topic} does not exist; create it with {} partitions", partitions.max(1))),
            (TopicStatus::Exists { .. }, Resource::Output(_)) => {}
            (TopicStatus::Exists { partitions: count }, Resource::Changelog(_)) if count < partitions => problems.push(format!(
                "the topic {topic} has {count} partitions and {first} has {partitions}. If it contains states and partitions were added to \
                the inputs, do not add partitions here: `tenure rekey` moves each state to the new partition of its customer"
            )),
            (TopicStatus::Exists { partitions: count }, _) if count != partitions && partitions > 0 => problems.push(format!(
                "the topic {topic} has {count} partitions and {first} has {partitions}; all inputs and the changelog need the same number"
            )),
            (TopicStatus::Exists { .. }, _) => {}
        }
    }
    if !problems.is_empty() {
        return Err(Error::Misconfigured(problems.join("\n")));
    }
    Ok(partitions)
}
