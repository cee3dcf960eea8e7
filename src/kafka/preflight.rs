//! Checks connection, permissions and topics before a start, without joining the group and without fencing a process.

use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::client_check::check_clients;
use super::connection::{request, request_client};
use super::transaction::check_transactional_id;
use super::{Config, Error, OutputTopics, TopicMetadata};

/// One thing that the start needs.
#[derive(Debug)]
pub struct PreflightCheck {
    pub subject: &'static str,
    /// What was found, or the error with what corrects it.
    pub outcome: Result<String, Error>,
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
    let topics = TopicMetadata::fetch(config, outputs).and_then(|topology| {
        topology.check_record_size(&outputs.changelog, largest_state)?;
        Ok(format!(
            "{} inputs and the changelog with {} partitions, in the cluster {}",
            outputs.inputs.len(),
            topology.partitions,
            topology.cluster
        ))
    });
    // Without a connection the others fail for the same reason.
    if let Err(Error::Unavailable(_)) = topics {
        return vec![check("topics", topics)];
    }
    vec![
        check("topics", topics),
        check("group", check_group(config, outputs)),
        check("transactions", check_transactional_id(config)),
    ]
}

/// Whether offsets of the group may be read, as by a member.
fn check_group(config: &Config, outputs: &OutputTopics) -> Result<String, Error> {
    let client = request_client(config)?;
    let mut list = TopicPartitionList::new();
    for topic in &outputs.inputs {
        list.add_partition(topic, 0);
    }
    request(config, &client, |timeout| client.committed_offsets(list.clone(), timeout))?;
    Ok(format!("the group {} may be used", config.app))
}
