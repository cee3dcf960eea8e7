//! Kafka. Only this module uses rdkafka, and only `client` and `properties` name librdkafka properties for the daemon.
//! Callbacks only post events or set flags; the runtime makes the decisions.

mod admin;
mod client;
mod client_check;
mod connection;
mod consumer;
mod dead_letter;
mod delivery;
mod error;
mod error_class;
mod local;
mod log_throttle;
mod native;
mod outbox;
mod output;
mod output_topics;
mod partitioner;
mod permissions;
mod preflight;
mod producer_record;
mod properties;
mod reader;
mod statistics;
mod topic_plan;
mod topics;
mod transaction;

pub use client::{Config, GroupProtocol, PREFETCH_BYTES_MAX, SecurityConfig};
pub(crate) use client_check::check_clients;
pub use consumer::{Consumer, Feed, Fetched, RebalanceListener, SeekPosition};
pub(crate) use error::RefusedRecords;
pub use error::{Error, Remedy};
pub(crate) use local::{LocalCluster, LocalConsumer, LocalProducer};
pub(crate) use outbox::OutboxEntry;
pub use output::ChangelogRecord;
pub(crate) use output::{EncodeContext, ProgressRecord};
pub use output_topics::{DeliveryGuarantee, Encoding, OutputTopics};
pub use partitioner::Partitioner;
pub use preflight::{PreflightCheck, preflight};
pub use producer_record::ProducerRecord;
pub use properties::{
    REFUSED_PROPERTIES, SASL_PREFIX, SECURITY_PROTOCOL, SSL_PREFIX, secret_name_end,
};
/// The group membership that a transaction commits offsets with.
pub use rdkafka::consumer::ConsumerGroupMetadata as Membership;
pub(crate) use reader::OffsetFinder;
pub use reader::{ConsumerRecord, OffsetBounds, PartitionReader};
pub use topic_plan::{MissingTopic, create_topics, grant_commands, missing_topics};
pub use topics::{TopicMetadata, find_expiring_partitions};
pub(crate) use topics::{find_misconfigured_topics, partition_count};
pub use transaction::{CommittedTransaction, TransactionPart, TransactionalProducer};
