//! Sends records, and decides which of them count as delivered.

use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders, Timestamp};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::statistics::Statistics;

use super::error_class::ErrorClass;
use super::statistics::ProducerObserver;
use super::{Error, ProducerRecord, log_throttle};
use crate::event::WallTime;

/// Longest wait for room in the producer's queue, and for the delivery of sent records.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(12);
/// Interval between checks whether a record has failed.
const FLUSH_INTERVAL: Duration = Duration::from_millis(100);

/// The delivery of one record; −1 where partition, offset or append time is unknown.
#[derive(Debug)]
pub(super) struct DeliveryReport {
    partition: AtomicI32,
    offset: AtomicI64,
    append_time: AtomicI64,
    failure: OnceLock<RDKafkaErrorCode>,
}

impl Default for DeliveryReport {
    fn default() -> Self {
        DeliveryReport {
            partition: AtomicI32::new(-1),
            offset: AtomicI64::new(-1),
            append_time: AtomicI64::new(-1),
            failure: OnceLock::new(),
        }
    }
}

impl DeliveryReport {
    /// The partition that the partitioner chose, also of an undelivered record; `None` until it is reported, and for a
    /// record that failed before the choice.
    pub(super) fn partition(&self) -> Option<i32> {
        Some(self.partition.load(Ordering::Acquire)).filter(|partition| *partition >= 0)
    }

    /// `None` until the record is delivered.
    pub(super) fn offset(&self) -> Option<i64> {
        Some(self.offset.load(Ordering::Acquire)).filter(|offset| *offset >= 0)
    }

    /// Broker time of the append; `None` unless the topic has `LogAppendTime`.
    pub(super) fn append_time(&self) -> Option<WallTime> {
        let millis = self.append_time.load(Ordering::Acquire);
        (millis >= 0).then_some(WallTime(millis))
    }

    /// Why the record is not delivered. Purged records have none: another one has failed.
    pub(super) fn failure(&self) -> Option<RDKafkaErrorCode> {
        self.failure.get().copied()
    }

    /// Whether the broker refused the record itself (too large, invalid): a retry fails too.
    pub(super) fn is_refused(&self) -> bool {
        self.failure().is_some_and(|code| ErrorClass::from_code(code) == ErrorClass::RecordRefused)
    }

    fn set_failure(&self, error: &KafkaError) {
        if let Some(code) = error.rdkafka_error_code() {
            self.failure.get_or_init(|| code);
        }
    }
}

/// Callbacks of a producer: the first failure, and the report of each record.
#[derive(Default)]
pub(super) struct DeliveryContext {
    failure: Mutex<Option<KafkaError>>,
    observer: Option<ProducerObserver>,
}

impl DeliveryContext {
    pub(super) fn observed(observer: Option<ProducerObserver>) -> DeliveryContext {
        DeliveryContext { observer, ..DeliveryContext::default() }
    }

    /// The first failure since the previous call.
    pub(super) fn take_failure(&self) -> Option<KafkaError> {
        self.lock().take()
    }

    fn has_failed(&self) -> bool {
        self.lock().is_some()
    }

    fn set_failure(&self, topic: &str, error: KafkaError) {
        self.count_error(topic);
        self.lock().get_or_insert(error);
    }

