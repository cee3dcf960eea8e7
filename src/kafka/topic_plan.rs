//! Plans and creates the topics that are missing, and lists the permissions that the daemon needs.

use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;

use super::admin::request_admin;
use super::connection::{REQUEST_TIMEOUT, request_client};
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
    let mut of_inputs = None;
    let mut missing = Vec::new();
    for resource in outputs.resources() {
        let topic = resource.name();
        match (topic_partitions(config, &client, resource)?, resource) {
            (Some(count), Resource::Input(_)) => of_inputs = of_inputs.or(Some(count)),
            (Some(_), _) => {}
            (None, Resource::Input(_)) => missing.push((topic, vec![])),
            // With the brokers' time in it, a wrong clock of a process is noticed.
            (None, Resource::Changelog(_)) => missing.push((
                topic,
                vec![("cleanup.policy", "compact"), ("message.timestamp.type", "LogAppendTime")],
            )),
            (None, _) if *topic == outputs.customer_stages => {
                missing.push((topic, vec![("cleanup.policy", "compact")]));
            }
            (None, _) => missing.push((topic, vec![])),
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
        |(name, configs): (&str, _)| MissingTopic { name: name.to_owned(), partitions, configs };
    Ok(missing.into_iter().map(planned).collect())
}

/// Creates the topics, with the brokers' default replication.
///
/// # Errors
/// The first topic that cannot be created; those before it were.
pub fn create_topics(config: &Config, topics: &[MissingTopic]) -> Result<(), Error> {
    let action = "creating the topics";
    let options = AdminOptions::new().operation_timeout(Some(REQUEST_TIMEOUT));
    let created = request_admin(config, action, async |client| {
        for topic in topics {
            let replication = TopicReplication::Fixed(DEFAULT_REPLICATION);
            let mut planned = NewTopic::new(&topic.name, topic.partitions, replication);
            planned.config.clone_from(&topic.configs);
            let created = client.create_topics([&planned], &options).await?;
            // It may have been created meanwhile, also by this request, if its response was lost.
            if let Some(Err(refused)) = created.into_iter().next()
                && refused.1 != RDKafkaErrorCode::TopicAlreadyExists
            {
                return Ok(Some(refused));
            }
        }
        Ok(None)
    })?;
    match created.map_err(|source| Error::from_request(action, source))? {
        None => Ok(()),
        Some((name, code)) => {
            Err(Error::Misconfigured(format!("the topic {name} cannot be created: {code}")))
        }
    }
}

/// The commands that grant what the daemon needs, and nothing else.
pub fn grant_commands(config: &Config, outputs: &OutputTopics) -> Vec<String> {
    let others = [Resource::Group, Resource::TransactionalId("")];
    let resources = outputs.resources().into_iter().chain(others);
    resources.map(|resource| config.grant_command(resource)).collect()
}
