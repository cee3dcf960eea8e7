//! What a transaction that stalled has left in partitions.
//!
//! Brokers of Kafka 4.1 and later do not always end a transaction everywhere: where a partition has no leader at that moment,
//! as after the only broker has stalled, they take it for deleted and write no marker to it ("likely deleted already and
//! hence can be skipped" in their log). Its records stay in an open transaction, and the next one of the same producer that
//! commits there would make them visible. So what was sent is sent again, and aborted.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::producer::{BaseProducer, Producer};

use super::aborted;
use crate::kafka::delivery::{Deliveries, Patience, deliver, send};
use crate::kafka::{Error, Outgoing};

/// An attempt that failed and took this long may have met a partition without a leader: brokers take another one for away
/// only after some more (`broker.session.timeout.ms`).
pub(super) const STALLED: Duration = Duration::from_secs(5);

/// Records of transactions that were certainly not committed, and may not have been aborted everywhere.
#[derive(Debug, Default)]
pub(super) struct Stalled(Vec<Outgoing>);

impl Stalled {
    pub(super) fn add<'r>(&mut self, records: impl Iterator<Item = &'r Outgoing>) {
        self.0.extend(records.cloned());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Has the markers written that may be missing, by a producer of the same id.
    pub(super) fn abort_again(&mut self, producer: &BaseProducer<Deliveries>) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        let sent = self.send(producer);
        let aborted = aborted(producer);
        drop(producer.client().context().take_failure());
        let aborted = aborted.map_err(|source| Error::transactional("aborting", source));
        match sent.and(aborted) {
            Ok(()) => {
                let records = self.0.len();
                tracing::info!(records, "a transaction that stalled was aborted everywhere");
                self.0.clear();
                Ok(())
            }
            Err(Error::Abort { action, source } | Error::Indefinite { action, source }) => {
                Err(Error::Retry { action, source })
            }
            Err(other) => Err(other),
        }
    }

    fn send(&self, producer: &BaseProducer<Deliveries>) -> Result<(), Error> {
        let begun = producer.begin_transaction();
        begun.map_err(|source| Error::transactional("beginning a transaction", source))?;
        for record in &self.0 {
            send(producer, record, &Arc::default())?;
        }
        deliver(producer, Patience::UntilAllAreThrough)
    }
}
