//! Requests and answers that come when nobody waits for them any more.

use kafka_protocol::messages::{AddOffsetsToTxnRequest, EndTxnRequest, ProduceRequest};

use super::{Faulted, SETTINGS, proxy};
use crate::daemon::World;
use crate::harness::{Record, eventually};
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

/// A broker that does not take what is told: the input waits where it is, not in memory.
#[test]
fn a_broker_that_takes_nothing_keeps_the_input_waiting_and_fills_no_memory() {
    const INPUT_BYTES: u64 = 200 << 20;
    const RECORD_BYTES: usize = 8 << 10;
    let proxy = proxy();
    let mut world = World::by_way_of(&proxy.bootstrap(), "fault-slow", 2, "");
    let mut producer = world.broker.producer();
    // Nothing that compresses well.
    let mut chance = fastrand::Rng::with_seed(1);
    let visits: Vec<Record> = (0..64)
        .map(|number| {
            let noise: String = (0..RECORD_BYTES).map(|_| chance.alphanumeric()).collect();
            let json = format!(
                r#"{{"type":"page_viewed","customer_id":"c{number}","time":{},"properties":{{"noise":"{noise}"}}}}"#,
                1_767_225_600_000_i64 + number
            );
            Record::new((number % 2) as i32, format!("c{number}"), json)
        })
        .collect();
    for _ in 0..INPUT_BYTES / (64 * RECORD_BYTES as u64) {
        producer.send(&world.topic("clickstream"), &visits);
    }
    let release = Release::default();
    let held = proxy.on::<ProduceRequest>().nth(4).delay_until(&release);
    world.start();
    held.await_fired();
    // Whatever is going to be fetched is there once memory grows no more.
    let (mut last, mut unchanged) = (0, 0);
    eventually("memory grows no more", || {
        let now = world.first.memory("VmHWM");
        unchanged = if now > last { 0 } else { unchanged + 1 };
        last = now;
        unchanged == 30
    });
    assert!(last < INPUT_BYTES / 2, "{last}");
    release.now();
    world.await_caught_up();
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}
