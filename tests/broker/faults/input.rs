//! What the daemon reads, and what it asks before: refused, lost, damaged and late.

use std::time::Duration;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::{
    EndTxnRequest, FetchRequest, InitProducerIdRequest, ListOffsetsRequest, MetadataRequest,
    OffsetFetchRequest,
};

use super::{Faulted, Faults, SETTINGS, proxy};

#[test]
fn reading_fails() {
    let proxy = proxy();
    let fetch = || proxy.on::<FetchRequest>().nth(3);
    let mut faults = Faults::default();
    for code in [
        Code::NotLeaderOrFollower,
        Code::LeaderNotAvailable,
        Code::FencedLeaderEpoch,
        Code::UnknownLeaderEpoch,
        Code::OffsetNotAvailable,
        Code::KafkaStorageError,
        Code::CorruptMessage,
        // Nothing is lost: that is found by restoring the partition.
        Code::OffsetOutOfRange,
        Code::UnknownServerError,
    ] {
        faults.add(code, fetch().answer(code));
    }
    faults.add("never arrived", fetch().cut_before());
    faults.add("answer lost", fetch().cut_after());
    faults.add("answer damaged", fetch().truncate(40));
    faults.add("late", fetch().delay(Duration::from_millis(700)));
    let mut faulted = Faulted::new(&proxy, "fault-fetch", SETTINGS);
    faulted.world.start();
    // It is done before it has asked so often.
    faults.await_fired();
    faulted.goes_on();
}

#[test]
fn what_is_asked_before_a_partition_is_read_fails() {
    let proxy = proxy();
    let mut faults = Faults::default();
    let offsets = || proxy.on::<OffsetFetchRequest>();
    let unstable = offsets().times(8).answer(Code::UnstableOffsetCommit);
    for code in [Code::CoordinatorLoadInProgress, Code::NotCoordinator] {
        faults.add(code, offsets().answer(code));
    }
    faults.add("offsets: answer lost", offsets().cut_after());
    faults.add("offsets: answer damaged", offsets().truncate(9));
    // Those of the changelog: nobody else asks for the end behind open transactions.
    let bounds = || {
        let bounds = proxy.on::<ListOffsetsRequest>();
        bounds.when(|it| it.isolation_level == 0)
    };
    for code in [Code::NotLeaderOrFollower, Code::OffsetNotAvailable] {
        faults.add(code, bounds().answer(code));
    }
    faults.add("bounds: answer lost", bounds().cut_after());
    faults.add("bounds: answer damaged", bounds().truncate(9));
    Faulted::new(&proxy, "fault-ask", SETTINGS).works();
    faults.assert_fired();
    assert_eq!(unstable.fired(), 8);
}

/// The topics are looked at first, and without an answer the daemon does not begin. Later on new
/// producers ask again.
#[test]
fn metadata_fail() {
    let proxy = proxy();
    let looked = proxy.on::<InitProducerIdRequest>().delay(Duration::ZERO);
    let mut faulted = Faulted::new(&proxy, "fault-metadata", SETTINGS);
    faulted.world.start();
    looked.await_fired();
    let metadata = || proxy.on::<MetadataRequest>();
    let mut faults = Faults::default();
    faults.add("never arrived", metadata().cut_before());
    faults.add("answer lost", metadata().cut_after());
    faults.add("answer damaged", metadata().truncate(20));
    faults.add("late", metadata().delay(Duration::from_millis(700)));
    let code = Code::LeaderNotAvailable;
    faults.add(code, metadata().answer_after(code));
    for renewed in 0..4 {
        let end = proxy.on::<EndTxnRequest>().nth(3);
        faults.add(renewed, end.answer_after(Code::UnknownServerError));
    }
    faulted.goes_on();
    faults.assert_fired();
}
