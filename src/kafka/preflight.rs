//! Checks connection, permissions and topics before a start, without joining the group and without fencing a process.

mod cluster;
mod finding;

use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::TopicPartitionList;

use self::cluster::{check_brokers, check_replication};
pub use self::finding::Finding;
use super::client_check::check_clients;
use super::connection::{request, request_client};
use super::transaction::check_transactional_id;
use super::{Config, Error, OutputTopics, TopicMetadata};

/// One thing that the start needs.
#[derive(Debug)]
pub struct PreflightCheck {
    pub subject: &'static str,
    /// Or the error, with what corrects it.
    pub outcome: Result<Finding, Error>,
}

/// Checks everything that it can: a missing permission does not hide another one. `largest_state` are the bytes of the
/// largest record of the changelog.
pub fn preflight(
    config: &Config,
    outputs: &OutputTopics,
    largest_state: usize,
) -> Vec<PreflightCheck> {
    let check = |subject, outcome| PreflightCheck { subject, outcome };
    if let Err(error) = check_clients(config) {
        return vec![check("clients", Err(error))];
    }
    // Without a connection the others fail for the same reason, and later.
    if let Err(error) = connect(config, outputs) {
        return vec![check("topics", Err(error))];
    }
    let topics = check_topics(config, outputs, largest_state);
    if let Err(Error::Unavailable(_)) = topics {
        return vec![check("topics", topics)];
    }
    let mut checks = vec![check("topics", topics)];
    // Of topics that are missing or not described, nothing else is known.
    if checks[0].outcome.is_ok() {
        checks.push(check("replication", check_replication(config, outputs)));
    }
    checks.extend([
        check("group", check_group(config, outputs)),
        check("transactions", check_transactional_id(config).map(Finding::good)),
        check("brokers", check_brokers(config)),
    ]);
    checks
}

fn connect(config: &Config, outputs: &OutputTopics) -> Result<(), Error> {
    let client = request_client(config)?;
    let topic = Some(outputs.changelog.as_str());
    request(config, &client, |timeout| client.fetch_metadata(topic, timeout)).map(drop)
}

fn check_topics(
    config: &Config,
    outputs: &OutputTopics,
    largest_state: usize,
) -> Result<Finding, Error> {
    let topology = TopicMetadata::fetch(config, outputs)?;
    topology.check_record_size(&outputs.changelog, largest_state)?;
    let found = format!(
        "{} inputs and the changelog with {} partitions, in the cluster {}",
        outputs.inputs.len(),
        topology.partitions,
        topology.cluster
    );
    let mut finding = Finding::good(found);
    if !topology.uses_log_append_time {
        let (changelog, brokers) = (&outputs.changelog, &config.brokers);
        finding.warnings.push(format!(
            "a wrong clock of this machine is not noticed: kafka-configs.sh --bootstrap-server {brokers} --alter --entity-type \
            topics --entity-name {changelog} --add-config message.timestamp.type=LogAppendTime"
        ));
    }
    Ok(finding)
}

/// Whether offsets of the group may be read, as by a member, and whether the name of this process is in use.
fn check_group(config: &Config, outputs: &OutputTopics) -> Result<Finding, Error> {
    let client = request_client(config)?;
    let mut list = TopicPartitionList::new();
    for topic in &outputs.inputs {
        list.add_partition(topic, 0);
    }
    request(config, &client, |timeout| client.committed_offsets(list.clone(), timeout))?;
    let groups =
        request(config, &client, |timeout| client.fetch_group_list(Some(&config.app), timeout))?;
    let mut finding = Finding::good(format!("the group {} may be used", config.app));
    let members = groups.groups().iter().flat_map(|group| group.members());
    for member in members.filter(|member| member.client_id() == config.client_id()) {
        finding.warnings.push(format!(
            "a process with kafka.instance {} runs at {}: a second one fences it, and is fenced by it",
            config.instance,
            member.client_host()
        ));
    }
    Ok(finding)
}
