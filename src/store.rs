//! State on disk. One RocksDB per process, keys prefixed by partition, one memory bound for all.
//! Prefetches the state for a batch and writes commits atomically; contains no decisions.

mod current;
mod db;
mod engine;
mod error;
mod find;
mod key;
mod meta;
mod options;
mod partition_cache;
mod reader;
mod rebuild;
mod rocks;
mod scan;

pub use db::{PartitionCommit, Store};
pub use engine::{BatchWriter, EntryVisitor, Family, KeyValue, StorageEngine, ValueVisitor};
pub(crate) use error::BoxError;
pub use error::{Error, IoOperation};
pub(crate) use find::FoundCustomer;
pub(crate) use key::store_partition;
pub use options::Config;
pub(crate) use rebuild::Rebuild;
pub use rocks::{DiskSpace, Rocks};
pub(crate) use scan::{CustomerCount, CustomerScan};
