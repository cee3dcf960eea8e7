//! Rebuilds a partition from its whole changelog: records are sorted in chunks and ingested as SST files, without
//! reads and without the WAL.

use std::ops::Range;

use super::db::put_progress;
use super::engine::{Family, KeyValue, StorageEngine};
use super::key::Prefix;
use super::scan::CustomerScan;
use super::state_decoder::corrupt_customer;
use super::{Error, Store, key};
use crate::customer;
use crate::event::CustomerId;
use crate::partition::codec::{self, Identity};
use crate::partition::{Generation, TimerKey};

/// Memory for states before they are sorted and ingested, for all concurrent rebuilds together.
const CHUNKS_BYTES_MAX: usize = 16 << 20;

/// An unfinished rebuild, under the partition's other prefix. The old state stays current until
/// [`Store::finish_rebuild`]; after a crash the rebuild starts again.
#[derive(Debug)]
pub struct Rebuild {
    prefix: Prefix,
    chunk: Chunk,
    chunk_bytes_max: usize,
    arming: Option<Arming>,
}

/// After all states are ingested: the derivation of their timers.
#[derive(Debug)]
struct Arming {
    scan: CustomerScan,
    customers: u64,
    is_done: bool,
}

/// Records that are not ingested yet. Their bytes are in one allocation, so that the memory bound is exact.
#[derive(Debug, Default)]
struct Chunk {
    bytes: Vec<u8>,
    entries: Vec<ChunkEntry>,
}

/// Spans of customer and value within `Chunk::bytes`; a value of `None` is a tombstone.
#[derive(Debug)]
struct ChunkEntry {
    customer: Range<u32>,
    value: Option<Range<u32>>,
}

impl Chunk {
    fn push(&mut self, customer: &[u8], value: Option<&[u8]>) {
        let mut add = |bytes: &[u8]| {
            let start = self.bytes.len() as u32;
            self.bytes.extend_from_slice(bytes);
            start..self.bytes.len() as u32
        };
        let (customer, value) = (add(customer), value.map(add));
        self.entries.push(ChunkEntry { customer, value });
    }

    fn bytes(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<ChunkEntry>()
    }

    fn get(&self, range: &Range<u32>) -> &[u8] {
        &self.bytes[range.start as usize..range.end as usize]
    }

    /// The last value of each customer, in their order.
    fn sorted(&mut self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let mut entries = std::mem::take(&mut self.entries);
        // The sort is stable: the last value of a customer stays last.
        entries.sort_by(|a, b| self.get(&a.customer).cmp(self.get(&b.customer)));
        self.entries = entries;
        let is_last = |(index, entry): &(usize, &ChunkEntry)| {
            let next = self.entries.get(index + 1);
            next.is_none_or(|next| self.get(&next.customer) != self.get(&entry.customer))
        };
        let entries = self.entries.iter().enumerate().filter(is_last);
        entries.map(|(_, entry)| {
            let value = entry.value.as_ref().map(|value| self.get(value));
            (self.get(&entry.customer), value)
        })
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }
}

impl<E: StorageEngine> Store<E> {
    /// Begins to rebuild a partition and deletes the data of an unfinished attempt. `concurrency` rebuilds share
    /// the memory bound.
    pub(crate) fn begin_rebuild(
        &self,
        partition: u32,
        concurrency: usize,
    ) -> Result<Rebuild, Error> {
        self.begin_rebuild_in_chunks(partition, CHUNKS_BYTES_MAX / concurrency.max(1))
    }

    /// [`Store::begin_rebuild`] with another chunk size, so that tests can have several chunks.
    pub fn begin_rebuild_in_chunks(
        &self,
        partition: u32,
        chunk_bytes_max: usize,
    ) -> Result<Rebuild, Error> {
        self.abandon_rebuild(partition)?;
        Ok(Rebuild {
            prefix: self.prefix(partition)?.other(),
            chunk: Chunk::default(),
            // Spans have 32-bit bounds.
            chunk_bytes_max: chunk_bytes_max.min(1 << 30),
            arming: None,
        })
    }

