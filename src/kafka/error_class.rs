//! Classifies errors by their code alone.

use rdkafka::error::RDKafkaErrorCode as Code;

/// What an error code implies for a retry of the same request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorClass {
    /// Transient: of brokers or the network.
    Retriable,
    /// The group has rebalanced: the next membership succeeds.
    StaleMembership,
    /// Another producer or group member has replaced this one, or this one stalled.
    Fenced,
    /// Persists until an operator changes a permission, a limit or a version.
    Permanent,
    /// The record itself is refused: too large, or invalid.
    RecordRefused,
    /// The protocol defines no such response to Tenure's requests.
    Unexpected,
}

impl ErrorClass {
    /// The lists contain every broker code that librdkafka 2.12 can pass to a producer or consumer,
    /// and those of its own codes that it exposes.
    pub(super) fn from_code(code: Code) -> ErrorClass {
        match code {
            Code::IllegalGeneration
            | Code::UnknownMemberId
            | Code::RebalanceInProgress
            | Code::MemberIdRequired
            | Code::FencedMemberEpoch
            | Code::StaleMemberEpoch
            | Code::UnreleasedInstanceId
            | Code::AssignmentLost => ErrorClass::StaleMembership,
            Code::Fenced
            | Code::ProducerFenced
            | Code::InvalidProducerEpoch
            | Code::FencedInstanceId => ErrorClass::Fenced,
            _ if is_retriable(code) => ErrorClass::Retriable,
            _ if is_record_refused(code) => ErrorClass::RecordRefused,
            _ if is_permanent(code) => ErrorClass::Permanent,
            // Among them: a topic may be recreated, and a producer's sequence may restart. A
            // transaction retries on these; other requests end.
            _ => ErrorClass::Unexpected,
        }
    }
}

fn is_retriable(code: Code) -> bool {
    matches!(
        code,
        // librdkafka itself: no response, or none yet.
        Code::OperationTimedOut
            | Code::TimedOutQueue
            | Code::MessageTimedOut
            | Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::WaitingForCoordinator
            | Code::WaitCache
            | Code::InProgress
            | Code::PreviousInProgress
            | Code::NodeUpdate
            | Code::BrokerDestroy
            | Code::DestroyBroker
            | Code::UnknownBroker
            | Code::QueueFull
            | Code::Retry
            | Code::PurgeQueue
            | Code::PurgeInflight
            | Code::Outdated
            // Another record of the same batch was invalid.
            | Code::InvalidDifferentRecord
            // A response that was damaged in transit.
            | Code::BadMessage
            | Code::BadCompression
            | Code::Underflow
            | Code::InvalidMessage
            // A leader or its replicas.
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::BrokerNotAvailable
            | Code::ReplicaNotAvailable
            | Code::PreferredLeaderNotAvailable
            | Code::EligibleLeadersNotAvailable
            | Code::ElectionNotNeeded
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::ListenerNotFound
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::KafkaStorageError
            | Code::NotController
            | Code::StaleBrokerEpoch
            | Code::RequestTimedOut
            | Code::NetworkException
            | Code::ThrottlingQuotaExceeded
            | Code::FetchSessionIdNotFound
            | Code::InvalidFetchSessionEpoch
            | Code::RebootstrapRequired
            // A coordinator or its pending transactions.
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::ConcurrentTransactions
            | Code::TransactionCoordinatorFenced
            | Code::UnstableOffsetCommit
    )
}

fn is_record_refused(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge
            | Code::MessageBatchTooLarge
            | Code::InvalidMessageSize
            | Code::InvalidRecord
    )
}

fn is_permanent(code: Code) -> bool {
    matches!(
        code,
        // Permissions.
        Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState
            | Code::SSL
            | Code::SecurityDisabled
            // Limits.
            | Code::OffsetMetadataTooLarge
            | Code::InvalidCommitOffsetSize
            | Code::InvalidTransactionTimeout
            | Code::InvalidSessionTimeout
            | Code::InvalidRequiredAcks
            // Requirements of a topic for every record, such as for timestamps.
            | Code::InvalidTimestamp
            | Code::PolicyViolation
            | Code::GroupMaxSizeReached
            // Versions and names.
            | Code::UnsupportedVersion
            | Code::UnsupportedCompressionType
            | Code::UnsupportedFeature
            | Code::UnsupportedForMessageFormat
            | Code::UnsupportedAssignor
            | Code::InconsistentGroupProtocol
            | Code::InvalidTopic
            | Code::InvalidGroupId
            | Code::InvalidConfig
    )
}

#[cfg(test)]
mod tests {
    use kafka_protocol::ResponseError;
    use rdkafka::types::RDKafkaRespErr;

    use super::*;

    /// Codes that brokers send and librdkafka knows.
    fn codes() -> impl Iterator<Item = (ResponseError, Code)> {
        (1..200).filter_map(|code| {
            let known = RDKafkaRespErr::try_from(i32::from(code)).ok()?;
            Some((ResponseError::try_from_code(code)?, known.into()))
        })
    }

    #[test]
    fn the_three_fencing_codes_and_no_others_are_fenced() {
        let fenced =
            codes().filter(|(_, known)| ErrorClass::from_code(*known) == ErrorClass::Fenced);
        let fenced: Vec<ResponseError> = fenced.map(|(code, _)| code).collect();
        assert_eq!(
            fenced,
            [
                ResponseError::InvalidProducerEpoch,
                ResponseError::FencedInstanceId,
                ResponseError::ProducerFenced,
            ]
        );
    }

    #[test]
    fn codes_that_the_protocol_calls_retriable_are_retriable() {
        // The protocol retries until the topic exists; Tenure requires that it does.
        let by_metadata = [ResponseError::UnknownTopicOrPartition, ResponseError::UnknownTopicId];
        let retriable = codes().filter(|(code, _)| code.is_retriable());
        let retriable: Vec<_> = retriable.filter(|(code, _)| !by_metadata.contains(code)).collect();
        assert!(retriable.len() > 20, "{retriable:?}");
        for (code, known) in retriable {
            assert_eq!(ErrorClass::from_code(known), ErrorClass::Retriable, "{code:?}");
        }
    }

    #[test]
    fn retriable_codes_that_the_protocol_does_not_call_retriable_are_listed() {
        let retriable = codes().filter(|(code, known)| {
            !code.is_retriable() && ErrorClass::from_code(*known) == ErrorClass::Retriable
        });
        let retriable: Vec<ResponseError> = retriable.map(|(code, _)| code).collect();
        assert_eq!(
            retriable,
            [
                ResponseError::BrokerNotAvailable,
                ResponseError::ConcurrentTransactions,
                ResponseError::TransactionCoordinatorFenced,
                ResponseError::StaleBrokerEpoch,
                ResponseError::RebootstrapRequired,
            ]
        );
    }
}
