//! Layer 5: Kafka. The only module that knows rdkafka, and `client` the only file that spells its
//! properties. Callbacks post events or set flags; decisions are the runtime's.

mod client;
mod consumer;
mod dead_letter;
mod delivery;
mod error;
mod local;
mod native;
mod outbox;
mod outlook;
mod output;
mod partitioner;
mod reader;
mod seldom;
mod topics;
mod transaction;

pub use client::{
    Config, ENCRYPTION_PROPERTIES, GroupProtocol, LOGIN_PROPERTIES, PROTOCOL_PROPERTY,
};
pub use client::{FETCH_AHEAD_BYTES_MAX, REFUSED_PROPERTIES, Security, secret_in};
pub use consumer::{Consumer, Feed, Fetched, Listener, Position};
pub use error::{Error, Refused};
pub use local::{LocalCluster, Publisher, Subscriber};
pub use outbox::Pending;
pub use output::{Delivery, Encoding, Entry, Outgoing, Outputs, ProgressRecord, Telling};
pub use partitioner::Partitioner;
/// Who a transaction is sent by, as the group knows it.
pub use rdkafka::consumer::ConsumerGroupMetadata as Membership;
pub use reader::{EndFinder, Ends, Reader, Received};
pub use topics::{Topology, look_for_loss, look_for_unread, partitions_of};
pub use transaction::{Committed, Log, Share};
