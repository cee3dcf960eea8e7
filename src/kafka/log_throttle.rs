//! Rate-limited logging of what clients report: while a broker is unreachable, every client reports it several times a
//! second.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::client_errors;

/// Interval between two log lines of the same text.
const LOG_INTERVAL: Duration = Duration::from_secs(30);
/// Most texts that are remembered; beyond it, all are forgotten.
const TEXTS_MAX: usize = 256;

/// By text: time of the last log line, and number of repetitions since.
static LAST_LOGGED: Mutex<Texts> = Mutex::new(Texts(BTreeMap::new()));

#[derive(Debug)]
struct Texts(BTreeMap<String, (Instant, u64)>);

/// The callbacks of a client that only logs errors, with its name.
pub(super) struct LogThrottle(pub(super) &'static str);

impl ClientContext for LogThrottle {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        line(self.0, level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        warn(self.0, &error, reason);
    }
}

impl ConsumerContext for LogThrottle {}

/// Logs the error, unless a client of this process has logged the same code within [`LOG_INTERVAL`].
/// Ignores the end of a partition, which is no error.
pub(super) fn warn(client: &str, error: &KafkaError, reason: &str) {
    if matches!(error, KafkaError::Global(RDKafkaErrorCode::PartitionEOF)) {
        return;
    }
    client_errors::observe(error, without_state(reason));
    if let Some(repeated) = admit(&error.to_string()) {
        tracing::warn!(client, %error, reason, repeated, "a Kafka client reports an error; continuing");
    }
}

/// Logs a line of librdkafka, unless it was logged within [`LOG_INTERVAL`]. `FAIL` lines repeat what `warn` logs.
pub(super) fn line(client: &str, level: RDKafkaLogLevel, facility: &str, message: &str) {
    use RDKafkaLogLevel::{Alert, Critical, Emerg, Error};
    let text = format!("{facility} {}", without_state(message));
    let Some(repeated) = admit(&text) else {
        return;
    };
    match level {
        _ if facility == "FAIL" => tracing::debug!(client, repeated, "librdkafka: {text}"),
        Emerg | Alert | Critical | Error => tracing::error!(client, repeated, "librdkafka: {text}"),
        _ => tracing::warn!(client, repeated, "librdkafka: {text}"),
    }
}

/// A message without librdkafka's thread, state and counter, which differ between repetitions.
pub(super) fn without_state(message: &str) -> &str {
    let thread = message.strip_prefix("[thrd:").and_then(|rest| rest.split_once("]: "));
    let message = thread.map_or(message, |(_, rest)| rest);
    message.split(" (after ").next().unwrap_or(message).trim_end_matches(['.', ' '])
}

/// The number of suppressed repetitions, if a text is to be logged now.
fn admit(text: &str) -> Option<u64> {
    // A poisoned lock is safe: each entry is replaced as a whole.
    LAST_LOGGED.lock().unwrap_or_else(PoisonError::into_inner).admit(text, Instant::now())
}

impl Texts {
    fn admit(&mut self, text: &str, now: Instant) -> Option<u64> {
        if let Some((last, repeated)) = self.0.get_mut(text)
            && now.duration_since(*last) < LOG_INTERVAL
        {
            *repeated += 1;
            return None;
        }
        if self.0.len() >= TEXTS_MAX {
            self.0.clear();
        }
        let previous = self.0.insert(text.to_owned(), (now, 0));
        Some(previous.map_or(0, |(_, repeated)| repeated))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_is_logged_once_per_interval_with_its_repetitions() {
        let mut logged = Texts(BTreeMap::new());
        let start = Instant::now();
        let mut at = |seconds, text| logged.admit(text, start + Duration::from_secs(seconds));
        assert_eq!(at(0, "a"), Some(0));
        assert_eq!(at(1, "a"), None);
        assert_eq!(at(2, "b"), Some(0));
        assert_eq!(at(29, "a"), None);
        assert_eq!(at(30, "a"), Some(2));
        assert_eq!(at(60, "a"), Some(0));
        for number in 0..1000 {
            logged.admit(&number.to_string(), start);
        }
        assert!(logged.0.len() <= TEXTS_MAX);
    }

    #[test]
    fn repetitions_of_a_message_have_the_same_text() {
        let one =
            "[thrd:ssl://b:1/bootstrap]: ssl://b:1/bootstrap: Disconnected (after 5ms in state UP)";
        let other = "ssl://b:1/bootstrap: Disconnected (after 0ms in state UP, 3 identical error(s) suppressed)";
        assert_eq!(without_state(one), "ssl://b:1/bootstrap: Disconnected");
        assert_eq!(without_state(other), without_state(one));
    }
}
