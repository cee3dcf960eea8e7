//! Layer 5: state on disk. One RocksDB for the process, keys prefixed by partition, memory bounded
//! once. Knows how to fetch what a batch needs and how to write a commit atomically; decides nothing.

mod current;
mod db;
mod engine;
mod error;
mod find;
mod key;
mod meta;
mod options;
mod reader;
mod rebuild;
mod rocks;
mod scan;

pub use db::{PartitionCommit, Store};
pub use engine::{BatchWriter, EntryVisitor, Family, KeyValue, StorageEngine, ValueVisitor};
pub use error::{BoxError, Error, IoOperation};
pub use find::FoundCustomer;
pub use options::Config;
pub use rebuild::Rebuild;
pub use rocks::Rocks;
pub use scan::{CustomerCount, CustomerScan, EncodedStates};
