//! Requests and answers that come when nobody waits for them any more.

use kafka_protocol::messages::{AddOffsetsToTxnRequest, EndTxnRequest};

use super::{Faulted, SETTINGS, proxy};
use crate::proxy::Release;

/// Two workers are left waiting at once: one commit is executed, the other is not until later.
#[test]
fn a_commit_that_gets_no_answer_is_looked_up_and_may_come_too_late() {
    let proxy = proxy();
    let end = || proxy.on::<EndTxnRequest>().when(|it| it.committed);
    let (never, later) = (Release::default(), Release::default());
    let unanswered = end().nth(4).delay_until(&never);
    let late = end().hold_until(&later);
    let mut faulted = Faulted::new(&proxy, "fault-late", SETTINGS);
    faulted.world.start();
    faulted.world.await_caught_up();
    assert_eq!((unanswered.executed(), late.executed()), (1, 0));
    later.now();
    late.await_executed();
    faulted.goes_on();
    assert_eq!((unanswered.fired(), late.fired()), (1, 1));
}

/// librdkafka repeats a commit whose connection was lost, and says nothing of it. The first one is
/// still on its way: it must not end half of the next transaction.
#[test]
fn a_commit_that_was_repeated_does_not_end_the_next_transaction() {
    let proxy = proxy();
    let settings = format!("{SETTINGS}workers = 1\n");
    let (amid_the_next, never) = (Release::default(), Release::default());
    let end = proxy.on::<EndTxnRequest>().when(|it| it.committed).nth(4);
    let repeated = end.cut_and_hold(&amid_the_next);
    let mut faulted = Faulted::new(&proxy, "fault-repeated", &settings);
    faulted.world.start();
    repeated.await_fired();
    // Its records are there, its offsets are not: what ends it now tears it apart.
    let next = proxy.on::<AddOffsetsToTxnRequest>().hold_until(&never);
    next.await_fired();
    amid_the_next.now();
    repeated.await_executed();
    faulted.world.kill();
    faulted.works();
    assert_eq!((repeated.fired(), next.fired()), (1, 1));
}
