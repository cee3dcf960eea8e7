//! Why brokers did not accept records of an attempt, and what has to happen before the next one.

use std::cmp::Reverse;
use std::sync::Arc;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::TransactionalProducer;
use crate::kafka::delivery::DeliveryReport;
use crate::kafka::error_class::ErrorClass;
use crate::kafka::permissions::{Resource, is_denied};
use crate::kafka::{Error, ProducerRecord, RefusedRecords};

/// A record that was not accepted, as the index of the transaction part and of the record in it.
struct FailedRecord<'r> {
    at: (usize, usize),
    record: &'r ProducerRecord,
    code: Code,
}

impl TransactionalProducer {
    /// The largest batch of a new producer.
    pub(super) fn batch_size(&self) -> usize {
        if self.has_single_batches { 1 } else { self.batch_bytes }
    }

    /// The reason of an aborted attempt: what an operator has to correct, records that are always refused, or another
    /// error.
    pub(super) fn abort_reason<'r>(
        &mut self,
        records: impl Iterator<Item = ((usize, usize), &'r ProducerRecord, &'r Arc<DeliveryReport>)>,
        action: &'static str,
        source: KafkaError,
    ) -> Error {
        let failed = records.filter_map(|(at, record, report)| {
            Some(FailedRecord { at, record, code: report.failure()? })
        });
        let mut failed: Vec<FailedRecord<'r>> = failed.collect();
        if let Some(denied) = failed.iter().find(|it| is_denied(Some(it.code))) {
            return self.config.denied(Resource::Output(&denied.record.topic));
        }
        if let Some(refused) = failed.iter().find(|it| it.code == Code::InvalidTimestamp) {
            return wrong_clock(&refused.record.topic);
        }
        failed.retain(|it| ErrorClass::from_code(it.code) == ErrorClass::RecordRefused);
        let Some(FailedRecord { record, code, .. }) = failed.first() else {
            return Error::after_abort(action, source);
        };
        let (topic, code) = (record.topic.clone(), *code);
        failed.retain(|it| it.record.topic == topic && it.code == code);
        let must_split = match code {
            Code::MessageSizeTooLarge => self.must_split_large(&mut failed),
            Code::InvalidRecord => self.must_split_invalid(&failed),
            _ => false,
        };
        if must_split {
            self.must_renew = true;
            return Error::Abort { action, source };
        }
        Error::Refused(Box::new(RefusedRecords {
            topic,
            records: failed.into_iter().map(|it| it.at).collect(),
            source: KafkaError::MessageProduction(code),
        }))
    }

    /// Several too large records of a topic may have been one batch: they are retried in ever smaller batches, down to
    /// the largest record alone, which is left in `refused`.
    fn must_split_large(&mut self, refused: &mut Vec<FailedRecord<'_>>) -> bool {
        let bytes = |it: &FailedRecord<'_>| it.record.byte_len();
        refused.sort_by_key(|it| Reverse(bytes(it)));
        let largest = refused.first().map_or(0, bytes);
        if refused.len() > 1 && largest < self.batch_bytes {
            let all: usize = refused.iter().map(bytes).sum();
            self.batch_bytes = (all.min(self.batch_bytes) / 2).max(largest);
            return true;
        }
        refused.truncate(1);
        false
    }

    /// Of several refused records in a batch librdkafka says that they are invalid, whatever the reason of the broker is:
    /// they are retried one by one. A wrong clock must not make dead letters of all outputs.
    fn must_split_invalid(&mut self, refused: &[FailedRecord<'_>]) -> bool {
        let must_split = refused.len() > 1 && !self.has_single_batches;
        self.has_single_batches |= must_split;
        must_split
    }
}

fn wrong_clock(topic: &str) -> Error {
    Error::Misconfigured(format!(
        "{topic} refuses the timestamps of records: the clock of this machine is further from the brokers' clock than \
        message.timestamp.before.max.ms and message.timestamp.after.max.ms of {topic} allow. Correct the clock that is wrong, \
        or raise these settings of the topic"
    ))
}
