//! What about the cluster may lose records or stop writes: replication, and settings of the brokers.

use std::collections::BTreeMap;

use rdkafka::admin::{AdminOptions, ResourceSpecifier};
use rdkafka::consumer::Consumer as _;

use super::finding::Finding;
use crate::kafka::admin::request_admin;
use crate::kafka::client::TRANSACTION_TIMEOUT;
use crate::kafka::connection::{REQUEST_TIMEOUT, RequestClient, request, request_client};
use crate::kafka::topics::{TopicConfigs, describe_configs};
use crate::kafka::{Config, Error, GroupProtocol, OutputTopics};

/// The replication of the topics.
pub(super) fn check_replication(config: &Config, outputs: &OutputTopics) -> Result<Finding, Error> {
    let client = request_client(config)?;
    let resources = outputs.resources();
    let names: Vec<&str> = resources.iter().map(|resource| resource.name()).collect();
    let configs = describe_configs(config, &names)?;
    let mut replicas = BTreeMap::new();
    for topic in names {
        replicas.insert(topic, fewest_replicas(config, &client, topic)?);
    }
    let warnings = replication_warnings(config, &replicas, &configs);
    let counts: Vec<String> =
        replicas.iter().map(|(topic, count)| format!("{topic} {count}")).collect();
    Ok(Finding { found: format!("replicas: {}", counts.join(", ")), warnings })
}

/// The replicas of the partition with the fewest.
fn fewest_replicas(config: &Config, client: &RequestClient, topic: &str) -> Result<usize, Error> {
    let metadata = request(config, client, |timeout| client.fetch_metadata(Some(topic), timeout))?;
    let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
    Ok(partitions.map(|partition| partition.replicas().len()).min().unwrap_or(0))
}

fn replication_warnings(
    config: &Config,
    replicas: &BTreeMap<&str, usize>,
    configs: &TopicConfigs,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let single: Vec<&str> =
        replicas.iter().filter(|(_, count)| **count == 1).map(|(topic, _)| *topic).collect();
    if !single.is_empty() {
        warnings.push(format!(
            "one broker has the only replica of {}: if it is down, they wait, and if its disk is lost, so are their records. \
            Add replicas with kafka-reassign-partitions.sh",
            single.join(", ")
        ));
    }
    for (topic, count) in replicas.iter().filter(|(_, count)| **count > 1) {
        let in_sync = configs.get(*topic).and_then(|configs| configs.get("min.insync.replicas"));
        let alter = |value: usize| {
            format!(
                "kafka-configs.sh --bootstrap-server {} --alter --entity-type topics --entity-name {topic} --add-config \
                min.insync.replicas={value}",
                config.brokers
            )
        };
        match in_sync.and_then(|value| value.parse::<usize>().ok()) {
            Some(1) => warnings.push(format!(
                "records of {topic} are acknowledged with a single replica in sync, and lost with it: {}",
                alter(2)
            )),
            Some(needed) if needed >= *count => warnings.push(format!(
                "writes to {topic} wait as soon as one broker is down, since all {count} replicas must be in sync: {}",
                alter(count - 1)
            )),
            _ => {}
        }
    }
    warnings
}

/// The settings of a broker, with which the start of the daemon may fail.
pub(super) fn check_brokers(config: &Config) -> Result<Finding, Error> {
    let client = request_client(config)?;
    let metadata = request(config, &client, |timeout| client.fetch_metadata(None, timeout))?;
    // The connection to the bootstrap address has no id yet, so that the id of the broker that responded is not always known.
    let broker = metadata.brokers().first().map_or(0, |broker| broker.id());
    let brokers = metadata.brokers().len();
    let found = format!("number of brokers: {brokers}");
    let action = "requesting the settings of a broker";
    let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT));
    let described = request_admin(config, action, async |client| {
        client.describe_configs(&[ResourceSpecifier::Broker(broker)], &options).await
    })?;
    let described = described.map_err(|source| Error::Retry { action, source })?;
    let Some(Ok(resource)) = described.into_iter().next() else {
        let warning = format!(
            "the settings of the brokers cannot be read by {}, so that they are not checked; DescribeConfigs of the cluster is \
            needed for that alone",
            config.principal()
        );
        return Ok(Finding { found, warnings: vec![warning] });
    };
    let entries = resource.entries.into_iter();
    let values = entries.filter_map(|entry| Some((entry.name, entry.value?)));
    let values: BTreeMap<String, String> = values.collect();
    let (problems, mut warnings) = judge_settings(config, &values);
    if brokers > 1 {
        warnings.extend(single_internal_replicas(&values));
    }
    if !problems.is_empty() {
        return Err(Error::Misconfigured(problems.join("\n")));
    }
    Ok(Finding { found, warnings })
}

