//! The circuit breaker for bursts: operators are informed when unusually many customers change stage in a short time.
//!
//! Every commit asks it before its transaction. With `burst.fuse`, a commit that would make a burst is suspended in its
//! worker until an operator resumes it (`POST /go-on`). Until then nothing of it is visible and the input position does
//! not move, so a new owner of the partition, or a restart, is suspended at the same commit.

mod counter;

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use crate::event::{Millis, WallTime};
use crate::telemetry::Metrics;
use counter::BurstCounter;
pub(crate) use counter::BurstSettings;
pub(super) use counter::TransitionCounts;

/// The circuit breaker of the process, shared by all workers.
#[derive(Debug, Default)]
pub struct Fuse(Mutex<BurstCounter>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FuseStatus {
    /// When the fuse tripped; `None`: no transitions are suspended.
    pub since: Option<WallTime>,
    /// Suspended transitions.
    pub transitions: u64,
    /// The customers of this process.
    pub customers: u64,
}

/// A worker's request.
#[derive(Clone, Copy, Debug)]
pub(super) struct FuseRequest<'a> {
    /// The number of the worker in the process.
    pub(super) worker: usize,
    /// The customers of the worker.
    pub(super) customers: u64,
    pub(super) uptime: Duration,
    pub(super) wall: WallTime,
    pub(super) burst: &'a BurstSettings,
    pub(super) metrics: &'a Metrics,
}

impl Fuse {
    /// Whether the pending transitions of a worker have to wait.
    pub(super) fn should_suspend(
        &self,
        transitions: TransitionCounts,
        request: &FuseRequest<'_>,
    ) -> bool {
        let mut counter = self.lock_and_advance(request);
        let is_suspended =
            counter.should_suspend(request.worker, transitions, request.wall, request.burst);
        report(&mut counter, request);
        is_suspended
    }

    /// Updates the suspended transitions of a worker to those that remain. Whether they still have to wait.
    pub(super) fn update_suspended(
        &self,
        transitions: TransitionCounts,
        request: &FuseRequest<'_>,
    ) -> bool {
        let mut counter = self.lock_and_advance(request);
        let is_suspended = counter.update_suspended(request.worker, transitions);
        report(&mut counter, request);
        is_suspended
    }

    pub(super) fn record_published(
        &self,
        transitions: &TransitionCounts,
        request: &FuseRequest<'_>,
    ) {
        let mut counter = self.lock_and_advance(request);
        counter.record_published(request.worker, transitions, request.burst);
        report(&mut counter, request);
    }

    /// Advances the time, so that old transitions leave the window.
    pub(super) fn refresh(&self, request: &FuseRequest<'_>) {
        let mut counter = self.lock_and_advance(request);
        report(&mut counter, request);
    }

    /// Resumes the suspended commits, and suspends none until the burst is over. Returns the number of resumed transitions;
    /// `None`: none were suspended.
    pub fn resume(&self) -> Option<u64> {
        self.lock().resume()
    }

    pub fn status(&self) -> FuseStatus {
        let totals = self.lock().totals();
        FuseStatus {
            since: totals.tripped_since,
            transitions: totals.suspended,
            customers: totals.customers,
        }
    }

    /// Clears all counts when the daemon restarts: the uptime of its workers then starts at zero.
    pub(super) fn clear(&self, metrics: &Metrics) {
        *self.lock() = BurstCounter::default();
        metrics.bursts.fuse_blown.set(0);
    }

    fn lock_and_advance(&self, request: &FuseRequest<'_>) -> MutexGuard<'_, BurstCounter> {
        let mut counter = self.lock();
        counter.advance(request.worker, request.customers, request.uptime, request.burst);
        counter
    }

    fn lock(&self) -> MutexGuard<'_, BurstCounter> {
        // A poisoned lock is usable: a panic cannot leave the counts inconsistent.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Updates the metrics, and logs the beginning of each burst once.
fn report(counter: &mut BurstCounter, request: &FuseRequest<'_>) {
    let FuseRequest { burst, metrics, .. } = request;
    let begins = counter.detect_burst(burst);
    let totals = counter.totals();
    let (transitions, customers) = (totals.transitions, totals.customers);
    let is_tripped = totals.tripped_since.is_some();
    // While transitions are suspended, those published before leave the window: the ratio stays that of the burst.
    if begins || !is_tripped {
        metrics.bursts.reached_ratio.set(transitions as f64 / burst.threshold(customers) as f64);
    }
    metrics.bursts.fuse_blown.set(is_tripped.into());
    if !begins {
        return;
    }
    metrics.bursts.started.inc();
    let within = i64::try_from(burst.within.as_millis()).map_or(Millis(i64::MAX), Millis);
    let model = counter.top_model().unwrap_or_default();
    if is_tripped {
        let suspended = totals.suspended;
        tracing::error!(
            transitions,
            suspended,
            customers,
            %within,
            model,
            "burst: unusually many transitions, most of them of this model: the fuse has blown. Those that are not suspended \
            were published before. Nothing is published now, and the input waits. Resume with POST /go-on at http.admin; or \
            stop, and set emit_from in the model if it reads history, or correct the model"
        );
    } else {
        tracing::warn!(
            transitions,
            customers,
            %within,
            model,
            "burst: unusually many transitions, most of them of this model; they are published. Set emit_from in a \
            model that reads history, or burst.fuse to suspend bursts until an operator resumes them"
        );
    }
}
