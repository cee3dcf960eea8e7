//! Building a partition from nothing: all of its changelog, sorted in pieces and taken in whole,
//! with nothing read and nothing logged in between.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::db::{arrive, read_state};
use super::engine::{Engine, Family, Pair};
use super::{Error, Store, key};
use crate::event::CustomerId;
use crate::model::Models;
use crate::partition::TimerKey;

/// Bytes of states that are held in memory before they are sorted and taken in.
const PIECE_BYTES_MAX: usize = 32 << 20;
/// Timers that are sorted at a time.
const TIMERS_MAX: usize = 1 << 18;
/// What an entry costs beside its bytes.
const ENTRY_BYTES: usize = 100;

/// A partition on its way from nothing. Until [`Store::finish`] the partition has no progress: a
/// crash begins anew.
#[derive(Debug)]
pub struct Rebuild {
    partition: u32,
    /// The last value of each customer since the last piece was taken in.
    latest: HashMap<CustomerId, Option<Vec<u8>>>,
    bytes: usize,
    piece_bytes_max: usize,
}

impl Rebuild {
    /// The partition has been cleared.
    pub fn new(partition: u32) -> Rebuild {
        Rebuild::in_pieces(partition, PIECE_BYTES_MAX)
    }

    /// With pieces of another size, so that tests can have several.
    pub fn in_pieces(partition: u32, piece_bytes_max: usize) -> Rebuild {
        Rebuild {
            partition,
            latest: HashMap::new(),
            bytes: 0,
            piece_bytes_max,
        }
    }
}

impl<E: Engine> Store<E> {
    /// Adds the next record of the changelog; `None` is a tombstone.
    pub fn add(
        &self,
        rebuild: &mut Rebuild,
        customer: CustomerId,
        value: Option<Vec<u8>>,
    ) -> Result<(), Error> {
        let bytes = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
        let (id_bytes, own) = (customer.as_bytes().len(), bytes(&value));
        match rebuild.latest.insert(customer, value) {
            Some(before) => rebuild.bytes = (rebuild.bytes + own).saturating_sub(bytes(&before)),
            None => rebuild.bytes += ENTRY_BYTES + id_bytes + own,
        }
        match rebuild.bytes < rebuild.piece_bytes_max {
            true => Ok(()),
            false => self.take_in(rebuild),
        }
    }

    fn take_in(&self, rebuild: &mut Rebuild) -> Result<(), Error> {
        let partition = rebuild.partition;
        let pair = |(id, value): (CustomerId, _)| (key::customer(partition, &id), value);
        let mut piece: Vec<Pair> = rebuild.latest.drain().map(pair).collect();
        rebuild.bytes = 0;
        piece.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        self.engine
            .ingest(Family::Customers, &mut piece.into_iter())
    }

    /// Takes in what is left, derives the timers and notes where the partition has got to: the
    /// bytes of its last progress record and the offset after it.
    pub fn finish(
        &self,
        mut rebuild: Rebuild,
        models: &Models,
        identity: &str,
        progress: (&[u8], i64),
    ) -> Result<(), Error> {
        self.read_progress(models, progress.0, identity)?;
        self.take_in(&mut rebuild)?;
        self.arm_all(models, rebuild.partition)?;
        self.engine.write(&mut |batch| {
            arrive(batch, rebuild.partition, progress);
            Ok(())
        })
    }

    /// Every state carries the instant that it is armed for.
    fn arm_all(&self, models: &Models, partition: u32) -> Result<(), Error> {
        let [from, to] = key::bounds(partition);
        let mut armed = Vec::new();
        let mut take = |bytes: &[u8], value: &[u8]| {
            let state = read_state(value, models)?;
            if let (Some(due), Some(customer)) = (state.armed, key::read_customer(bytes)) {
                armed.push(key::timer(partition, &TimerKey { due, customer }));
            }
            if armed.len() == TIMERS_MAX {
                self.arm(&mut armed)?;
            }
            Ok(ControlFlow::Continue(()))
        };
        self.engine.scan(Family::Customers, &from, &to, &mut take)?;
        self.arm(&mut armed)
    }

    fn arm(&self, armed: &mut Vec<Vec<u8>>) -> Result<(), Error> {
        armed.sort_unstable();
        let mut pairs = armed.drain(..).map(|timer| (timer, Some(Vec::new())));
        self.engine.ingest(Family::Timers, &mut pairs)
    }
}
