//! What can go wrong with Kafka, named by what must be done about it.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::client::secret_name_end;
use super::error_class::ErrorClass;

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
    /// Whether the transaction was committed is not known, or the producer is of no use any more:
    /// make a new one and look.
    #[error("{action} came to no known end")]
    Indefinite {
        /// What was tried.
        action: &'static str,
        /// The reason.
        #[source]
        source: KafkaError,
    },
    /// The brokers have given this one's place to another, as a producer or in the group: another process of the same
    /// name, or since a transaction or session had run out of time. Taken anew once; then end.
    #[error(
        "{action} failed: the brokers have fenced this process. If that happens again after a restart, another process uses \
        the same kafka.app and kafka.instance"
    )]
    Fenced {
        /// What was tried.
        action: &'static str,
        /// The reason.
        #[source]
        source: KafkaError,
    },
    /// Records of a transaction are not taken for what they are, and it was aborted.
    #[error(transparent)]
    Refused(Box<RefusedRecords>),
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
    Misconfigured(String),
    /// A partition begins behind the offset that was asked for, or ends before it: ask anew where it does.
    #[error("{action} failed: the partition does not hold the offset")]
    OutOfRange {
        /// What was tried.
        action: &'static str,
        /// The reason.
        #[source]
        source: KafkaError,
    },
    /// A batch of records does not match its checksum, or is of an unknown format.
    #[error(
        "a batch at or behind offset {offset} is damaged on its broker's disk or on its way. A restored replica of the topic, or a restart where it was damaged on its way, reads it again"
    )]
    Damaged {
        /// The next offset.
        offset: i64,
        /// The reason.
        #[source]
        source: KafkaError,
    },
    /// The broker did not answer in time.
    #[error("no broker answers at {0}")]
    Unavailable(String),
}

/// Records that are not taken for what they are: too large, or invalid.
#[derive(Debug, thiserror::Error)]
#[error("a record for the topic {topic} was refused for what it is")]
pub struct RefusedRecords {
    /// To which topic.
    pub topic: String,
    /// Which: of which share, and which of its records.
    pub records: Vec<(usize, usize)>,
    /// The reason.
    #[source]
    pub source: KafkaError,
}

/// Why a partition cannot be fetched any further; librdkafka reports it in the queue of the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchError {
    /// It does not hold the offset.
    OutOfRange,
    /// A batch is damaged, or of a format that librdkafka does not know. What comes next in the queue may lie anywhere
    /// behind it: it must not be passed over.
    Damaged,
}

impl FetchError {
    pub(super) fn from_kafka(error: &KafkaError) -> Option<FetchError> {
        match error.rdkafka_error_code()? {
            Code::AutoOffsetReset | Code::OffsetOutOfRange => Some(FetchError::OutOfRange),
            Code::BadMessage | Code::NotImplemented => Some(FetchError::Damaged),
            _ => None,
        }
    }
}

/// What a transactional call that failed asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    Abort,
    ResolveIndefinite,
    Fenced,
    Fatal,
}

impl Reaction {
    /// By the flags that librdkafka sets, at most one of them. What has none is an error of state:
    /// a call that was not to be made now.
    fn from_flags(
        fatal: bool,
        requires_abort: bool,
        retriable: bool,
        outlook: ErrorClass,
    ) -> Reaction {
        match (fatal, requires_abort, retriable) {
            // Not always flagged as fatal: AddOffsetsToTxn has it abort. Whoever was fenced does
            // not begin again in the same process.
            _ if outlook == ErrorClass::Fenced => Reaction::Fenced,
            (true, _, _)
                if matches!(outlook, ErrorClass::Permanent | ErrorClass::RecordRefused) =>
            {
                Reaction::Fatal
            }
            // Fatal is only what is wrong between this producer and the broker, as a sequence that
            // both count differently: the producer is of no use any more, a new one is.
            (true, _, _) => Reaction::ResolveIndefinite,
            (false, true, _) => Reaction::Abort,
            // To be called again, for a call that goes on in the background. A new producer is as
            // good and leaves nothing behind.
            (false, false, true) => Reaction::ResolveIndefinite,
            (false, false, false) => Reaction::Fatal,
        }
    }
}

