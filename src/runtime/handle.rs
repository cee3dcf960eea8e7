//! How other threads observe and stop the daemon.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::clock;
use super::customers::Customers;
use super::fuse::Fuse;
use super::partitions::Partitions;
use super::restore_progress::RestoreProgress;
use super::settings::Settings;
use super::uncommitted::UncommittedWork;
use crate::event::WallTime;
use crate::model::Models;

/// Observes and stops the daemon from other threads.
#[derive(Debug, Default)]
pub struct Handle {
    stop: AtomicBool,
    /// What to continue with after an orderly stop.
    restart: Mutex<Option<(Models, Settings)>>,
    /// All partitions of the first assignment have been restored once.
    ready: AtomicBool,
    /// When the polling thread last began a turn.
    heartbeat: AtomicI64,
    pub restoring: Arc<RestoreProgress>,
    /// The state of each partition, and the actions that operators request for quarantined ones.
    pub partitions: Arc<Partitions>,
    /// The circuit breaker: suspends bursts until an operator resumes them.
    pub fuse: Arc<Fuse>,
    /// The customers that operators can inspect.
    pub customers: Arc<Customers>,
    pub(super) uncommitted: Arc<UncommittedWork>,
}

impl Handle {
    /// Asks the daemon to commit pending records and end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Asks the daemon to commit pending records and end, so that it can continue with other models.
    pub fn restart_with(&self, models: Models, settings: Settings) {
        *self.lock() = Some((models, settings));
    }

    /// The models and settings to continue with, unless the daemon was also asked to stop.
    pub fn take_restart(&self) -> Option<(Models, Settings)> {
        let next = self.lock().take();
        next.filter(|_| !self.stop.load(Ordering::Acquire))
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Models, Settings)>> {
        // A panic while the lock is taken leaves the value consistent.
        self.restart.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all partitions of the first assignment have been restored.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Returns whether it was not ready before.
    pub(super) fn set_ready(&self) -> bool {
        !self.ready.swap(true, Ordering::AcqRel)
    }

    /// The time since the last heartbeat of the polling thread.
    pub fn heartbeat_age(&self) -> Duration {
        let seen = WallTime(self.heartbeat.load(Ordering::Acquire));
        let age = clock::now().duration_since(seen);
        Duration::from_millis(age.0.try_into().unwrap_or(0))
    }

    pub(super) fn record_heartbeat(&self) {
        self.heartbeat.store(clock::now().0, Ordering::Release);
    }

    /// Whether it was asked to end, for good or for other models.
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire) || self.lock().is_some()
    }
}
