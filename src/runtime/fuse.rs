//! Bursts: when unusually many customers move at once, somebody should hear of it before they do.
//!
//! Every commit asks here before its transaction. With the fuse, one that would make a burst waits in
//! its worker until an operator says go on: nothing of it was seen by anybody, its input stays where
//! it is, and whoever takes the partition over, or starts again, comes to the same point.

mod counter;

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use crate::event::{Millis, WallTime};
use crate::telemetry::Metrics;
use counter::BurstCounter;
pub use counter::BurstSettings;
pub(super) use counter::TransitionCounts;

/// The one fuse of the process: workers ask it, operators look at it and say go on.
#[derive(Debug, Default)]
pub struct Fuse(Mutex<BurstCounter>);

/// What an operator is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FuseStatus {
    /// Since when transitions are held back; `None`: none are.
    pub since: Option<WallTime>,
    /// How many are.
    pub transitions: u64,
    /// The customers of this process.
    pub customers: u64,
}

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct FuseRequest<'a> {
    /// Among the workers of the process.
    pub(super) worker: usize,
    /// What it has.
    pub(super) customers: u64,
    pub(super) uptime: Duration,
    pub(super) wall: WallTime,
    pub(super) burst: &'a BurstSettings,
    pub(super) metrics: &'a Metrics,
}

impl Fuse {
    /// Whether what is about to be told has to wait.
    pub(super) fn should_suspend(&self, moved: TransitionCounts, asking: &FuseRequest<'_>) -> bool {
        let mut counting = self.lock_and_advance(asking);
        let held = counting.should_suspend(asking.worker, moved, asking.wall, asking.burst);
        report(&mut counting, asking);
        held
    }

    /// Whether what is held has to wait any longer, of which only this is left.
    pub(super) fn update_suspended(
        &self,
        moved: TransitionCounts,
        asking: &FuseRequest<'_>,
    ) -> bool {
        let mut counting = self.lock_and_advance(asking);
        let held = counting.update_suspended(asking.worker, moved);
        report(&mut counting, asking);
        held
    }

    /// This has been told.
    pub(super) fn record_published(&self, moved: &TransitionCounts, asking: &FuseRequest<'_>) {
        let mut counting = self.lock_and_advance(asking);
        counting.record_published(asking.worker, moved, asking.burst);
        report(&mut counting, asking);
    }

    /// Time goes on.
    pub(super) fn refresh(&self, asking: &FuseRequest<'_>) {
        let mut counting = self.lock_and_advance(asking);
        report(&mut counting, asking);
    }

    /// Has everything told that is held back, and what comes until the burst is over. How many
    /// transitions that begins with; `None`: nothing is held back.
    pub fn resume(&self) -> Option<u64> {
        self.lock().resume()
    }

    /// What is held back.
    pub fn status(&self) -> FuseStatus {
        let standing = self.lock().totals();
        FuseStatus {
            since: standing.tripped_since,
            transitions: standing.suspended,
            customers: standing.customers,
        }
    }

    /// For a daemon that begins anew, and with it the time of its workers.
    pub(super) fn clear(&self, metrics: &Metrics) {
        *self.lock() = BurstCounter::default();
        metrics.bursts.fuse_blown.set(0);
    }

    fn lock_and_advance(&self, asking: &FuseRequest<'_>) -> MutexGuard<'_, BurstCounter> {
        let mut counting = self.lock();
        counting.advance(asking.worker, asking.customers, asking.uptime, asking.burst);
        counting
    }

    fn lock(&self) -> MutexGuard<'_, BurstCounter> {
        // The numbers are whole whoever panicked while holding them.
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Says once of every burst that it has begun, and always how far it is.
fn report(counting: &mut BurstCounter, asking: &FuseRequest<'_>) {
    let FuseRequest { burst, metrics, .. } = asking;
    let begins = counting.detect_burst(burst);
    let standing = counting.totals();
    let transitions = standing.transitions;
    let percent = u128::from(transitions) * 100 / u128::from(burst.threshold(standing.customers));
    metrics
        .bursts
        .reached_percent
        .set(i64::try_from(percent).unwrap_or(i64::MAX));
    let is_blown = standing.tripped_since.is_some();
    metrics.bursts.fuse_blown.set(is_blown.into());
    if !begins {
        return;
    }
    metrics.bursts.started.inc();
    let customers = standing.customers;
    let within = i64::try_from(burst.within.as_millis()).map_or(Millis(i64::MAX), Millis);
    let model = counting.top_model().unwrap_or_default();
    match is_blown {
        true => tracing::warn!(
            transitions,
            customers,
            %within,
            model,
            "unusually many transitions at once, most of them of this model: the fuse has blown, nobody is told and \
            the input waits. Say go on with POST /go-on at http.admin; or stop, and set emit_from in the model if \
            this is history, or put the model right"
        ),
        false => tracing::warn!(
            transitions,
            customers,
            %within,
            model,
            "unusually many transitions at once, most of them of this model, and subscribers are told of them. Set \
            emit_from in a model that reads history, or burst.fuse to be asked first"
        ),
    }
}
