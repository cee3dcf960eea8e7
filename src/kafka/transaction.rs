//! A worker's transactions: everything that a commit makes visible, at once or not at all.
//!
//! One attempt is: begin, records, offsets with the membership, commit. librdkafka hides what it
//! had to repeat: a request that got no answer is sent again, and the first one, delayed, can then
//! come amid the next transaction and end half of it, or set its offsets back. So a call that took
//! long enough for that is followed by a new producer: its epoch makes the old one's requests void,
//! and its init ends whatever was left open.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{Config, Error, Outgoing};
use crate::crash;

/// Longest wait for one transactional call.
const CALL_TIMEOUT: Duration = Duration::from_secs(12);
/// Longest wait for the coordinator to accept this producer and end what an earlier one left open.
const INIT_TIMEOUT: Duration = Duration::from_secs(60);
/// An end of a transaction that took this long may have been repeated: librdkafka does so after
/// `retry.backoff.ms`, give or take a fifth.
const END_SUSPICIOUS: Duration = Duration::from_millis(800);
/// Offsets that took this long may have been sent twice: here librdkafka's pause is its own, 500 ms.
const OFFSETS_SUSPICIOUS: Duration = Duration::from_millis(450);

/// Catches where the records of a transaction were put, and why one was not.
#[derive(Default)]
struct Deliveries {
    failure: Mutex<Option<KafkaError>>,
}

impl Deliveries {
    /// The first failure since the last call.
    fn take_failure(&self) -> Option<KafkaError> {
        self.lock().take()
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

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Arc<AtomicI64>;

    fn delivery(&self, result: &DeliveryResult<'_>, offset: Self::DeliveryOpaque) {
        use RDKafkaErrorCode::{PurgeInflight, PurgeQueue};
        match result {
            Ok(message) if message.offset() >= 0 => {
                offset.store(message.offset(), Ordering::Release);
            }
            // Nobody has said where it lies. librdkafka takes a refused record for delivered once a
            // later one of its partition is; yet a broker that has nothing of a producer so far
            // takes any record for its first, and the refused one is nowhere.
            Ok(_) => self.fail(KafkaError::MessageProduction(
                RDKafkaErrorCode::Inconsistent,
            )),
            // Given up because of something else, which the next call of the transaction tells.
            Err((KafkaError::MessageProduction(PurgeInflight | PurgeQueue), _)) => {}
            Err((error, _)) => self.fail(error.clone()),
        }
    }
}

/// What one worker commits through.
pub struct Log {
    config: Config,
    worker: usize,
    producer: BaseProducer<Deliveries>,
    /// Whether the producer must be replaced before the next transaction.
    doubtful: bool,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Log")
            .field("worker", &self.worker)
            .finish_non_exhaustive()
    }
}

/// One partition's share of a transaction.
#[derive(Debug)]
pub struct Share {
    /// The partition.
    pub partition: i32,
    /// What is committed beside its offsets.
    pub metadata: String,
    /// The next offset of each input.
    pub offsets: Vec<i64>,
    /// Its records; the last one is the progress.
    pub records: Vec<Outgoing>,
}

/// What a committed transaction came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// For each share, the offset of the changelog after its progress record.
    pub changelog_offsets: Vec<i64>,
    /// How long it took.
    pub duration: Duration,
}

impl Log {
    /// Makes the worker's producer. Fences an earlier one and aborts what it left open.
    pub fn open(config: &Config, worker: usize) -> Result<Log, Error> {
        let producer = producer(config, worker)?;
        Ok(Log {
            config: config.clone(),
            worker,
            producer,
            doubtful: false,
        })
    }

    /// Replaces the producer: whatever the old one left open is ended, one way or the other.
    pub fn renew(&mut self) -> Result<(), Error> {
        self.producer = producer(&self.config, self.worker)?;
        self.doubtful = false;
        Ok(())
    }

    /// Commits all shares in one transaction.
    pub fn transact(
        &mut self,
        inputs: &[String],
        shares: &[Share],
        membership: &ConsumerGroupMetadata,
    ) -> Result<Committed, Error> {
        if self.doubtful {
            self.renew()?;
        }
        let begun = Instant::now();
        match self.attempt(inputs, shares, membership) {
            Ok(places) => {
                let offset = |place: &Arc<AtomicI64>| place.load(Ordering::Acquire) + 1;
                Ok(Committed {
                    changelog_offsets: places.iter().map(offset).collect(),
                    duration: begun.elapsed(),
                })
            }
            Err(Error::Abort { action, source }) => {
                self.abort()?;
                Err(Error::aborted(action, source))
            }
            Err(other) => {
                self.doubtful = true;
                Err(other)
            }
        }
    }

