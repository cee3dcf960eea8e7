//! What to expect of an error, by its code alone.

use rdkafka::error::RDKafkaErrorCode as Code;

/// What an error code says of trying the same once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorClass {
    /// Brokers, or the way to them: it passes by itself.
    Retriable,
    /// The group moves on: it passes with the next membership.
    StaleMembership,
    /// Another producer or another member of the group has taken this one's place, or this one stalled.
    Fenced,
    /// It stays until a person changes a permission, a limit or a version.
    Permanent,
    /// The record is not taken for what it is: too large, or invalid.
    RecordRefused,
    /// The protocol knows no such answer to what is asked here.
    Unexpected,
}

impl ErrorClass {
    /// By lists of every code that librdkafka 2.12 can report from a broker to a producer or a
    /// consumer, and of those of its own that it does not keep to itself.
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
            // A topic may be made again, and a producer's sequence begun anew: in a transaction
            // that is tried again, outside a reason to end. The rest is nobody's answer here.
            _ => ErrorClass::Unexpected,
        }
    }
}

fn is_retriable(code: Code) -> bool {
    matches!(
        code,
        // librdkafka itself: no answer, or none yet.
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
            // Another record of the same batch was unfit.
            | Code::InvalidDifferentRecord
            // An answer that was damaged on its way.
            | Code::BadMessage
            | Code::BadCompression
            | Code::Underflow
            | Code::InvalidMessage
            // A leader, or what it needs.
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
            // A coordinator, or what it is busy with.
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
            // What a topic asks of every record: of our own timestamps, for example.
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

    /// Codes that brokers send, as far as librdkafka knows them.
    fn codes() -> impl Iterator<Item = (ResponseError, Code)> {
        (1..200).filter_map(|code| {
            let known = RDKafkaRespErr::try_from(i32::from(code)).ok()?;
            Some((ResponseError::try_from_code(code)?, known.into()))
        })
    }

    #[test]
    fn whoever_has_lost_their_place_is_fenced_and_nobody_else() {
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
    fn what_the_protocol_calls_retriable_passes() {
        // Retriable by looking again for a topic that is not there: here it must be.
        let by_metadata = [
            ResponseError::UnknownTopicOrPartition,
            ResponseError::UnknownTopicId,
        ];
        let retriable = codes().filter(|(code, _)| code.is_retriable());
        let retriable: Vec<_> = retriable
            .filter(|(code, _)| !by_metadata.contains(code))
            .collect();
        assert!(retriable.len() > 20, "{retriable:?}");
        for (code, known) in retriable {
            assert_eq!(
                ErrorClass::from_code(known),
                ErrorClass::Retriable,
                "{code:?}"
            );
        }
    }

    #[test]
    fn what_passes_although_the_protocol_does_not_call_it_retriable_is_listed() {
        let passing = codes().filter(|(code, known)| {
            !code.is_retriable() && ErrorClass::from_code(*known) == ErrorClass::Retriable
        });
        let passing: Vec<ResponseError> = passing.map(|(code, _)| code).collect();
        assert_eq!(
            passing,
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
