//! The customers of this process, for operators who ask about one.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::restore::key;
use crate::event::{CustomerId, EventTime};
use crate::explanation::{About, AsOf, Unsaid};
use crate::store::{self, Found, Store};

/// What is known of them: the store while it is open, and the partitions that are worked on.
#[derive(Debug, Default)]
pub struct Customers {
    /// One look at a time; whoever closes the store waits for it.
    store: Mutex<Option<Arc<Store>>>,
    /// What else is on disk may have gone on elsewhere.
    held: Mutex<BTreeSet<i32>>,
}

/// Why a customer is not explained.
#[derive(Debug, thiserror::Error)]
pub enum Unexplained {
    /// The daemon is starting, or ending.
    #[error("the state is not open yet; try again in a moment")]
    NotYet,
    /// No partition that is worked on here has them.
    #[error(
        "no such customer in this process: {partitions} partitions are worked on here; there has been no event of \
        theirs, another process has them, or their partition is still being restored"
    )]
    Unknown {
        /// How many partitions are worked on.
        partitions: usize,
    },
    /// The state says nothing of the instant.
    #[error(transparent)]
    Unsaid(#[from] Unsaid),
    /// The disk.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Customers {
    /// From here on there is a store to look into; no partition of it is worked on yet.
    pub fn open(&self, store: Arc<Store>) {
        lock(&self.held).clear();
        *lock(&self.store) = Some(store);
    }

    /// There is none any more. Waits for whoever is looking.
    pub fn close(&self) {
        *lock(&self.store) = None;
    }

    /// A partition is worked on from here on.
    pub fn hold(&self, partition: i32) {
        lock(&self.held).insert(partition);
    }

    /// It is not any more.
    pub fn release(&self, partition: i32) {
        lock(&self.held).remove(&partition);
    }

    /// Explains a customer to `tell`. Reads the disk: not for a thread that must not wait.
    ///
    /// # Errors
    /// Where nothing can be said.
    pub fn explain<T>(
        &self,
        customer: &CustomerId,
        asked: Option<EventTime>,
        tell: impl FnOnce(&About<'_>) -> T,
    ) -> Result<T, Unexplained> {
        let store = lock(&self.store);
        let store = store.as_ref().ok_or(Unexplained::NotYet)?;
        let held: Vec<u32> = lock(&self.held).iter().map(|held| key(*held)).collect();
        let found = store.find(&held, customer)?;
        let found = found.ok_or(Unexplained::Unknown {
            partitions: held.len(),
        })?;
        Ok(tell(&about(&found, customer, asked)?))
    }
}

/// Explains a customer who was found in a store.
///
/// # Errors
/// Where the state says nothing of the instant that is asked for.
pub fn about<'f>(
    found: &'f Found,
    customer: &'f CustomerId,
    asked: Option<EventTime>,
) -> Result<About<'f>, Unsaid> {
    let stands = stands_at(found);
    let Found {
        models,
        state,
        is_brought_over,
        ..
    } = found;
    About::of(models, customer, state, stands, asked, *is_brought_over)
}

/// Up to where everything that time does to the customer has been done.
fn stands_at(found: &Found) -> (EventTime, AsOf) {
    let (latest, watermark) = (found.state.latest, found.progress.watermark.0);
    // Time that was let pass without an event ends before the watermark: what is due there has not happened.
    let reached = match found.progress.highest {
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
