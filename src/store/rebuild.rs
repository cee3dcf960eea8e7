//! Building a partition from nothing: all of its changelog, sorted in pieces and taken in whole,
//! with nothing read and nothing logged in between.

use std::ops::{ControlFlow, Range};

use super::db::arrive;
use super::engine::{Engine, Family, Pair};
use super::reader::corrupt;
use super::{Error, Store, key};
use crate::customer;
use crate::event::CustomerId;
use crate::partition::TimerKey;
use crate::partition::codec::{self, Identity};

/// Bytes of states that are held in memory before they are sorted and taken in, by all that rebuild
/// at the same time.
const PIECES_BYTES_MAX: usize = 16 << 20;
/// Timers that are sorted at a time.
const TIMERS_MAX: usize = 1 << 16;

/// A partition on its way from nothing. Until [`Store::finish`] the partition has no progress: a
/// crash begins anew.
#[derive(Debug)]
pub struct Rebuild {
    partition: u32,
    piece: Piece,
    piece_bytes_max: usize,
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

impl Rebuild {
    /// The partition has been cleared. Up to so many may be rebuilt at the same time.
    pub fn new(partition: u32, at_once: usize) -> Rebuild {
        Rebuild::in_pieces(partition, PIECES_BYTES_MAX / at_once.max(1))
    }

    /// With pieces of another size, so that tests can have several.
    pub fn in_pieces(partition: u32, piece_bytes_max: usize) -> Rebuild {
        Rebuild {
            partition,
            piece: Piece::default(),
            // Places in it are 32 bits.
            piece_bytes_max: piece_bytes_max.min(1 << 30),
        }
    }
}

impl<E: Engine> Store<E> {
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
        let partition = rebuild.partition;
        let pair = |(customer, value): (&[u8], Option<&[u8]>)| -> Pair {
            let key = key::customer_of(partition, customer);
            (key, value.map(<[u8]>::to_vec))
        };
        let mut pairs = rebuild.piece.sorted().map(pair);
        let taken_in = self.engine.ingest(Family::Customers, &mut pairs);
        drop(pairs);
        rebuild.piece.clear();
        taken_in
    }

    /// Takes in what is left, derives the timers and notes where the partition has got to: the
    /// bytes of its last progress record and the offset after it.
    ///
    /// # Errors
    /// [`Error::Incomplete`] where the changelog has not everybody any more.
    pub fn finish(
        &self,
        mut rebuild: Rebuild,
        identity: &Identity,
        models: &str,
        progress: (&[u8], i64),
    ) -> Result<(), Error> {
        let known = codec::decode(progress.0, identity, models);
        let expected = known.map_err(|source| self.unusable(source))?.customers();
        self.take_in(&mut rebuild)?;
        let found = self.arm_all(rebuild.partition)?;
        if found != expected {
            return Err(Error::Incomplete { found, expected });
        }
        self.engine.write(&mut |batch| {
            arrive(batch, rebuild.partition, progress);
            Ok(())
        })
    }

    /// Every state carries the instant that it is armed for. How many states there are.
    fn arm_all(&self, partition: u32) -> Result<u64, Error> {
        let [from, to] = key::bounds(partition);
        let (mut armed, mut states) = (Vec::new(), 0);
        let mut take = |bytes: &[u8], value: &[u8]| {
            states += 1;
            let due = customer::armed(value).map_err(corrupt)?;
            if let (Some(due), Some(customer)) = (due, key::read_customer(bytes)) {
                armed.push(key::timer(partition, &TimerKey { due, customer }));
            }
            if armed.len() == TIMERS_MAX {
                self.arm(&mut armed)?;
            }
            Ok(ControlFlow::Continue(()))
        };
        self.engine.scan(Family::Customers, &from, &to, &mut take)?;
        self.arm(&mut armed)?;
        Ok(states)
    }

    fn arm(&self, armed: &mut Vec<Vec<u8>>) -> Result<(), Error> {
        armed.sort_unstable();
        let mut pairs = armed.drain(..).map(|timer| (timer, Some(Vec::new())));
        self.engine.ingest(Family::Timers, &mut pairs)
    }
}
