//! A real Apache Kafka for tests: one process on loopback, and clients to fill it and to look.
//!
//! ```text
//! let broker = Broker::shared();                        // or Broker::start(), to kill it
//! broker.create_topic("orders", 2, &[]);
//! broker.produce("orders", &[Record::new(0, "anna", "1").at(1_000)]);
//! let stored = broker.read("orders", Isolation::Committed);
//! ```
//!
//! Whatever fails here panics: a test has no use for an error. Nothing waits for a fixed time, and
//! nothing for ever.

mod broker;
mod jars;
mod ports;
pub(crate) mod process;
mod produce;
mod read;
mod record;
mod topics;

pub(crate) use broker::Broker;
pub(crate) use read::{Isolation, Position};
pub(crate) use record::{Record, Stored};

use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult};

/// Longest wait for anything. Far above what is usual: machines that run tests are busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what sends no news.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Returns once `condition` holds; a test that waits for it too long has failed.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not in {PATIENCE:?}: {what}");
        thread::park_timeout(LOOK_AGAIN);
    }
}

/// What all clients have in common.
fn client_config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        // A broker that comes back is found at once, and not up to 10 s later.
        .set("reconnect.backoff.ms", "20")
        .set("reconnect.backoff.max.ms", "100");
    config
}

/// Asks the broker until it answers; it may be down or busy with itself for a while.
fn ask<T>(what: &str, mut question: impl FnMut() -> KafkaResult<T>) -> T {
    let mut answer = None;
    eventually(what, || match question() {
        Ok(found) => {
            answer = Some(found);
            true
        }
        Err(error) => {
            assert!(is_passing(&error), "{what}: {error}");
            false
        }
    });
    answer.unwrap()
}

/// Whether the same request may succeed later.
fn is_passing(error: &KafkaError) -> bool {
    use rdkafka::error::RDKafkaErrorCode::{
        AllBrokersDown, BrokerTransportFailure, CoordinatorLoadInProgress, CoordinatorNotAvailable,
        LeaderNotAvailable, NotCoordinator, NotLeaderForPartition,
    };
    let passing = [
        AllBrokersDown,
        BrokerTransportFailure,
        CoordinatorLoadInProgress,
        CoordinatorNotAvailable,
        LeaderNotAvailable,
        NotCoordinator,
        NotLeaderForPartition,
    ];
    error
        .rdkafka_error_code()
        .is_some_and(|code| passing.contains(&code))
}
