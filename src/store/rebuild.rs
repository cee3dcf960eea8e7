//! Building a partition from nothing: all of its changelog, sorted in pieces and taken in whole,
//! with nothing read and nothing logged in between.

use std::ops::Range;

use super::db::put_progress;
use super::engine::{Family, KeyValue, StorageEngine};
use super::key::Prefix;
use super::reader::corrupt_customer;
use super::scan::CustomerScan;
use super::{Error, Store, key};
use crate::customer;
use crate::event::CustomerId;
use crate::partition::codec::{self, Identity};
use crate::partition::{Generation, TimerKey};

/// Bytes of states that are held in memory before they are sorted and taken in, by all that rebuild
/// at the same time.
const CHUNKS_BYTES_MAX: usize = 16 << 20;
/// The state of a partition on its way from nothing, beside the one that there is. Until [`Store::finish`] that one is
/// the partition's: a crash begins anew.
#[derive(Debug)]
pub struct Rebuild {
    prefix: Prefix,
    chunk: Chunk,
    chunk_bytes_max: usize,
    arming: Option<Arming>,
}

/// All states are there: how far their timers have been derived.
#[derive(Debug)]
struct Arming {
    scan: CustomerScan,
    customers: u64,
    is_done: bool,
}

/// What has come since the last piece was taken in: in one allocation, so that its bound is true.
#[derive(Debug, Default)]
struct Chunk {
    bytes: Vec<u8>,
    entries: Vec<ChunkEntry>,
}

/// Where customer and value lie.
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
        // Stable: what came last of a customer stays last.
        entries.sort_by(|a, b| self.get(&a.customer).cmp(self.get(&b.customer)));
        self.entries = entries;
        let is_last = |(at, entry): &(usize, &ChunkEntry)| {
            let next = self.entries.get(at + 1);
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
    /// Begins to build a partition from nothing, removing what an earlier attempt has left. Up to so many may be
    /// rebuilt at the same time.
    pub fn begin_rebuild(&self, partition: u32, at_once: usize) -> Result<Rebuild, Error> {
        self.begin_rebuild_in_chunks(partition, CHUNKS_BYTES_MAX / at_once.max(1))
    }

    /// With pieces of another size, so that tests can have several.
    pub fn begin_rebuild_in_chunks(
        &self,
        partition: u32,
        piece_bytes_max: usize,
    ) -> Result<Rebuild, Error> {
        self.abandon_rebuild(partition)?;
        Ok(Rebuild {
            prefix: self.prefix(partition)?.other(),
            chunk: Chunk::default(),
            // Places in it are 32 bits.
            chunk_bytes_max: piece_bytes_max.min(1 << 30),
            arming: None,
        })
    }

    /// Adds models that the changelog holds.
    pub fn add_generation(&self, rebuild: &Rebuild, generation: &Generation) -> Result<(), Error> {
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
        match rebuild.chunk.bytes() < rebuild.chunk_bytes_max {
            true => Ok(()),
            false => self.ingest_chunk(rebuild),
        }
    }

    fn ingest_chunk(&self, rebuild: &mut Rebuild) -> Result<(), Error> {
        let prefix = rebuild.prefix;
        let pair = |(customer, value): (&[u8], Option<&[u8]>)| -> KeyValue {
            let key = key::raw_customer(prefix, customer);
            (key, value.map(<[u8]>::to_vec))
        };
        let mut pairs = rebuild.chunk.sorted().map(pair);
        let taken_in = self.engine.ingest(Family::Customers, &mut pairs);
        drop(pairs);
        rebuild.chunk.clear();
        taken_in
    }

    /// After the last record: goes on deriving timers, since every state carries the instant that it is armed for.
    /// Whether that is done.
    ///
    /// # Errors
    /// When reading or writing fails.
    pub fn arm_timers(&self, rebuild: &mut Rebuild) -> Result<bool, Error> {
        self.ingest_chunk(rebuild)?;
        let prefix = rebuild.prefix;
        let Arming {
            scan: walk,
            customers,
            is_done,
        } = rebuild.arming.get_or_insert_with(|| Arming {
            scan: CustomerScan::new(prefix),
            customers: 0,
            is_done: false,
        });
        let mut timers = Vec::new();
        *is_done = self.scan_step(walk, |bytes, value| {
            *customers += 1;
            let due = customer::decode_armed(value).map_err(corrupt_customer)?;
            if let (Some(due), Some(customer)) = (due, key::decode_customer(bytes)) {
                timers.push(key::timer(prefix, &TimerKey { due, customer }));
            }
            Ok(())
        })?;
        timers.sort_unstable();
        let mut pairs = timers.into_iter().map(|timer| (timer, Some(Vec::new())));
        self.engine.ingest(Family::Timers, &mut pairs)?;
        Ok(*is_done)
    }

    /// After [`Store::arm`] is done: has what was built be the partition's state, and removes the one before. Where it
    /// has got to: the bytes of its last progress record and the offset after it; and which
    /// changelog that is, and where it begins.
    ///
    /// # Errors
    /// [`Error::Incomplete`] where the changelog has not everybody any more.
    pub fn finish_rebuild(
        &self,
        rebuild: &Rebuild,
        identity: &Identity,
        models: &str,
        progress: (&[u8], i64),
        (origin, start): (&str, i64),
    ) -> Result<(), Error> {
        let known = codec::decode(progress.0, identity, models);
        let expected = known.map_err(|source| self.unusable(source))?.customers();
        let armed = rebuild.arming.as_ref().filter(|arming| arming.is_done);
        let found = armed.map_or(0, |arming| arming.customers);
        if found != expected {
            return Err(Error::Incomplete { found, expected });
        }
        let prefix = rebuild.prefix;
        self.switch_prefix(prefix, &mut |batch| {
            put_progress(batch, prefix, progress);
            batch.put(
                Family::Meta,
                &key::partition_origin(prefix),
                origin.as_bytes(),
            );
            // It has everybody, whatever was deleted before.
            let start = start.to_be_bytes();
            batch.put(Family::Meta, &key::complete_from(prefix), &start);
        })?;
        self.mark_complete(prefix.partition());
        Ok(())
    }
}
