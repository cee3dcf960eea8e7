//! How far the restoring of partitions is, for whoever waits.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::telemetry::Metrics;

/// Changelog records read and to be read, over all partitions that are being restored.
#[derive(Debug, Default)]
pub struct RestoreProgress(Mutex<BTreeMap<i32, (u64, u64)>>);

/// What [`Restoring`] shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestoreSnapshot {
    /// Partitions that are being restored.
    pub partitions: usize,
    /// Offsets of theirs that were read.
    pub done: u64,
    /// All that are to be read.
    pub total: u64,
}

impl RestoreProgress {
    pub(super) fn set(&self, partition: i32, done: u64, all: u64) {
        self.lock().insert(partition, (done, all));
    }

    pub(super) fn finish(&self, partition: i32) {
        self.lock().remove(&partition);
    }

    /// For a daemon that begins anew.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// Where it stands now.
    pub fn snapshot(&self) -> RestoreSnapshot {
        let inner = self.lock();
        let sum = |seen: RestoreSnapshot, (done, all): &(u64, u64)| RestoreSnapshot {
            partitions: seen.partitions + 1,
            done: seen.done + done,
            total: seen.total + all,
        };
        inner.values().fold(RestoreSnapshot::default(), sum)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i32, (u64, u64)>> {
        // The numbers are whole whoever panicked while holding them.
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Tells metrics and log how far it is, and how long it takes.
#[derive(Debug, Default)]
pub(super) struct ProgressReporter {
    last_update: Option<Instant>,
    last_logged: Option<Instant>,
    /// What is left, and when it began to be restored.
    begun: Option<(Instant, u64)>,
}

const UPDATE_INTERVAL: Duration = Duration::from_secs(1);
const LOG_INTERVAL: Duration = Duration::from_secs(10);

impl ProgressReporter {
    pub(super) fn report(&mut self, restoring: &RestoreProgress, metrics: &Metrics) {
        let now = Instant::now();
        let waited = |since: Option<Instant>, long| {
            since.is_none_or(|since| now.duration_since(since) >= long)
        };
        if !waited(self.last_update, UPDATE_INTERVAL) {
            return;
        }
        self.last_update = Some(now);
        let RestoreSnapshot {
            partitions,
            done,
            total: all,
        } = restoring.snapshot();
        let left = all.saturating_sub(done);
        let seconds = self.estimate(now, left);
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        metrics.restore.partitions.set(number(partitions as u64));
        metrics.restore.remaining_records.set(number(left));
        metrics.restore.remaining_seconds.set(number(seconds));
        if partitions > 0 && waited(self.last_logged, LOG_INTERVAL) {
            self.last_logged = Some(now);
            tracing::info!(partitions, done, all, seconds, "restoring");
        }
    }

    /// As fast as so far. A partition that comes in later makes it begin anew.
    fn estimate(&mut self, now: Instant, left: u64) -> u64 {
        let (begun, first) = match self.begun {
            Some((begun, first)) if left > 0 && left <= first => (begun, first),
            _ => (now, left),
        };
        self.begun = Some((begun, first));
        let seconds = now.duration_since(begun).as_secs_f64();
        match first - left {
            0 => 0,
            done => (seconds * left as f64 / done as f64).ceil() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_takes_as_long_as_what_was_done() {
        let mut teller = ProgressReporter::default();
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(teller.estimate(begun, 1_000), 0);
        assert_eq!(teller.estimate(after(10), 900), 90);
        assert_eq!(teller.estimate(after(20), 500), 20);
        // Another partition comes in.
        assert_eq!(teller.estimate(after(21), 5_000), 0);
        assert_eq!(teller.estimate(after(22), 4_000), 4);
        assert_eq!(teller.estimate(after(23), 0), 0);
    }
}
