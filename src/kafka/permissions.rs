//! Errors about missing permissions: what is denied to whom, and the command that grants it.

use std::collections::BTreeSet;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::{Config, Error, OutputTopics};

/// What Kafka's access control lists protect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource<'r> {
    Input(&'r str),
    Output(&'r str),
    Changelog(&'r str),
    Group,
    TransactionalId(&'r str),
}

impl OutputTopics {
    /// The topics that the daemon uses, each once: inputs, changelog, outputs.
    pub(super) fn resources(&self) -> Vec<Resource<'_>> {
        let inputs = self.inputs.iter().map(|topic| Resource::Input(topic));
        // Several stages may share a topic.
        let mut seen = BTreeSet::new();
        let written = self.topics().filter(|topic| seen.insert(*topic));
        let written = written.map(|topic| Resource::Output(topic));
        inputs.chain([Resource::Changelog(&self.changelog)]).chain(written).collect()
    }
}

impl<'r> Resource<'r> {
    /// The name of a topic or transactional id; empty for the group, which is named in the configuration.
    pub(super) fn name(self) -> &'r str {
        match self {
            Resource::Input(name)
            | Resource::Output(name)
            | Resource::Changelog(name)
            | Resource::TransactionalId(name) => name,
            Resource::Group => "",
        }
    }

    fn describe(self, config: &Config) -> String {
        match self {
            Resource::Input(topic) | Resource::Output(topic) | Resource::Changelog(topic) => {
                format!("the topic {topic}")
            }
            Resource::Group => format!("the consumer group {} (kafka.app)", config.app),
            Resource::TransactionalId(id) => format!("the transactional id {id}"),
        }
    }

    fn operations(self) -> &'static [&'static str] {
        match self {
            Resource::Input(_) => &["Read", "Describe"],
            Resource::Output(_) | Resource::TransactionalId(_) => &["Write", "Describe"],
            Resource::Changelog(_) => &["Read", "Write", "Describe", "DescribeConfigs"],
            Resource::Group => &["Read"],
        }
    }

    /// As an argument of `kafka-acls.sh`.
    fn argument(self, config: &Config) -> String {
        match self {
            Resource::Input(topic) | Resource::Output(topic) | Resource::Changelog(topic) => {
                format!("--topic {topic}")
            }
            Resource::Group => format!("--group {}", config.app),
            Resource::TransactionalId(_) => {
                format!("--transactional-id {} --resource-pattern-type prefixed", config.app)
            }
        }
    }
}

impl Config {
    /// The name by which brokers know this process, as far as the settings contain it.
    pub(super) fn principal(&self) -> String {
        let security = &self.security;
        if security.protocol.starts_with("sasl") && !security.username.is_empty() {
            format!("User:{}", security.username)
        } else if security.protocol == "ssl" && !security.certificate_file.is_empty() {
            format!("the subject of {}", security.certificate_file)
        } else {
            "User:ANONYMOUS".to_owned()
        }
    }

    /// The error that brokers deny the use of a resource.
    pub(super) fn denied(&self, resource: Resource<'_>) -> Error {
        let (what, principal) = (resource.describe(self), self.principal());
        Error::Misconfigured(format!(
            "{principal} is not permitted to use {what}; grant {}: {}",
            resource.operations().join(" and "),
            self.grant_command(resource)
        ))
    }

    /// The same for a topic that brokers do not describe: they do not say whether it exists.
    pub(super) fn not_described(&self, resource: Resource<'_>) -> String {
        let (what, principal) = (resource.describe(self), self.principal());
        format!(
            "{principal} is not permitted to describe {what}, or it does not exist; create it, or grant {}: {}",
            resource.operations().join(" and "),
            self.grant_command(resource)
        )
    }

    pub(super) fn grant_command(&self, resource: Resource<'_>) -> String {
        let operations: Vec<String> =
            resource.operations().iter().map(|it| format!("--operation {it}")).collect();
        format!(
            "kafka-acls.sh --bootstrap-server {} --add --allow-principal '{}' {} {}",
            self.brokers,
            self.principal(),
            operations.join(" "),
            resource.argument(self)
        )
    }
}

/// Whether an error says that a topic, a group or a transactional id must not be used.
pub(super) fn is_denied(code: Option<Code>) -> bool {
    matches!(
        code,
        Some(
            Code::TopicAuthorizationFailed
                | Code::GroupAuthorizationFailed
                | Code::TransactionalIdAuthorizationFailed
        )
    )
}
