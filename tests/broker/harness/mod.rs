//! A real Apache Kafka for tests: one process on loopback (or three), and clients to fill and read it.
//!
//! ```text
//! let broker = Broker::shared();                        // or Broker::start(), to kill it
//! broker.create_topic("orders", 2, &[]);
//! broker.produce("orders", &[Record::new(0, "anna", "1").at(1_000)]);
//! let stored = broker.read("orders", Isolation::Committed);
//! ```
//!
//! Every failure panics. Nothing waits for a fixed time, and every wait has a bound.

mod broker;
mod jars;
mod listeners;
mod node;
mod ports;
pub(crate) mod process;
mod produce;
mod read;
mod record;
mod topics;

pub(crate) use broker::Broker;
pub(crate) use listeners::Listener;
pub(crate) use read::{CommittedOffset, Isolation};
pub(crate) use record::{Record, StoredRecord};

use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult};

/// Bound of every wait. Far above the usual time: machines that run tests are busy.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Bound of one request that is repeated: the broker that it was sent to may be frozen.
const REQUEST_MAX: Duration = Duration::from_secs(10);
/// Interval between two checks of a condition.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Waits until `condition` is true; fails the test after `WAIT_MAX`.
pub(crate) fn eventually(description: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + WAIT_MAX;
    while !condition() {
        assert!(Instant::now() < deadline, "not in {WAIT_MAX:?}: {description}");
        thread::park_timeout(POLL_INTERVAL);
    }
}

/// Waits for this time, where the time itself is the condition. A parked thread may wake up earlier.
pub(crate) fn let_pass(time: Duration) {
    let begun = Instant::now();
    while let Some(left) = time.checked_sub(begun.elapsed()) {
        thread::park_timeout(left);
    }
}

/// The common configuration of all clients.
fn client_config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        // A frozen broker does not keep others from being asked.
        .set("socket.timeout.ms", "5000")
        // A restarted broker is found immediately, and not up to 10 s later.
        .set("reconnect.backoff.ms", "20")
        .set("reconnect.backoff.max.ms", "100");
    config
}

/// Repeats the request until the broker answers; it may be down or starting.
fn retry<T>(description: &str, mut request: impl FnMut() -> KafkaResult<T>) -> T {
    let mut response = None;
    eventually(description, || match request() {
        Ok(found) => {
            response = Some(found);
            true
        }
        Err(error) => {
            assert!(is_transient(&error), "{description}: {error}");
            false
        }
    });
    response.unwrap()
}

/// Whether the same request may succeed later.
fn is_transient(error: &KafkaError) -> bool {
    use rdkafka::error::RDKafkaErrorCode::{
        AllBrokersDown, BrokerTransportFailure, CoordinatorLoadInProgress, CoordinatorNotAvailable,
        DestroyBroker, LeaderNotAvailable, NotCoordinator, NotLeaderForPartition,
        OffsetNotAvailable, OperationTimedOut,
    };
    let passing = [
        AllBrokersDown,
        BrokerTransportFailure,
        CoordinatorLoadInProgress,
        CoordinatorNotAvailable,
        DestroyBroker,
        LeaderNotAvailable,
        NotCoordinator,
        NotLeaderForPartition,
        OffsetNotAvailable,
        OperationTimedOut,
    ];
    error.rdkafka_error_code().is_some_and(|code| passing.contains(&code))
}
