//! What passes by itself is told now and then: while a broker is away, every client says so several
//! times a second.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Time between two tellings of the same error.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// When each error was told last, and how often it has come since. By its code, of which there are few.
static LAST_LOGGED: Mutex<BTreeMap<i32, (Instant, u64)>> = Mutex::new(BTreeMap::new());

/// For clients that have nothing else to say.
pub(super) struct LogThrottle;

impl ClientContext for LogThrottle {
    fn error(&self, error: KafkaError, reason: &str) {
        warn(&error, reason);
    }
}

impl ConsumerContext for LogThrottle {}

/// Logs the error, unless a client of this process has told the same lately. The end of a partition is
/// no error.
pub(super) fn warn(error: &KafkaError, reason: &str) {
    if matches!(error, KafkaError::Global(RDKafkaErrorCode::PartitionEOF)) {
        return;
    }
    let code = error.rdkafka_error_code().map_or(0, |code| code as i32);
    // Times and numbers are whole whoever panicked.
    let mut told = LAST_LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(repeated) = admit(&mut told, code, Instant::now()) {
        drop(told);
        tracing::warn!(%error, reason, repeated, "a Kafka client reports an error; going on");
    }
}

/// How often it was not told, if it is to be told now.
fn admit(told: &mut BTreeMap<i32, (Instant, u64)>, code: i32, now: Instant) -> Option<u64> {
    if let Some((last, repeated)) = told.get_mut(&code)
        && now.duration_since(*last) < LOG_INTERVAL
    {
        *repeated += 1;
        return None;
    }
    let before = told.insert(code, (now, 0));
    Some(before.map_or(0, |(_, repeated)| repeated))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_told_once_in_a_while_with_how_often_it_came() {
        let mut told = BTreeMap::new();
        let begun = Instant::now();
        let mut at = |seconds, code| admit(&mut told, code, begun + Duration::from_secs(seconds));
        assert_eq!(at(0, 1), Some(0));
        assert_eq!(at(1, 1), None);
        assert_eq!(at(2, 2), Some(0));
        assert_eq!(at(29, 1), None);
        assert_eq!(at(30, 1), Some(2));
        assert_eq!(at(60, 1), Some(0));
    }
}
