//! Records on their way, and what counts as delivered.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders, Timestamp};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::error_class::ErrorClass;
use super::{Error, ProducerRecord, log_throttle};
use crate::event::WallTime;

/// Longest wait for room, and for the delivery of what was sent.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(12);
/// Between two looks whether one has failed.
const FLUSH_INTERVAL: Duration = Duration::from_millis(100);

/// What became of a record.
#[derive(Debug)]
pub(super) struct DeliveryReport {
    offset: AtomicI64,
    append_time: AtomicI64,
    refused: AtomicBool,
}

impl Default for DeliveryReport {
    fn default() -> Self {
        DeliveryReport {
            offset: AtomicI64::new(-1),
            append_time: AtomicI64::new(-1),
            refused: AtomicBool::new(false),
        }
    }
}

impl DeliveryReport {
    /// Its offset, once it is delivered.
    pub(super) fn offset(&self) -> Option<i64> {
        Some(self.offset.load(Ordering::Acquire)).filter(|offset| *offset >= 0)
    }

    /// When the broker appended it, where the topic keeps that.
    pub(super) fn append_time(&self) -> Option<WallTime> {
        let millis = self.append_time.load(Ordering::Acquire);
        (millis >= 0).then_some(WallTime(millis))
    }

    /// Whether it was refused for what it is: it always will be.
    pub(super) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }

    fn set_failure(&self, error: &KafkaError) {
        let code = error.rdkafka_error_code();
        if code.is_some_and(|code| ErrorClass::from_code(code) == ErrorClass::RecordRefused) {
            self.refused.store(true, Ordering::Release);
        }
    }
}

/// Catches where the records of a transaction were put, and why one was not.
#[derive(Default)]
pub(super) struct DeliveryContext {
    failure: Mutex<Option<KafkaError>>,
}

impl DeliveryContext {
    /// The first failure since the last call.
    pub(super) fn take_failure(&self) -> Option<KafkaError> {
        self.lock().take()
    }

    fn has_failed(&self) -> bool {
        self.lock().is_some()
    }

    fn set_failure(&self, error: KafkaError) {
        self.lock().get_or_insert(error);
    }

    fn lock(&self) -> MutexGuard<'_, Option<KafkaError>> {
        // An error is whole whoever panicked while holding it.
        self.failure
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl ClientContext for DeliveryContext {
    fn error(&self, error: KafkaError, reason: &str) {
        log_throttle::warn(&error, reason);
    }
}

impl ProducerContext for DeliveryContext {
    type DeliveryOpaque = Arc<DeliveryReport>;

    fn delivery(&self, result: &DeliveryResult<'_>, place: Self::DeliveryOpaque) {
        use RDKafkaErrorCode::{PurgeInflight, PurgeQueue};
        match result {
            Ok(message) if message.offset() >= 0 => {
                if let Timestamp::LogAppendTime(millis) = message.timestamp() {
                    place.append_time.store(millis, Ordering::Release);
                }
                place.offset.store(message.offset(), Ordering::Release);
            }
            // Nobody has said where it lies. librdkafka takes a refused record for delivered once a
            // later one of its partition is; yet a broker that has nothing of a producer so far
            // takes any record for its first, and the refused one is nowhere.
            Ok(_) => self.set_failure(KafkaError::MessageProduction(
                RDKafkaErrorCode::Inconsistent,
            )),
            // Given up because of something else, which the next call of the transaction tells.
            Err((KafkaError::MessageProduction(PurgeInflight | PurgeQueue), _)) => {}
            Err((error, _)) => {
                place.set_failure(error);
                self.set_failure(error.clone());
            }
        }
    }
}

/// Hands a record over; `place` gets what becomes of it.
pub(super) fn send(
    producer: &BaseProducer<DeliveryContext>,
    record: &ProducerRecord,
    place: &Arc<DeliveryReport>,
) -> Result<(), Error> {
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for (key, value) in &record.headers {
        headers = headers.insert(Header {
            key,
            value: value.as_deref(),
        });
    }
    let mut outgoing: BaseRecord<'_, [u8], [u8], _> =
        BaseRecord::with_opaque_to(&record.topic, place.clone()).headers(headers);
    outgoing.key = record.key.as_deref();
    outgoing.payload = record.value.as_deref();
    outgoing.partition = record.partition;
    let deadline = Instant::now() + DELIVERY_TIMEOUT;
    loop {
        match producer.send(outgoing) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back))
                if Instant::now() < deadline =>
            {
                producer.poll(Duration::from_millis(50));
                outgoing = back;
            }
            Err((source, _)) => {
                place.set_failure(&source);
                return Err(Error::Abort {
                    action: "producing a record",
                    source,
                });
            }
        }
    }
}

/// How long it is waited for records that are on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FlushUntil {
    /// Inside a transaction, of which one record that is not delivered is the end: librdkafka does not send the others.
    FirstFailure,
    /// Until all are delivered or have failed.
    AllReported,
}

/// Waits until all records are delivered.
pub(super) fn flush(
    producer: &BaseProducer<DeliveryContext>,
    patience: FlushUntil,
) -> Result<(), Error> {
    let deadline = Instant::now() + DELIVERY_TIMEOUT;
    let context = producer.client().context();
    // librdkafka would tell of a failure later, and only of how many.
    let failure = loop {
        let flushed = producer.flush(FLUSH_INTERVAL);
        let is_over = flushed.is_ok()
            || Instant::now() >= deadline
            || patience == FlushUntil::FirstFailure && context.has_failed();
        if is_over {
            break context.take_failure().or(flushed.err());
        }
    };
    match failure {
        None => Ok(()),
        Some(source) => Err(Error::Abort {
            action: "delivering the records",
            source,
        }),
    }
}
