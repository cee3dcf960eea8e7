//! What ends the daemon: it says why, leaves nothing behind, and a successor goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, FetchRequest,
    HeartbeatRequest, InitProducerIdRequest, JoinGroupRequest, OffsetFetchRequest, ProduceRequest,
    TxnOffsetCommitRequest,
};

use super::{Faulted, SETTINGS, proxy};
use crate::proxy::Fault;

const FENCED: &str = "the brokers have fenced this process";

/// Once may be its own doing: a transaction or a session that ran out of time.
#[test]
fn a_daemon_that_is_fenced_takes_its_place_once_and_then_ends_and_its_successor_goes_on() {
    let proxy = proxy();
    // Each worker has a producer, and each may take its place once.
    let settings = format!("{SETTINGS}workers = 1\n");
    let mut faulted = Faulted::new(&proxy, "fault-fenced", &settings);
    let mut fenced_by = |fault: Fault| {
        faulted.ends(FENCED);
        assert_eq!(fault.fired(), 2);
    };
    let end = || {
        let end = proxy.on::<EndTxnRequest>().when(|it| it.committed);
        end.nth(3).times(2)
    };
    fenced_by(end().answer(Code::ProducerFenced));
    fenced_by(end().answer(Code::InvalidProducerEpoch));
    fenced_by(end().answer_after(Code::ProducerFenced));
    let add = proxy.on::<AddPartitionsToTxnRequest>().nth(3).times(2);
    fenced_by(add.answer(Code::ProducerFenced));
    let add = proxy.on::<AddOffsetsToTxnRequest>().nth(3).times(2);
    fenced_by(add.answer(Code::ProducerFenced));
    let commit = || proxy.on::<TxnOffsetCommitRequest>().nth(3).times(2);
    fenced_by(commit().answer(Code::InvalidProducerEpoch));
    let heartbeat = proxy.on::<HeartbeatRequest>().times(2);
    fenced_by(heartbeat.answer(Code::FencedInstanceId));
    let join = proxy.on::<JoinGroupRequest>().times(2);
    fenced_by(join.answer(Code::FencedInstanceId));
    // Before it has begun nobody can have taken its place but another process.
    let init = proxy
        .on::<InitProducerIdRequest>()
        .answer(Code::ProducerFenced);
    faulted.ends(FENCED);
    assert_eq!(init.fired(), 1);
    let once = [
        commit().answer(Code::FencedInstanceId),
        end().times(1).answer(Code::ProducerFenced),
        proxy
            .on::<HeartbeatRequest>()
            .nth(2)
            .answer(Code::FencedInstanceId),
    ];
    faulted.world.start();
    once.iter().for_each(Fault::await_fired);
    faulted.goes_on();
}

/// Trying again would come to the same: better to end than to try for ever.
#[test]
fn a_daemon_that_cannot_go_on_ends_and_says_why() {
    let proxy = proxy();
    let mut faulted = Faulted::new(&proxy, "fault-hopeless", SETTINGS);
    // Of an output a small dead letter takes the place; a state has no other form.
    let to_changelog = |it: &ProduceRequest| {
        let mut topics = it.topic_data.iter();
        topics.any(|topic| topic.name.ends_with("changelog"))
    };
    for code in [Code::MessageTooLarge, Code::InvalidRecord] {
        // Too large may be a batch of them: that is tried in smaller ones first.
        let has_ended = Arc::new(AtomicBool::new(false));
        let until = has_ended.clone();
        let produce = proxy
            .on::<ProduceRequest>()
            .when(move |it| !until.load(Ordering::Relaxed) && to_changelog(it));
        let refused = produce.nth(3).times(1000).answer(code);
        faulted.world.start();
        let why = "changelog refuses a record that cannot be left out";
        faulted.world.ends_with(78, why);
        assert!(refused.fired() >= 1);
        has_ended.store(true, Ordering::Relaxed);
    }
    let mut ends_by = |fault: Fault, why: &str| {
        faulted.ends(why);
        assert_eq!(fault.fired(), 1);
    };
    let add = proxy.on::<AddPartitionsToTxnRequest>().nth(3);
    ends_by(
        add.answer(Code::TopicAuthorizationFailed),
        "Topic authorization failed",
    );
    let commit = proxy.on::<TxnOffsetCommitRequest>().nth(3);
    ends_by(
        commit.answer(Code::GroupAuthorizationFailed),
        "Group authorization failed",
    );
    let end = proxy.on::<EndTxnRequest>().when(|it| it.committed).nth(3);
    let code = Code::TransactionalIdAuthorizationFailed;
    ends_by(end.answer(code), "committing failed");
    // Not the same as that nothing was committed.
    let offsets = proxy.on::<OffsetFetchRequest>();
    ends_by(
        offsets.answer(Code::TopicAuthorizationFailed),
        "asking for committed offsets failed",
    );
    // The changelog is read alone.
    let fetch = || proxy.on::<FetchRequest>().when(|it| it.topics.len() > 1);
    ends_by(
        fetch().answer(Code::TopicAuthorizationFailed),
        "reading the inputs failed",
    );
    faulted.works();
}
