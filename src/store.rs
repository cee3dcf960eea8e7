//! State on disk. One RocksDB per process, keys prefixed by partition, one memory bound for all.
//! Prefetches the state for a batch and writes commits atomically; contains no decisions.

mod active_prefix;
mod db;
mod engine;
mod error;
mod find;
mod key;
mod meta;
mod options;
mod partition_cache;
mod rebuild;
mod rocks;
mod scan;
mod state_decoder;

pub use db::{PartitionCommit, Store};
pub use engine::{BatchWriter, EntryVisitor, Family, KeyValue, StorageEngine, ValueVisitor};
pub(crate) use error::BoxError;
pub use error::Error;
pub(crate) use error::IoOperation;
pub(crate) use find::FoundCustomer;
pub(crate) use key::store_partition;
pub use options::Config;
pub(crate) use rebuild::Rebuild;
pub use rocks::{DiskSpace, Rocks};
pub(crate) use scan::{CustomerCount, CustomerScan};
