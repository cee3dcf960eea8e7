//! Requests by which the daemon reads: refused, lost, damaged and late.

use std::time::Duration;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::{
    EndTxnRequest, FetchRequest, ListOffsetsRequest, MetadataRequest, OffsetFetchRequest,
};

use super::{FaultTest, Faults, SETTINGS, proxy};
use crate::proxy::Latch;

#[test]
fn fetch_requests_fail() {
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
        // No record is missing: the daemon finds that by restoring the partition.
        Code::OffsetOutOfRange,
        Code::UnknownServerError,
    ] {
        faults.add(code, fetch().refuse(code));
    }
    faults.add("request lost", fetch().disconnect_before());
    faults.add("response lost", fetch().disconnect_after());
    faults.add("response damaged", fetch().truncate_response(40));
    faults.add("late", fetch().delay_response(Duration::from_millis(700)));
    let mut faulted = FaultTest::new(&proxy, "fault-fetch", SETTINGS);
    faulted.app.start();
    // The input is processed before that many requests.
    faults.await_fired();
    faulted.finish();
}

#[test]
fn offset_requests_before_a_partition_is_read_fail() {
    let proxy = proxy();
    let mut faults = Faults::default();
    let offsets = || proxy.on::<OffsetFetchRequest>();
    let unstable = offsets().times(8).refuse(Code::UnstableOffsetCommit);
    for code in [Code::CoordinatorLoadInProgress, Code::NotCoordinator] {
        faults.add(code, offsets().refuse(code));
    }
    faults.add("offsets: response lost", offsets().disconnect_after());
    faults.add("offsets: response damaged", offsets().truncate_response(9));
    // Those of the changelog: no other request asks for the end after open transactions.
    let bounds = || {
        let bounds = proxy.on::<ListOffsetsRequest>();
        bounds.when(|it| it.isolation_level == 0)
    };
    for code in [Code::NotLeaderOrFollower, Code::OffsetNotAvailable] {
        faults.add(code, bounds().refuse(code));
    }
    faults.add("bounds: response lost", bounds().disconnect_after());
    faults.add("bounds: response damaged", bounds().truncate_response(9));
    FaultTest::new(&proxy, "fault-ask", SETTINGS).run_to_end();
    faults.assert_fired();
    assert_eq!(unstable.fired(), 8);
}

/// The topics are described first, and without a response the daemon does not start. Later, new
/// producers ask again.
#[test]
fn metadata_requests_fail() {
    let proxy = proxy();
    // A member that divides the partitions before it knows them assigns none, for as long as it does not ask again.
    let latch = Latch::default();
    let committing = proxy.on::<EndTxnRequest>().delay_request_until(&latch);
    let mut faulted = FaultTest::new(&proxy, "fault-metadata", SETTINGS);
    faulted.app.start();
    committing.await_fired();
    let metadata = || proxy.on::<MetadataRequest>();
    let mut faults = Faults::default();
    faults.add("request lost", metadata().disconnect_before());
    faults.add("response lost", metadata().disconnect_after());
    faults.add("response damaged", metadata().truncate_response(20));
    faults.add("late", metadata().delay_response(Duration::from_millis(700)));
    let code = Code::LeaderNotAvailable;
    faults.add(code, metadata().execute_then_refuse(code));
    for renewed in 0..4 {
        let end = proxy.on::<EndTxnRequest>().nth(3);
        faults.add(renewed, end.execute_then_refuse(Code::UnknownServerError));
    }
    latch.open();
    faulted.finish();
    faults.assert_fired();
}
