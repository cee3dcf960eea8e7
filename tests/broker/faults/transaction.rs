//! Every request of a transaction, refused, lost, damaged, or executed without saying so.

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest,
    OffsetFetchRequest, ProduceRequest, TxnOffsetCommitRequest,
};

use super::{Faulted, Faults, SETTINGS, proxy};

#[test]
fn ends_of_transactions_fail() {
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
        faults.add(code, end().answer(code));
    }
    for code in [
        Code::CoordinatorNotAvailable,
        Code::RequestTimedOut,
        Code::UnknownServerError,
    ] {
        faults.add(("executed", code), end().answer_after(code));
    }
    faults.add("never arrived", end().cut_before());
    faults.add("executed, answer lost", end().cut_after());
    faults.add("executed, answer damaged", end().truncate(5));
    Faulted::new(&proxy, "fault-endtxn", SETTINGS).works();
    faults.assert_fired();
}

#[test]
fn aborts_of_transactions_fail() {
    let proxy = proxy();
    let offsets = || proxy.on::<TxnOffsetCommitRequest>().nth(4);
    let abort = || proxy.on::<EndTxnRequest>().when(|it| !it.committed);
    let mut faults = Faults::default();
    // Each makes an abort necessary.
    for _ in 0..6 {
        faults.add("membership", offsets().answer(Code::IllegalGeneration));
    }
    for code in [Code::ConcurrentTransactions, Code::UnknownServerError] {
        faults.add(code, abort().answer(code));
    }
    faults.add("executed", abort().answer_after(Code::UnknownServerError));
    faults.add("never arrived", abort().cut_before());
    faults.add("executed, answer lost", abort().cut_after());
    Faulted::new(&proxy, "fault-abort", SETTINGS).works();
    faults.assert_fired();
}

#[test]
fn records_fail() {
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
        faults.add(code, produce().answer(code));
    }
    for code in [Code::NotEnoughReplicasAfterAppend, Code::RequestTimedOut] {
        faults.add(("executed", code), produce().answer_after(code));
    }
    faults.add("never arrived", produce().cut_before());
    faults.add("executed, answer lost", produce().cut_after());
    faults.add("executed, answer damaged", produce().truncate(12));
    Faulted::new(&proxy, "fault-produce", SETTINGS).works();
    faults.assert_fired();
}

#[test]
fn announcements_of_partitions_fail() {
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
        faults.add(code, add().answer(code));
    }
    faults.add("never arrived", add().cut_before());
    faults.add("executed, answer lost", add().cut_after());
    faults.add("executed, answer damaged", add().truncate(7));
    Faulted::new(&proxy, "fault-partitions", SETTINGS).works();
    faults.assert_fired();
}

#[test]
fn announcements_of_offsets_fail() {
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
        faults.add(code, add().answer(code));
    }
    faults.add("never arrived", add().cut_before());
    faults.add("executed, answer lost", add().cut_after());
    faults.add("executed, answer damaged", add().truncate(5));
    Faulted::new(&proxy, "fault-addoffsets", SETTINGS).works();
    faults.assert_fired();
}

#[test]
fn offsets_fail() {
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
        faults.add(code, commit().answer(code));
    }
    let executed = commit().answer_after(Code::RequestTimedOut);
    faults.add("executed, timed out", executed);
    faults.add("never arrived", commit().cut_before());
    faults.add("executed, answer lost", commit().cut_after());
    faults.add("executed, answer damaged", commit().truncate(10));
    Faulted::new(&proxy, "fault-offsets", SETTINGS).works();
    faults.assert_fired();
}

#[test]
fn producers_that_begin_fail() {
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
        faults.add(code, init().answer(code));
    }
    faults.add("never arrived", init().cut_before());
    faults.add("executed, answer lost", init().cut_after());
    faults.add("executed, answer damaged", init().truncate(5));
    Faulted::new(&proxy, "fault-init", SETTINGS).works();
    faults.assert_fired();
}

/// The group's offsets are not stable while the outcome of a transaction is looked up, and then the
/// answer is lost.
#[test]
fn an_outcome_is_looked_up_until_it_is_known() {
    let proxy = proxy();
    let mut faults = Faults::default();
    for lookup in 0..3 {
        let end = proxy.on::<EndTxnRequest>().when(|it| it.committed);
        let executed = end.nth(3).answer_after(Code::UnknownServerError);
        faults.add(lookup, executed);
    }
    // Two partitions ask when they are restored.
    let asked = || proxy.on::<OffsetFetchRequest>();
    let unstable = asked().nth(3).times(4);
    let unstable = unstable.answer(Code::UnstableOffsetCommit);
    faults.add("answer lost", asked().cut_after());
    Faulted::new(&proxy, "fault-lookup", SETTINGS).works();
    faults.assert_fired();
    assert_eq!(unstable.fired(), 4);
}
