//! Transactions without offsets: of who is no member of the group.

use std::sync::Arc;
use std::time::Instant;

use rdkafka::producer::Producer;

use super::{CALL_TIMEOUT, END_SUSPICIOUS, Log};
use crate::crash;
use crate::kafka::delivery::{Patience, deliver, send};
use crate::kafka::{Error, Outgoing};

impl Log {
    /// Commits records without offsets, in one transaction. After `Err` they may have been committed.
    pub fn write(&mut self, records: &[Outgoing]) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        if self.doubtful {
            self.renew()?;
        }
        // Unless all goes well, and soon.
        self.doubtful = true;
        let fail = |action| move |source| Error::transactional(action, source);
        let begun = self.producer.begin_transaction();
        begun.map_err(fail("beginning a transaction"))?;
        for record in records {
            send(&self.producer, record, &Arc::default())?;
        }
        deliver(&self.producer, Patience::UntilOneFails)?;
        let begun = Instant::now();
        let ended = self.producer.commit_transaction(CALL_TIMEOUT);
        ended.map_err(fail("committing"))?;
        self.doubtful = begun.elapsed() >= END_SUSPICIOUS;
        crash::point("rekeyed");
        Ok(())
    }
}
