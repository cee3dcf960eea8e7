//! Why brokers cannot be reached. librdkafka reports the cause apart from the call that fails, and only to a client that is
//! polled.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};

use super::client_check::check_files;
use super::permissions::Resource;
use super::tls::RefusedCertificate;
use super::{Config, Error, log_throttle};

/// Longest wait for the response to one request.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a request may take before its first and its second repetition. Most errors of a connection appear within the
/// first; the last repetition has the rest of the time, for brokers that are slow.
const REPEAT_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
/// Events of a client that are read to find the cause.
const EVENTS_MAX: usize = 100;

/// The context of a client for requests: keeps the error that explains best why they fail.
#[derive(Debug, Default)]
pub(super) struct ConnectionErrors(Mutex<Option<(Code, String)>>);

impl ClientContext for ConnectionErrors {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        use RDKafkaLogLevel::{Debug, Info, Notice};
        // librdkafka only logs that a connection was closed, with what that may mean.
        if facility == "FAIL" {
            self.keep(Code::BrokerTransportFailure, message);
        }
        if !matches!(level, Debug | Info | Notice) {
            log_throttle::line("requests", level, facility, message);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_throttle::warn("requests", &error, reason);
        if let Some(code) = error.rdkafka_error_code() {
            self.keep(code, reason);
        }
    }
}

impl ConnectionErrors {
    fn keep(&self, code: Code, reason: &str) {
        // A panic elsewhere leaves the value consistent: it is replaced as a whole.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let explains = rank(code, reason);
        if known.as_ref().is_none_or(|(before, text)| explains >= rank(*before, text)) {
            *known = Some((code, log_throttle::without_state(reason).to_owned()));
        }
    }
}

impl ConsumerContext for ConnectionErrors {}

/// How much an error explains.
fn rank(code: Code, reason: &str) -> u8 {
    match code {
        Code::Authentication | Code::SSL | Code::GroupAuthorizationFailed => 3,
        _ if RefusedCertificate::from_reason(reason).is_some() => 3,
        // With a hint of librdkafka, such as "connecting to a SSL listener?".
        _ if reason.contains("listener?") || reason.contains("security.protocol") => 2,
        Code::AllBrokersDown => 0,
        _ => 1,
    }
}

pub(super) type RequestClient = BaseConsumer<ConnectionErrors>;

pub(super) fn request_client(config: &Config) -> Result<RequestClient, Error> {
    check_files(config)?;
    let mut settings = config.reader();
    let client = settings
        .set_log_level(RDKafkaLogLevel::Info)
        .create_with_context(ConnectionErrors::default());
    client.map_err(|source| Error::from_client_creation("creating a Kafka client", source))
}

/// Repeats a request, which gets the time that it may take, until it has a response or [`REQUEST_TIMEOUT`] is over. Ends
/// before that if an operator has to act.
pub(super) fn request<T>(
    config: &Config,
    client: &RequestClient,
    call: impl Fn(Duration) -> KafkaResult<T>,
) -> Result<T, Error> {
    let rest = REPEAT_AFTER.into_iter().fold(REQUEST_TIMEOUT, Duration::saturating_sub);
    for timeout in REPEAT_AFTER {
        if let Ok(response) = call(timeout) {
            return Ok(response);
        }
        let error = no_response(config, client);
        if matches!(error, Error::Misconfigured(_)) {
            return Err(error);
        }
    }
    call(rest).map_err(|_| no_response(config, client))
}

/// The error of a request that got no response: an operator must act if brokers refuse the login or the encryption;
/// otherwise it may pass.
pub(super) fn no_response(config: &Config, client: &RequestClient) -> Error {
    take_events(client, EVENTS_MAX);
    let known = client.context().0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (brokers, security) = (&config.brokers, &config.security);
    if let Some((_, cause)) = &known
        && let Some(refused) = RefusedCertificate::from_reason(cause)
    {
        return config.certificate_error(refused, cause);
    }
    match known {
        Some((Code::Authentication, cause)) => config.login_error(&cause),
        Some((Code::SSL, cause)) => Error::Misconfigured(format!(
            "encryption with the brokers at {brokers} fails: {cause}. Correct kafka.security: protocol is {}, and ca_file must \
            contain the certificate that signed theirs",
            security.protocol
        )),
        Some((Code::GroupAuthorizationFailed, _)) => config.denied(Resource::Group),
        Some((_, cause)) => {
            // As librdkafka sees it that the broker has closed the connection; it has a hint for few of the mismatches.
            let closed = ["Disconnected", "Broken pipe", "reset by peer"];
            let hint = if closed.into_iter().any(|text| cause.contains(text)) {
                format!(
                    ". It may also expect another kafka.security.protocol than {}",
                    security.protocol
                )
            } else {
                String::new()
            };
            Error::Unavailable(format!("no broker responds at {brokers}: {cause}{hint}"))
        }
        None => Error::Unavailable(format!("no broker responds at {brokers}")),
    }
}

/// Passes what a client reports to its context: at most so many events. A poll that serves a log line returns nothing, as one
/// without an event does.
pub(super) fn take_events<C: ConsumerContext>(client: &BaseConsumer<C>, max: usize) {
    for _ in 0..max {
        drop(client.poll(Duration::ZERO));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_error_explains_a_failure() {
        let errors = ConnectionErrors::default();
        let refused = "sasl_plaintext://b:9092/bootstrap: SASL authentication error: Invalid username \
            or password (after 5ms in state AUTH_REQ, 3 identical error(s) suppressed)";
        for (code, reason) in [
            (Code::BrokerTransportFailure, "b:9092/bootstrap: Connection refused"),
            (Code::Authentication, refused),
            (Code::AllBrokersDown, "1/1 brokers are down"),
            (Code::BrokerTransportFailure, "b:9092/bootstrap: Disconnected"),
        ] {
            errors.error(KafkaError::Global(code), reason);
        }
        let known = errors.0.lock().unwrap().clone().unwrap();
        let cause = "sasl_plaintext://b:9092/bootstrap: SASL authentication error: Invalid username \
            or password";
        assert_eq!(known, (Code::Authentication, cause.to_owned()));
    }
}
