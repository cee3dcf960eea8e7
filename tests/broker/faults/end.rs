//! Errors that end the daemon: it logs the reason, leaves nothing open, and a successor continues.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, FetchRequest,
    HeartbeatRequest, InitProducerIdRequest, JoinGroupRequest, OffsetFetchRequest, ProduceRequest,
    TxnOffsetCommitRequest,
};

use super::{FaultTest, SETTINGS, proxy};
use crate::harness::let_pass;
use crate::proxy::{Fault, Latch};

const FENCED: &str = "the brokers have fenced this process";

/// Whether a request has records for this topic of the app.
fn is_to(topic: &str, request: &ProduceRequest) -> bool {
    request.topic_data.iter().any(|it| it.name.ends_with(topic))
}

/// The first time it may be caused by the process itself: a transaction or a session that timed
/// out.
#[test]
fn a_fenced_daemon_recovers_once_and_then_ends_and_its_successor_continues() {
    let proxy = proxy();
    // Each worker has a producer, and each may recover once.
    let settings = format!("{SETTINGS}workers = 1\n");
    let mut faulted = FaultTest::new(&proxy, "fault-fenced", &settings);
    let mut fenced_by = |fault: Fault| {
        faulted.expect_error(FENCED);
        assert_eq!(fault.fired(), 2);
    };
    let end = || {
        let end = proxy.on::<EndTxnRequest>().when(|it| it.committed);
        end.nth(3).times(2)
    };
    fenced_by(end().refuse(Code::ProducerFenced));
    fenced_by(end().refuse(Code::InvalidProducerEpoch));
    fenced_by(end().execute_then_refuse(Code::ProducerFenced));
    let add = proxy.on::<AddPartitionsToTxnRequest>().nth(3).times(2);
    fenced_by(add.refuse(Code::ProducerFenced));
    let add = proxy.on::<AddOffsetsToTxnRequest>().nth(3).times(2);
    fenced_by(add.refuse(Code::ProducerFenced));
    let commit = || proxy.on::<TxnOffsetCommitRequest>().nth(3).times(2);
    fenced_by(commit().refuse(Code::InvalidProducerEpoch));
    let heartbeat = proxy.on::<HeartbeatRequest>().times(2);
    fenced_by(heartbeat.refuse(Code::FencedInstanceId));
    let join = proxy.on::<JoinGroupRequest>().times(2);
    fenced_by(join.refuse(Code::FencedInstanceId));
    // Before it has started, only another process can have fenced it.
    let init = proxy.on::<InitProducerIdRequest>().refuse(Code::ProducerFenced);
    faulted.expect_error(FENCED);
    assert_eq!(init.fired(), 1);
    let once = [
        commit().refuse(Code::FencedInstanceId),
        end().times(1).refuse(Code::ProducerFenced),
        proxy.on::<HeartbeatRequest>().nth(2).refuse(Code::FencedInstanceId),
    ];
    faulted.app.start();
    once.iter().for_each(Fault::await_fired);
    faulted.finish();
}

/// A retry would fail in the same way: the daemon ends instead of retrying for ever.
#[test]
fn a_daemon_that_cannot_continue_ends_with_the_reason() {
    let proxy = proxy();
    let mut faulted = FaultTest::new(&proxy, "fault-hopeless", SETTINGS);
    // A small dead letter can replace an output; a state cannot be replaced.
    for (code, advice) in [
        (Code::MessageTooLarge, "raise max.message.bytes of fault-hopeless-changelog"),
        (Code::InvalidRecord, "says which of its rules the record violates"),
    ] {
        // The batch may be too large: it is retried in smaller ones first.
        let has_ended = Arc::new(AtomicBool::new(false));
        let until = has_ended.clone();
        let produce = proxy
            .on::<ProduceRequest>()
            .when(move |it| !until.load(Ordering::Relaxed) && is_to("changelog", it));
        let refused = produce.nth(3).times(1000).refuse(code);
        faulted.app.start();
        let why = "changelog refuses a record that cannot be left out";
        let error = faulted.app.await_error_with_code(78, why);
        assert!(error.contains(advice), "{error}");
        assert!(refused.fired() >= 1);
        has_ended.store(true, Ordering::Relaxed);
    }
    // An operator has to act: the exit code says so.
    let mut ends_by = |fault: Fault, why: &str| {
        faulted.app.start();
        faulted.app.await_error_with_code(78, why);
        assert_eq!(fault.fired(), 1);
    };
    let produce = proxy.on::<ProduceRequest>().nth(3);
    ends_by(produce.refuse(Code::InvalidTimestamp), "Correct the clock that is wrong");
    let add = proxy.on::<AddPartitionsToTxnRequest>().nth(3);
    ends_by(add.refuse(Code::TopicAuthorizationFailed), "Topic authorization failed");
    let commit = proxy.on::<TxnOffsetCommitRequest>().nth(3);
    ends_by(commit.refuse(Code::GroupAuthorizationFailed), "Group authorization failed");
    let end = proxy.on::<EndTxnRequest>().when(|it| it.committed).nth(3);
    let code = Code::TransactionalIdAuthorizationFailed;
    ends_by(end.refuse(code), "committing failed");
    // An error does not mean that nothing was committed.
    let offsets = proxy.on::<OffsetFetchRequest>();
    ends_by(offsets.refuse(Code::TopicAuthorizationFailed), "requesting committed offsets failed");
    // The changelog is fetched alone.
    let fetch = || proxy.on::<FetchRequest>().when(|it| it.topics.len() > 1);
    ends_by(
        fetch().refuse(Code::TopicAuthorizationFailed),
        "not permitted to use the topic fault-hopeless-clickstream",
    );
    faulted.run_to_end();
}

/// A request arrives so late that the topic refuses the timestamps of its records, as if a clock were wrong. librdkafka says
/// of several refused records that they are invalid, and would do so of their dead letters.
#[test]
fn outputs_whose_timestamps_are_refused_are_sent_again_and_become_no_dead_letters() {
    let proxy = proxy();
    let mut faulted = FaultTest::new(&proxy, "fault-clock", SETTINGS);
    let topic = faulted.app.topic("stage-changes");
    faulted.app.broker.alter_topic(&topic, &[("message.timestamp.before.max.ms", "1000")]);
    let latch = Latch::default();
    let late = proxy
        .on::<ProduceRequest>()
        .when(|it| is_to("stage-changes", it))
        .delay_request_until(&latch);
    faulted.app.start();
    late.await_fired();
    let_pass(Duration::from_secs(2));
    latch.open();
    faulted.app.await_caught_up();
    assert!(faulted.app.log().contains("(INVALID_TIMESTAMP)"), "{}", faulted.app.log());
    assert_eq!(faulted.app.read("dead-letters").len(), 0);
    faulted.finish();
}
