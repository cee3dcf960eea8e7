//! A worker's transactions: everything that a commit makes visible, at once or not at all.
//!
//! One attempt is: begin, records, offsets with the membership, commit. librdkafka hides what it
//! had to repeat: a request that got no answer is sent again, and the first one, delayed, can then
//! come amid the next transaction and end half of it, or set its offsets back. So a call that took
//! long enough for that is followed by a new producer: its epoch makes the old one's requests void,
//! and its init ends whatever was left open.

mod stalled;
mod without_offsets;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::delivery::{DeliveryContext, DeliveryReport, FlushUntil, flush, send};
use super::{Config, Error, ProducerRecord, RefusedRecords};
use crate::crash;
use crate::event::WallTime;
use stalled::{STALLED_AFTER, StalledTransactions};

/// Longest wait for one transactional call.
const CALL_TIMEOUT: Duration = Duration::from_secs(12);
/// Between two looks whether reports have still to be served.
const REPORT_POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Longest wait for the coordinator to accept this producer and end what an earlier one left open.
const INIT_TIMEOUT: Duration = Duration::from_secs(60);
/// An end of a transaction that took this long may have been repeated: librdkafka does so after
/// `retry.backoff.ms`, give or take a fifth.
const END_RETRY_MIN: Duration = Duration::from_millis(800);
/// Offsets that took this long may have been sent twice: here librdkafka's pause is its own, 500 ms.
const OFFSETS_RETRY_MIN: Duration = Duration::from_millis(450);

/// What one worker commits through.
pub struct TransactionalProducer {
    config: Config,
    worker: usize,
    batch_bytes: usize,
    producer: BaseProducer<DeliveryContext>,
    /// For what is told outside of transactions; made when there is something.
    outbox_producer: Option<BaseProducer<DeliveryContext>>,
    /// Whether the producer must be replaced before the next transaction.
    must_renew: bool,
    /// Whether the last attempt got as far as to ask for its commit.
    has_requested_commit: bool,
    /// What is to be aborted once more.
    stalled: StalledTransactions,
    /// What became of the records of the last attempt, by share.
    reports: Vec<Vec<Arc<DeliveryReport>>>,
}

impl std::fmt::Debug for TransactionalProducer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Log")
            .field("worker", &self.worker)
            .finish_non_exhaustive()
    }
}

/// One partition's share of a transaction.
#[derive(Debug)]
pub struct TransactionPart {
    /// The partition.
    pub partition: i32,
    /// What is committed beside its offsets.
    pub metadata: String,
    /// The next offset of each input.
    pub offsets: Vec<i64>,
    /// Its records; the last one is the progress.
    pub records: Vec<ProducerRecord>,
}

/// What a committed transaction came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedTransaction {
    /// For each share, the offset of the changelog after its progress record.
    pub changelog_offsets: Vec<i64>,
    /// How long it took.
    pub duration: Duration,
    /// When the brokers appended the last of the changelog's records, by their clock, where it keeps that.
    pub append_time: Option<WallTime>,
}

impl TransactionalProducer {
    /// Makes the worker's producer. Fences an earlier one and aborts what it left open. `batch_bytes` is the
    /// largest batch that every topic takes.
    pub fn open(
        config: &Config,
        worker: usize,
        batch_bytes: usize,
    ) -> Result<TransactionalProducer, Error> {
        let producer = create_producer(config, worker, batch_bytes)?;
        Ok(TransactionalProducer {
            batch_bytes,
            reports: Vec::new(),
            config: config.clone(),
            worker,
            producer,
            outbox_producer: None,
            must_renew: false,
            has_requested_commit: false,
            stalled: StalledTransactions::default(),
        })
    }

    /// Ends what an earlier version may have left open under the ids that it used.
    pub fn abort_former(config: &Config, workers: usize) -> Result<(), Error> {
        for worker in 0..workers {
            let mut settings = config.producer(worker, 1);
            settings.set("transactional.id", config.former_transactional_id(worker));
            init_producer(&settings)?;
        }
        Ok(())
    }

