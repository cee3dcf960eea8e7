//! Producing: in order, to the given partition, and delivered when a call returns.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};

use super::{Broker, Record, WAIT_MAX, client_config};

/// Poll timeout for delivery reports, which librdkafka always waits in full.
const POLL_TIMEOUT: Duration = Duration::from_millis(5);

/// An idempotent producer, transactional or not. Dropped inside a transaction, it leaves that open
/// until its timeout, as a crash would.
pub(crate) struct Producer {
    inner: BaseProducer<DeliveryReports>,
}

/// Offsets of the records of one call, in their order, as they become known.
#[derive(Default)]
struct DeliveryReports(Mutex<Vec<Option<KafkaResult<i64>>>>);

impl ClientContext for DeliveryReports {}

impl ProducerContext for DeliveryReports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        let offset = match result {
            Ok(message) => Ok(message.offset()),
            Err((error, _)) => Err(error.clone()),
        };
        self.0.lock().unwrap()[index] = Some(offset);
    }
}

impl Broker {
    /// Produces the records outside of transactions; returns their offsets.
    pub(crate) fn produce(&self, topic: &str, records: &[Record]) -> Vec<i64> {
        self.producer().send(topic, records)
    }

    /// A producer without transactions. Reusing it is faster than [`Broker::produce`]: librdkafka
    /// needs half a second to initialize an idempotent producer.
    pub(crate) fn producer(&self) -> Producer {
        Producer::create(&self.producer_config())
    }

    /// A transactional producer, which fences the previous one with this id. `timeout` is its
    /// transaction timeout.
    pub(crate) fn transactional_producer(&self, id: &str, timeout: Duration) -> Producer {
        let request = timeout.min(WAIT_MAX).as_millis().to_string();
        let timeout = timeout.as_millis().to_string();
        let mut config = self.producer_config();
        config
            .set("transactional.id", id)
            .set("transaction.timeout.ms", &timeout)
            // It must not be longer than the transaction's timeout, and is not short for commits and aborts.
            .set("socket.timeout.ms", &request)
            .set("message.timeout.ms", &timeout);
        let producer = Producer::create(&config);
        producer.inner.init_transactions(WAIT_MAX).unwrap();
        producer
    }

    fn producer_config(&self) -> ClientConfig {
        let mut config = client_config(self.bootstrap());
        config
            .set("enable.idempotence", "true")
            .set("compression.type", "gzip")
            // A topic may accept more than a client sends by default.
            .set("message.max.bytes", "20000000");
        config
    }
}

impl Producer {
    fn create(config: &ClientConfig) -> Producer {
        let inner = config.create_with_context(DeliveryReports::default()).unwrap();
        Producer { inner }
    }

    pub(crate) fn begin(&self) {
        self.inner.begin_transaction().unwrap();
    }

    pub(crate) fn commit(&self) {
        self.inner.commit_transaction(WAIT_MAX).unwrap();
    }

    pub(crate) fn abort(&self) {
        self.inner.abort_transaction(WAIT_MAX).unwrap();
    }

    /// Produces the records; returns their offsets.
    pub(crate) fn send(&mut self, topic: &str, records: &[Record]) -> Vec<i64> {
        let reports = || self.inner.context().0.lock().unwrap();
        *reports() = vec![None; records.len()];
        for (index, record) in records.iter().enumerate() {
            self.enqueue(topic, index, record);
        }
        let deadline = Instant::now() + WAIT_MAX;
        while reports().iter().any(Option::is_none) {
            assert!(Instant::now() < deadline, "records for {topic} are stuck");
            self.inner.poll(POLL_TIMEOUT);
        }
        let offsets = std::mem::take(&mut *reports()).into_iter().flatten();
        offsets.map(Result::unwrap).collect()
    }

    fn enqueue(&self, topic: &str, index: usize, record: &Record) {
        // librdkafka interprets 0 as the current time.
        assert_ne!(record.timestamp, Some(0), "use another timestamp");
        let mut native = BaseRecord::with_opaque_to(topic, index).partition(record.partition);
        native.key = record.key.as_deref();
        native.payload = record.value.as_deref();
        native.timestamp = record.timestamp;
        native.headers = (!record.headers.is_empty()).then(|| record.native_headers());
        let deadline = Instant::now() + WAIT_MAX;
        while let Err((error, back)) = self.inner.send(native) {
            let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            assert!(error == full && Instant::now() < deadline, "{error}");
            self.inner.poll(POLL_TIMEOUT);
            native = back;
        }
    }
}
