//! The daemon at work while requests fail. Whatever fails: every transition is told once, and every
//! fault is seen to have been there.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, FetchRequest,
    FindCoordinatorRequest, HeartbeatRequest, InitProducerIdRequest, JoinGroupRequest,
    MetadataRequest, OffsetFetchRequest, ProduceRequest, SyncGroupRequest, TxnOffsetCommitRequest,
};

use crate::daemon::World;
use crate::exactly_once::{assert_told_once, history, produce};
use crate::harness::{Broker, eventually};
use crate::proxy::{Fault, Proxy, Release};
use crate::reference::Event;

/// Small batches, so that an input takes many transactions.
const SETTINGS: &str = "[runtime]\ncommit_interval = \"10ms\"\nbatch_records = 60\n";

/// A daemon that reaches the broker by way of a proxy, and its input.
struct Faulted {
    world: World,
    proxy: Proxy,
    events: Vec<Event>,
    horizon: i64,
}

impl Faulted {
    fn new(name: &str, settings: &str) -> Faulted {
        let proxy = Proxy::before(Broker::shared());
        let world = World::by_way_of(&proxy.bootstrap(), name, 2, settings);
        let events = history(1, 1_000, 4_000);
        let horizon = produce(&world, &events, 2);
        Faulted {
            world,
            proxy,
            events,
            horizon,
        }
    }

    /// The daemon works through its input and ends in order.
    fn works(&mut self) {
        self.world.start();
        self.is_done();
    }

    fn is_done(&mut self) {
        self.world.await_caught_up();
        assert_told_once(&self.world, &self.events, self.horizon);
        let status = self.world.terminate();
        assert_eq!(status.code(), Some(0), "{}", self.world.said());
    }
}

/// Each fault was there as often as it was to be.
fn assert_fired<const N: usize>(faults: [(&str, Fault, usize); N]) {
    for (name, fault, times) in faults {
        assert_eq!(fault.fired(), times, "{name}");
    }
}

#[test]
fn an_end_of_a_transaction_that_is_refused_lost_or_unanswered() {
    let mut faulted = Faulted::new("fault-endtxn", SETTINGS);
    let end = || {
        let end = faulted.proxy.on::<EndTxnRequest>();
        end.when(|request| request.committed).nth(3)
    };
    let faults = [
        (
            "concurrent",
            end().answer(ResponseError::ConcurrentTransactions),
            1,
        ),
        (
            "loading",
            end().answer(ResponseError::CoordinatorLoadInProgress),
            1,
        ),
        (
            "no coordinator",
            end().answer(ResponseError::CoordinatorNotAvailable),
            1,
        ),
        (
            "not coordinator",
            end().answer(ResponseError::NotCoordinator),
            1,
        ),
        (
            "unavailable after",
            end().answer_after(ResponseError::CoordinatorNotAvailable),
            1,
        ),
        ("never arrived", end().cut_before(), 1),
        ("executed, answer lost", end().cut_after(), 1),
        ("executed, damaged", end().truncate(5), 1),
        (
            "executed, timed out",
            end().answer_after(ResponseError::RequestTimedOut),
            1,
        ),
        (
            "executed, unknown",
            end().answer_after(ResponseError::UnknownServerError),
            1,
        ),
        (
            "not executed, unknown",
            end().answer(ResponseError::UnknownServerError),
            1,
        ),
        (
            "unknown producer",
            end().answer(ResponseError::InvalidProducerIdMapping),
            1,
        ),
    ];
    faulted.works();
    assert_fired(faults);
}
