//! A worker's transactions: everything that a commit makes visible, at once or not at all.
//!
//! One attempt is: begin, records, offsets with the membership, commit. librdkafka hides what it
//! had to repeat: a request that got no answer is sent again, and the first one, delayed, can then
//! come amid the next transaction and end half of it, or set its offsets back. So a call that took
//! long enough for that is followed by a new producer: its epoch makes the old one's requests void,
//! and its init ends whatever was left open.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::delivery::{Deliveries, deliver, send};
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

/// What one worker commits through.
pub struct Log {
    config: Config,
    worker: usize,
    producer: BaseProducer<Deliveries>,
    /// For what is told outside of transactions; made when there is something.
    teller: Option<BaseProducer<Deliveries>>,
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
            teller: None,
            doubtful: false,
        })
    }

    /// Tells outputs outside of any transaction; returns once all are delivered. After `Err` some
    /// may have been, and all are to be told again.
    pub fn tell(&mut self, outputs: &[Outgoing]) -> Result<(), Error> {
        let teller = match self.teller.take() {
            Some(teller) => teller,
            None => self
                .config
                .teller()
                .create_with_context(Deliveries::default())
                .map_err(|source| Error::making("making a producer", source))?,
        };
        match tell(&teller, outputs) {
            Ok(()) => {
                self.teller = Some(teller);
                Ok(())
            }
            // The producer is given up: what it still holds must not come after what is told anew.
            Err(Error::Abort { action, source }) => match Error::aborted(action, source) {
                Error::Abort { action, source } => Err(Error::Retry { action, source }),
                other => Err(other),
            },
            Err(other) => Err(other),
        }
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
                send(&self.producer, record, own)?;
            }
            places.push(place);
        }
        crash::point("records-sent");
        deliver(&self.producer)?;
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

fn tell(teller: &BaseProducer<Deliveries>, outputs: &[Outgoing]) -> Result<(), Error> {
    let mut places = Vec::with_capacity(outputs.len());
    for output in outputs {
        let place = Arc::new(AtomicI64::new(-1));
        send(teller, output, place.clone())?;
        places.push(place);
    }
    deliver(teller)?;
    // No transaction is there to tell that some were given up.
    match places
        .iter()
        .all(|place| place.load(Ordering::Acquire) >= 0)
    {
        true => Ok(()),
        false => Err(Error::Abort {
            action: "delivering the records",
            source: KafkaError::MessageProduction(RDKafkaErrorCode::PurgeQueue),
        }),
    }
}

fn producer(config: &Config, worker: usize) -> Result<BaseProducer<Deliveries>, Error> {
    let producer: BaseProducer<Deliveries> = config
        .producer(worker)
        .create_with_context(Deliveries::default())
        .map_err(|source| Error::making("making a producer", source))?;
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