    /// Adds a generation from the changelog.
    pub(crate) fn add_generation(
        &self,
        rebuild: &Rebuild,
        generation: &Generation,
    ) -> Result<(), Error> {
        self.put_generation_at(rebuild.prefix, generation)
    }

    /// Adds the next record of the changelog; `None` is a tombstone.
    pub fn add_record(
        &self,
        rebuild: &mut Rebuild,
        customer: &CustomerId,
        value: Option<&[u8]>,
    ) -> Result<(), Error> {
        rebuild.chunk.push(customer.as_bytes(), value);
        if rebuild.chunk.bytes() >= rebuild.chunk_bytes_max {
            self.ingest_chunk(rebuild)?;
        }
        Ok(())
    }

    fn ingest_chunk(&self, rebuild: &mut Rebuild) -> Result<(), Error> {
        let prefix = rebuild.prefix;
        let pair = |(customer, value): (&[u8], Option<&[u8]>)| -> KeyValue {
            let key = key::raw_customer(prefix, customer);
            (key, value.map(<[u8]>::to_vec))
        };
        let mut pairs = rebuild.chunk.sorted().map(pair);
        let result = self.engine.ingest(Family::Customers, &mut pairs);
        drop(pairs);
        rebuild.chunk.clear();
        result
    }

    /// After the last record: derives the next timers from the states, each of which contains the time that it is
    /// armed for. Returns whether all are done.
    pub fn arm_timers(&self, rebuild: &mut Rebuild) -> Result<bool, Error> {
        self.ingest_chunk(rebuild)?;
        let prefix = rebuild.prefix;
        let Arming { scan, customers, is_done } = rebuild.arming.get_or_insert_with(|| Arming {
            scan: CustomerScan::new(prefix),
            customers: 0,
            is_done: false,
        });
        let mut timers = Vec::new();
        *is_done = self.scan_step(scan, |bytes, value| {
            *customers += 1;
            let due = customer::decode_armed(value).map_err(corrupt_customer)?;
            if let (Some(due), Some(customer)) = (due, key::decode_customer(bytes)) {
                timers.push(key::timer(prefix, &TimerKey { due, customer }));
            }
            Ok(())
        })?;
        // States are ordered by customer, timers by due time.
        timers.sort_unstable();
        let mut pairs = timers.into_iter().map(|timer| (timer, Some(Vec::new())));
        self.engine.ingest(Family::Timers, &mut pairs)?;
        Ok(*is_done)
    }

    /// After [`Store::arm_timers`] is done: atomically makes the rebuilt state current and deletes the old one.
    /// `progress` is the last progress record and the offset after it; `(origin, start)` are the changelog and its
    /// start offset.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if the changelog does not contain all customers.
    pub fn finish_rebuild(
        &self,
        rebuild: &Rebuild,
        identity: &Identity,
        models: &str,
        progress: (&[u8], i64),
        (origin, start): (&str, i64),
    ) -> Result<(), Error> {
        let decoded = codec::decode(progress.0, identity, models);
        let expected = decoded.map_err(|source| self.unusable(source))?.customers();
        let armed = rebuild.arming.as_ref().filter(|arming| arming.is_done);
        let found = armed.map_or(0, |arming| arming.customers);
        if found != expected {
            return Err(Error::Incomplete { found, expected });
        }
        let prefix = rebuild.prefix;
        self.switch_prefix(prefix, &mut |batch| {
            put_progress(batch, prefix, progress);
            batch.put(Family::Meta, &key::partition_origin(prefix), origin.as_bytes());
            // All customers were found, so a later start of the changelog than before is no loss.
            let start = start.to_be_bytes();
            batch.put(Family::Meta, &key::complete_from(prefix), &start);
        })?;
        self.mark_complete(prefix.partition());
        Ok(())
    }
}
