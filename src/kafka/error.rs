//! What can go wrong with Kafka, named by what must be done about it.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Try again: nothing has happened.
    #[error("{action} failed for now")]
    Retry {
        /// What was tried.
        action: &'static str,
        /// The reason.
        #[source]
        source: KafkaError,
    },
    /// Abort the transaction; the same batch can be tried again.
    #[error("{action} failed, and the transaction has to be aborted")]
    Abort {
        /// What was tried.
        action: &'static str,
        /// The reason.
        #[source]
        source: KafkaError,
    },
    /// Whether the transaction was committed is not known: make a new producer and look.
    #[error("{action} got no answer")]
    Indefinite {
        /// What was tried.
        action: &'static str,
        /// The reason.
        #[source]
        source: KafkaError,
    },
    /// Another producer has taken this one's place, or this one stalled for too long: end.
    #[error("{action} failed: another process uses the same instance name, or this one stalled")]
    Fenced {
        /// What was tried.
        action: &'static str,
        /// The reason.
        #[source]
        source: KafkaError,
    },
    /// It cannot work: end, and let a person look.
    #[error("{action} failed")]
    Fatal {
        /// What was tried.
        action: &'static str,
        /// The reason.
        #[source]
        source: KafkaError,
    },
    /// What is in Kafka is not as it must be: end, and let a person look.
    #[error("{0}")]
    Topology(String),
    /// The broker did not answer in time.
    #[error("no broker answers at {0}")]
    Unavailable(String),
}

impl Error {
    /// The reaction to an error outside a transaction.
    pub(super) fn plain(action: &'static str, source: KafkaError) -> Error {
        match source.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::UnstableOffsetCommit
                | RDKafkaErrorCode::Resolve,
            ) => Error::Retry { action, source },
            _ => Error::Fatal { action, source },
        }
    }

    /// The reaction to an error of a transactional call.
    pub(super) fn transactional(action: &'static str, source: KafkaError) -> Error {
        let fenced = matches!(
            source.rdkafka_error_code(),
            Some(RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced)
        );
        let (fatal, abort, retry) = match &source {
            KafkaError::Transaction(error) => (
                error.is_fatal(),
                error.txn_requires_abort(),
                error.is_retriable(),
            ),
            _ => (false, true, false),
        };
        match (fenced, fatal, abort, retry) {
            (true, ..) => Error::Fenced { action, source },
            (_, true, ..) => Error::Fatal { action, source },
            (_, _, true, _) => Error::Abort { action, source },
            (_, _, _, true) => Error::Indefinite { action, source },
            (false, false, false, false) => Error::Fatal { action, source },
        }
    }
}
