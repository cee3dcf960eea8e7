//! Plans and creates the topics that are missing, and lists the permissions that the daemon needs.

use std::collections::BTreeSet;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};

use super::connection::{REQUEST_TIMEOUT, request_client};
use super::log_throttle::LogThrottle;
use super::permissions::Resource;
use super::topics::topic_partitions;
use super::{Config, Error, OutputTopics};

/// The replication factor of the brokers (`default.replication.factor`).
const DEFAULT_REPLICATION: i32 = -1;

/// A topic that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingTopic {
    pub name: String,
    pub partitions: i32,
    pub configs: Vec<(&'static str, &'static str)>,
}

impl MissingTopic {
    /// The command that creates it.
    pub fn command(&self, brokers: &str) -> String {
        let MissingTopic { name, partitions, configs } = self;
        let configs: String =
            configs.iter().map(|(key, value)| format!(" --config {key}={value}")).collect();
        format!(
            "kafka-topics.sh --bootstrap-server {brokers} --create --topic {name} --partitions {partitions}{configs}"
        )
    }
}

/// The topics that are missing, inputs first. `partitions` is the number for new inputs and the changelog; by default, that
/// of an input that exists.
///
/// # Errors
/// No broker responds, a topic must not be described, or the number of partitions is not known.
pub fn missing_topics(
    config: &Config,
    outputs: &OutputTopics,
    partitions: Option<i32>,
) -> Result<Vec<MissingTopic>, Error> {
    let client = request_client(config)?;
    let found = |topic: &str, resource| topic_partitions(config, &client, topic, resource);
    let mut of_inputs = None;
    let mut missing = Vec::new();
    for input in &outputs.inputs {
        match found(input, Resource::Input(input))? {
            Some(count) => of_inputs = of_inputs.or(Some(count)),
            None => missing.push((input, vec![])),
        }
    }
    let changelog = &outputs.changelog;
    if found(changelog, Resource::Changelog(changelog))?.is_none() {
        // With the brokers' time in it, a wrong clock of a process is noticed.
        let configs =
            vec![("cleanup.policy", "compact"), ("message.timestamp.type", "LogAppendTime")];
        missing.push((changelog, configs));
    }
    let written = outputs.topics();
    // Several stages may share a topic.
    for topic in written.iter().collect::<BTreeSet<_>>() {
        if found(topic, Resource::Output(topic))?.is_none() {
            let is_compacted = *topic == outputs.customer_stages;
            let configs = if is_compacted { vec![("cleanup.policy", "compact")] } else { vec![] };
            missing.push((topic, configs));
        }
    }
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let Some(partitions) = of_inputs.or(partitions) else {
        return Err(Error::Misconfigured(
            "no input exists, so the number of partitions is not known; set it with --partitions"
                .to_owned(),
        ));
    };
    let planned =
        |(name, configs): (&String, _)| MissingTopic { name: name.clone(), partitions, configs };
    Ok(missing.into_iter().map(planned).collect())
}

/// Creates the topics, with the brokers' default replication.
///
/// # Errors
/// The first topic that cannot be created; those before it were.
pub fn create_topics(config: &Config, topics: &[MissingTopic]) -> Result<(), Error> {
    let action = "creating the topics";
    let client: AdminClient<LogThrottle> = config
        .reader()
        .create_with_context(LogThrottle)
        .map_err(|source| Error::from_client_creation(action, source))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| Error::Unavailable(format!("{action}: {error}")))?;
    let options = AdminOptions::new().operation_timeout(Some(REQUEST_TIMEOUT));
    for topic in topics {
        let replication = TopicReplication::Fixed(DEFAULT_REPLICATION);
        let mut planned = NewTopic::new(&topic.name, topic.partitions, replication);
        for (key, value) in &topic.configs {
            planned = planned.set(key, value);
        }
        let created = runtime.block_on(client.create_topics([&planned], &options));
        let created = created.map_err(|source| Error::from_request(action, source))?;
        if let Some(Err((name, code))) = created.into_iter().next() {
            return Err(Error::Misconfigured(format!(
                "the topic {name} cannot be created: {code}"
            )));
        }
    }
    Ok(())
}

/// The commands that grant what the daemon needs, and nothing else.
pub fn grant_commands(config: &Config, outputs: &OutputTopics) -> Vec<String> {
    let written = outputs.topics();
    let written: BTreeSet<&String> = written.iter().collect();
    let inputs = outputs.inputs.iter().map(|topic| Resource::Input(topic));
    let resources = inputs
        .chain([Resource::Changelog(&outputs.changelog)])
        .chain(written.into_iter().map(|topic| Resource::Output(topic)))
        .chain([Resource::Group, Resource::TransactionalId("")]);
    resources.map(|resource| config.grant_command(resource)).collect()
}
