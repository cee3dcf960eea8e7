//! Requests and responses that are late: the client does not wait for them any more.

use kafka_protocol::messages::{AddOffsetsToTxnRequest, EndTxnRequest, ProduceRequest};

use super::{FaultTest, SETTINGS, proxy};
use crate::app::App;
use crate::harness::{Record, eventually};
use crate::proxy::Latch;

/// Two workers wait at the same time: one commit is executed, the other one only later.
#[test]
fn a_commit_without_a_response_is_resolved_and_may_be_executed_late() {
    let proxy = proxy();
    let end = || proxy.on::<EndTxnRequest>().when(|it| it.committed);
    let (never, later) = (Latch::default(), Latch::default());
    let unanswered = end().nth(4).delay_response_until(&never);
    let late = end().delay_request_until(&later);
    let mut faulted = FaultTest::new(&proxy, "fault-late", SETTINGS);
    faulted.app.start();
    faulted.app.await_caught_up();
    assert_eq!((unanswered.executed(), late.executed()), (1, 0));
    later.open();
    late.await_executed();
    faulted.finish();
    assert_eq!((unanswered.fired(), late.fired()), (1, 1));
}

/// librdkafka silently repeats a commit whose connection was lost. The first request is still in
/// transit: it must not end the next transaction halfway.
#[test]
fn a_repeated_commit_does_not_end_the_next_transaction() {
    let proxy = proxy();
    let settings = format!("{SETTINGS}workers = 1\n");
    let (during_next, never) = (Latch::default(), Latch::default());
    let end = proxy.on::<EndTxnRequest>().when(|it| it.committed).nth(4);
    let repeated = end.disconnect_and_delay(&during_next);
    let mut faulted = FaultTest::new(&proxy, "fault-repeated", &settings);
    faulted.app.start();
    repeated.await_fired();
    // Its records are appended, its offsets are not: a commit at this point would split it.
    let next = proxy.on::<AddOffsetsToTxnRequest>().delay_request_until(&never);
    next.await_fired();
    during_next.open();
    repeated.await_executed();
    faulted.app.kill();
    faulted.run_to_end();
    assert_eq!((repeated.fired(), next.fired()), (1, 1));
}

/// A broker that does not accept outputs: the input waits in the topic, not in memory.
#[test]
fn a_broker_that_accepts_no_records_delays_the_input_and_fills_no_memory() {
    const INPUT_BYTES: u64 = 200 << 20;
    const RECORD_BYTES: usize = 8 << 10;
    let proxy = proxy();
    let mut app = App::through_proxy(&proxy.bootstrap(), "fault-slow", 2, "");
    let mut producer = app.broker.producer();
    // Random text, which is hard to compress.
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
        producer.send(&app.topic("clickstream"), &visits);
    }
    let latch = Latch::default();
    let delayed = proxy.on::<ProduceRequest>().nth(4).delay_response_until(&latch);
    app.start();
    delayed.await_fired();
    // Everything that can be prefetched is in memory once that stops growing.
    let (mut last, mut unchanged) = (0, 0);
    eventually("memory stops growing", || {
        let now = app.daemon.memory("VmHWM");
        unchanged = if now > last { 0 } else { unchanged + 1 };
        last = now;
        unchanged == 30
    });
    assert!(last < INPUT_BYTES / 2, "{last}");
    latch.open();
    app.await_caught_up();
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}