    fn attempt(
        &mut self,
        inputs: &[String],
        shares: &[Share],
        membership: &ConsumerGroupMetadata,
    ) -> Result<Vec<Arc<AtomicI64>>, Error> {
        let begin = self.producer.begin_transaction();
        begin.map_err(|source| Error::transactional("beginning a transaction", source))?;
        crash::point("begun");
        let mut places = Vec::with_capacity(shares.len());
        for share in shares {
            let place = Arc::new(AtomicI64::new(-1));
            let last = share.records.len().saturating_sub(1);
            for (at, record) in share.records.iter().enumerate() {
                // Only the place of the progress record is of interest.
                let own = if at == last {
                    place.clone()
                } else {
                    Arc::new(AtomicI64::new(-1))
                };
                self.send(record, own)?;
            }
            places.push(place);
        }
        crash::point("records-sent");
        self.deliver()?;
        crash::point("records-delivered");
        let offsets = offsets(inputs, shares)?;
        let begun = Instant::now();
        let sent = self
            .producer
            .send_offsets_to_transaction(&offsets, membership, CALL_TIMEOUT);
        self.doubtful |= begun.elapsed() >= OFFSETS_SUSPICIOUS;
        sent.map_err(|source| Error::transactional("sending the offsets", source))?;
        crash::point("offsets-sent");
        let begun = Instant::now();
        let ended = self.producer.commit_transaction(CALL_TIMEOUT);
        self.doubtful |= begun.elapsed() >= END_SUSPICIOUS;
        ended.map_err(Error::committing)?;
        crash::point("committed");
        Ok(places)
    }

    fn send(&self, record: &Outgoing, place: Arc<AtomicI64>) -> Result<(), Error> {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in &record.headers {
            headers = headers.insert(Header {
                key,
                value: value.as_deref(),
            });
        }
        let mut outgoing: BaseRecord<'_, [u8], [u8], _> =
            BaseRecord::with_opaque_to(&record.topic, place).headers(headers);
        outgoing.key = record.key.as_deref();
        outgoing.payload = record.value.as_deref();
        outgoing.partition = record.partition;
        let deadline = Instant::now() + CALL_TIMEOUT;
        loop {
            match self.producer.send(outgoing) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back))
                    if Instant::now() < deadline =>
                {
                    self.producer.poll(Duration::from_millis(50));
                    outgoing = back;
                }
                Err((source, _)) => {
                    return Err(Error::Abort {
                        action: "producing a record",
                        source,
                    });
                }
            }
        }
    }

    /// Waits until all records are delivered.
    fn deliver(&self) -> Result<(), Error> {
        let flushed = self.producer.flush(CALL_TIMEOUT);
        // librdkafka would tell later, and only how many were not.
        let failure = self.producer.client().context().take_failure();
        match failure.or(flushed.err()) {
            None => Ok(()),
            Some(source) => Err(Error::Abort {
                action: "delivering the records",
                source,
            }),
        }
    }

    fn abort(&mut self) -> Result<(), Error> {
        // Aborting serves no delivery reports: poll for those of the purged records.
        let begun = Instant::now();
        let aborted = self.producer.abort_transaction(CALL_TIMEOUT);
        self.doubtful |= begun.elapsed() >= END_SUSPICIOUS;
        self.producer.poll(Duration::ZERO);
        drop(self.producer.client().context().take_failure());
        match aborted.map_err(|source| Error::transactional("aborting", source)) {
            Ok(()) => Ok(()),
            Err(error @ Error::Fenced { .. }) => Err(error),
            // Nothing was to be committed, so that there is nothing to look up: a new producer ends
            // what is open. Often nothing is: librdkafka aborts what never began, too, as when not
            // one partition could be added, and takes the answer for fatal.
            Err(_) => {
                self.doubtful = true;
                Ok(())
            }
        }
    }
}

fn producer(config: &Config, worker: usize) -> Result<BaseProducer<Deliveries>, Error> {
    let producer: BaseProducer<Deliveries> = config
        .producer(worker)
        .create_with_context(Deliveries::default())
        .map_err(|source| Error::Fatal {
            action: "making a producer",
            source,
        })?;
    let initialised = producer.init_transactions(INIT_TIMEOUT);
    initialised.map_err(
        |source| match Error::transactional("beginning to produce", source) {
            Error::Indefinite { action, source } => Error::Retry { action, source },
            other => other,
        },
    )?;
    Ok(producer)
}

fn offsets(inputs: &[String], shares: &[Share]) -> Result<TopicPartitionList, Error> {
    let mut list = TopicPartitionList::new();
    let fail = |source| Error::Fatal {
        action: "listing the offsets",
        source,
    };
    for share in shares {
        for (topic, offset) in inputs.iter().zip(&share.offsets) {
            let mut element = list.add_partition(topic, share.partition);
            element.set_offset(Offset::Offset(*offset)).map_err(fail)?;
            element.set_metadata(&share.metadata);
        }
    }
    Ok(list)
}