/// Settings that give an internal topic of a cluster a single replica.
fn single_internal_replicas(values: &BTreeMap<String, String>) -> Vec<String> {
    let settings = [
        ("offsets.topic.replication.factor", "committed offsets"),
        ("transaction.state.log.replication.factor", "transactions"),
    ];
    let is_single = |name: &str| values.get(name).is_some_and(|value| value == "1");
    let single = settings.into_iter().filter(|(name, _)| is_single(name));
    let warning = |(name, what): (&str, &str)| {
        format!(
            "{name} is 1: if one broker is down, {what} of a part of the groups and producers wait. Set it to 3, and add replicas \
            to the topic that exists with kafka-reassign-partitions.sh"
        )
    };
    single.map(warning).collect()
}

/// What prevents a start, and what does not, in the settings of a broker.
fn judge_settings(
    config: &Config,
    values: &BTreeMap<String, String>,
) -> (Vec<String>, Vec<String>) {
    let value = |name: &str| values.get(name).map(String::as_str);
    let millis = |name: &str| value(name).and_then(|text| text.parse::<u128>().ok());
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let needed = TRANSACTION_TIMEOUT.as_millis();
    if millis("transaction.max.timeout.ms").is_some_and(|max| max < needed) {
        problems.push(format!(
            "the brokers allow shorter transactions only: set transaction.max.timeout.ms to {needed} or more"
        ));
    }
    let session = config.session_timeout.as_millis();
    let [shortest, longest] =
        ["group.min.session.timeout.ms", "group.max.session.timeout.ms"].map(millis);
    if config.group_protocol == GroupProtocol::Classic
        && (shortest.is_some_and(|min| session < min) || longest.is_some_and(|max| session > max))
    {
        problems.push(format!(
            "kafka.session_timeout ({session} ms) is not between the brokers' group.min.session.timeout.ms and \
            group.max.session.timeout.ms"
        ));
    }
    let protocols = value("group.coordinator.rebalance.protocols");
    if config.group_protocol == GroupProtocol::Consumer
        && protocols.is_some_and(|known| !known.split(',').any(|it| it.trim() == "consumer"))
    {
        problems.push(
            "the brokers do not support kafka.group_protocol = \"consumer\" (group.coordinator.rebalance.protocols); use \
            \"classic\""
                .to_owned(),
        );
    }
    if value("transaction.partition.verification.enable") != Some("true") {
        warnings.push(
            "the brokers do not verify transactions (transaction.partition.verification.enable, Kafka 3.6 or later): a late \
            record of a dead producer can block readers for ever"
                .to_owned(),
        );
    }
    (problems, warnings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replication_that_loses_records_or_stops_writes_is_named() {
        let config = crate::kafka::client::tests::with(&[]);
        let replicas = BTreeMap::from([("alone", 1), ("all", 3), ("good", 3), ("weak", 3)]);
        let in_sync =
            |value: &str| BTreeMap::from([("min.insync.replicas".to_owned(), value.to_owned())]);
        let configs = [("all", "3"), ("good", "2"), ("weak", "1")];
        let configs: TopicConfigs =
            configs.into_iter().map(|(topic, value)| (topic.to_owned(), in_sync(value))).collect();
        let warnings = replication_warnings(&config, &replicas, &configs);
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert!(warnings[0].contains("the only replica of alone:"));
        assert!(warnings[1].contains("writes to all wait") && warnings[1].ends_with("replicas=2"));
        assert!(warnings[2].contains("records of weak") && warnings[2].ends_with("replicas=2"));
    }

    #[test]
    fn broker_settings_that_prevent_a_start_are_problems() {
        let config = crate::kafka::client::tests::with(&[]);
        let mut values: BTreeMap<String, String> = [
            ("transaction.max.timeout.ms", "900000"),
            ("group.max.session.timeout.ms", "1800000"),
            ("transaction.partition.verification.enable", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        assert_eq!(judge_settings(&config, &values), (vec![], vec![]));
        values.insert("transaction.max.timeout.ms".to_owned(), "1000".to_owned());
        values.insert("group.max.session.timeout.ms".to_owned(), "1000".to_owned());
        values.remove("transaction.partition.verification.enable");
        let (problems, warnings) = judge_settings(&config, &values);
        assert_eq!((problems.len(), warnings.len()), (2, 1), "{problems:?}");
        values.insert("offsets.topic.replication.factor".to_owned(), "1".to_owned());
        assert_eq!(single_internal_replicas(&values).len(), 1);
    }
}
