//! Records on their way, and what counts as delivered.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders, Timestamp};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::outlook::Outlook;
use super::{Error, Outgoing, seldom};
use crate::event::WallTime;

/// Longest wait for room, and for the delivery of what was sent.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(12);
/// Between two looks whether one has failed.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What became of a record.
#[derive(Debug)]
pub(super) struct Place {
    offset: AtomicI64,
    appended: AtomicI64,
    refused: AtomicBool,
}

impl Default for Place {
    fn default() -> Self {
        Place {
            offset: AtomicI64::new(-1),
            appended: AtomicI64::new(-1),
            refused: AtomicBool::new(false),
        }
    }
}

impl Place {
    /// Its offset, once it is delivered.
    pub(super) fn offset(&self) -> Option<i64> {
        Some(self.offset.load(Ordering::Acquire)).filter(|offset| *offset >= 0)
    }

    /// When the broker appended it, where the topic keeps that.
    pub(super) fn appended(&self) -> Option<WallTime> {
        let millis = self.appended.load(Ordering::Acquire);
        (millis >= 0).then_some(WallTime(millis))
    }

    /// Whether it was refused for what it is: it always will be.
    pub(super) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }

    fn fail(&self, error: &KafkaError) {
        let code = error.rdkafka_error_code();
        if code.is_some_and(|code| Outlook::of(code) == Outlook::Unfit) {
            self.refused.store(true, Ordering::Release);
        }
    }
}

/// Catches where the records of a transaction were put, and why one was not.
#[derive(Default)]
pub(super) struct Deliveries {
    failure: Mutex<Option<KafkaError>>,
}

impl Deliveries {
    /// The first failure since the last call.
    pub(super) fn take_failure(&self) -> Option<KafkaError> {
        self.lock().take()
    }

    fn has_failed(&self) -> bool {
        self.lock().is_some()
    }

    fn fail(&self, error: KafkaError) {
        self.lock().get_or_insert(error);
    }

    fn lock(&self) -> MutexGuard<'_, Option<KafkaError>> {
        // An error is whole whoever panicked while holding it.
        self.failure
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        seldom::warn(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Arc<Place>;

    fn delivery(&self, result: &DeliveryResult<'_>, place: Self::DeliveryOpaque) {
        use RDKafkaErrorCode::{PurgeInflight, PurgeQueue};
        match result {
            Ok(message) if message.offset() >= 0 => {
                if let Timestamp::LogAppendTime(millis) = message.timestamp() {
                    place.appended.store(millis, Ordering::Release);
                }
                place.offset.store(message.offset(), Ordering::Release);
            }
            // Nobody has said where it lies. librdkafka takes a refused record for delivered once a
            // later one of its partition is; yet a broker that has nothing of a producer so far
            // takes any record for its first, and the refused one is nowhere.
            Ok(_) => self.fail(KafkaError::MessageProduction(
                RDKafkaErrorCode::Inconsistent,
            )),
            // Given up because of something else, which the next call of the transaction tells.
            Err((KafkaError::MessageProduction(PurgeInflight | PurgeQueue), _)) => {}
            Err((error, _)) => {
                place.fail(error);
                self.fail(error.clone());
            }
        }
    }
}

/// Hands a record over; `place` gets what becomes of it.
pub(super) fn send(
    producer: &BaseProducer<Deliveries>,
    record: &Outgoing,
    place: &Arc<Place>,
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
                place.fail(&source);
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
pub(super) enum Patience {
    /// Inside a transaction, of which one record that is not delivered is the end: librdkafka does not send the others.
    UntilOneFails,
    /// Until all are delivered or have failed.
    UntilAllAreThrough,
}

/// Waits until all records are delivered.
pub(super) fn deliver(
    producer: &BaseProducer<Deliveries>,
    patience: Patience,
) -> Result<(), Error> {
    let deadline = Instant::now() + DELIVERY_TIMEOUT;
    let context = producer.client().context();
    // librdkafka would tell of a failure later, and only of how many.
    let failure = loop {
        let flushed = producer.flush(LOOK_EVERY);
        let is_over = flushed.is_ok()
            || Instant::now() >= deadline
            || patience == Patience::UntilOneFails && context.has_failed();
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
