//! The key-value engine interface of the store. Implemented by RocksDB, and by the simulation's engine, which
//! injects failures and crashes.

use std::ops::ControlFlow;

use super::Error;

/// A column family: keys of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// States of customers.
    Customers,
    /// The timer index.
    Timers,
    /// Metadata of partitions and of the store.
    Meta,
}

impl Family {
    pub(crate) const ALL: [Family; 3] = [Family::Customers, Family::Timers, Family::Meta];

    /// The name on disk.
    pub fn name(self) -> &'static str {
        match self {
            Family::Customers => "customers",
            Family::Timers => "timers",
            Family::Meta => "meta",
        }
    }
}

/// Collects changes that are written atomically.
pub trait BatchWriter {
    fn put(&mut self, family: Family, key: &[u8], value: &[u8]);
    fn delete(&mut self, family: Family, key: &[u8]);
    /// Deletes all keys from `from` to before `to`.
    fn delete_range(&mut self, family: Family, from: &[u8], to: &[u8]);
}

/// A key and its value; `None` deletes the key.
pub type KeyValue = (Vec<u8>, Option<Vec<u8>>);

/// Receives the index of a requested key, and its value.
pub type ValueVisitor<'t> = dyn FnMut(usize, &[u8]) -> Result<(), Error> + 't;
/// Receives a key and its value; returns whether to continue.
pub type EntryVisitor<'t> = dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, Error> + 't;

/// An ordered, durable map for each family. Methods also return the errors of their callbacks.
pub trait StorageEngine {
    /// Reads `keys`, which must ascend; calls `take` for each that exists.
    fn get(
        &self,
        family: Family,
        keys: &[Vec<u8>],
        take: &mut ValueVisitor<'_>,
    ) -> Result<(), Error>;

    /// Visits all entries from `from` to before `to`, in order, until `take` breaks.
    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        take: &mut EntryVisitor<'_>,
    ) -> Result<(), Error>;

    /// Writes the changes that `fill` collects, atomically over all families. They survive a crash of
    /// the process. After an error, none of them was made.
    fn write(
        &self,
        fill: &mut dyn FnMut(&mut dyn BatchWriter) -> Result<(), Error>,
    ) -> Result<(), Error>;

    /// Bulk-loads one family, faster than `write`; `pairs` must ascend, with distinct keys.
    fn ingest(
        &self,
        family: Family,
        pairs: &mut dyn Iterator<Item = KeyValue>,
    ) -> Result<(), Error>;

    /// An estimate of the bytes on disk of all entries from `from` to before `to`, over all families.
    fn bytes_on_disk(&self, from: &[u8], to: &[u8]) -> u64;

    /// Free bytes of the engine's file system, if known.
    fn free_bytes(&self) -> Option<u64>;
}
