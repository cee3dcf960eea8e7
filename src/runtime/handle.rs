//! How other threads observe and stop the daemon.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::customers::Customers;
use super::daemon_state::DaemonState;
use super::departure::Departure;
use super::fuse::Fuse;
use super::partition_registry::PartitionRegistry;
use super::restore_progress::RestoreProgress;
use super::settings::Settings;
use super::thread_heartbeats::{DaemonThread, ThreadHeartbeats};
use super::uncommitted::UncommittedWork;
use crate::kafka;
use crate::model::Models;
use crate::telemetry::Metrics;

/// Observes and stops the daemon from other threads.
#[derive(Debug, Default)]
pub struct Handle {
    stop: AtomicBool,
    /// What to continue with after an orderly stop.
    restart: Mutex<Option<(Models, Settings)>>,
    state: Mutex<DaemonState>,
    /// The local state has been opened once, or the process has waited for Kafka before.
    started: AtomicBool,
    /// All partitions of the first assignment have been restored once.
    ready: AtomicBool,
    pub(super) heartbeats: Arc<ThreadHeartbeats>,
    pub restoring: Arc<RestoreProgress>,
    /// The state of each partition, and the actions that operators request for quarantined ones.
    pub partitions: Arc<PartitionRegistry>,
    /// The circuit breaker: suspends bursts until an operator resumes them.
    pub fuse: Arc<Fuse>,
    /// The customers that operators can inspect.
    pub customers: Arc<Customers>,
    pub(super) uncommitted: Arc<UncommittedWork>,
    /// Whether the process leaves the group when it stops for good.
    pub departure: Arc<Departure>,
}

impl Handle {
    /// Asks the daemon to commit pending records and end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Asks the daemon to commit pending records and end, so that it can continue with other models.
    pub(crate) fn restart_with(&self, models: Models, settings: Settings) {
        *self.lock() = Some((models, settings));
    }

    /// The models and settings to continue with, unless the daemon was also asked to stop.
    pub(crate) fn take_restart(&self) -> Option<(Models, Settings)> {
        let next = self.lock().take();
        next.filter(|_| !self.is_stop_requested())
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Models, Settings)>> {
        // A panic while the lock is taken leaves the value consistent.
        self.restart.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the previous run, for a daemon that starts.
    pub(super) fn reset(&self, metrics: &Metrics) {
        self.heartbeats.clear_workers();
        self.record_heartbeat();
        self.set_state(DaemonState::Starting, metrics);
        self.restoring.clear();
        self.fuse.clear(metrics);
        self.partitions.clear(metrics);
        self.uncommitted.clear();
    }

    pub(crate) fn set_state(&self, state: DaemonState, metrics: &Metrics) {
        for name in DaemonState::NAMES {
            metrics.state.with_label_values(&[name]).set(i64::from(name == state.name()));
        }
        if let DaemonState::Waiting(_) = state {
            self.set_started();
        }
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Whether a worker has applied or buffered records that are not committed.
    pub(crate) fn has_uncommitted_work(&self) -> bool {
        !self.uncommitted.is_empty()
    }

    /// Whether the process is stopping, and leaves the group.
    pub(super) fn is_leaving(&self) -> bool {
        self.is_stop_requested() && self.departure.is_requested()
    }

    /// Why the daemon is not ready.
    pub(crate) fn not_ready_reason(&self) -> String {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let reason = state.describe(&self.partitions.list(), &self.restoring.failures());
        let is_starting = matches!(state, DaemonState::Starting | DaemonState::Restoring);
        match kafka::recent_connection_error().filter(|_| is_starting) {
            Some((age, cause)) => {
                format!("{reason}; a connection failed {} seconds ago: {cause}", age.as_secs())
            }
            None => reason,
        }
    }

    /// Whether the process has started, except for what depends on Kafka.
    pub(crate) fn is_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    pub(super) fn set_started(&self) {
        self.started.store(true, Ordering::Release);
    }

    /// Whether all partitions of the first assignment have been restored.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Returns whether it was not ready before.
    pub(super) fn set_ready(&self) -> bool {
        !self.ready.swap(true, Ordering::AcqRel)
    }

    /// Which thread is stuck, if one is, as a text.
    pub(crate) fn stalled_thread(&self) -> Option<String> {
        let (thread, age) = self.heartbeats.stalled(Instant::now())?;
        Some(format!("{thread} has not continued for {} seconds", age.as_secs()))
    }

    /// A heartbeat of the polling thread, or of a start that waits.
    pub(crate) fn record_heartbeat(&self) {
        self.heartbeats.record(DaemonThread::Poll);
    }

    /// Whether it was asked to end for good.
    pub(crate) fn is_stop_requested(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Whether it was asked to end, for good or for other models.
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stop_requested() || self.lock().is_some()
    }
}
