//! What the clients of this process last reported: refused logins and certificates, and connections that failed. librdkafka
//! repeats both every 30 seconds while they persist.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::tls::RefusedCertificate;

/// What is older has ended.
const RECENT: Duration = Duration::from_secs(40);

static LAST: Mutex<LastErrors> = Mutex::new(LastErrors { refusal: None, connection: None });

#[derive(Debug)]
struct LastErrors {
    /// Of a login or a certificate.
    refusal: Option<(Instant, String)>,
    connection: Option<(Instant, String)>,
}

fn last() -> MutexGuard<'static, LastErrors> {
    // A panic elsewhere leaves the values consistent: each is replaced as a whole.
    LAST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a client reports by its callback; other errors have no cause.
pub(super) fn observe(error: &KafkaError, cause: &str) {
    let KafkaError::Global(code) = error else {
        return;
    };
    let now = || Some((Instant::now(), cause.to_owned()));
    let mut last = last();
    match code {
        Code::Authentication => last.refusal = now(),
        _ if RefusedCertificate::from_reason(cause).is_some() => last.refusal = now(),
        Code::BrokerTransportFailure | Code::OperationTimedOut | Code::Resolve | Code::SSL => {
            last.connection = now();
        }
        // It follows the others, and says less.
        Code::AllBrokersDown if last.connection.is_none() => last.connection = now(),
        _ => {}
    }
}

pub(super) fn recent_refusal() -> Option<String> {
    last().refusal.as_ref().filter(|(at, _)| at.elapsed() < RECENT).map(|(_, cause)| cause.clone())
}

pub(super) fn forget_refusals() {
    last().refusal = None;
}

/// Why a connection to a broker failed lately, and how long ago.
pub(crate) fn recent_connection_error() -> Option<(Duration, String)> {
    let last = last();
    let (at, cause) = last.connection.as_ref()?;
    Some((at.elapsed(), cause.clone())).filter(|(age, _)| *age < RECENT)
}
