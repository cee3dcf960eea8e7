//! Layer 5: state on disk. One RocksDB for the process, keys prefixed by partition, memory bounded
//! once. Knows how to fetch what a batch needs and how to write a commit atomically; decides nothing.

mod db;
mod error;
mod key;
mod options;

pub use db::{Store, Written};
pub use error::Error;
pub use options::Config;
