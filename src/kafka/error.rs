//! Errors of Kafka, classified by the reaction that they require.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::client::with_setting;
use super::error_class::ErrorClass;
use super::properties::secret_name_end;

/// A failed operation; the variant says how to react.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Retry: the operation had no effect.
    #[error("{action} failed; it can be retried")]
    Retry {
        action: &'static str,
        #[source]
        source: KafkaError,
    },
    /// Abort the transaction; the same batch can be retried.
    #[error("{action} failed; the transaction must be aborted")]
    Abort {
        action: &'static str,
        #[source]
        source: KafkaError,
    },
    /// The transaction may or may not be committed, or the producer is unusable: create a new
    /// producer, then read the committed state.
    #[error("{action} has an indefinite outcome")]
    Indefinite {
        action: &'static str,
        #[source]
        source: KafkaError,
    },
    /// The brokers have fenced this producer or group member: another process has the same name, or
    /// a transaction or session has timed out. Rejoin once; on repetition, end.
    #[error(
        "{action} failed: the brokers have fenced this process. If it is fenced again after a \
        restart, another process uses the same kafka.app and kafka.instance"
    )]
    Fenced {
        action: &'static str,
        #[source]
        source: KafkaError,
    },
    /// The broker refused records themselves; the transaction was aborted.
    #[error(transparent)]
    Refused(Box<RefusedRecords>),
    /// A retry cannot succeed: end; an operator must act.
    #[error("{action} failed")]
    Fatal {
        action: &'static str,
        #[source]
        source: KafkaError,
    },
    /// Topics or their contents are not as required: end; an operator must act.
    #[error("{0}")]
    Misconfigured(String),
    /// The partition begins after the requested offset, or ends before it: query its bounds again.
    #[error("{action} failed: the partition does not contain the offset")]
    OutOfRange {
        action: &'static str,
        #[source]
        source: KafkaError,
    },
    /// A batch of records does not match its checksum, or has an unknown format.
    #[error(
        "a batch at or behind offset {offset} is damaged on its broker's disk or in transit. Restore \
        a replica of the topic if the disk is at fault; if the damage was in transit, a restart reads it"
    )]
    Damaged {
        /// The next offset to read.
        offset: i64,
        #[source]
        source: KafkaError,
    },
    /// No broker responded in time, and why, if that is known.
    #[error("{0}")]
    Unavailable(String),
}

/// What has to happen before a failed operation can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// It may pass.
    Time,
    /// An operator has to correct something: a login, a permission, a topic, a setting.
    Person,
    /// The process has to end.
    None,
}

/// Records that the broker refused: too large, or invalid.
#[derive(Debug, thiserror::Error)]
#[error("the broker refused a record for the topic {topic} as too large or invalid")]
pub struct RefusedRecords {
    pub topic: String,
    /// Each as the index of the transaction part and of the record in it.
    pub records: Vec<(usize, usize)>,
    #[source]
    pub source: KafkaError,
}

impl RefusedRecords {
    /// What corrects it.
    pub fn advice(&self) -> String {
        let topic = &self.topic;
        match self.source.rdkafka_error_code() {
            Some(Code::InvalidRecord) => format!(
                "the log of the broker that leads the partition of {topic} says which of its rules the record violates"
            ),
            _ => format!("raise max.message.bytes of {topic}"),
        }
    }
}

/// Why fetching a partition stops; librdkafka reports it in the queue of the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchError {
    /// The partition does not contain the offset.
    OutOfRange,
    /// A batch is damaged, or has a format unknown to librdkafka. It must not be skipped: the next
    /// record in the queue may lie anywhere behind it.
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

/// The reaction to a failed transactional call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    Abort,
    ResolveIndefinite,
    Fenced,
    Fatal,
}

