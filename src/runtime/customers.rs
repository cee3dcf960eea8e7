//! Explains single customers of this process to operators.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::event::{CustomerId, EventTime};
use crate::explanation::{AsOf, CustomerExplanation, UnknownInstant};
use crate::store::store_partition;
use crate::store::{self, FoundCustomer, Store};

/// The store while it is open, and the owned partitions.
#[derive(Debug, Default)]
pub struct Customers {
    /// Locked during an explanation, so that closing the store waits for its end.
    store: Mutex<Option<Arc<Store>>>,
    /// Only these are explained: other partitions on disk may be outdated.
    owned: Mutex<BTreeSet<i32>>,
}

#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The daemon is starting or stopping.
    #[error("the state is not open yet; try again in a moment")]
    NotReady,
    /// `partitions`: how many partitions are owned.
    #[error(
        "no such customer in the {partitions} partitions of this process: the customer has no event, another process \
        owns the partition, or the partition is still being restored"
    )]
    UnknownCustomer { partitions: usize },
    #[error(transparent)]
    UnknownInstant(#[from] UnknownInstant),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Customers {
    /// Sets the store, of which no partition is owned yet.
    pub fn open(&self, store: Arc<Store>) {
        // Cleared first: the partitions of an earlier store must not be read from this one.
        lock(&self.owned).clear();
        *lock(&self.store) = Some(store);
    }

    /// Removes the store. Waits for the end of a running explanation.
    pub fn close(&self) {
        *lock(&self.store) = None;
    }

    pub fn own(&self, partition: i32) {
        lock(&self.owned).insert(partition);
    }

    pub fn release(&self, partition: i32) {
        lock(&self.owned).remove(&partition);
    }

    /// Explains a customer at `instant`, and passes the explanation to `show`. Blocking: reads the disk.
    ///
    /// # Errors
    /// When the store is not open or cannot be read, the customer is in none of the owned partitions, or the state does
    /// not cover `instant`.
    pub fn explain<T>(
        &self,
        customer: &CustomerId,
        instant: Option<EventTime>,
        show: impl FnOnce(&CustomerExplanation<'_>) -> T,
    ) -> Result<T, ExplainError> {
        let store = lock(&self.store);
        let store = store.as_ref().ok_or(ExplainError::NotReady)?;
        let owned: Vec<u32> =
            lock(&self.owned).iter().map(|partition| store_partition(*partition)).collect();
        let found = store.find_customer(&owned, customer)?;
        let found = found.ok_or(ExplainError::UnknownCustomer { partitions: owned.len() })?;
        Ok(show(&explain_found(&found, customer, instant)?))
    }
}

/// Explains a customer that was found in a store.
///
/// # Errors
/// When the state does not cover `instant`.
pub fn explain_found<'f>(
    found: &'f FoundCustomer,
    customer: &'f CustomerId,
    instant: Option<EventTime>,
) -> Result<CustomerExplanation<'f>, UnknownInstant> {
    let FoundCustomer { models, state, is_migrated, .. } = found;
    CustomerExplanation::new(models, customer, state, as_of(found), instant, *is_migrated)
}

/// The instant up to which all timers of the customer have fired.
fn as_of(found: &FoundCustomer) -> (EventTime, AsOf) {
    let (latest, watermark) = (found.state.latest, found.progress.watermark.0);
    // A watermark that time without events has advanced is exclusive: timers due at it have not fired.
    let reached = match found.progress.max_event_time {
        Some(highest) if watermark > highest.0 => watermark - 1,
        _ => watermark,
    };
    if latest.0 > reached {
        (latest, AsOf::LatestEvent)
    } else {
        (EventTime(reached).min(EventTime::MAX), AsOf::Watermark)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A poisoned lock is usable: a panic cannot leave the values inconsistent.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
