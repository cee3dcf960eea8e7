//! The topics as they are: looked at once, before anything is read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, OwnedResourceSpecifier, ResourceSpecifier};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::metadata::Metadata;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::log_throttle::LogThrottle;
use super::{Config, ConsumerRecord, Error, OutputTopics, PartitionReader, native};
use crate::event::{Millis, WallTime};

/// The largest batch of a producer where the topics take larger ones: librdkafka's own.
const BATCH_BYTES_MAX: usize = 1_000_000;
/// What a batch and its one record take beside key and value.
const RECORD_OVERHEAD: usize = 512;
const TIMEOUT: Duration = Duration::from_secs(15);
/// Longest wait for topics that are missing or do not fit: they may just be being made.
const TOPICS_TIMEOUT: Duration = Duration::from_secs(3);
const TOPICS_RETRY_INTERVAL: Duration = Duration::from_millis(300);

/// How many partitions a topic has.
pub fn partition_count(config: &Config, topic: &str) -> Result<i32, Error> {
    let client: BaseConsumer<LogThrottle> = config
        .reader()
        .create_with_context(LogThrottle)
        .map_err(|source| Error::from_client_creation("making a Kafka client", source))?;
    let metadata = client.fetch_metadata(Some(topic), TIMEOUT);
    let metadata = metadata.map_err(|_| Error::Unavailable(config.brokers.clone()))?;
    let found = metadata
        .topics()
        .first()
        .map_or(0, |it| it.partitions().len());
    match found {
        0 => Err(Error::Misconfigured(format!("there is no topic {topic}"))),
        found => Ok(i32::try_from(found).unwrap_or(i32::MAX)),
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMetadata {
    /// Partitions of every input, and of the changelog.
    pub partitions: i32,
    /// The cluster.
    pub cluster: String,
    /// The id of each input, in their order.
    pub input_ids: Vec<[u8; 16]>,
    /// The id of the changelog.
    pub changelog_id: [u8; 16],
    /// How long the changelog keeps tombstones at least; `None` where the broker does not say.
    pub tombstone_retention: Option<Millis>,
    /// Whether the brokers stamp what is appended to the changelog with their own time.
    pub uses_log_append_time: bool,
    /// The largest batch of records that each topic takes which is written to, where the broker says.
    pub max_message_bytes: BTreeMap<String, usize>,
}

impl TopicMetadata {
    /// Stands for the changelog as it is now: its name may come to stand for another topic.
    pub fn changelog_origin(&self) -> String {
        let id = u128::from_be_bytes(self.changelog_id);
        format!("{}/{id:032x}", self.cluster)
    }

    /// Whether a topic takes the largest record that may have to be written to it.
    pub fn check_record_size(&self, topic: &str, bytes: usize) -> Result<(), Error> {
        let needed = bytes + RECORD_OVERHEAD;
        match self.max_message_bytes.get(topic) {
            Some(found) if *found < needed => Err(Error::Misconfigured(format!(
                "{topic} takes records of {found} bytes (max.message.bytes), and the state of a customer could take \
                 {needed} with these models: raise it to {needed} or more, or keep less (tenure check says what is large)"
            ))),
            _ => Ok(()),
        }
    }

    /// The largest batch that every topic takes which is written to.
    pub fn batch_bytes(&self) -> usize {
        let smallest = self.max_message_bytes.values().copied().min();
        smallest
            .unwrap_or(BATCH_BYTES_MAX)
            .clamp(1, BATCH_BYTES_MAX)
    }

    /// Looks at the topics. `Err` says every one that is missing, has another number of
    /// partitions than the first input or loses what it has to keep, and what to do.
    pub fn fetch(config: &Config, outputs: &OutputTopics) -> Result<TopicMetadata, Error> {
        let (inputs, changelog, topics) = (&outputs.inputs, &outputs.changelog, outputs.topics());
        let client: BaseConsumer<LogThrottle> = config
            .reader()
            .create_with_context(LogThrottle)
            .map_err(|source| Error::from_client_creation("making a Kafka client", source))?;
        let begun = Instant::now();
        let partitions = loop {
            let metadata = client
                .fetch_metadata(None, TIMEOUT)
                .map_err(|_| Error::Unavailable(config.brokers.clone()))?;
            match check_partition_counts(&metadata, inputs, changelog, &topics) {
                Err(_) if begun.elapsed() < TOPICS_TIMEOUT => {
                    std::thread::park_timeout(TOPICS_RETRY_INTERVAL)
                }
                other => break other?,
            }
        };
        let mut names: Vec<&str> = inputs.iter().map(String::as_str).collect();
        names.push(changelog);
        // What is not answered must not be taken for something: it becomes part of the state.
        let unavailable = || Error::Unavailable(config.brokers.clone());
        let ids = match config.is_local {
            true => Some(vec![None; names.len()]),
            false => native::topic_ids(client.client(), &names, TIMEOUT),
        };
        let mut ids = ids.ok_or_else(unavailable)?;
        let cluster = client.client().fetch_cluster_id(TIMEOUT);
        let changelog_id = ids.pop().flatten().unwrap_or_default();
        let written: Vec<&str> = topics
            .iter()
            .map(String::as_str)
            .chain([changelog.as_str()])
            .collect();
        let described = match config.is_local {
            true => None,
            false => describe_configs(config, &written),
        };
        let described = described.unwrap_or_default();
        let losing = misconfigured_topics(&described, config, outputs);
        if !losing.is_empty() {
            return Err(Error::Misconfigured(losing.join("\n")));
        }
        let setting = |topic: &str, name: &str| described.get(topic)?.get(name);
        Ok(TopicMetadata {
            partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
            cluster: cluster.ok_or_else(unavailable)?,
            input_ids: ids.into_iter().map(Option::unwrap_or_default).collect(),
            changelog_id,
            tombstone_retention: setting(changelog, "delete.retention.ms")
                .and_then(|kept| kept.parse().ok())
                .map(Millis),
            uses_log_append_time: setting(changelog, "message.timestamp.type")
                .is_some_and(|kind| kind == "LogAppendTime"),
            max_message_bytes: described
                .keys()
                .filter_map(|topic| {
                    let bytes = setting(topic, "max.message.bytes")?.parse().ok()?;
                    Some((topic.clone(), bytes))
                })
                .collect(),
        })
    }
}

/// How many partitions inputs and changelog have; `Err` says every topic that is missing or has another number.
fn check_partition_counts(
    metadata: &Metadata,
    inputs: &[String],
    changelog: &str,
    outputs: &[String],
) -> Result<usize, Error> {
    let count = |topic: &str| {
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        found.map_or(0, |found| found.partitions().len())
    };
    let partitions = inputs.first().map_or(0, |topic| count(topic));
    let mut wrong = Vec::new();
    for topic in inputs.iter().map(String::as_str).chain([changelog]) {
        match count(topic) {
            0 => wrong.push(format!("the topic {topic} does not exist; create it with {} partitions", partitions.max(1))),
            found if topic == changelog && found < partitions => wrong.push(format!(
                "the topic {topic} has {found} partitions and {} has {partitions}. If it has states, and partitions were added to the \
                inputs, do not add them here: `tenure rekey` takes the states to where the events of their customers come now",
                inputs[0]
            )),
            found if found != partitions => wrong.push(format!(
                "the topic {topic} has {found} partitions and {} has {partitions}; all inputs and the changelog need the same number",
                inputs[0]
            )),
            _ => {}
        }
    }
    let missing = outputs.iter().filter(|topic| count(topic) == 0);
    wrong.extend(missing.map(|topic| format!("the topic {topic} does not exist; create it")));
    if !wrong.is_empty() {
        return Err(Error::Misconfigured(wrong.join("\n")));
    }
    Ok(partitions)
}

/// Looks again whether a topic has come to lose what it has to keep: each, with what to do. `None` where the brokers do
/// not say.
pub fn find_misconfigured_topics(config: &Config, outputs: &OutputTopics) -> Option<Vec<String>> {
    let described = describe_configs(config, &[&outputs.changelog, &outputs.customer_stages])?;
    Some(misconfigured_topics(&described, config, outputs))
}

/// Partitions of inputs of which the next unread record is so old that its topic is about to delete it, each with what to
/// do. `None` where the brokers do not say.
pub fn find_expiring_partitions(
    config: &Config,
    inputs: &[String],
    partitions: &[i32],
    now: WallTime,
) -> Option<Vec<String>> {
    let names: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let described = describe_configs(config, &names)?;
    let client: BaseConsumer<LogThrottle> =
        config.reader().create_with_context(LogThrottle).ok()?;
    let mut found = Vec::new();
    for input in names {
        let setting = |name: &str| described.get(input)?.get(name);
        let deletes = setting("cleanup.policy").is_some_and(|policy| policy.contains("delete"));
        let kept = setting("retention.ms").and_then(|kept| kept.parse::<i64>().ok());
        let Some(kept) = kept.filter(|kept| deletes && *kept > 0) else {
            continue;
        };
        // From a quarter of the time before it is deleted.
        let old = now.0.saturating_sub(kept - kept / 4);
        if old <= 0 {
            continue;
        }
        let mut reader = PartitionReader::new(config);
        for (partition, next) in find_unread(&client, &mut reader, input, partitions, old)? {
            found.push(format!(
                "the next record of {input} partition {partition} to be read, at offset {next}, is older than three quarters of \
                retention.ms ({kept}): it will be deleted unread. Raise retention.ms of {input}, and see what holds \
                processing up"
            ));
        }
    }
    Some(found)
}

/// Partitions whose committed offset is before the first record of this time or later, with that offset.
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
    let committed = client
        .committed_offsets(list(Offset::Invalid)?, TIMEOUT)
        .ok()?;
    let newer = client
        .offsets_for_times(list(Offset::Offset(time))?, TIMEOUT)
        .ok()?;
    let mut found = Vec::new();
    for partition in partitions {
        let Offset::Offset(next) = committed.find_partition(input, *partition)?.offset() else {
            continue;
        };
        let is_old = match newer.find_partition(input, *partition)?.offset() {
            Offset::Offset(first) => next < first,
            // All records are older, if there are any: what is there may be the marker of a transaction.
            Offset::End => {
                let (_, end) = client.fetch_watermarks(input, *partition, TIMEOUT).ok()?;
                let mut is_record = false;
                let mut take = |_: &ConsumerRecord<'_>| is_record = true;
                let read = reader.read(input, *partition, next, end, &mut take);
                read.is_ok() && is_record
            }
            _ => false,
        };
        if is_old {
            found.push((*partition, next));
        }
    }
    Some(found)
}

fn misconfigured_topics(
    described: &TopicConfigs,
    config: &Config,
    outputs: &OutputTopics,
) -> Vec<String> {
    let policy = |topic: &str| {
        described
            .get(topic)?
            .get("cleanup.policy")
            .map(String::as_str)
    };
    let mut found = Vec::new();
    let mut tell = |topic: &str, policy: &str, what: &str| {
        found.push(format!(
            "the topic {topic} has cleanup.policy={policy}, which deletes {what}; set it right: kafka-configs.sh \
            --bootstrap-server {} --alter --entity-type topics --entity-name {topic} --add-config cleanup.policy=compact",
            config.brokers
        ));
    };
    let changelog = &outputs.changelog;
    match policy(changelog) {
        None | Some("compact") => {}
        Some(other) => tell(
            changelog,
            other,
            "the states of customers who are silent for long",
        ),
    }
    let stages = &outputs.customer_stages;
    match policy(stages) {
        Some(other) if !other.split(',').any(|policy| policy.trim() == "compact") => {
            tell(
                stages,
                other,
                "the current stages of customers who have not moved for long",
            );
        }
        _ => {}
    }
    found
}

/// Settings by topic and name, as far as the broker says: not everybody may ask. Who erases customers has to
/// see that Tenure may.
type TopicConfigs = BTreeMap<String, BTreeMap<String, String>>;

fn describe_configs(config: &Config, topics: &[&str]) -> Option<TopicConfigs> {
    let client: AdminClient<LogThrottle> = config.reader().create_with_context(LogThrottle).ok()?;
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
    let asked: Vec<_> = topics
        .iter()
        .map(|topic| ResourceSpecifier::Topic(topic))
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
    let answer = runtime.block_on(client.describe_configs(&asked, &options));
    let described = answer.ok()?.into_iter().filter_map(|resource| {
        let resource = resource.ok()?;
        let OwnedResourceSpecifier::Topic(topic) = &resource.specifier else {
            return None;
        };
        let entries = resource.entries.into_iter();
        let values = entries.filter_map(|entry| Some((entry.name, entry.value?)));
        Some((topic.clone(), values.collect()))
    });
    Some(described.collect())
}
