//! Kafka. Only this module uses rdkafka, and only `client` and `properties` name librdkafka properties for the daemon.
//! Callbacks only post events or set flags; the runtime makes the decisions.

mod admin;
mod client;
mod client_check;
mod client_errors;
mod connection;
mod consumer;
mod dead_letter;
mod delivery;
mod embedded_cluster;
mod end_offsets;
mod error;
mod error_class;
mod log_throttle;
mod login;
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
mod tls;
mod topic_plan;
mod topics;
mod transaction;

pub use client::{Config, GroupProtocol, PREFETCH_BYTES_MAX, SecurityConfig};
pub(crate) use client_check::check_clients;
pub(crate) use client_errors::recent_connection_error;
pub use consumer::{Consumer, Feed, Fetched, RebalanceListener, SeekPosition};
pub(crate) use embedded_cluster::{EmbeddedCluster, EmbeddedConsumer, EmbeddedProducer};
pub use end_offsets::EndOffsets;
pub(crate) use end_offsets::EndOffsetsClient;
pub use error::Error;
pub(crate) use error::RefusedRecords;
pub(crate) use error::Remedy;
pub(crate) use login::read_password;
pub(crate) use outbox::OutboxEntry;
pub(crate) use output::ChangelogRecord;
pub(crate) use output::{EncodeContext, ProgressRecord};
pub(crate) use output_topics::{DeliveryGuarantee, Encoding, OutputTopics};
pub use partitioner::Partitioner;
pub use preflight::{Finding, PreflightCheck, preflight};
pub use producer_record::ProducerRecord;
pub use properties::{
    REFUSED_PROPERTIES, SASL_PREFIX, SECURITY_PROTOCOL, SSL_PREFIX, secret_name_end,
};
/// The group membership that a transaction commits offsets with.
pub(crate) use rdkafka::consumer::ConsumerGroupMetadata as Membership;
pub(crate) use reader::OffsetFinder;
pub use reader::{ConsumerRecord, OffsetBounds, PartitionReader};
pub use topic_plan::{MissingTopic, create_topics, grant_commands, missing_topics};
pub use topics::{TopicMetadata, find_expiring_partitions};
pub(crate) use topics::{find_misconfigured_topics, partition_count};
pub(crate) use transaction::CommittedTransaction;
pub use transaction::{TransactionPart, TransactionalProducer};
