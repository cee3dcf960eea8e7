//! Every request of a transaction: refused, lost, damaged, or executed and reported as failed.

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest,
    OffsetFetchRequest, ProduceRequest, TxnOffsetCommitRequest,
};

use super::{FaultTest, Faults, SETTINGS, proxy};

#[test]
fn transaction_commits_fail() {
    let proxy = proxy();
    let end = || proxy.on::<EndTxnRequest>().when(|it| it.committed).nth(3);
    let mut faults = Faults::default();
    for code in [
        Code::ConcurrentTransactions,
        Code::CoordinatorLoadInProgress,
        Code::CoordinatorNotAvailable,
        Code::NotCoordinator,
        Code::UnknownServerError,
        Code::InvalidProducerIdMapping,
        Code::InvalidTxnState,
    ] {
        faults.add(code, end().refuse(code));
    }
    for code in [Code::CoordinatorNotAvailable, Code::RequestTimedOut, Code::UnknownServerError] {
        faults.add(("executed", code), end().execute_then_refuse(code));
    }
    faults.add("request lost", end().disconnect_before());
    faults.add("executed, response lost", end().disconnect_after());
    faults.add("executed, response damaged", end().truncate_response(5));
    FaultTest::new(&proxy, "fault-endtxn", SETTINGS).run_to_end();
    faults.assert_fired();
}

#[test]
fn transaction_aborts_fail() {
    let proxy = proxy();
    let offsets = || proxy.on::<TxnOffsetCommitRequest>().nth(4);
    let abort = || proxy.on::<EndTxnRequest>().when(|it| !it.committed);
    let mut faults = Faults::default();
    // Each makes an abort necessary.
    for _ in 0..6 {
        faults.add("membership", offsets().refuse(Code::IllegalGeneration));
    }
    for code in [Code::ConcurrentTransactions, Code::UnknownServerError] {
        faults.add(code, abort().refuse(code));
    }
    faults.add("executed", abort().execute_then_refuse(Code::UnknownServerError));
    faults.add("request lost", abort().disconnect_before());
    faults.add("executed, response lost", abort().disconnect_after());
    FaultTest::new(&proxy, "fault-abort", SETTINGS).run_to_end();
    faults.assert_fired();
}

#[test]
fn produce_requests_fail() {
    let proxy = proxy();
    let produce = || proxy.on::<ProduceRequest>().nth(8);
    let mut faults = Faults::default();
    for code in [
        Code::NotLeaderOrFollower,
        Code::LeaderNotAvailable,
        Code::NotEnoughReplicas,
        Code::KafkaStorageError,
        Code::UnknownTopicOrPartition,
        Code::UnknownProducerId,
        Code::OutOfOrderSequenceNumber,
        Code::UnknownServerError,
    ] {
        faults.add(code, produce().refuse(code));
    }
    for code in [Code::NotEnoughReplicasAfterAppend, Code::RequestTimedOut] {
        faults.add(("executed", code), produce().execute_then_refuse(code));
    }
    faults.add("request lost", produce().disconnect_before());
    faults.add("executed, response lost", produce().disconnect_after());
    faults.add("executed, response damaged", produce().truncate_response(12));
    FaultTest::new(&proxy, "fault-produce", SETTINGS).run_to_end();
    faults.assert_fired();
}

#[test]
fn add_partitions_requests_fail() {
    let proxy = proxy();
    let add = || proxy.on::<AddPartitionsToTxnRequest>().nth(3);
    let mut faults = Faults::default();
    for code in [
        Code::ConcurrentTransactions,
        Code::CoordinatorLoadInProgress,
        Code::NotCoordinator,
        Code::UnknownTopicOrPartition,
        Code::OperationNotAttempted,
        Code::UnknownProducerId,
    ] {
        faults.add(code, add().refuse(code));
    }
    faults.add("request lost", add().disconnect_before());
    faults.add("executed, response lost", add().disconnect_after());
    faults.add("executed, response damaged", add().truncate_response(7));
    FaultTest::new(&proxy, "fault-partitions", SETTINGS).run_to_end();
    faults.assert_fired();
}

#[test]
fn add_offsets_requests_fail() {
    let proxy = proxy();
    let add = || proxy.on::<AddOffsetsToTxnRequest>().nth(3);
    let mut faults = Faults::default();
    for code in [
        Code::ConcurrentTransactions,
        Code::CoordinatorLoadInProgress,
        Code::CoordinatorNotAvailable,
        Code::NotCoordinator,
        Code::UnknownServerError,
        Code::InvalidProducerIdMapping,
    ] {
        faults.add(code, add().refuse(code));
    }
    faults.add("request lost", add().disconnect_before());
    faults.add("executed, response lost", add().disconnect_after());
    faults.add("executed, response damaged", add().truncate_response(5));
    FaultTest::new(&proxy, "fault-addoffsets", SETTINGS).run_to_end();
    faults.assert_fired();
}

#[test]
fn offset_commits_fail() {
    let proxy = proxy();
    let commit = || proxy.on::<TxnOffsetCommitRequest>().nth(3);
    let mut faults = Faults::default();
    for code in [
        Code::IllegalGeneration,
        Code::UnknownMemberId,
        Code::RebalanceInProgress,
        Code::StaleMemberEpoch,
        Code::CoordinatorLoadInProgress,
        Code::CoordinatorNotAvailable,
        Code::NotCoordinator,
        Code::UnknownServerError,
    ] {
        faults.add(code, commit().refuse(code));
    }
    let executed = commit().execute_then_refuse(Code::RequestTimedOut);
    faults.add("executed, timed out", executed);
    faults.add("request lost", commit().disconnect_before());
    faults.add("executed, response lost", commit().disconnect_after());
    faults.add("executed, response damaged", commit().truncate_response(10));
    FaultTest::new(&proxy, "fault-offsets", SETTINGS).run_to_end();
    faults.assert_fired();
}

#[test]
fn producer_initializations_fail() {
    let proxy = proxy();
    let init = || proxy.on::<InitProducerIdRequest>();
    let mut faults = Faults::default();
    for code in [
        Code::ConcurrentTransactions,
        Code::CoordinatorLoadInProgress,
        Code::CoordinatorNotAvailable,
        Code::NotCoordinator,
        Code::UnknownServerError,
    ] {
        faults.add(code, init().refuse(code));
    }
    faults.add("request lost", init().disconnect_before());
    faults.add("executed, response lost", init().disconnect_after());
    faults.add("executed, response damaged", init().truncate_response(5));
    FaultTest::new(&proxy, "fault-init", SETTINGS).run_to_end();
    faults.assert_fired();
}

/// The group's offsets are unstable while the outcome of a transaction is looked up, and then the
/// response is lost.
#[test]
fn an_indefinite_commit_is_looked_up_until_its_outcome_is_known() {
    let proxy = proxy();
    let mut faults = Faults::default();
    for lookup in 0..3 {
        let end = proxy.on::<EndTxnRequest>().when(|it| it.committed);
        let executed = end.nth(3).execute_then_refuse(Code::UnknownServerError);
        faults.add(lookup, executed);
    }
    // Two requests are made when the partitions are restored.
    let asked = || proxy.on::<OffsetFetchRequest>();
    let unstable = asked().nth(3).times(4);
    let unstable = unstable.refuse(Code::UnstableOffsetCommit);
    faults.add("response lost", asked().disconnect_after());
    FaultTest::new(&proxy, "fault-lookup", SETTINGS).run_to_end();
    faults.assert_fired();
    assert_eq!(unstable.fired(), 4);
}