impl Reaction {
    /// librdkafka sets at most one of the flags. Without any, the call was made in a wrong state.
    fn from_flags(
        fatal: bool,
        requires_abort: bool,
        retriable: bool,
        class: ErrorClass,
    ) -> Reaction {
        match (fatal, requires_abort, retriable) {
            // Checked first: fencing is not always flagged as fatal (AddOffsetsToTxn flags an abort),
            // and must be distinct from an error that a new producer recovers from.
            _ if class == ErrorClass::Fenced => Reaction::Fenced,
            (true, _, _) if matches!(class, ErrorClass::Permanent | ErrorClass::RecordRefused) => {
                Reaction::Fatal
            }
            // Only the state between this producer and the broker is wrong, such as diverging
            // sequence numbers: the producer is unusable, a new one works.
            (true, _, _) => Reaction::ResolveIndefinite,
            (false, true, _) => Reaction::Abort,
            // The call continues in the background and could be repeated. A new producer has the
            // same effect and leaves no request behind.
            (false, false, true) => Reaction::ResolveIndefinite,
            (false, false, false) => Reaction::Fatal,
        }
    }
}

impl Error {
    /// Creating a client failed, usually because of a property. Masks its value if that may be secret.
    pub(super) fn from_client_creation(action: &'static str, source: KafkaError) -> Error {
        let source = match source {
            KafkaError::ClientConfig(result, description, name, value)
                if secret_name_end(&name).is_some() && !value.is_empty() =>
            {
                let description = description.replace(&value, "***");
                KafkaError::ClientConfig(result, description, name, "***".to_owned())
            }
            KafkaError::ClientCreation(text) => KafkaError::ClientCreation(with_setting(text)),
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
            // The member is fenced, not the producer. The polling thread gets the same error and
            // rejoins or ends.
            KafkaError::Transaction(error) if error.code() == Code::FencedInstanceId => {
                Reaction::Abort
            }
            KafkaError::Transaction(error) => Reaction::from_flags(
                error.is_fatal(),
                error.txn_requires_abort(),
                error.is_retriable(),
                ErrorClass::from_code(error.code()),
            ),
            // rdkafka itself failed before it called librdkafka, as when records are not delivered.
            _ => Reaction::Abort,
        };
        match reaction {
            Reaction::Abort => Error::Abort { action, source },
            Reaction::ResolveIndefinite => Error::Indefinite { action, source },
            Reaction::Fenced => Error::Fenced { action, source },
            Reaction::Fatal => Error::Fatal { action, source },
        }
    }

    /// The reaction to an error of the commit call. The broker may have executed the request
    /// whatever the response says, so an abort becomes [`Error::Indefinite`]: a committed
    /// transaction must not be aborted.
    pub(super) fn from_commit(source: KafkaError) -> Error {
        match Error::from_transaction_call("committing", source) {
            Error::Abort { action, source: source @ KafkaError::Transaction(_) } => {
                Error::Indefinite { action, source }
            }
            other => other,
        }
    }

    /// What has to happen before a daemon that ended with this error can run.
    pub fn remedy(&self) -> Remedy {
        match self {
            Error::Retry { .. }
            | Error::Abort { .. }
            | Error::Indefinite { .. }
            | Error::Unavailable(_) => Remedy::Time,
            Error::Misconfigured(_) => Remedy::Person,
            Error::Fatal { source, .. } => {
                match source.rdkafka_error_code().map(ErrorClass::from_code) {
                    Some(ErrorClass::Permanent) => Remedy::Person,
                    _ => Remedy::None,
                }
            }
            Error::Fenced { .. }
            | Error::Refused(_)
            | Error::OutOfRange { .. }
            | Error::Damaged { .. } => Remedy::None,
        }
    }

    /// Whether librdkafka refused its configuration.
    pub(crate) fn is_client_config(&self) -> bool {
        let Error::Fatal { source, .. } = self else {
            return false;
        };
        matches!(source, KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_))
    }

    /// Whether a transaction was aborted since its records were not delivered in time: a smaller
    /// one may succeed.
    pub(crate) fn is_delivery_failure(&self) -> bool {
        use KafkaError::{Flush, MessageProduction};
        match self {
            Error::Abort { source: Flush(code) | MessageProduction(code), .. } => {
                ErrorClass::from_code(*code) == ErrorClass::Retriable
            }
            _ => false,
        }
    }

    /// Whether a transaction was aborted since the group refused offsets from this member.
    pub(crate) fn is_stale_membership(&self) -> bool {
        let Error::Abort { source, .. } = self else {
            return false;
        };
        source.rdkafka_error_code().map(ErrorClass::from_code) == Some(ErrorClass::StaleMembership)
    }

    /// The reaction to the cause of an abort, once aborted: retry the same batch, unless the result
    /// would be the same.
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
mod tests;