impl Error {
    /// A client could not be made, most often because of a property, whose value may be a secret.
    pub(super) fn from_client_creation(action: &'static str, source: KafkaError) -> Error {
        let source = match source {
            KafkaError::ClientConfig(result, told, name, value)
                if secret_name_end(&name).is_some() && !value.is_empty() =>
            {
                let told = told.replace(&value, "***");
                KafkaError::ClientConfig(result, told, name, "***".to_owned())
            }
            other => other,
        };
        Error::Fatal { action, source }
    }

    /// The reaction to an error outside a transaction.
    pub(super) fn from_request(action: &'static str, source: KafkaError) -> Error {
        match source.rdkafka_error_code().map(ErrorClass::from_code) {
            Some(ErrorClass::Retriable | ErrorClass::StaleMembership) => {
                Error::Retry { action, source }
            }
            Some(ErrorClass::Fenced) => Error::Fenced { action, source },
            Some(ErrorClass::Permanent | ErrorClass::RecordRefused | ErrorClass::Unexpected)
            | None => Error::Fatal { action, source },
        }
    }

    /// The reaction to an error of a transactional call.
    pub(super) fn from_transaction_call(action: &'static str, source: KafkaError) -> Error {
        let reaction = match &source {
            // The member is fenced, not the producer: the polling thread gets the same error, and rejoins or ends.
            KafkaError::Transaction(error) if error.code() == Code::FencedInstanceId => {
                Reaction::Abort
            }
            KafkaError::Transaction(error) => Reaction::from_flags(
                error.is_fatal(),
                error.txn_requires_abort(),
                error.is_retriable(),
                ErrorClass::from_code(error.code()),
            ),
            // Made by rdkafka before librdkafka was asked, as when records cannot be delivered.
            _ => Reaction::Abort,
        };
        match reaction {
            Reaction::Abort => Error::Abort { action, source },
            Reaction::ResolveIndefinite => Error::Indefinite { action, source },
            Reaction::Fenced => Error::Fenced { action, source },
            Reaction::Fatal => Error::Fatal { action, source },
        }
    }

    /// The reaction to an error of the call that commits: the request may have been sent and
    /// executed, whatever the answer says. So that nothing is aborted which is committed, the
    /// outcome is looked up.
    pub(super) fn from_commit(source: KafkaError) -> Error {
        match Error::from_transaction_call("committing", source) {
            Error::Abort {
                action,
                source: source @ KafkaError::Transaction(_),
            } => Error::Indefinite { action, source },
            other => other,
        }
    }

    /// Whether a transaction was aborted since its records did not get through in time: fewer might.
    pub fn is_delivery_failure(&self) -> bool {
        use KafkaError::{Flush, MessageProduction};
        match self {
            Error::Abort {
                source: Flush(code) | MessageProduction(code),
                ..
            } => ErrorClass::from_code(*code) == ErrorClass::Retriable,
            _ => false,
        }
    }

    /// Whether a transaction was aborted since the group does not take offsets from this member.
    pub fn is_stale_membership(&self) -> bool {
        let Error::Abort { source, .. } = self else {
            return false;
        };
        source.rdkafka_error_code().map(ErrorClass::from_code) == Some(ErrorClass::StaleMembership)
    }

