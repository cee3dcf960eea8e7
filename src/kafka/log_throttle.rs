//! Rate-limited logging of transient client errors: while a broker is unreachable, every client
//! reports it several times a second.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Interval between two log lines of the same error code.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// By error code: time of the last log line, and number of repetitions since. Codes are few, so it
/// stays small.
static LAST_LOGGED: Mutex<BTreeMap<i32, (Instant, u64)>> = Mutex::new(BTreeMap::new());

/// The callbacks of clients that only log errors.
pub(super) struct LogThrottle;

impl ClientContext for LogThrottle {
    fn error(&self, error: KafkaError, reason: &str) {
        warn(&error, reason);
    }
}

impl ConsumerContext for LogThrottle {}

/// Logs the error, unless a client of this process has logged the same code within [`LOG_INTERVAL`].
/// Ignores the end of a partition, which is no error.
pub(super) fn warn(error: &KafkaError, reason: &str) {
    if matches!(error, KafkaError::Global(RDKafkaErrorCode::PartitionEOF)) {
        return;
    }
    let code = error.rdkafka_error_code().map_or(0, |code| code as i32);
    // A poisoned lock is safe: each entry is replaced as a whole.
    let mut last_logged = LAST_LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(repeated) = admit(&mut last_logged, code, Instant::now()) {
        drop(last_logged);
        tracing::warn!(%error, reason, repeated, "a Kafka client reports an error; continuing");
    }
}

/// The number of suppressed repetitions, if the error is to be logged now.
fn admit(last_logged: &mut BTreeMap<i32, (Instant, u64)>, code: i32, now: Instant) -> Option<u64> {
    if let Some((last, repeated)) = last_logged.get_mut(&code)
        && now.duration_since(*last) < LOG_INTERVAL
    {
        *repeated += 1;
        return None;
    }
    let previous = last_logged.insert(code, (now, 0));
    Some(previous.map_or(0, |(_, repeated)| repeated))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_error_is_logged_once_per_interval_with_its_repetitions() {
        let mut logged = BTreeMap::new();
        let start = Instant::now();
        let mut at = |seconds, code| admit(&mut logged, code, start + Duration::from_secs(seconds));
        assert_eq!(at(0, 1), Some(0));
        assert_eq!(at(1, 1), None);
        assert_eq!(at(2, 2), Some(0));
        assert_eq!(at(29, 1), None);
        assert_eq!(at(30, 1), Some(2));
        assert_eq!(at(60, 1), Some(0));
    }
}
