//! The embedded cluster for the demo: librdkafka's mock cluster. It gives no guarantees: it ignores
//! aborts, stores no transactional offsets and retains 5 MiB per partition.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _, DefaultConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::Error;

/// The cluster stops when this value is dropped.
pub(crate) struct EmbeddedCluster(MockCluster<'static, rdkafka::producer::DefaultProducerContext>);

impl std::fmt::Debug for EmbeddedCluster {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "EmbeddedCluster({})", self.brokers())
    }
}

fn fatal(action: &'static str) -> impl Fn(KafkaError) -> Error {
    move |source| Error::Fatal { action, source }
}

impl EmbeddedCluster {
    /// Starts one broker with these topics.
    pub(crate) fn start(topics: &[String], partitions: i32) -> Result<EmbeddedCluster, Error> {
        let cluster = MockCluster::new(1).map_err(fatal("starting the embedded cluster"))?;
        for topic in topics {
            let created = cluster.create_topic(topic, partitions, 1);
            created.map_err(fatal("creating a topic of the embedded cluster"))?;
        }
        Ok(EmbeddedCluster(cluster))
    }

    /// The bootstrap servers (`host:port`).
    pub(crate) fn brokers(&self) -> String {
        self.0.bootstrap_servers()
    }
}

pub(crate) struct EmbeddedProducer(BaseProducer<DefaultProducerContext>);

impl std::fmt::Debug for EmbeddedProducer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("EmbeddedProducer")
    }
}

impl EmbeddedProducer {
    pub(crate) fn connect(brokers: &str) -> Result<EmbeddedProducer, Error> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", brokers)
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "20");
        config.create().map(EmbeddedProducer).map_err(fatal("creating a producer"))
    }

    /// Enqueues a record; waits while the queue is full.
    pub(crate) fn publish(&self, topic: &str, key: &str, value: &str) -> Result<(), Error> {
        let mut record = BaseRecord::to(topic).key(key).payload(value);
        loop {
            match self.0.send(record) {
                Ok(()) => {
                    self.0.poll(Duration::ZERO);
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), rejected)) => {
                    self.0.poll(Duration::from_millis(20));
                    record = rejected;
                }
                Err((source, _)) => {
                    return Err(Error::Fatal { action: "publishing an event", source });
                }
            }
        }
    }

    /// Waits, bounded, until all records are delivered.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        self.0.flush(Duration::from_secs(10)).map_err(fatal("publishing the events"))
    }
}

/// Reads all partitions of a topic from the beginning.
pub(crate) struct EmbeddedConsumer(BaseConsumer<DefaultConsumerContext>);

impl std::fmt::Debug for EmbeddedConsumer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("EmbeddedConsumer")
    }
}

impl EmbeddedConsumer {
    pub(crate) fn connect(
        brokers: &str,
        topic: &str,
        partitions: i32,
    ) -> Result<EmbeddedConsumer, Error> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", brokers)
            .set("group.id", "demo-view")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest");
        let consumer: BaseConsumer = config.create().map_err(fatal("creating a consumer"))?;
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset(topic, partition, Offset::Beginning)
                .map_err(fatal("assigning the partitions"))?;
        }
        consumer.assign(&list).map_err(fatal("assigning the partitions"))?;
        Ok(EmbeddedConsumer(consumer))
    }

    /// The value of the next record; `None` after `timeout`, an error or a tombstone.
    pub(crate) fn next(&self, timeout: Duration) -> Option<Vec<u8>> {
        self.0.poll(timeout)?.ok()?.payload().map(<[u8]>::to_vec)
    }
}
