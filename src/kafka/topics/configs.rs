//! The configs of topics that processing depends on.

use std::collections::BTreeMap;

use rdkafka::admin::{AdminOptions, OwnedResourceSpecifier, ResourceSpecifier};

use crate::kafka::admin::request_admin;
use crate::kafka::connection::REQUEST_TIMEOUT;
use crate::kafka::{Config, Error, OutputTopics};

/// Topics whose current config deletes records that must be retained, each with what to do. `None` if
/// the configs are not readable.
pub(crate) fn find_misconfigured_topics(
    config: &Config,
    outputs: &OutputTopics,
) -> Option<Vec<String>> {
    let configs = describe_configs(config, &[&outputs.changelog, &outputs.customer_stages]).ok()?;
    Some(misconfigured_topics(&configs, config, outputs))
}

pub(super) fn misconfigured_topics(
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

/// Configs by topic and name, without those of topics for which `DescribeConfigs` is not permitted.
pub(in crate::kafka) type TopicConfigs = BTreeMap<String, BTreeMap<String, String>>;

/// Requests the configs of topics. Those that must not be read are named in the log: nothing checks them.
pub(in crate::kafka) fn describe_configs(
    config: &Config,
    topics: &[&str],
) -> Result<TopicConfigs, Error> {
    let action = "requesting the configs of topics";
    let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT));
    let resources: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let response = request_admin(config, action, async |client| {
        client.describe_configs(&resources, &options).await
    })?;
    let response = response.map_err(|source| Error::Retry { action, source })?;
    let configs: TopicConfigs = response
        .into_iter()
        .filter_map(|resource| {
            let resource = resource.ok()?;
            let OwnedResourceSpecifier::Topic(topic) = &resource.specifier else {
                return None;
            };
            let entries = resource.entries.into_iter();
            let values = entries.filter_map(|entry| Some((entry.name, entry.value?)));
            Some((topic.clone(), values.collect()))
        })
        .collect();
    let unread: Vec<&&str> = topics.iter().filter(|topic| !configs.contains_key(**topic)).collect();
    if !unread.is_empty() {
        tracing::warn!(
            topics = ?unread, principal = config.principal(),
            "the configs of topics cannot be read, so that cleanup.policy, retention and max.message.bytes are not checked; \
            grant DescribeConfigs"
        );
    }
    Ok(configs)
}
