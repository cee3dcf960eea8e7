//! The customers of this process, for operators who ask about one.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::restore::store_partition;
use crate::event::{CustomerId, EventTime};
use crate::explanation::{AsOf, CustomerExplanation, UnknownInstant};
use crate::store::{self, FoundCustomer, Store};

/// What is known of them: the store while it is open, and the partitions that are worked on.
#[derive(Debug, Default)]
pub struct Customers {
    /// One look at a time; whoever closes the store waits for it.
    store: Mutex<Option<Arc<Store>>>,
    /// What else is on disk may have gone on elsewhere.
    owned: Mutex<BTreeSet<i32>>,
}

/// Why a customer is not explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The daemon is starting, or ending.
    #[error("the state is not open yet; try again in a moment")]
    NotReady,
    /// No partition that is worked on here has them.
    #[error(
        "no such customer in this process: {partitions} partitions are worked on here; there has been no event of \
        theirs, another process has them, or their partition is still being restored"
    )]
    UnknownCustomer {
        /// How many partitions are worked on.
        partitions: usize,
    },
    /// The state says nothing of the instant.
    #[error(transparent)]
    UnknownInstant(#[from] UnknownInstant),
    /// The disk.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Customers {
    /// From here on there is a store to look into; no partition of it is worked on yet.
    pub fn open(&self, store: Arc<Store>) {
        lock(&self.owned).clear();
        *lock(&self.store) = Some(store);
    }

    /// There is none any more. Waits for whoever is looking.
    pub fn close(&self) {
        *lock(&self.store) = None;
    }

    /// A partition is worked on from here on.
    pub fn own(&self, partition: i32) {
        lock(&self.owned).insert(partition);
    }

    /// It is not any more.
    pub fn release(&self, partition: i32) {
        lock(&self.owned).remove(&partition);
    }

    /// Explains a customer to `tell`. Reads the disk: not for a thread that must not wait.
    ///
    /// # Errors
    /// Where nothing can be said.
    pub fn explain<T>(
        &self,
        customer: &CustomerId,
        asked: Option<EventTime>,
        tell: impl FnOnce(&CustomerExplanation<'_>) -> T,
    ) -> Result<T, ExplainError> {
        let store = lock(&self.store);
        let store = store.as_ref().ok_or(ExplainError::NotReady)?;
        let held: Vec<u32> = lock(&self.owned)
            .iter()
            .map(|held| store_partition(*held))
            .collect();
        let found = store.find_customer(&held, customer)?;
        let found = found.ok_or(ExplainError::UnknownCustomer {
            partitions: held.len(),
        })?;
        Ok(tell(&explain_found(&found, customer, asked)?))
    }
}

/// Explains a customer who was found in a store.
///
/// # Errors
/// Where the state says nothing of the instant that is asked for.
pub fn explain_found<'f>(
    found: &'f FoundCustomer,
    customer: &'f CustomerId,
    asked: Option<EventTime>,
) -> Result<CustomerExplanation<'f>, UnknownInstant> {
    let stands = as_of(found);
    let FoundCustomer {
        models,
        state,
        is_migrated: is_brought_over,
        ..
    } = found;
    CustomerExplanation::new(models, customer, state, stands, asked, *is_brought_over)
}

/// Up to where everything that time does to the customer has been done.
fn as_of(found: &FoundCustomer) -> (EventTime, AsOf) {
    let (latest, watermark) = (found.state.latest, found.progress.watermark.0);
    // Time that was let pass without an event ends before the watermark: what is due there has not happened.
    let reached = match found.progress.max_event_time {
        Some(highest) if watermark > highest.0 => watermark - 1,
        _ => watermark,
    };
    match latest.0 > reached {
        true => (latest, AsOf::LatestEvent),
        false => (EventTime(reached).min(EventTime::MAX), AsOf::Watermark),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in it is whole whoever panicked while holding it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
