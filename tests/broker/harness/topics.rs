//! Topics: created, configured, truncated and deleted.

use std::collections::BTreeMap;

use rdkafka::admin::{
    AdminOptions, AlterConfig, ConfigSource, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication, TopicResult,
};
use rdkafka::error::KafkaResult;
use rdkafka::error::RDKafkaErrorCode::TopicAlreadyExists;
use rdkafka::{Offset, TopicPartitionList};

use super::read::partitions_of;
use super::{Broker, WAIT_MAX, eventually, retry};

impl Broker {
    /// Creates the topic and waits until it can be used.
    pub(crate) fn create_topic(&self, topic: &str, partitions: i32, config: &[(&str, &str)]) {
        let replicas = TopicReplication::Fixed(self.replication_factor());
        self.create(NewTopic::new(topic, partitions, replicas), config);
    }

    /// Creates a topic whose first partition has its only replica on the first node, and so on.
    pub(crate) fn create_topic_of_single_replicas(&self, topic: &str, config: &[(&str, &str)]) {
        let nodes: Vec<[i32; 1]> = (1..=self.replication_factor()).map(|node| [node]).collect();
        let replicas: Vec<&[i32]> = nodes.iter().map(|node| &node[..]).collect();
        let partitions = self.replication_factor();
        self.create(
            NewTopic::new(topic, partitions, TopicReplication::Variable(&replicas)),
            config,
        );
    }

    fn create<'t>(&self, mut new: NewTopic<'t>, config: &[(&'t str, &'t str)]) {
        new.config = config.to_vec();
        // A request without a response may have been executed.
        let created =
            retry("creating the topic", || respond(self.admin.create_topics([&new], &options())));
        let is_created = |it: &TopicResult| {
            it.as_ref().map_or_else(|(_, code)| *code == TopicAlreadyExists, |_| true)
        };
        assert!(created.iter().all(is_created), "{created:?}");
        eventually("the topic has its partitions", || {
            self.partitions(new.name).len() == usize::try_from(new.num_partitions).unwrap()
        });
    }

    /// Increases the number of partitions to `partitions`.
    pub(crate) fn grow_topic(&self, topic: &str, partitions: usize) {
        let more = NewPartitions::new(topic, partitions);
        let response = block_on(self.admin.create_partitions([&more], &options()));
        response.into_iter().for_each(|result| drop(result.unwrap()));
    }

    /// Deletes the topic and waits until its name can be used again.
    pub(crate) fn delete_topic(&self, topic: &str) {
        let deleted = block_on(self.admin.delete_topics(&[topic], &options()));
        deleted[0].as_ref().unwrap();
        eventually("the topic is gone", || self.partitions(topic).is_empty());
    }

    /// Deletes a group and its offsets, once its last member has left.
    pub(crate) fn delete_group(&self, group: &str) {
        eventually("the group is deleted", || {
            let deleted = block_on(self.admin.delete_groups(&[group], &options()));
            deleted.into_iter().all(|it| it.is_ok())
        });
    }

    pub(crate) fn partitions(&self, topic: &str) -> Vec<i32> {
        partitions_of(&self.uncommitted, topic)
    }

    /// The settings of this topic, without those inherited from the broker.
    pub(crate) fn topic_config(&self, topic: &str) -> BTreeMap<String, String> {
        let asked = ResourceSpecifier::Topic(topic);
        let described = block_on(self.admin.describe_configs([&asked], &options()));
        let entries = described.into_iter().flat_map(|it| it.unwrap().entries);
        entries
            .filter(|it| it.source == ConfigSource::DynamicTopic)
            .map(|it| (it.name, it.value.unwrap_or_default()))
            .collect()
    }

    /// Changes the settings in `config` and keeps the others.
    pub(crate) fn alter_topic(&self, topic: &str, config: &[(&str, &str)]) {
        // The request replaces all settings.
        let old = self.topic_config(topic);
        let mut new = AlterConfig::new(ResourceSpecifier::Topic(topic));
        let old = old.iter().map(|(name, value)| (&**name, &**value));
        new.entries = old.chain(config.iter().copied()).collect();
        let altered = block_on(self.admin.alter_configs([&new], &options()));
        altered.into_iter().for_each(|it| assert!(it.is_ok(), "{it:?}"));
    }

    /// Deletes the records before the offset, which is the partition's first one when this returns.
    pub(crate) fn delete_records(&self, topic: &str, partition: i32, before: i64) {
        let mut list = TopicPartitionList::new();
        let at = Offset::Offset(before);
        list.add_partition_offset(topic, partition, at).unwrap();
        // The broker applies a changed cleanup.policy with a delay.
        eventually("records are deleted", || {
            let deleted = block_on(self.admin.delete_records(&list, &options()));
            deleted.elements()[0].error().is_ok()
        });
    }
}

fn options() -> AdminOptions {
    let options = AdminOptions::new().request_timeout(Some(WAIT_MAX));
    options.operation_timeout(Some(WAIT_MAX))
}

fn block_on<T>(response: impl Future<Output = KafkaResult<T>>) -> T {
    respond(response).unwrap()
}

/// The client has its own threads: a runtime of one thread is enough.
fn respond<T>(response: impl Future<Output = KafkaResult<T>>) -> KafkaResult<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(response)
}