    /// Tells outputs outside of any transaction; returns once all are delivered. After `Err` some
    /// may have been, and all are to be told again.
    pub fn publish(&mut self, outputs: &[ProducerRecord]) -> Result<(), Error> {
        let teller = match self.outbox_producer.take() {
            Some(teller) => teller,
            None => self
                .config
                .idempotent_producer(self.batch_bytes)
                .create_with_context(DeliveryContext::default())
                .map_err(|source| Error::from_client_creation("making a producer", source))?,
        };
        let mut places = Vec::with_capacity(outputs.len());
        match publish_outputs(&teller, outputs, &mut places) {
            Ok(()) => {
                self.outbox_producer = Some(teller);
                Ok(())
            }
            // The producer is given up: what it still holds must not come after what is told anew.
            Err(Error::Abort { action, source }) => {
                let all = places.iter().zip(outputs).enumerate();
                let refused = all.filter(|(_, (place, _))| place.is_refused());
                let refused = refused.map(|(at, (_, output))| ((0, at), output)).collect();
                Err(match self.abort_reason(refused, action, source) {
                    Error::Abort { action, source } => Error::Retry { action, source },
                    other => other,
                })
            }
            Err(other) => Err(other),
        }
    }

    /// Replaces the producer: whatever the old one left open is ended, one way or the other.
    pub fn renew(&mut self) -> Result<(), Error> {
        self.producer = create_producer(&self.config, self.worker, self.batch_bytes)?;
        self.must_renew = true;
        self.must_renew = self.stalled.abort_again(&self.producer)?;
        Ok(())
    }

    /// Commits all shares in one transaction.
    pub fn transact(
        &mut self,
        inputs: &[String],
        shares: &[TransactionPart],
        membership: &ConsumerGroupMetadata,
    ) -> Result<CommittedTransaction, Error> {
        if self.must_renew {
            self.renew()?;
        }
        let begun = Instant::now();
        self.has_requested_commit = false;
        let attempt = self.attempt(inputs, shares, membership);
        if attempt.is_err() && !self.has_requested_commit && begun.elapsed() >= STALLED_AFTER {
            self.add_stalled(shares);
        }
        match attempt {
            Ok(()) => {
                // The last record of each share is its progress.
                let progress = || self.reports.iter().filter_map(|places| places.last());
                let offset =
                    |place: &Arc<DeliveryReport>| place.offset().map_or(0, |offset| offset + 1);
                Ok(CommittedTransaction {
                    changelog_offsets: progress().map(offset).collect(),
                    duration: begun.elapsed(),
                    append_time: progress().filter_map(|place| place.append_time()).max(),
                })
            }
            Err(Error::Abort { action, source }) => {
                self.abort()?;
                if !self.stalled.is_empty()
                    && let Err(error) = self.renew()
                {
                    tracing::warn!(%error, "a transaction that stalled is not aborted everywhere yet; trying again");
                }
                let places = std::mem::take(&mut self.reports);
                let all = shares.iter().zip(&places).enumerate();
                let all = all.flat_map(|(share, (own, places))| {
                    let records = own.records.iter().zip(places).enumerate();
                    records.map(move |(at, (record, place))| ((share, at), record, place))
                });
                let refused = all.filter(|(_, _, place)| place.is_refused());
                let refused = refused.map(|(at, record, _)| (at, record)).collect();
                Err(self.abort_reason(refused, action, source))
            }
            Err(other) => {
                self.must_renew = true;
                Err(other)
            }
        }
    }

    /// Keeps what was sent, but for what is never taken, to be aborted once more.
    fn add_stalled(&mut self, shares: &[TransactionPart]) {
        let sent = shares
            .iter()
            .zip(&self.reports)
            .flat_map(|(share, places)| share.records.iter().zip(places));
        let sent = sent.filter(|(_, place)| !place.is_refused());
        self.stalled.add(sent.map(|(record, _)| record));
        self.must_renew = true;
    }

    fn attempt(
        &mut self,
        inputs: &[String],
        shares: &[TransactionPart],
        membership: &ConsumerGroupMetadata,
    ) -> Result<(), Error> {
        self.reports.clear();
        let begin = self.producer.begin_transaction();
        begin.map_err(|source| Error::from_transaction_call("beginning a transaction", source))?;
        crash::point("begun");
        for share in shares {
            self.reports.push(Vec::with_capacity(share.records.len()));
            for record in &share.records {
                let place = Arc::new(DeliveryReport::default());
                if let Some(places) = self.reports.last_mut() {
                    places.push(place.clone());
                }
                send(&self.producer, record, &place)?;
            }
        }
        crash::point("records-sent");
        flush(&self.producer, FlushUntil::FirstFailure)?;
        crash::point("records-delivered");
        let offsets = offset_list(inputs, shares)?;
        let begun = Instant::now();
        let sent = self
            .producer
            .send_offsets_to_transaction(&offsets, membership, CALL_TIMEOUT);
        self.must_renew |= begun.elapsed() >= OFFSETS_RETRY_MIN;
        sent.map_err(|source| Error::from_transaction_call("sending the offsets", source))?;
        crash::point("offsets-sent");
        self.has_requested_commit = true;
        let begun = Instant::now();
        let ended = self.producer.commit_transaction(CALL_TIMEOUT);
        self.must_renew |= begun.elapsed() >= END_RETRY_MIN;
        ended.map_err(Error::from_commit)?;
        crash::point("committed");
        Ok(())
    }

