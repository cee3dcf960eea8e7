//! Aborts stalled transactions in partitions where the broker did not.
//!
//! Brokers of Kafka 4.1 and later do not always end a transaction in all partitions. If a partition has
//! no leader at that moment, as after the only broker has stalled, they consider it deleted and write no
//! marker to it ("likely deleted already and hence can be skipped" in their log). Its records stay in an
//! open transaction, and the next transaction of the same producer that commits in the partition would
//! make them visible. So each partition gets a record of another transaction, which is aborted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::producer::{BaseProducer, Producer};

use super::end::{END_RETRY_MIN, abort_while_polling};
use crate::kafka::delivery::{DeliveryContext, FlushUntil, flush, send};
use crate::kafka::{Error, ProducerRecord};

/// A failed attempt that took this long may have reached a partition without a leader: a broker is
/// considered unavailable only after a longer time (`broker.session.timeout.ms`).
pub(super) const STALLED_AFTER: Duration = Duration::from_secs(5);

/// Partitions with records of transactions that were certainly not committed, and may not be aborted:
/// topic, and either the partition or, if it was not reported, a key that the partitioner maps to it. One for each
/// partition: a broker that is too slow for the aborted transaction must be able to take these.
#[derive(Debug, Default)]
pub(super) struct StalledTransactions(BTreeSet<(String, Option<i32>, Option<Vec<u8>>)>);

impl StalledTransactions {
    /// Adds the targets of sent records, each with the partition that its delivery report names.
    pub(super) fn add<'r>(
        &mut self,
        records: impl Iterator<Item = (&'r ProducerRecord, Option<i32>)>,
    ) {
        let target = |(record, reported): (&ProducerRecord, Option<i32>)| {
            let partition = record.partition.or(reported);
            let key = record.key.clone().filter(|_| partition.is_none());
            (record.topic.clone(), partition, key)
        };
        self.0.extend(records.map(target));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes the possibly missing markers by aborting one more transaction; `producer` must have the
    /// same transactional id. Returns whether the abort took so long that it may have been repeated.
    pub(super) fn abort_again(
        &mut self,
        producer: &BaseProducer<DeliveryContext>,
    ) -> Result<bool, Error> {
        if self.is_empty() {
            return Ok(false);
        }
        let sent = self.send(producer);
        let start = Instant::now();
        let aborted = abort_while_polling(producer);
        let duration = start.elapsed();
        drop(producer.client().context().take_failure());
        let aborted = aborted.map_err(|source| Error::from_transaction_call("aborting", source));
        match sent.and(aborted) {
            Ok(()) => {
                let places = self.0.len();
                tracing::info!(places, "a stalled transaction is aborted in all its partitions");
                self.0.clear();
                Ok(duration >= END_RETRY_MIN)
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

    /// Sends one record to each partition. The content does not matter, but compacted topics require a
    /// key.
    fn send(&self, producer: &BaseProducer<DeliveryContext>) -> Result<(), Error> {
        let begin = producer.begin_transaction();
        begin.map_err(|source| Error::from_transaction_call("beginning a transaction", source))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_is_aborted_once_however_many_records_it_has() {
        let record = |partition, key: usize| ProducerRecord {
            topic: "stage-changes".to_owned(),
            partition,
            key: Some(key.to_string().into_bytes()),
            value: None,
            headers: Vec::new(),
        };
        let by_key: Vec<ProducerRecord> = (0..1000).map(|key| record(None, key)).collect();
        let reported = by_key.iter().enumerate().map(|(at, it)| (it, Some((at % 3) as i32)));
        let mut stalled = StalledTransactions::default();
        stalled.add(reported);
        stalled.add([(&record(Some(2), 7), None)].into_iter());
        assert_eq!(stalled.0.len(), 3);
        // Without a report the partition is unknown.
        stalled.add([(&record(None, 8), None), (&record(None, 9), None)].into_iter());
        assert_eq!(stalled.0.len(), 5);
    }
}
