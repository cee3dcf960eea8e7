//! Scans all customers of a partition in bounded steps: a partition may have millions, and must not block the worker's
//! other partitions or its group membership.

use std::ops::ControlFlow;

use super::engine::{Family, StorageEngine};
use super::key::Prefix;
use super::{Error, Store, key};
use crate::customer::StateDecodeError;
use crate::event::CustomerId;

/// Most bytes of states in one step.
const SCAN_STEP_BYTES_MAX: usize = 16 << 20;

/// The remaining key range of a scan over the customers of a partition.
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

pub(crate) type EncodedStates = Vec<(CustomerId, Vec<u8>)>;

/// An unfinished count of the customers of a partition.
#[derive(Debug)]
pub struct CustomerCount {
    scan: CustomerScan,
    customers: u64,
}

impl<E: StorageEngine> Store<E> {
    pub fn begin_count(&self, partition: u32) -> Result<CustomerCount, Error> {
        Ok(CustomerCount { scan: CustomerScan::new(self.prefix(partition)?), customers: 0 })
    }

    /// Counts the next customers. Returns the number after the last step. The partition must not be written to
    /// between the steps.
    pub fn continue_count(&self, count: &mut CustomerCount) -> Result<Option<u64>, Error> {
        let CustomerCount { scan, customers } = count;
        let is_done = self.scan_step(scan, |_, _| {
            *customers += 1;
            Ok(())
        })?;
        Ok(is_done.then_some(*customers))
    }

    pub fn begin_scan(&self, partition: u32) -> Result<CustomerScan, Error> {
        Ok(CustomerScan::new(self.prefix(partition)?))
    }

    /// The next customers with their encoded states, and whether these are the last. The partition must not be
    /// written to between the steps.
    pub(crate) fn next_states(
        &self,
        scan: &mut CustomerScan,
    ) -> Result<(EncodedStates, bool), Error> {
        let mut states = EncodedStates::new();
        let is_last = self.scan_step(scan, |key, value| {
            let customer = key::decode_customer(key).ok_or(Error::Corrupt {
                value: "a customer's key",
                source: StateDecodeError::Damaged,
            })?;
            states.push((customer, value.to_vec()));
            Ok(())
        })?;
        Ok((states, is_last))
    }

    /// Calls `take` with key and state of the next customers. Returns whether these are the last.
    pub(super) fn scan_step(
        &self,
        scan: &mut CustomerScan,
        mut take: impl FnMut(&[u8], &[u8]) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let (mut scanned, mut bytes, mut next) = (0, 0, None);
        let mut visit = |key: &[u8], value: &[u8]| {
            if scanned == self.scan_step_max || bytes > SCAN_STEP_BYTES_MAX {
                next = Some(key.to_vec());
                return Ok(ControlFlow::Break(()));
            }
            (scanned, bytes) = (scanned + 1, bytes + value.len());
            take(key, value)?;
            Ok(ControlFlow::Continue(()))
        };
        self.engine.scan(Family::Customers, &scan.from, &scan.to, &mut visit)?;
        let is_done = next.is_none();
        scan.from = next.unwrap_or_else(|| scan.to.clone());
        Ok(is_done)
    }
}
