//! The progress of restoring partitions, for readiness, metrics and the log.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::telemetry::Metrics;

/// By partition that is being restored.
#[derive(Debug, Default)]
pub struct RestoreProgress(Mutex<BTreeMap<i32, PartitionProgress>>);

#[derive(Debug, Default)]
struct PartitionProgress {
    /// Changelog offsets read.
    done: u64,
    /// Offsets to read in total.
    total: u64,
    /// Why it does not continue, and is tried again.
    failure: Option<String>,
}

/// The sums over all partitions that are being restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RestoreSnapshot {
    pub partitions: usize,
    /// Offsets read.
    pub done: u64,
    /// Offsets to read in total.
    pub total: u64,
}

impl RestoreProgress {
    pub(super) fn set(&self, partition: i32, done: u64, total: u64) {
        self.lock().insert(partition, PartitionProgress { done, total, failure: None });
    }

    pub(super) fn set_failure(&self, partition: i32, failure: String) {
        self.lock().entry(partition).or_default().failure = Some(failure);
    }

    /// The failures by partition.
    pub(super) fn failures(&self) -> BTreeMap<i32, String> {
        let partitions = self.lock();
        let failed = |(partition, it): (&i32, &PartitionProgress)| {
            it.failure.clone().map(|failure| (*partition, failure))
        };
        partitions.iter().filter_map(failed).collect()
    }

    pub(super) fn finish(&self, partition: i32) {
        self.lock().remove(&partition);
    }

    /// Clears all partitions when the daemon restarts.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    pub(crate) fn snapshot(&self) -> RestoreSnapshot {
        let partitions = self.lock();
        let add = |sum: RestoreSnapshot, it: &PartitionProgress| RestoreSnapshot {
            partitions: sum.partitions + 1,
            done: sum.done + it.done,
            total: sum.total + it.total,
        };
        partitions.values().fold(RestoreSnapshot::default(), add)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i32, PartitionProgress>> {
        // A poisoned lock is usable: a panic cannot leave the numbers inconsistent.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Reports the progress and an estimate of the remaining time to the metrics and the log.
#[derive(Debug, Default)]
pub(super) struct ProgressReporter {
    last_update: Option<Instant>,
    last_logged: Option<Instant>,
    /// When the estimate began, and the offsets that remained then.
    begun: Option<(Instant, u64)>,
}

const UPDATE_INTERVAL: Duration = Duration::from_secs(1);
const LOG_INTERVAL: Duration = Duration::from_secs(10);

impl ProgressReporter {
    pub(super) fn report(&mut self, restoring: &RestoreProgress, metrics: &Metrics) {
        let now = Instant::now();
        let has_elapsed = |since: Option<Instant>, interval| {
            since.is_none_or(|since| now.duration_since(since) >= interval)
        };
        if !has_elapsed(self.last_update, UPDATE_INTERVAL) {
            return;
        }
        self.last_update = Some(now);
        let RestoreSnapshot { partitions, done, total: all } = restoring.snapshot();
        let remaining = all.saturating_sub(done);
        let seconds = self.estimate(now, remaining);
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        metrics.restore.partitions.set(number(partitions as u64));
        metrics.restore.remaining_records.set(number(remaining));
        metrics.restore.remaining_seconds.set(number(seconds));
        if partitions > 0 && has_elapsed(self.last_logged, LOG_INTERVAL) {
            self.last_logged = Some(now);
            tracing::info!(partitions, done, all, seconds, "restoring");
        }
    }

    /// Seconds until `remaining` offsets are read, at the average rate so far. Starts again when `remaining` has grown,
    /// because a partition was added.
    fn estimate(&mut self, now: Instant, remaining: u64) -> u64 {
        let (begun, initial) = match self.begun {
            Some((begun, initial)) if remaining > 0 && remaining <= initial => (begun, initial),
            _ => (now, remaining),
        };
        self.begun = Some((begun, initial));
        let seconds = now.duration_since(begun).as_secs_f64();
        match initial - remaining {
            0 => 0,
            done => (seconds * remaining as f64 / done as f64).ceil() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remaining_time_is_estimated_from_the_rate_so_far() {
        let mut reporter = ProgressReporter::default();
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(reporter.estimate(begun, 1_000), 0);
        assert_eq!(reporter.estimate(after(10), 900), 90);
        assert_eq!(reporter.estimate(after(20), 500), 20);
        // Another partition is added.
        assert_eq!(reporter.estimate(after(21), 5_000), 0);
        assert_eq!(reporter.estimate(after(22), 4_000), 4);
        assert_eq!(reporter.estimate(after(23), 0), 0);
    }
}
