//! Building a partition from nothing: all of its changelog, sorted in pieces and taken in whole,
//! with nothing read and nothing logged in between.

use std::ops::Range;

use super::db::arrive;
use super::engine::{Engine, Family, Pair};
use super::key::Prefix;
use super::reader::corrupt;
use super::walk::Walk;
use super::{Error, Store, key};
use crate::customer;
use crate::event::CustomerId;
use crate::partition::codec::{self, Identity};
use crate::partition::{Generation, TimerKey};

/// Bytes of states that are held in memory before they are sorted and taken in, by all that rebuild
/// at the same time.
const PIECES_BYTES_MAX: usize = 16 << 20;
/// The state of a partition on its way from nothing, beside the one that there is. Until [`Store::finish`] that one is
/// the partition's: a crash begins anew.
#[derive(Debug)]
pub struct Rebuild {
    prefix: Prefix,
    piece: Piece,
    piece_bytes_max: usize,
    arming: Option<Arming>,
}

/// All states are there: how far their timers have been derived.
#[derive(Debug)]
struct Arming {
    walk: Walk,
    customers: u64,
    is_done: bool,
}

/// What has come since the last piece was taken in: in one allocation, so that its bound is true.
#[derive(Debug, Default)]
struct Piece {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

/// Where customer and value lie.
#[derive(Debug)]
struct Entry {
    customer: Range<u32>,
    value: Option<Range<u32>>,
}

impl Piece {
    fn push(&mut self, customer: &[u8], value: Option<&[u8]>) {
        let mut add = |bytes: &[u8]| {
            let start = self.bytes.len() as u32;
            self.bytes.extend_from_slice(bytes);
            start..self.bytes.len() as u32
        };
        let (customer, value) = (add(customer), value.map(add));
        self.entries.push(Entry { customer, value });
    }

    fn bytes(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<Entry>()
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
        let is_last = |(at, entry): &(usize, &Entry)| {
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

impl<E: Engine> Store<E> {
    /// Begins to build a partition from nothing, removing what an earlier attempt has left. Up to so many may be
    /// rebuilt at the same time.
    pub fn rebuild(&self, partition: u32, at_once: usize) -> Result<Rebuild, Error> {
        self.rebuild_in_pieces(partition, PIECES_BYTES_MAX / at_once.max(1))
    }

    /// With pieces of another size, so that tests can have several.
    pub fn rebuild_in_pieces(
        &self,
        partition: u32,
        piece_bytes_max: usize,
    ) -> Result<Rebuild, Error> {
        self.abandon_rebuild(partition)?;
        Ok(Rebuild {
            prefix: self.prefix(partition)?.other(),
            piece: Piece::default(),
            // Places in it are 32 bits.
            piece_bytes_max: piece_bytes_max.min(1 << 30),
            arming: None,
        })
    }

    /// Adds models that the changelog holds.
    pub fn add_generation(&self, rebuild: &Rebuild, generation: &Generation) -> Result<(), Error> {
        self.keep_generation_at(rebuild.prefix, generation)
    }

    /// Adds the next record of the changelog; `None` is a tombstone.
    pub fn add(
        &self,
        rebuild: &mut Rebuild,
        customer: &CustomerId,
        value: Option<&[u8]>,
    ) -> Result<(), Error> {
        rebuild.piece.push(customer.as_bytes(), value);
        match rebuild.piece.bytes() < rebuild.piece_bytes_max {
            true => Ok(()),
            false => self.take_in(rebuild),
        }
    }

    fn take_in(&self, rebuild: &mut Rebuild) -> Result<(), Error> {
        let prefix = rebuild.prefix;
        let pair = |(customer, value): (&[u8], Option<&[u8]>)| -> Pair {
            let key = key::customer_of(prefix, customer);
            (key, value.map(<[u8]>::to_vec))
        };
        let mut pairs = rebuild.piece.sorted().map(pair);
        let taken_in = self.engine.ingest(Family::Customers, &mut pairs);
        drop(pairs);
        rebuild.piece.clear();
        taken_in
    }

    /// After the last record: goes on deriving timers, since every state carries the instant that it is armed for.
    /// Whether that is done.
    ///
    /// # Errors
    /// When reading or writing fails.
    pub fn arm(&self, rebuild: &mut Rebuild) -> Result<bool, Error> {
        self.take_in(rebuild)?;
        let prefix = rebuild.prefix;
        let Arming {
            walk,
            customers,
            is_done,
        } = rebuild.arming.get_or_insert_with(|| Arming {
            walk: Walk::over(prefix),
            customers: 0,
            is_done: false,
        });
        let mut timers = Vec::new();
        *is_done = self.step(walk, |bytes, value| {
            *customers += 1;
            let due = customer::armed(value).map_err(corrupt)?;
            if let (Some(due), Some(customer)) = (due, key::read_customer(bytes)) {
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
    pub fn finish(
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
        self.switch(prefix, &mut |batch| {
            arrive(batch, prefix, progress);
            batch.put(Family::Meta, &key::origin_of(prefix), origin.as_bytes());
            // It has everybody, whatever was deleted before.
            let start = start.to_be_bytes();
            batch.put(Family::Meta, &key::whole_from(prefix), &start);
        })?;
        self.set_whole(prefix.partition());
        Ok(())
    }
}
