//! The transactions of a worker: a commit becomes visible atomically.
//!
//! One attempt is: begin, send records, send offsets with the membership, commit. librdkafka hides
//! its retries: it repeats a request that gets no response, and the delayed first one can reach the
//! broker during the next transaction and end half of it, or set its offsets back. So after a call
//! that took long enough for a retry, the producer is replaced: the new epoch invalidates requests of
//! the old producer, and its init ends any transaction left open.

mod end;
mod init;
mod refusal;
mod stalled;
mod without_offsets;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::delivery::{DeliveryContext, DeliveryReport, FlushUntil, flush, publish_outputs, send};
use super::{Config, Error, ProducerRecord};
use crate::crash;
use crate::event::WallTime;
use crate::telemetry::ClientMetrics;
use end::{CALL_TIMEOUT, END_RETRY_MIN, abort_while_polling};
pub(super) use init::check_transactional_id;
use init::{create_producer, delivery_context, init_producer};
use stalled::{STALLED_AFTER, StalledTransactions};

/// librdkafka may have repeated an offset commit that took this long: its fixed pause is 500 ms.
const OFFSETS_RETRY_MIN: Duration = Duration::from_millis(450);

/// Events of a client that are taken at a time.
const EVENTS_MAX: usize = 100;

/// The producer through which one worker commits.
pub struct TransactionalProducer {
    config: Config,
    worker: usize,
    metrics: Option<ClientMetrics>,
    batch_bytes: usize,
    /// Each record is a batch of its own until the next success.
    has_single_batches: bool,
    producer: BaseProducer<DeliveryContext>,
    /// Publishes outputs outside of transactions; created by the first publish.
    outbox_producer: Option<BaseProducer<DeliveryContext>>,
    /// Whether the producer must be replaced before the next transaction.
    must_renew: bool,
    /// Whether the last attempt called commit, so that its outcome may be indefinite.
    has_requested_commit: bool,
    /// Partitions where a stalled transaction must be aborted again.
    stalled: StalledTransactions,
    /// Delivery reports of the records of the last attempt, by part.
    reports: Vec<Vec<Arc<DeliveryReport>>>,
}

impl std::fmt::Debug for TransactionalProducer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("TransactionalProducer")
            .field("worker", &self.worker)
            .finish_non_exhaustive()
    }
}

/// One partition's share of a transaction.
#[derive(Debug)]
pub struct TransactionPart {
    pub partition: i32,
    /// Metadata committed with each offset.
    pub metadata: String,
    /// The next offset of each input.
    pub offsets: Vec<i64>,
    /// The last record is the progress.
    pub records: Vec<ProducerRecord>,
}

/// The result of a committed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedTransaction {
    /// For each part, the changelog offset after its progress record.
    pub changelog_offsets: Vec<i64>,
    pub duration: Duration,
    /// Latest append time of the progress records by the brokers' clock; `None` unless the changelog
    /// has `LogAppendTime`.
    pub append_time: Option<WallTime>,
}

