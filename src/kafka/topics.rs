//! Reads and checks metadata and configs of the topics, before any record is read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, OwnedResourceSpecifier, ResourceSpecifier};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::metadata::Metadata;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::log_throttle::LogThrottle;
use super::{Config, ConsumerRecord, Error, OutputTopics, PartitionReader, native};
use crate::event::{Millis, WallTime};

/// Largest batch of a producer if all topics accept larger ones: librdkafka's default.
const BATCH_BYTES_MAX: usize = 1_000_000;
/// Bytes of a batch with one record in addition to key and value.
const RECORD_OVERHEAD: usize = 512;
const TIMEOUT: Duration = Duration::from_secs(15);
/// Longest wait for topics that are missing or differ in partitions: they may be in creation.
const TOPICS_TIMEOUT: Duration = Duration::from_secs(3);
const TOPICS_RETRY_INTERVAL: Duration = Duration::from_millis(300);

/// Number of partitions of a topic; `Err` if it does not exist.
pub(crate) fn partition_count(config: &Config, topic: &str) -> Result<i32, Error> {
    let client: BaseConsumer<LogThrottle> = config
        .reader()
        .create_with_context(LogThrottle)
        .map_err(|source| Error::from_client_creation("creating a Kafka client", source))?;
    let metadata = client.fetch_metadata(Some(topic), TIMEOUT);
    let metadata = metadata.map_err(|_| Error::Unavailable(config.brokers.clone()))?;
    let topic_metadata = metadata.topics().first();
    match topic_metadata.map_or(0, |it| it.partitions().len()) {
        0 => Err(Error::Misconfigured(format!("the topic {topic} does not exist"))),
        count => Ok(i32::try_from(count).unwrap_or(i32::MAX)),
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
        let (inputs, changelog, topics) = (&outputs.inputs, &outputs.changelog, outputs.topics());
        let client: BaseConsumer<LogThrottle> = config
            .reader()
            .create_with_context(LogThrottle)
            .map_err(|source| Error::from_client_creation("creating a Kafka client", source))?;
        let start = Instant::now();
        let partitions = loop {
            let metadata = client
                .fetch_metadata(None, TIMEOUT)
                .map_err(|_| Error::Unavailable(config.brokers.clone()))?;
            match check_partition_counts(&metadata, inputs, changelog, &topics) {
                Err(_) if start.elapsed() < TOPICS_TIMEOUT => {
                    std::thread::park_timeout(TOPICS_RETRY_INTERVAL)
                }
                other => break other?,
            }
        };
        let mut names: Vec<&str> = inputs.iter().map(String::as_str).collect();
        names.push(changelog);
        // No response must not be mistaken for "no id": the ids become part of the state.
        let unavailable = || Error::Unavailable(config.brokers.clone());
        let ids = if config.is_local {
            Some(vec![None; names.len()])
        } else {
            native::topic_ids(client.client(), &names, TIMEOUT)
        };
        let mut ids = ids.ok_or_else(unavailable)?;
        let cluster = client.client().fetch_cluster_id(TIMEOUT);
        let changelog_id = ids.pop().flatten().unwrap_or_default();
        let written: Vec<&str> =
            topics.iter().map(String::as_str).chain([changelog.as_str()]).collect();
        let configs = if config.is_local { None } else { describe_configs(config, &written) };
        let configs = configs.unwrap_or_default();
        let problems = misconfigured_topics(&configs, config, outputs);
        if !problems.is_empty() {
            return Err(Error::Misconfigured(problems.join("\n")));
        }
        let setting = |topic: &str, name: &str| configs.get(topic)?.get(name);
        Ok(TopicMetadata {
            partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
            cluster: cluster.ok_or_else(unavailable)?,
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
    metadata: &Metadata,
    inputs: &[String],
    changelog: &str,
    outputs: &[String],
) -> Result<usize, Error> {
    let count = |topic: &str| {
        let metadata = metadata.topics().iter().find(|it| it.name() == topic);
        metadata.map_or(0, |it| it.partitions().len())
    };
    let partitions = inputs.first().map_or(0, |topic| count(topic));
    let mut problems = Vec::new();
    for topic in inputs.iter().map(String::as_str).chain([changelog]) {
        match count(topic) {
            0 => problems.push(format!("the topic {topic} does not exist; create it with {} partitions", partitions.max(1))),
            count if topic == changelog && count < partitions => problems.push(format!(
                "the topic {topic} has {count} partitions and {} has {partitions}. If it contains states and partitions were added to \
                the inputs, do not add partitions here: `tenure rekey` moves each state to the new partition of its customer",
                inputs[0]
            )),
            count if count != partitions => problems.push(format!(
                "the topic {topic} has {count} partitions and {} has {partitions}; all inputs and the changelog need the same number",
                inputs[0]
            )),
            _ => {}
        }
    }
    let missing = outputs.iter().filter(|topic| count(topic) == 0);
    problems.extend(missing.map(|topic| format!("the topic {topic} does not exist; create it")));
    if !problems.is_empty() {
        return Err(Error::Misconfigured(problems.join("\n")));
    }
    Ok(partitions)
}

/// Topics whose current config deletes records that must be retained, each with what to do. `None` if
/// the configs are not readable.
pub(crate) fn find_misconfigured_topics(
    config: &Config,
    outputs: &OutputTopics,
) -> Option<Vec<String>> {
    let configs = describe_configs(config, &[&outputs.changelog, &outputs.customer_stages])?;
    Some(misconfigured_topics(&configs, config, outputs))
}

/// Partitions of inputs whose next unread record is older than three quarters of the topic's
/// retention, each with what to do. `None` if the brokers do not respond.
pub fn find_expiring_partitions(
    config: &Config,
    inputs: &[String],
    partitions: &[i32],
    now: WallTime,
) -> Option<Vec<String>> {
    let names: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let configs = describe_configs(config, &names)?;
    let client: BaseConsumer<LogThrottle> =
        config.reader().create_with_context(LogThrottle).ok()?;
    let mut warnings = Vec::new();
    for input in names {
        let setting = |name: &str| configs.get(input)?.get(name);
        let deletes = setting("cleanup.policy").is_some_and(|policy| policy.contains("delete"));
        let retention = setting("retention.ms").and_then(|millis| millis.parse::<i64>().ok());
        // −1 is unlimited.
        let Some(retention) = retention.filter(|retention| deletes && *retention > 0) else {
            continue;
        };
        let time = now.0.saturating_sub(retention - retention / 4);
        if time <= 0 {
            continue;
        }
        let mut reader = PartitionReader::new(config);
        for (partition, next) in find_unread(&client, &mut reader, input, partitions, time)? {
            warnings.push(format!(
                "the next record to read of {input} partition {partition}, at offset {next}, is older than three quarters of \
                retention.ms ({retention}): it will be deleted unread. Raise retention.ms of {input}, and find out what delays \
                processing"
            ));
        }
    }
    Some(warnings)
}

/// (partition, committed offset) pairs where the record at that offset is older than `time`.
fn find_unread(
    client: &BaseConsumer<LogThrottle>,
    reader: &mut PartitionReader,
    input: &str,
    partitions: &[i32],
    time: i64,
) -> Option<Vec<(i32, i64)>> {
    let list = |offset: Offset| {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition_offset(input, *partition, offset).ok()?;
        }
        Some(list)
    };
    let committed = client.committed_offsets(list(Offset::Invalid)?, TIMEOUT).ok()?;
    let first_newer = client.offsets_for_times(list(Offset::Offset(time))?, TIMEOUT).ok()?;
    let mut unread = Vec::new();
    for partition in partitions {
        let Offset::Offset(next) = committed.find_partition(input, *partition)?.offset() else {
            continue;
        };
        let is_old = match first_newer.find_partition(input, *partition)?.offset() {
            Offset::Offset(first) => next < first,
            // No record is newer. Up to the end there may be only transaction markers, so read one.
            Offset::End => {
                let (_, end) = client.fetch_watermarks(input, *partition, TIMEOUT).ok()?;
                let mut has_record = false;
                let mut take = |_: &ConsumerRecord<'_>| has_record = true;
                let read = reader.read(input, *partition, next, end, &mut take);
                read.is_ok() && has_record
            }
            _ => false,
        };
        if is_old {
            unread.push((*partition, next));
        }
    }
    Some(unread)
}

fn misconfigured_topics(
    configs: &TopicConfigs,
    config: &Config,
    outputs: &OutputTopics,
) -> Vec<String> {
    let policy = |topic: &str| {
        let policy = configs.get(topic)?.get("cleanup.policy");
        policy.map(String::as_str)
    };
    let mut problems = Vec::new();
    let mut report = |topic: &str, policy: &str, deleted: &str| {
        problems.push(format!(
            "the topic {topic} has cleanup.policy={policy}, which deletes {deleted}; correct it with kafka-configs.sh \
            --bootstrap-server {} --alter --entity-type topics --entity-name {topic} --add-config cleanup.policy=compact",
            config.brokers
        ));
    };
    let changelog = &outputs.changelog;
    match policy(changelog) {
        None | Some("compact") => {}
        Some(other) => report(changelog, other, "the states of inactive customers"),
    }
    let stages = &outputs.customer_stages;
    match policy(stages) {
        Some(other) if !other.split(',').any(|policy| policy.trim() == "compact") => {
            let deleted = "the current stages of customers without recent transitions";
            report(stages, other, deleted);
        }
        _ => {}
    }
    problems
}

/// Configs by topic and name. Incomplete without the permission `DescribeConfigs`, so the checks do not
/// run then; an operator who erases customers must grant it.
type TopicConfigs = BTreeMap<String, BTreeMap<String, String>>;

fn describe_configs(config: &Config, topics: &[&str]) -> Option<TopicConfigs> {
    let client: AdminClient<LogThrottle> = config.reader().create_with_context(LogThrottle).ok()?;
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
    let resources: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
    let response = runtime.block_on(client.describe_configs(&resources, &options));
    let configs = response.ok()?.into_iter().filter_map(|resource| {
        let resource = resource.ok()?;
        let OwnedResourceSpecifier::Topic(topic) = &resource.specifier else {
            return None;
        };
        let entries = resource.entries.into_iter();
        let values = entries.filter_map(|entry| Some((entry.name, entry.value?)));
        Some((topic.clone(), values.collect()))
    });
    Some(configs.collect())
}