    fn count_error(&self, topic: &str) {
        if let Some(observer) = &self.observer {
            observer.count_error(topic);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<KafkaError>> {
        // A poisoned lock is safe: the value is replaced as a whole.
        self.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl ClientContext for DeliveryContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_throttle::line("producer", level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_throttle::warn("producer", &error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        if let Some(observer) = &self.observer {
            observer.observe(&statistics);
        }
    }
}

impl ProducerContext for DeliveryContext {
    type DeliveryOpaque = Arc<DeliveryReport>;

    fn delivery(&self, result: &DeliveryResult<'_>, report: Self::DeliveryOpaque) {
        use RDKafkaErrorCode::{PurgeInflight, PurgeQueue};
        let (Ok(message) | Err((_, message))) = result;
        report.partition.store(message.partition(), Ordering::Release);
        match result {
            Ok(message) if message.offset() >= 0 => {
                if let Timestamp::LogAppendTime(millis) = message.timestamp() {
                    report.append_time.store(millis, Ordering::Release);
                }
                report.offset.store(message.offset(), Ordering::Release);
            }
            // Delivered without an offset: treated as lost. librdkafka reports a refused record as
            // delivered once a later one of its partition is. But a broker without state of this
            // producer accepts any record as the first, so the refused one may be nowhere.
            Ok(_) => {
                let error = KafkaError::MessageProduction(RDKafkaErrorCode::Inconsistent);
                self.set_failure(message.topic(), error);
            }
            // Purged because of another error, which the next call of the transaction returns.
            Err((KafkaError::MessageProduction(PurgeInflight | PurgeQueue), _)) => {}
            Err((error, _)) => {
                report.set_failure(error);
                self.set_failure(message.topic(), error.clone());
            }
        }
    }
}

/// Enqueues a record; `report` receives its delivery. Waits while the producer's queue is full.
pub(super) fn send(
    producer: &BaseProducer<DeliveryContext>,
    record: &ProducerRecord,
    report: &Arc<DeliveryReport>,
) -> Result<(), Error> {
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for (key, value) in &record.headers {
        headers = headers.insert(Header { key, value: value.as_deref() });
    }
    let mut outgoing: BaseRecord<'_, [u8], [u8], _> =
        BaseRecord::with_opaque_to(&record.topic, report.clone()).headers(headers);
    outgoing.key = record.key.as_deref();
    outgoing.payload = record.value.as_deref();
    outgoing.partition = record.partition;
    let deadline = Instant::now() + DELIVERY_TIMEOUT;
    loop {
        match producer.send(outgoing) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), rejected))
                if Instant::now() < deadline =>
            {
                producer.poll(Duration::from_millis(50));
                outgoing = rejected;
            }
            Err((source, _)) => {
                report.set_failure(&source);
                producer.context().count_error(&record.topic);
                return Err(Error::Abort { action: "producing a record", source });
            }
        }
    }
}

/// When [`flush`] stops waiting for records in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FlushUntil {
    /// Inside a transaction: after one undelivered record librdkafka does not send the others.
    FirstFailure,
    /// When all are delivered or have failed.
    AllReported,
}

/// Waits until all records are delivered; `Err` is the first failure, or the timeout.
pub(super) fn flush(
    producer: &BaseProducer<DeliveryContext>,
    until: FlushUntil,
) -> Result<(), Error> {
    let deadline = Instant::now() + DELIVERY_TIMEOUT;
    let context = producer.client().context();
    // Short flushes, since librdkafka itself reports a failure later and without its cause.
    let failure = loop {
        let flushed = producer.flush(FLUSH_INTERVAL);
        let is_over = flushed.is_ok()
            || Instant::now() >= deadline
            || until == FlushUntil::FirstFailure && context.has_failed();
        if is_over {
            break context.take_failure().or(flushed.err());
        }
    };
    match failure {
        None => Ok(()),
        Some(source) => Err(Error::Abort { action: "delivering the records", source }),
    }
}

/// Publishes outputs outside of a transaction; `reports` receives a report for each that was sent.
pub(super) fn publish_outputs(
    producer: &BaseProducer<DeliveryContext>,
    outputs: &[ProducerRecord],
    reports: &mut Vec<Arc<DeliveryReport>>,
) -> Result<(), Error> {
    for output in outputs {
        let report = Arc::new(DeliveryReport::default());
        reports.push(report.clone());
        send(producer, output, &report)?;
    }
    flush(producer, FlushUntil::AllReported)?;
    // Purged records set no failure, and outside a transaction no later call returns their error.
    if reports.iter().all(|report| report.offset().is_some()) {
        return Ok(());
    }
    Err(Error::Abort {
        action: "delivering the records",
        source: KafkaError::MessageProduction(RDKafkaErrorCode::PurgeQueue),
    })
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;

    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn records_that_are_not_delivered_are_counted_by_topic() {
        let metrics = Metrics::new().unwrap();
        let observer = ProducerObserver::new(0, &metrics.clients);
        let mut config = ClientConfig::new();
        config.set("message.max.bytes", "1000");
        let producer: BaseProducer<DeliveryContext> =
            config.create_with_context(DeliveryContext::observed(Some(observer))).unwrap();
        let record = |bytes: usize| ProducerRecord {
            topic: "changelog".to_owned(),
            partition: Some(0),
            key: None,
            value: Some(vec![0; bytes]),
            headers: Vec::new(),
        };
        let report = Arc::new(DeliveryReport::default());
        assert!(send(&producer, &record(2000), &report).is_err());
        assert!(report.is_refused());
        let errors = metrics.clients.produce_errors.with_label_values(&["changelog"]);
        assert_eq!(errors.get(), 1);
        // Purged because of another failure: it is not one itself.
        send(&producer, &record(10), &Arc::default()).unwrap();
        producer.purge(rdkafka::producer::PurgeConfig::default().queue().inflight());
        producer.poll(Duration::from_secs(10));
        assert_eq!(errors.get(), 1);
    }
}
