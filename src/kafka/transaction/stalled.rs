//! What a transaction that stalled has left in partitions.
//!
//! Brokers of Kafka 4.1 and later do not always end a transaction everywhere: where a partition has no leader at that moment,
//! as after the only broker has stalled, they take it for deleted and write no marker to it ("likely deleted already and
//! hence can be skipped" in their log). Its records stay in an open transaction, and the next one of the same producer that
//! commits there would make them visible. So each of its partitions gets a record of another transaction, which is aborted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::producer::{BaseProducer, Producer};

use super::{END_RETRY_MIN, abort_while_polling};
use crate::kafka::delivery::{DeliveryContext, FlushUntil, flush, send};
use crate::kafka::{Error, ProducerRecord};

/// An attempt that failed and took this long may have met a partition without a leader: brokers take another one for away
/// only after some more (`broker.session.timeout.ms`).
pub(super) const STALLED_AFTER: Duration = Duration::from_secs(5);

/// Where records of transactions lie that were certainly not committed, and may not have been aborted everywhere: a topic with
/// a partition, or with a key that leads to one.
#[derive(Debug, Default)]
pub(super) struct StalledTransactions(BTreeSet<(String, Option<i32>, Option<Vec<u8>>)>);

impl StalledTransactions {
    pub(super) fn add<'r>(&mut self, records: impl Iterator<Item = &'r ProducerRecord>) {
        let place = |record: &ProducerRecord| {
            let key = record.key.clone().filter(|_| record.partition.is_none());
            (record.topic.clone(), record.partition, key)
        };
        self.0.extend(records.map(place));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Has the markers written that may be missing, by a producer of the same id. Whether the end took so long that it may
    /// come again.
    pub(super) fn abort_again(
        &mut self,
        producer: &BaseProducer<DeliveryContext>,
    ) -> Result<bool, Error> {
        if self.is_empty() {
            return Ok(false);
        }
        let sent = self.send(producer);
        let begun = Instant::now();
        let aborted = abort_while_polling(producer);
        let took = begun.elapsed();
        drop(producer.client().context().take_failure());
        let aborted = aborted.map_err(|source| Error::from_transaction_call("aborting", source));
        match sent.and(aborted) {
            Ok(()) => {
                let places = self.0.len();
                tracing::info!(places, "a transaction that stalled was aborted everywhere");
                self.0.clear();
                Ok(took >= END_RETRY_MIN)
            }
            Err(Error::Abort { action, source } | Error::Indefinite { action, source }) => {
                Err(match Error::after_abort(action, source) {
                    Error::Abort { action, source } => Error::Retry { action, source },
                    other => other,
                })
            }
            Err(other) => Err(other),
        }
    }

    /// What they say does not matter. Compacted topics want a key.
    fn send(&self, producer: &BaseProducer<DeliveryContext>) -> Result<(), Error> {
        let begun = producer.begin_transaction();
        begun.map_err(|source| Error::from_transaction_call("beginning a transaction", source))?;
        for (topic, partition, key) in &self.0 {
            let record = ProducerRecord {
                topic: topic.clone(),
                partition: *partition,
                key: Some(key.clone().unwrap_or_default()),
                value: Some(Vec::new()),
                headers: Vec::new(),
            };
            send(producer, &record, &Arc::default())?;
        }
        flush(producer, FlushUntil::AllReported)
    }
}