    /// Why an attempt was aborted: for records that will always be refused, by share and number, or something
    /// else. Several records that are too large for a topic may have been one batch: they are tried again in
    /// smaller ones, down to the largest of them alone.
    fn abort_reason(
        &mut self,
        mut refused: Vec<((usize, usize), &ProducerRecord)>,
        action: &'static str,
        source: KafkaError,
    ) -> Error {
        let Some(topic) = refused.first().map(|(_, record)| record.topic.clone()) else {
            return Error::after_abort(action, source);
        };
        refused.retain(|(_, record)| record.topic == topic);
        if source.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge) {
            let largest = refused.iter().copied().max_by_key(|(_, it)| it.byte_len());
            let bytes = largest.map_or(0, |(_, record)| record.byte_len());
            if refused.len() > 1 && bytes < self.batch_bytes {
                let all: usize = refused.iter().map(|(_, record)| record.byte_len()).sum();
                self.batch_bytes = (all.min(self.batch_bytes) / 2).max(bytes);
                self.must_renew = true;
                return Error::Abort { action, source };
            }
            refused = largest.into_iter().collect();
        }
        Error::Refused(Box::new(RefusedRecords {
            topic,
            records: refused.into_iter().map(|(at, _)| at).collect(),
            source,
        }))
    }

    fn abort(&mut self) -> Result<(), Error> {
        let begun = Instant::now();
        let aborted = abort_while_polling(&self.producer);
        self.must_renew |= begun.elapsed() >= END_RETRY_MIN;
        drop(self.producer.client().context().take_failure());
        match aborted.map_err(|source| Error::from_transaction_call("aborting", source)) {
            Ok(()) => Ok(()),
            Err(error @ Error::Fenced { .. }) => Err(error),
            // Nothing was to be committed, so that there is nothing to look up: a new producer ends
            // what is open. Often nothing is: librdkafka aborts what never began, too, as when not
            // one partition could be added, and takes the answer for fatal.
            Err(_) => {
                self.must_renew = true;
                Ok(())
            }
        }
    }
}

/// Aborting gives up records that are not delivered and waits until that is reported, but serves no reports: somebody
/// else has to, or every such abort would take its full time.
fn abort_while_polling(producer: &BaseProducer<DeliveryContext>) -> Result<(), KafkaError> {
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

fn publish_outputs(
    teller: &BaseProducer<DeliveryContext>,
    outputs: &[ProducerRecord],
    places: &mut Vec<Arc<DeliveryReport>>,
) -> Result<(), Error> {
    for output in outputs {
        let place = Arc::new(DeliveryReport::default());
        places.push(place.clone());
        send(teller, output, &place)?;
    }
    flush(teller, FlushUntil::AllReported)?;
    // No transaction is there to tell that some were given up.
    match places.iter().all(|place| place.offset().is_some()) {
        true => Ok(()),
        false => Err(Error::Abort {
            action: "delivering the records",
            source: KafkaError::MessageProduction(RDKafkaErrorCode::PurgeQueue),
        }),
    }
}

fn create_producer(
    config: &Config,
    worker: usize,
    batch_bytes: usize,
) -> Result<BaseProducer<DeliveryContext>, Error> {
    init_producer(&config.producer(worker, batch_bytes))
}

fn init_producer(settings: &ClientConfig) -> Result<BaseProducer<DeliveryContext>, Error> {
    let producer: BaseProducer<DeliveryContext> = settings
        .create_with_context(DeliveryContext::default())
        .map_err(|source| Error::from_client_creation("making a producer", source))?;
    let initialised = producer.init_transactions(INIT_TIMEOUT);
    initialised.map_err(|source| {
        match Error::from_transaction_call("beginning to produce", source) {
            Error::Indefinite { action, source } => Error::Retry { action, source },
            other => other,
        }
    })?;
    Ok(producer)
}

fn offset_list(inputs: &[String], shares: &[TransactionPart]) -> Result<TopicPartitionList, Error> {
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
