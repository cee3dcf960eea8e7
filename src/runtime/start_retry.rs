//! Decides whether a daemon that failed is started again in the same process, and when.

use std::time::{Duration, Instant};

use super::backoff;
use super::error::Error;
use super::restore;
use crate::kafka::Remedy;
use crate::telemetry::error_chain;

const WAIT_MIN: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(10);
/// A daemon that ran for this long had started: its failure is a new one.
const STARTED_AFTER: Duration = Duration::from_secs(60);
/// Interval between two log lines about the same failure.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The failures since the daemon last ran.
#[derive(Debug)]
pub struct StartRetry {
    /// How long a cause that needs a person may persist before the process ends.
    misconfiguration_timeout: Duration,
    attempts: u32,
    /// Since when each attempt has failed for a cause that needs a person.
    misconfigured_since: Option<Instant>,
    logged: Option<(String, Instant)>,
    repeated: u64,
}

impl StartRetry {
    pub fn new(misconfiguration_timeout: Duration) -> StartRetry {
        StartRetry {
            misconfiguration_timeout,
            attempts: 0,
            misconfigured_since: None,
            logged: None,
            repeated: 0,
        }
    }

    /// The wait before the next start, after a daemon that started at `started` has failed; `None` if the process ends.
    pub fn next_wait(&mut self, error: &Error, started: Instant, now: Instant) -> Option<Duration> {
        let has_run = now.duration_since(started) >= STARTED_AFTER;
        if has_run {
            *self = StartRetry::new(self.misconfiguration_timeout);
        }
        match remedy(error) {
            Remedy::None => return None,
            Remedy::Time => self.misconfigured_since = None,
            Remedy::Person => {
                let since = if has_run { now } else { started };
                let since = *self.misconfigured_since.get_or_insert(since);
                if now.duration_since(since) >= self.misconfiguration_timeout {
                    return None;
                }
            }
        }
        let wait = backoff::exponential(WAIT_MIN, WAIT_MAX, self.attempts);
        self.attempts += 1;
        Some(wait)
    }

    /// Logs the cause when it is a new one, and now and then while it persists.
    pub fn log(&mut self, error: &Error, now: Instant) {
        let cause = error_chain(error);
        self.repeated += 1;
        let is_known = self
            .logged
            .as_ref()
            .is_some_and(|(known, at)| *known == cause && now.duration_since(*at) < LOG_INTERVAL);
        if is_known {
            return;
        }
        let failures = self.repeated;
        match remedy(error) {
            Remedy::Person => tracing::error!(
                cause, failures, timeout = ?self.misconfiguration_timeout,
                "the daemon cannot run until this is corrected; it tries again until runtime.misconfiguration_timeout"
            ),
            _ => tracing::warn!(cause, failures, "Kafka is not available; waiting for it"),
        }
        self.logged = Some((cause, now));
        self.repeated = 0;
    }
}

fn remedy(error: &Error) -> Remedy {
    match error {
        Error::Kafka(error) | Error::Partition(restore::Error::Kafka(error)) => error.remedy(),
        _ => Remedy::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka;

    #[test]
    fn an_outage_is_waited_for_and_a_misconfiguration_ends_the_process_after_its_timeout() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let outage = Error::Kafka(kafka::Error::Unavailable("no broker".to_owned()));
        let wrong = Error::Kafka(kafka::Error::Misconfigured("no topic".to_owned()));
        let mut retry = StartRetry::new(Duration::from_secs(60));
        let waits = [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0].map(Duration::from_secs_f64);
        for wait in waits {
            assert_eq!(retry.next_wait(&outage, after(0), after(1)), Some(wait));
        }
        assert!(retry.next_wait(&wrong, after(100), after(110)).is_some());
        assert!(retry.next_wait(&wrong, after(150), after(159)).is_some());
        // The outage in between shows that nothing is known about the cause.
        assert!(retry.next_wait(&outage, after(160), after(165)).is_some());
        assert!(retry.next_wait(&wrong, after(165), after(170)).is_some());
        assert_eq!(retry.next_wait(&wrong, after(220), after(225)), None);
        // A daemon that has run begins a new count.
        assert_eq!(retry.next_wait(&wrong, after(300), after(400)), Some(WAIT_MIN));
        assert_eq!(retry.next_wait(&Error::Panicked, after(0), after(1)), None);
        assert_eq!(StartRetry::new(Duration::ZERO).next_wait(&wrong, after(0), after(0)), None);
    }
}
