//! Transactions without offsets, for a process that is no group member (`tenure rekey`).

use std::sync::Arc;
use std::time::Instant;

use rdkafka::producer::Producer;

use super::TransactionalProducer;
use super::end::{CALL_TIMEOUT, END_RETRY_MIN};
use crate::crash;
use crate::kafka::delivery::{FlushUntil, flush, send};
use crate::kafka::{Error, ProducerRecord};

impl TransactionalProducer {
    /// Commits records without offsets, in one transaction. After `Err` they may be committed.
    pub(crate) fn commit_without_offsets(
        &mut self,
        records: &[ProducerRecord],
    ) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        if self.must_renew {
            self.renew()?;
        }
        // Reset only after a success without a possible retry.
        self.must_renew = true;
        let fail = |action| move |source| Error::from_transaction_call(action, source);
        let begin = self.producer.begin_transaction();
        begin.map_err(fail("beginning a transaction"))?;
        for record in records {
            send(&self.producer, record, &Arc::default())?;
        }
        flush(&self.producer, FlushUntil::FirstFailure)?;
        let start = Instant::now();
        let committed = self.producer.commit_transaction(CALL_TIMEOUT);
        committed.map_err(fail("committing"))?;
        self.must_renew = start.elapsed() >= END_RETRY_MIN;
        crash::point("rekeyed");
        Ok(())
    }
}