impl TransactionalProducer {
    /// Creates the worker's producer: fences the previous one and aborts its open transaction.
    /// `batch_bytes` is the largest batch that every topic accepts.
    pub fn open(
        config: &Config,
        worker: usize,
        batch_bytes: usize,
        metrics: Option<ClientMetrics>,
    ) -> Result<TransactionalProducer, Error> {
        let producer = create_producer(config, worker, batch_bytes, metrics.as_ref())?;
        Ok(TransactionalProducer {
            metrics,
            batch_bytes,
            has_single_batches: false,
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

    /// Aborts transactions that an earlier version may have left open under its transactional ids.
    pub(crate) fn abort_former(config: &Config, workers: usize) -> Result<(), Error> {
        for worker in 0..workers {
            let mut settings = config.producer(worker, 1);
            settings.set("transactional.id", config.former_transactional_id(worker));
            init_producer(config, &settings, DeliveryContext::default())?;
        }
        Ok(())
    }

    /// Takes statistics from the client, which would queue them. To be called from time to time.
    pub fn observe(&self) {
        // Each poll takes one event.
        for _ in 0..EVENTS_MAX {
            self.producer.poll(Duration::ZERO);
        }
    }

    fn context(&self) -> DeliveryContext {
        delivery_context(self.worker, self.metrics.as_ref())
    }

    /// Publishes outputs outside of any transaction; returns once all are delivered. After `Err`, some
    /// may be delivered, and all must be published again.
    pub fn publish(&mut self, outputs: &[ProducerRecord]) -> Result<(), Error> {
        let producer = match self.outbox_producer.take() {
            Some(producer) => producer,
            None => self
                .config
                .idempotent_producer(self.batch_size())
                .create_with_context(self.context())
                .map_err(|source| Error::from_client_creation("creating a producer", source))?,
        };
        let mut reports = Vec::with_capacity(outputs.len());
        match publish_outputs(&producer, outputs, &mut reports) {
            Ok(()) => {
                if !std::mem::take(&mut self.has_single_batches) {
                    self.outbox_producer = Some(producer);
                }
                Ok(())
            }
            // The producer is dropped: records in its queue must not be delivered after their retry.
            Err(Error::Abort { action, source }) => {
                let all = outputs.iter().zip(&reports).enumerate();
                let all = all.map(|(at, (output, report))| ((0, at), output, report));
                Err(match self.abort_reason(all, action, source) {
                    Error::Abort { action, source } => Error::Retry { action, source },
                    other => other,
                })
            }
            Err(other) => Err(other),
        }
    }

    /// Replaces the producer: initialising the new one ends the old one's transaction, either way.
    pub(crate) fn renew(&mut self) -> Result<(), Error> {
        let (batch_size, Self { config, worker, metrics, .. }) = (self.batch_size(), &*self);
        self.producer = create_producer(config, *worker, batch_size, metrics.as_ref())?;
        // Remains set if aborting fails.
        self.must_renew = true;
        self.must_renew = self.stalled.abort_again(&self.producer)?;
        Ok(())
    }

    /// Commits all parts in one transaction.
    pub fn transact(
        &mut self,
        inputs: &[String],
        parts: &[TransactionPart],
        membership: &ConsumerGroupMetadata,
    ) -> Result<CommittedTransaction, Error> {
        if self.must_renew {
            self.renew()?;
        }
        let start = Instant::now();
        self.has_requested_commit = false;
        let attempt = self.attempt(inputs, parts, membership);
        let is_stalled =
            attempt.is_err() && !self.has_requested_commit && start.elapsed() >= STALLED_AFTER;
        let aborted = match attempt {
            Err(Error::Abort { .. }) => self.abort(),
            _ => Ok(()),
        };
        if is_stalled {
            // After the abort, by which all records are reported with their partitions.
            self.add_stalled(parts);
        }
        aborted?;
        match attempt {
            Ok(()) => {
                self.must_renew |= std::mem::take(&mut self.has_single_batches);
                // The last record of each part is its progress.
                let progress = || self.reports.iter().filter_map(|reports| reports.last());
                let next_offset =
                    |report: &Arc<DeliveryReport>| report.offset().map_or(0, |offset| offset + 1);
                Ok(CommittedTransaction {
                    changelog_offsets: progress().map(next_offset).collect(),
                    duration: start.elapsed(),
                    append_time: progress().filter_map(|report| report.append_time()).max(),
                })
            }
            Err(Error::Abort { action, source }) => {
                if !self.stalled.is_empty()
                    && let Err(error) = self.renew()
                {
                    tracing::warn!(%error, "aborting a stalled transaction in all partitions failed; retrying");
                }
                let reports = std::mem::take(&mut self.reports);
                let all = parts.iter().zip(&reports).enumerate();
                let all = all.flat_map(|(index, (part, reports))| {
                    let records = part.records.iter().zip(reports).enumerate();
                    records.map(move |(at, (record, report))| ((index, at), record, report))
                });
                Err(self.abort_reason(all, action, source))
            }
            Err(other) => {
                self.must_renew = true;
                Err(other)
            }
        }
    }

    /// Registers the partitions of sent records, except refused ones, to be aborted again.
    fn add_stalled(&mut self, parts: &[TransactionPart]) {
        let parts = parts.iter().zip(&self.reports);
        let records = parts.flat_map(|(part, reports)| part.records.iter().zip(reports));
        let sent = records.filter(|(_, report)| !report.is_refused());
        self.stalled.add(sent.map(|(record, report)| (record, report.partition())));
        self.must_renew = true;
    }

    fn attempt(
        &mut self,
        inputs: &[String],
        parts: &[TransactionPart],
        membership: &ConsumerGroupMetadata,
    ) -> Result<(), Error> {
        self.reports.clear();
        let begin = self.producer.begin_transaction();
        begin.map_err(|source| Error::from_transaction_call("beginning a transaction", source))?;
        crash::point("begun");
        for part in parts {
            self.reports.push(Vec::with_capacity(part.records.len()));
            for record in &part.records {
                let report = Arc::new(DeliveryReport::default());
                if let Some(reports) = self.reports.last_mut() {
                    reports.push(report.clone());
                }
                send(&self.producer, record, &report)?;
            }
        }
        crash::point("records-sent");
        flush(&self.producer, FlushUntil::FirstFailure)?;
        crash::point("records-delivered");
        let offsets = offset_list(inputs, parts)?;
        let start = Instant::now();
        let sent = self.producer.send_offsets_to_transaction(&offsets, membership, CALL_TIMEOUT);
        self.must_renew |= start.elapsed() >= OFFSETS_RETRY_MIN;
        sent.map_err(|source| Error::from_transaction_call("sending the offsets", source))?;
        crash::point("offsets-sent");
        self.has_requested_commit = true;
        let start = Instant::now();
        let committed = self.producer.commit_transaction(CALL_TIMEOUT);
        self.must_renew |= start.elapsed() >= END_RETRY_MIN;
        committed.map_err(Error::from_commit)?;
        crash::point("committed");
        Ok(())
    }

    fn abort(&mut self) -> Result<(), Error> {
        let start = Instant::now();
        let aborted = abort_while_polling(&self.producer);
        self.must_renew |= start.elapsed() >= END_RETRY_MIN;
        // Failures of the aborted records must not count against the next transaction.
        drop(self.producer.client().context().take_failure());
        match aborted.map_err(|source| Error::from_transaction_call("aborting", source)) {
            Ok(()) => Ok(()),
            Err(error @ Error::Fenced { .. }) => Err(error),
            // The outcome needs no lookup, since commit was not called: a new producer ends the open
            // transaction. Often there is none: librdkafka also aborts a transaction that never began,
            // as when no partition could be added, and treats the response as fatal.
            Err(_) => {
                self.must_renew = true;
                Ok(())
            }
        }
    }
}

fn offset_list(inputs: &[String], parts: &[TransactionPart]) -> Result<TopicPartitionList, Error> {
    let mut list = TopicPartitionList::new();
    let fail = |source| Error::Fatal { action: "listing the offsets", source };
    for part in parts {
        for (topic, offset) in inputs.iter().zip(&part.offsets) {
            let mut element = list.add_partition(topic, part.partition);
            element.set_offset(Offset::Offset(*offset)).map_err(fail)?;
            element.set_metadata(&part.metadata);
        }
    }
    Ok(list)
}
