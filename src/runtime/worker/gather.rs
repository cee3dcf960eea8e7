//! From what was fetched to the batch of each partition, which is bounded in records and bytes.

use super::{Partition, Worker};
use crate::event::{EventTime, Position, Rejection};
use crate::kafka::Fetched;
use crate::partition::Record;
use crate::runtime::mailbox::Load;
use crate::runtime::merge::Next;
use crate::runtime::world::World;

/// Most bytes of the records behind one transaction, give or take a record of each partition: it
/// must be delivered well before its timeout, and dead letters carry their bytes on.
const BATCH_BYTES_MAX: usize = 16 << 20;
impl<W: World> Worker<W> {
    pub(super) fn fetched(
        &mut self,
        partition: i32,
        epoch: u64,
        input: u32,
        fetched: Fetched,
        load: Load,
    ) {
        let Some(own) = self
            .partitions
            .get_mut(&partition)
            .filter(|own| own.epoch == epoch)
        else {
            return;
        };
        own.idle.confirmed = None;
        match fetched {
            Fetched::End => own.merge.end(input),
            Fetched::Record {
                offset,
                timestamp,
                key,
                value,
                headers,
            } => {
                let position = Position { input, offset };
                let decoder = &self.decoders[input as usize];
                let content = decoder
                    .record(key.as_deref(), value.as_deref(), timestamp)
                    .map_err(|reason| Rejection {
                        reason,
                        key,
                        value,
                        headers,
                    });
                if let (Ok(event), Some(arrived)) = (&content, timestamp) {
                    own.delay = Some(EventTime(arrived).since(event.time));
                }
                let record = Record {
                    position,
                    timestamp: timestamp.map(EventTime),
                    content,
                };
                own.merge.push(record, load);
            }
        }
    }

    /// Fills the batches from the merges.
    pub(super) fn gather(&mut self) {
        let now = self.world.uptime();
        let (records, bytes) = self.batch_limits();
        for own in self.partitions.values_mut() {
            while own.records.len() < records && own.bytes < bytes {
                let timed_out = || self.shared.metrics.merge_timeouts.inc();
                match own.merge.next(now, timed_out) {
                    Next::Record(record, bytes) => {
                        own.records.push(record);
                        own.bytes += bytes;
                    }
                    Next::Waiting | Next::Empty => break,
                }
            }
        }
    }

    /// Records and bytes with which the batch of a partition is full. One transaction takes the
    /// batches of all partitions.
    fn batch_limits(&self) -> (usize, usize) {
        let partitions = self.partitions.len().max(1);
        (
            self.shared.settings.batch_records,
            BATCH_BYTES_MAX / partitions,
        )
    }

    pub(super) fn is_full(&self, own: &Partition) -> bool {
        let (records, bytes) = self.batch_limits();
        own.records.len() >= records || own.bytes >= bytes
    }
}
