//! Topics: made, configured, cut and deleted.

use std::collections::BTreeMap;

use rdkafka::admin::{
    AdminOptions, AlterConfig, ConfigSource, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use super::read::partitions_of;
use super::{Broker, PATIENCE, eventually};

impl Broker {
    /// Creates the topic; it can be used when this returns.
    pub(crate) fn create_topic(&self, topic: &str, partitions: i32, config: &[(&str, &str)]) {
        let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        new.config = config.to_vec();
        let created = await_answer(self.admin.create_topics([&new], &options()));
        created[0].as_ref().unwrap();
        eventually("the topic has its partitions", || {
            self.partitions(topic).len() == usize::try_from(partitions).unwrap()
        });
    }

    /// Adds partitions, up to so many.
    pub(crate) fn grow_topic(&self, topic: &str, partitions: usize) {
        let more = NewPartitions::new(topic, partitions);
        let answer = await_answer(self.admin.create_partitions([&more], &options()));
        answer.into_iter().for_each(|result| drop(result.unwrap()));
    }

    /// Deletes the topic; another of its name can be created when this returns.
    pub(crate) fn delete_topic(&self, topic: &str) {
        let deleted = await_answer(self.admin.delete_topics(&[topic], &options()));
        deleted[0].as_ref().unwrap();
        eventually("the topic is gone", || self.partitions(topic).is_empty());
    }

    /// The partitions, once all have a leader; none when there is no such topic.
    /// Forgets a group and its offsets, once its last member is gone.
    pub(crate) fn delete_group(&self, group: &str) {
        eventually("the group is deleted", || {
            let deleted = await_answer(self.admin.delete_groups(&[group], &options()));
            deleted.into_iter().all(|it| it.is_ok())
        });
    }

    pub(crate) fn partitions(&self, topic: &str) -> Vec<i32> {
        partitions_of(&self.uncommitted, topic)
    }

    /// What was configured for this topic; what it has from the broker is left out.
    pub(crate) fn topic_config(&self, topic: &str) -> BTreeMap<String, String> {
        let asked = ResourceSpecifier::Topic(topic);
        let described = await_answer(self.admin.describe_configs([&asked], &options()));
        let entries = described.into_iter().flat_map(|it| it.unwrap().entries);
        entries
            .filter(|it| it.source == ConfigSource::DynamicTopic)
            .map(|it| (it.name, it.value.unwrap_or_default()))
            .collect()
    }

    /// Changes what `config` names and leaves the rest.
    pub(crate) fn alter_topic(&self, topic: &str, config: &[(&str, &str)]) {
        // The request replaces all of it.
        let old = self.topic_config(topic);
        let mut new = AlterConfig::new(ResourceSpecifier::Topic(topic));
        let old = old.iter().map(|(name, value)| (&**name, &**value));
        new.entries = old.chain(config.iter().copied()).collect();
        let altered = await_answer(self.admin.alter_configs([&new], &options()));
        altered
            .into_iter()
            .for_each(|it| assert!(it.is_ok(), "{it:?}"));
    }

    /// Deletes what lies before the offset: the partition begins there when this returns.
    pub(crate) fn delete_records(&self, topic: &str, partition: i32, before: i64) {
        let mut list = TopicPartitionList::new();
        let at = Offset::Offset(before);
        list.add_partition_offset(topic, partition, at).unwrap();
        // A broker that was told of a cleanup.policy that allows it follows in its own time.
        eventually("records are deleted", || {
            let deleted = await_answer(self.admin.delete_records(&list, &options()));
            deleted.elements()[0].error().is_ok()
        });
    }
}

fn options() -> AdminOptions {
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    options.operation_timeout(Some(PATIENCE))
}

/// The client has threads of its own: one to wait for them is enough.
fn await_answer<T>(answer: impl Future<Output = KafkaResult<T>>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(answer).unwrap()
}
