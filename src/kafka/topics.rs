//! The topics as they are: looked at once, before anything is read.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::seldom::Quiet;
use super::{Config, Error, native};
use crate::event::Millis;

const TIMEOUT: Duration = Duration::from_secs(15);

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// Partitions of every input, and of the changelog.
    pub partitions: i32,
    /// The cluster.
    pub cluster: String,
    /// The id of each input, in their order.
    pub input_ids: Vec<[u8; 16]>,
    /// The id of the changelog.
    pub changelog_id: [u8; 16],
    /// How long the changelog keeps tombstones at least; `None` where the broker does not say.
    pub tombstones_kept: Option<Millis>,
}

impl Topology {
    /// Stands for the changelog as it is now: its name may come to stand for another topic.
    pub fn changelog_origin(&self) -> String {
        let id = u128::from_be_bytes(self.changelog_id);
        format!("{}/{id:032x}", self.cluster)
    }

    /// Looks at the topics. `Err` says every one that is missing or has another number of
    /// partitions than the first input, and what to do.
    pub fn look(
        config: &Config,
        inputs: &[String],
        changelog: &str,
        outputs: &[String],
    ) -> Result<Topology, Error> {
        let client: BaseConsumer<Quiet> = config
            .reader()
            .create_with_context(Quiet)
            .map_err(|source| Error::making("making a Kafka client", source))?;
        let metadata = client
            .fetch_metadata(None, TIMEOUT)
            .map_err(|_| Error::Unavailable(config.brokers.clone()))?;
        let count = |topic: &str| {
            let found = metadata.topics().iter().find(|found| found.name() == topic);
            found.map_or(0, |found| found.partitions().len())
        };
        let partitions = inputs.first().map_or(0, |topic| count(topic));
        let mut wrong = Vec::new();
        for topic in inputs.iter().map(String::as_str).chain([changelog]) {
            match count(topic) {
                0 => wrong.push(format!("the topic {topic} does not exist; create it with {} partitions", partitions.max(1))),
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
            return Err(Error::Topology(wrong.join("\n")));
        }
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
        Ok(Topology {
            partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
            cluster: cluster.ok_or_else(unavailable)?,
            input_ids: ids.into_iter().map(Option::unwrap_or_default).collect(),
            changelog_id,
            tombstones_kept: match config.is_local {
                true => None,
                false => tombstones_kept(config, changelog),
            },
        })
    }
}

/// Asked for once; not everybody may ask. Who erases customers has to see that Tenure may.
fn tombstones_kept(config: &Config, changelog: &str) -> Option<Millis> {
    let client: AdminClient<Quiet> = config.reader().create_with_context(Quiet).ok()?;
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
    let topic = ResourceSpecifier::Topic(changelog);
    let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
    let answer = runtime.block_on(client.describe_configs([&topic], &options));
    let described = answer.ok()?.pop()?.ok()?;
    let value = described.get("delete.retention.ms")?.value.as_ref()?;
    value.parse().ok().map(Millis)
}
