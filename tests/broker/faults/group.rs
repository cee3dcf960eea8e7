//! The group and its coordinator: whoever is thrown out comes back, and nothing is told twice.

use std::time::Duration;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::{
    FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest, SyncGroupRequest,
    TxnOffsetCommitRequest,
};

use super::{Faulted, Faults, proxy};
use crate::harness::eventually;

/// Many small transactions and frequent heartbeats: the group changes amid work.
const SETTINGS: &str = "[kafka.properties]
\"heartbeat.interval.ms\" = \"200\"
[runtime]
commit_interval = \"10ms\"
batch_records = 30
";

#[test]
fn heartbeats_fail() {
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
        faults.add(code, heartbeat().answer(code));
    }
    faults.add("never arrived", heartbeat().cut_before());
    faults.add("answer lost", heartbeat().cut_after());
    faults.add("answer damaged", heartbeat().truncate(5));
    let mut faulted = Faulted::new(&proxy, "fault-heartbeat", SETTINGS);
    faulted.world.start();
    faults.await_fired();
    faulted.goes_on();
    faults.assert_fired();
}

#[test]
fn joining_fails() {
    let proxy = proxy();
    let join = || proxy.on::<JoinGroupRequest>();
    let sync = || proxy.on::<SyncGroupRequest>();
    let mut faults = Faults::default();
    faults.add("join: never arrived", join().cut_before());
    faults.add("join: answer lost", join().cut_after());
    faults.add("join: answer damaged", join().truncate(9));
    for code in [
        Code::CoordinatorLoadInProgress,
        Code::NotCoordinator,
        Code::UnknownMemberId,
    ] {
        faults.add(("join", code), join().answer(code));
    }
    faults.add("sync: never arrived", sync().cut_before());
    faults.add("sync: answer lost", sync().cut_after());
    for code in [Code::RebalanceInProgress, Code::UnknownMemberId] {
        faults.add(("sync", code), sync().answer(code));
    }
    Faulted::new(&proxy, "fault-join", SETTINGS).works();
    faults.assert_fired();
}

#[test]
fn coordinators_are_not_found() {
    let proxy = proxy();
    let mut faults = Faults::default();
    // Of a group, and of a transaction.
    for kind in [0, 1] {
        let find = || {
            let find = proxy.on::<FindCoordinatorRequest>();
            find.when(move |it| it.key_type == kind)
        };
        for code in [
            Code::CoordinatorNotAvailable,
            Code::CoordinatorLoadInProgress,
        ] {
            faults.add((kind, code), find().answer(code));
        }
        faults.add((kind, "never arrived"), find().cut_before());
        faults.add((kind, "answer lost"), find().cut_after());
        faults.add((kind, "answer damaged"), find().truncate(8));
        faults.add((kind, "late"), find().delay(Duration::from_millis(700)));
    }
    Faulted::new(&proxy, "fault-coordinator", SETTINGS).works();
    faults.assert_fired();
}

/// Nobody polls any more, so that nothing can give the membership back.
#[test]
fn a_daemon_that_has_lost_its_membership_ends_at_once() {
    let proxy = proxy();
    let mut faulted = Faulted::new(&proxy, "fault-lost-member", SETTINGS);
    let commit = proxy.on::<TxnOffsetCommitRequest>().nth(3);
    let refused = commit.times(usize::MAX).answer(Code::UnknownMemberId);
    faulted.world.start();
    eventually("it tries again and again", || refused.fired() > 2);
    let status = faulted.world.terminate();
    let said = faulted.world.said();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("pending batches are not committed"), "{said}");
}
