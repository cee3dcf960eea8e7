//! Outputs of the last batch, which its owner may have died before telling.

use super::{CommittedOffsets, Error};
use crate::kafka::OutboxEntry;
use crate::runtime::context::Context;
use crate::runtime::offset_metadata::committed_batches;
use crate::runtime::refused;
use crate::runtime::worker_io::WorkerIo;

/// Compaction leaves outputs of old batches behind, those that no later batch had as many of.
pub(in crate::runtime) fn retain_last_batch(outbox: &mut Vec<OutboxEntry>, pending: OutboxEntry) {
    let last = outbox.first().map_or(0, |known| known.batch);
    if pending.batch > last {
        outbox.clear();
    }
    if pending.batch >= last {
        outbox.push(pending);
    }
}

/// Tells the outputs of the last batch once more: whoever committed it may have died before. Those
/// of earlier ones were told before a later one was begun.
pub(super) fn publish_outbox<W: WorkerIo>(
    world: &mut W,
    shared: &Context,
    committed: &CommittedOffsets,
    outbox: &[OutboxEntry],
) -> Result<(), Error> {
    let last = committed_batches(committed).flatten().max();
    let untold = outbox
        .iter()
        .filter(|pending| last.is_none_or(|last| pending.batch == last));
    let mut untold: Vec<_> = untold.map(|pending| pending.output.clone()).collect();
    match untold.is_empty() {
        true => Ok(()),
        false => Ok(refused::publish(world, shared, &mut untold)?),
    }
}
