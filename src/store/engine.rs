//! What the store asks of a key-value engine. RocksDB is one; the simulation has another, which
//! fails and crashes on purpose.

use std::ops::ControlFlow;

use super::Error;

/// A column family: keys of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// States of customers.
    Customers,
    /// The timer index.
    Timers,
    /// What is known of the partitions.
    Meta,
}

impl Family {
    /// All there are.
    pub const ALL: [Family; 3] = [Family::Customers, Family::Timers, Family::Meta];

    /// Its name on disk.
    pub fn name(self) -> &'static str {
        match self {
            Family::Customers => "customers",
            Family::Timers => "timers",
            Family::Meta => "meta",
        }
    }
}

/// Changes that are made together or not at all.
pub trait BatchWriter {
    /// Sets a value.
    fn put(&mut self, family: Family, key: &[u8], value: &[u8]);
    /// Removes a key.
    fn delete(&mut self, family: Family, key: &[u8]);
    /// Removes all keys from `from` to before `to`.
    fn delete_range(&mut self, family: Family, from: &[u8], to: &[u8]);
}

/// A key and its value; without one, the key is removed.
pub type KeyValue = (Vec<u8>, Option<Vec<u8>>);

/// Gets the place of a key among those that were asked for, and its value.
pub type ValueVisitor<'t> = dyn FnMut(usize, &[u8]) -> Result<(), Error> + 't;
/// Gets a key and its value, and says whether to go on.
pub type EntryVisitor<'t> = dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, Error> + 't;

/// An ordered, durable map for each family.
pub trait StorageEngine {
    /// Looks up keys in ascending order; `take` gets the place and the value of each that is there.
    ///
    /// # Errors
    /// When reading fails, and those of `take`.
    fn get(
        &self,
        family: Family,
        keys: &[Vec<u8>],
        take: &mut ValueVisitor<'_>,
    ) -> Result<(), Error>;

    /// Hands over all entries from `from` to before `to`, in order, until `take` breaks.
    ///
    /// # Errors
    /// When reading fails, and those of `take`.
    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        take: &mut EntryVisitor<'_>,
    ) -> Result<(), Error>;

    /// Makes the changes that `fill` gives, atomically, over all families. They survive a crash of
    /// the process.
    ///
    /// # Errors
    /// When writing fails, and those of `fill`; then none of them was made.
    fn write(
        &self,
        fill: &mut dyn FnMut(&mut dyn BatchWriter) -> Result<(), Error>,
    ) -> Result<(), Error>;

    /// Makes many changes of one family faster than by `write`; `pairs` come in ascending order,
    /// each key once.
    ///
    /// # Errors
    /// When writing fails.
    fn ingest(
        &self,
        family: Family,
        pairs: &mut dyn Iterator<Item = KeyValue>,
    ) -> Result<(), Error>;

    /// Bytes that the entries from `from` to before `to` take on disk, over all families, estimated.
    fn bytes_on_disk(&self, from: &[u8], to: &[u8]) -> u64;

    /// Bytes that are free where the engine writes; `None` where that is not known.
    fn free_bytes(&self) -> Option<u64>;
}
