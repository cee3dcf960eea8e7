//! All customers of a partition, in steps of bounded length: a partition may have millions, and a worker's other
//! partitions, and the group, do not wait for that.

use std::ops::ControlFlow;

use super::engine::{Family, StorageEngine};
use super::key::Prefix;
use super::{Error, Store, key};
use crate::customer::StateDecodeError;
use crate::event::CustomerId;

/// Most customers that are looked at in one step, and most bytes of their states.
pub(super) const SCAN_STEP_MAX: usize = 1 << 15;
const SCAN_STEP_BYTES_MAX: usize = 16 << 20;

/// How far a walk over the customers of a partition has got.
#[derive(Debug)]
pub struct CustomerScan {
    from: Vec<u8>,
    to: Vec<u8>,
}

impl CustomerScan {
    pub(super) fn new(prefix: Prefix) -> CustomerScan {
        let [from, to] = key::bounds(prefix);
        CustomerScan { from, to }
    }
}

/// Customers with the bytes of their states.
pub type EncodedStates = Vec<(CustomerId, Vec<u8>)>;

/// A count of the customers of a partition that is under way.
#[derive(Debug)]
pub struct CustomerCount {
    scan: CustomerScan,
    customers: u64,
}

impl<E: StorageEngine> Store<E> {
    /// Begins to count the customers of a partition.
    pub fn begin_count(&self, partition: u32) -> Result<CustomerCount, Error> {
        Ok(CustomerCount {
            scan: CustomerScan::new(self.prefix(partition)?),
            customers: 0,
        })
    }

    /// Goes on counting the customers of a partition that nobody writes to; the number after the last step.
    ///
    /// # Errors
    /// When reading fails.
    pub fn continue_count(&self, counting: &mut CustomerCount) -> Result<Option<u64>, Error> {
        let CustomerCount {
            scan: walk,
            customers,
        } = counting;
        let is_done = self.scan_step(walk, |_, _| {
            *customers += 1;
            Ok(())
        })?;
        Ok(is_done.then_some(*customers))
    }

    /// Begins to go over the customers of a partition.
    pub fn begin_scan(&self, partition: u32) -> Result<CustomerScan, Error> {
        Ok(CustomerScan::new(self.prefix(partition)?))
    }

    /// The next customers with the bytes of their states, and whether these were the last. For a partition that nobody
    /// writes to.
    ///
    /// # Errors
    /// When reading fails.
    pub fn next_states(&self, walk: &mut CustomerScan) -> Result<(EncodedStates, bool), Error> {
        let mut states = EncodedStates::new();
        let is_last = self.scan_step(walk, |key, value| {
            let customer = key::decode_customer(key).ok_or(Error::Corrupt {
                value: "a customer's key",
                source: StateDecodeError::Damaged,
            })?;
            states.push((customer, value.to_vec()));
            Ok(())
        })?;
        Ok((states, is_last))
    }

    /// Hands over the next customers, each by its key and its state; whether these were the last.
    pub(super) fn scan_step(
        &self,
        walk: &mut CustomerScan,
        mut take: impl FnMut(&[u8], &[u8]) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let (mut looked, mut bytes, mut next) = (0, 0, None);
        let mut one = |key: &[u8], value: &[u8]| {
            if looked == self.scan_step_max || bytes > SCAN_STEP_BYTES_MAX {
                next = Some(key.to_vec());
                return Ok(ControlFlow::Break(()));
            }
            (looked, bytes) = (looked + 1, bytes + value.len());
            take(key, value)?;
            Ok(ControlFlow::Continue(()))
        };
        self.engine
            .scan(Family::Customers, &walk.from, &walk.to, &mut one)?;
        let is_done = next.is_none();
        walk.from = next.unwrap_or_else(|| walk.to.clone());
        Ok(is_done)
    }
}
