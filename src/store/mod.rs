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
mod walk;

pub use db::{Store, Written};
pub use engine::{Changes, Engine, Family, Pair, TakeEntry, TakeValue};
pub use error::{Error, Reason, Step};
pub use find::Found;
pub use options::Config;
pub use rebuild::Rebuild;
pub use rocks::Rocks;
pub use walk::{Counting, States, Walk};
