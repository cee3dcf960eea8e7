//! Ends of transactions: how long the calls may take, and the abort.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, Producer};

use crate::kafka::delivery::DeliveryContext;

/// Longest wait for one transactional call.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(12);
/// Longest poll for delivery reports while an abort waits for them.
const REPORT_POLL_INTERVAL: Duration = Duration::from_millis(20);
/// librdkafka may have repeated an EndTxn that took this long: it does so after `retry.backoff.ms`
/// (1000 ms) ± 20 %.
pub(super) const END_RETRY_MIN: Duration = Duration::from_millis(800);

/// Aborts the transaction. The call purges undelivered records and waits until their reports are served,
/// but does not serve them: another thread polls, or each such abort would take its full timeout.
pub(super) fn abort_while_polling(
    producer: &BaseProducer<DeliveryContext>,
) -> Result<(), KafkaError> {
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Acquire) {
                producer.poll(REPORT_POLL_INTERVAL);
            }
        });
        let aborted = producer.abort_transaction(CALL_TIMEOUT);
        is_done.store(true, Ordering::Release);
        aborted
    })
}
