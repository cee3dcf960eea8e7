//! Layer 5: Kafka. The only module that knows rdkafka, and `client` the only file that spells its
//! properties. Callbacks post events or set flags; decisions are the runtime's.

mod changelog;
mod client;
mod consumer;
mod error;
mod local;
mod native;
mod output;
mod topics;
mod transaction;

pub use changelog::{Changelog, Entry};
pub use client::{Config, Security};
pub use consumer::{Consumer, Feed, Fetched, Listener, Position};
pub use error::Error;
pub use local::{LocalCluster, Publisher, Subscriber};
pub use output::{Encoding, Outgoing, Outputs};
pub use topics::Topology;
pub use transaction::{Committed, Log, Share};