    /// The reaction to what made an abort necessary, once aborted: the same batch again, unless it
    /// would come to the same.
    pub(super) fn after_abort(action: &'static str, source: KafkaError) -> Error {
        match source.rdkafka_error_code().map(ErrorClass::from_code) {
            Some(ErrorClass::Permanent | ErrorClass::RecordRefused) => {
                Error::Fatal { action, source }
            }
            _ => Error::Abort { action, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(code: Code) -> Error {
        Error::from_request("asking", KafkaError::MetadataFetch(code))
    }

    fn aborted(code: Code) -> Error {
        Error::after_abort("producing", KafkaError::MessageProduction(code))
    }

    #[test]
    fn a_transactional_call_is_followed_by_what_its_flags_ask_for_and_by_the_end_when_fenced() {
        let passing = ErrorClass::Retriable;
        let fatal = |outlook| Reaction::from_flags(true, false, false, outlook);
        assert_eq!(fatal(ErrorClass::Permanent), Reaction::Fatal);
        assert_eq!(fatal(ErrorClass::Unexpected), Reaction::ResolveIndefinite);
        assert_eq!(
            Reaction::from_flags(false, true, false, passing),
            Reaction::Abort
        );
        assert_eq!(
            Reaction::from_flags(false, false, true, passing),
            Reaction::ResolveIndefinite
        );
        assert_eq!(
            Reaction::from_flags(false, false, false, passing),
            Reaction::Fatal
        );
        for flags in [
            (true, false, false),
            (false, true, false),
            (false, false, true),
        ] {
            let reaction = Reaction::from_flags(flags.0, flags.1, flags.2, ErrorClass::Fenced);
            assert_eq!(reaction, Reaction::Fenced);
        }
    }

    #[test]
    fn outside_a_transaction_only_what_passes_is_tried_again() {
        for code in [
            Code::BrokerTransportFailure,
            Code::UnstableOffsetCommit,
            Code::RebalanceInProgress,
        ] {
            assert!(matches!(plain(code), Error::Retry { .. }), "{code:?}");
        }
        for code in [
            Code::TopicAuthorizationFailed,
            Code::UnknownTopicOrPartition,
            Code::Unknown,
            Code::Fatal,
        ] {
            assert!(matches!(plain(code), Error::Fatal { .. }), "{code:?}");
        }
        for code in [Code::FencedInstanceId, Code::ProducerFenced, Code::Fenced] {
            assert!(matches!(plain(code), Error::Fenced { .. }), "{code:?}");
        }
        let no_code = Error::from_request("seeking", KafkaError::Seek(String::new()));
        assert!(matches!(no_code, Error::Fatal { .. }));
    }

    #[test]
    fn after_an_abort_only_what_would_come_to_the_same_is_not_tried_again() {
        for code in [Code::MessageSizeTooLarge, Code::TopicAuthorizationFailed] {
            assert!(matches!(aborted(code), Error::Fatal { .. }), "{code:?}");
        }
        for code in [
            Code::MessageTimedOut,
            Code::IllegalGeneration,
            Code::UnknownTopicOrPartition,
            Code::OutOfOrderSequenceNumber,
            Code::Unknown,
        ] {
            assert!(matches!(aborted(code), Error::Abort { .. }), "{code:?}");
        }
        assert!(aborted(Code::MessageTimedOut).is_delivery_failure());
        assert!(!aborted(Code::UnknownTopicOrPartition).is_delivery_failure());
        assert!(!plain(Code::MessageTimedOut).is_delivery_failure());
        assert!(aborted(Code::UnknownMemberId).is_stale_membership());
        assert!(!aborted(Code::MessageTimedOut).is_stale_membership());
    }

    #[test]
    fn a_client_that_cannot_be_made_shows_no_secret() {
        for (name, shown) in [("sasl.pasword", false), ("queue.sise", true)] {
            let mut config = rdkafka::ClientConfig::new();
            config.set(name, "hunter2");
            let made: Result<rdkafka::consumer::BaseConsumer, _> = config.create();
            let Err(Error::Fatal { source, .. }) =
                made.map_err(|source| Error::from_client_creation("making a client", source))
            else {
                panic!("{name} was taken");
            };
            let told = format!("{source} {source:?}");
            assert!(told.contains(name), "{told}");
            assert_eq!(told.contains("hunter2"), shown, "{told}");
        }
    }

    #[test]
    fn a_damaged_batch_is_not_passed_over() {
        let read = |code| FetchError::from_kafka(&KafkaError::MessageConsumption(code));
        for code in [Code::BadMessage, Code::NotImplemented] {
            assert_eq!(read(code), Some(FetchError::Damaged), "{code:?}");
        }
        // The broker knows, and was asked again.
        assert_eq!(read(Code::InvalidMessage), None);
        assert_eq!(read(Code::NotLeaderForPartition), None);
    }

    #[test]
    fn records_that_were_not_delivered_when_the_commit_was_asked_for_are_aborted() {
        let undelivered = KafkaError::Flush(Code::OperationTimedOut);
        assert!(matches!(
            Error::from_commit(undelivered),
            Error::Abort { .. }
        ));
    }
}
