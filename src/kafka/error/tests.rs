use super::*;

fn plain(code: Code) -> Error {
    Error::from_request("asking", KafkaError::MetadataFetch(code))
}

fn aborted(code: Code) -> Error {
    Error::after_abort("producing", KafkaError::MessageProduction(code))
}

#[test]
fn the_reaction_to_a_transactional_call_follows_its_flags_and_fencing_overrides_them() {
    let retriable = ErrorClass::Retriable;
    let fatal = |class| Reaction::from_flags(true, false, false, class);
    assert_eq!(fatal(ErrorClass::Permanent), Reaction::Fatal);
    assert_eq!(fatal(ErrorClass::Unexpected), Reaction::ResolveIndefinite);
    assert_eq!(Reaction::from_flags(false, true, false, retriable), Reaction::Abort);
    assert_eq!(Reaction::from_flags(false, false, true, retriable), Reaction::ResolveIndefinite);
    assert_eq!(Reaction::from_flags(false, false, false, retriable), Reaction::Fatal);
    for flags in [(true, false, false), (false, true, false), (false, false, true)] {
        let reaction = Reaction::from_flags(flags.0, flags.1, flags.2, ErrorClass::Fenced);
        assert_eq!(reaction, Reaction::Fenced);
    }
}

#[test]
fn outside_a_transaction_only_transient_errors_are_retried() {
    for code in
        [Code::BrokerTransportFailure, Code::UnstableOffsetCommit, Code::RebalanceInProgress]
    {
        assert!(matches!(plain(code), Error::Retry { .. }), "{code:?}");
    }
    for code in
        [Code::TopicAuthorizationFailed, Code::UnknownTopicOrPartition, Code::Unknown, Code::Fatal]
    {
        assert!(matches!(plain(code), Error::Fatal { .. }), "{code:?}");
    }
    for code in [Code::FencedInstanceId, Code::ProducerFenced, Code::Fenced] {
        assert!(matches!(plain(code), Error::Fenced { .. }), "{code:?}");
    }
    let no_code = Error::from_request("seeking", KafkaError::Seek(String::new()));
    assert!(matches!(no_code, Error::Fatal { .. }));
}

#[test]
fn after_an_abort_all_but_permanent_errors_are_retried() {
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
fn the_error_of_a_failed_client_creation_shows_no_secret() {
    for (name, shown) in [("sasl.pasword", false), ("queue.sise", true)] {
        let mut config = rdkafka::ClientConfig::new();
        config.set(name, "hunter2");
        let created: Result<rdkafka::consumer::BaseConsumer, _> = config.create();
        let Err(Error::Fatal { source, .. }) =
            created.map_err(|source| Error::from_client_creation("creating a client", source))
        else {
            panic!("{name} was accepted");
        };
        let text = format!("{source} {source:?}");
        assert!(text.contains(name), "{text}");
        assert_eq!(text.contains("hunter2"), shown, "{text}");
    }
}

#[test]
fn a_damaged_batch_is_not_skipped() {
    let read = |code| FetchError::from_kafka(&KafkaError::MessageConsumption(code));
    for code in [Code::BadMessage, Code::NotImplemented] {
        assert_eq!(read(code), Some(FetchError::Damaged), "{code:?}");
    }
    // The broker reports these, and librdkafka retries.
    assert_eq!(read(Code::InvalidMessage), None);
    assert_eq!(read(Code::NotLeaderForPartition), None);
}

#[test]
fn undelivered_records_at_commit_require_an_abort() {
    let undelivered = KafkaError::Flush(Code::OperationTimedOut);
    assert!(matches!(Error::from_commit(undelivered), Error::Abort { .. }));
}
