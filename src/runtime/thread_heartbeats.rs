//! When the polling thread and the workers last began a turn, so that a stuck process is noticed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longest turn of the polling thread; a start that waits for Kafka counts as turns too.
const POLL_TURN_MAX: Duration = Duration::from_secs(60);
/// Longest turn of a worker: reads and writes of the local disk, and single calls to Kafka, which have timeouts.
const WORKER_TURN_MAX: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DaemonThread {
    Poll,
    Worker(usize),
}

impl DaemonThread {
    fn turn_max(self) -> Duration {
        match self {
            DaemonThread::Poll => POLL_TURN_MAX,
            DaemonThread::Worker(_) => WORKER_TURN_MAX,
        }
    }
}

impl fmt::Display for DaemonThread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DaemonThread::Poll => out.write_str("the polling thread"),
            DaemonThread::Worker(number) => write!(out, "worker {number}"),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct ThreadHeartbeats(Mutex<BTreeMap<DaemonThread, Instant>>);

impl ThreadHeartbeats {
    pub(super) fn record(&self, thread: DaemonThread) {
        self.lock().insert(thread, Instant::now());
    }

    /// Forgets the workers, which have ended or have not started.
    pub(super) fn clear_workers(&self) {
        self.lock().retain(|thread, _| *thread == DaemonThread::Poll);
    }

    /// The first thread whose turn takes too long, and since when.
    pub(super) fn stalled(&self, now: Instant) -> Option<(DaemonThread, Duration)> {
        let beats = self.lock();
        let ages = beats.iter().map(|(thread, at)| (*thread, now.duration_since(*at)));
        ages.filter(|(thread, age)| *age >= thread.turn_max()).max_by_key(|(_, age)| *age)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<DaemonThread, Instant>> {
        // A panic while the lock is taken leaves the map consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_whose_turn_takes_too_long_is_named_until_it_continues_or_ends() {
        let beats = ThreadHeartbeats::default();
        let now = Instant::now();
        assert_eq!(beats.stalled(now + WORKER_TURN_MAX), None);
        beats.record(DaemonThread::Worker(3));
        assert_eq!(beats.stalled(now + POLL_TURN_MAX), None);
        let late = Instant::now() + WORKER_TURN_MAX;
        let (thread, age) = beats.stalled(late).unwrap();
        assert_eq!(thread, DaemonThread::Worker(3));
        assert!(age >= WORKER_TURN_MAX);
        beats.record(DaemonThread::Poll);
        beats.clear_workers();
        assert_eq!(beats.stalled(now + POLL_TURN_MAX / 2), None);
        let late = Instant::now() + POLL_TURN_MAX;
        assert_eq!(beats.stalled(late).unwrap().0, DaemonThread::Poll);
    }
}
