//! Publishes the outputs of the last batch, whose owner may have crashed before publishing them.

use super::error::Error;
use super::phase::CommittedOffsets;
use crate::kafka::OutboxEntry;
use crate::runtime::context::Context;
use crate::runtime::offset_metadata::committed_batches;
use crate::runtime::refused;
use crate::runtime::worker_io::WorkerIo;

/// Adds an entry, and drops those of earlier batches. Compaction leaves some of these in the changelog: entries are
/// keyed by their number in the batch, so a later batch with fewer outputs does not overwrite all of them.
pub(in crate::runtime) fn retain_last_batch(outbox: &mut Vec<OutboxEntry>, entry: OutboxEntry) {
    let last = outbox.first().map_or(0, |entry| entry.batch);
    if entry.batch > last {
        outbox.clear();
    }
    if entry.batch >= last {
        outbox.push(entry);
    }
}

/// Publishes the outputs of the last committed batch again: the member that committed it may have crashed before it
/// published them. Those of earlier batches were published before the next batch began.
pub(super) fn publish_outbox<W: WorkerIo>(
    io: &mut W,
    context: &Context,
    committed: &CommittedOffsets,
    outbox: &[OutboxEntry],
) -> Result<(), Error> {
    let last = committed_batches(committed).flatten().max();
    let pending = outbox.iter().filter(|entry| last.is_none_or(|last| entry.batch == last));
    let mut pending: Vec<_> = pending.map(|entry| entry.output.clone()).collect();
    if !pending.is_empty() {
        refused::publish(io, context, &mut pending)?;
    }
    Ok(())
}
