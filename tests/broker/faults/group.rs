//! The group and its coordinator: a member that is removed rejoins, and nothing is published twice.

use std::time::Duration;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::{
    FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest, SyncGroupRequest,
    TxnOffsetCommitRequest,
};

use super::{FaultTest, Faults, proxy};
use crate::harness::eventually;

/// Many small transactions and frequent heartbeats: the group changes during processing.
const SETTINGS: &str = "[kafka.properties]
\"heartbeat.interval.ms\" = \"200\"
[runtime]
commit_interval = \"10ms\"
batch_records = 30
";

#[test]
fn heartbeat_requests_fail() {
    let proxy = proxy();
    let heartbeat = || proxy.on::<HeartbeatRequest>().nth(2);
    let mut faults = Faults::default();
    for code in [
        Code::RebalanceInProgress,
        Code::UnknownMemberId,
        Code::IllegalGeneration,
        Code::NotCoordinator,
        Code::CoordinatorNotAvailable,
    ] {
        faults.add(code, heartbeat().refuse(code));
    }
    faults.add("request lost", heartbeat().disconnect_before());
    faults.add("response lost", heartbeat().disconnect_after());
    faults.add("response damaged", heartbeat().truncate_response(5));
    let mut faulted = FaultTest::new(&proxy, "fault-heartbeat", SETTINGS);
    faulted.app.start();
    faults.await_fired();
    faulted.finish();
    faults.assert_fired();
}

#[test]
fn join_and_sync_requests_fail() {
    let proxy = proxy();
    let join = || proxy.on::<JoinGroupRequest>();
    let sync = || proxy.on::<SyncGroupRequest>();
    let mut faults = Faults::default();
    faults.add("join: request lost", join().disconnect_before());
    faults.add("join: response lost", join().disconnect_after());
    faults.add("join: response damaged", join().truncate_response(9));
    for code in [Code::CoordinatorLoadInProgress, Code::NotCoordinator, Code::UnknownMemberId] {
        faults.add(("join", code), join().refuse(code));
    }
    faults.add("sync: request lost", sync().disconnect_before());
    faults.add("sync: response lost", sync().disconnect_after());
    for code in [Code::RebalanceInProgress, Code::UnknownMemberId] {
        faults.add(("sync", code), sync().refuse(code));
    }
    FaultTest::new(&proxy, "fault-join", SETTINGS).run_to_end();
    faults.assert_fired();
}

#[test]
fn coordinator_lookups_fail() {
    let proxy = proxy();
    let mut faults = Faults::default();
    // Of a group, and of a transaction.
    for kind in [0, 1] {
        let find = || {
            let find = proxy.on::<FindCoordinatorRequest>();
            find.when(move |it| it.key_type == kind)
        };
        for code in [Code::CoordinatorNotAvailable, Code::CoordinatorLoadInProgress] {
            faults.add((kind, code), find().refuse(code));
        }
        faults.add((kind, "request lost"), find().disconnect_before());
        faults.add((kind, "response lost"), find().disconnect_after());
        faults.add((kind, "response damaged"), find().truncate_response(8));
        faults.add((kind, "late"), find().delay_response(Duration::from_millis(700)));
    }
    FaultTest::new(&proxy, "fault-coordinator", SETTINGS).run_to_end();
    faults.assert_fired();
}

/// A stopping daemon does not poll, so that it cannot regain its membership.
#[test]
fn a_daemon_that_has_lost_its_membership_stops_immediately() {
    let proxy = proxy();
    let mut faulted = FaultTest::new(&proxy, "fault-lost-member", SETTINGS);
    let commit = proxy.on::<TxnOffsetCommitRequest>().nth(3);
    let refused = commit.times(usize::MAX).refuse(Code::UnknownMemberId);
    faulted.app.start();
    eventually("it retries", || refused.fired() > 2);
    let status = faulted.app.terminate();
    let log = faulted.app.log();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("pending batches are not committed"), "{log}");
}
