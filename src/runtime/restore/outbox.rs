//! Outputs of the last batch, which its owner may have died before telling.

use super::{Error, Offsets};
use crate::kafka::Pending;
use crate::runtime::mark::batches;
use crate::runtime::refused;
use crate::runtime::report::Shared;
use crate::runtime::world::World;

/// Compaction leaves outputs of old batches behind, those that no later batch had as many of.
pub(in crate::runtime) fn keep_last(outbox: &mut Vec<Pending>, pending: Pending) {
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
pub(super) fn tell_again<W: World>(
    world: &mut W,
    shared: &Shared,
    committed: &Offsets,
    outbox: &[Pending],
) -> Result<(), Error> {
    let last = batches(committed).flatten().max();
    let untold = outbox
        .iter()
        .filter(|pending| last.is_none_or(|last| pending.batch == last));
    let mut untold: Vec<_> = untold.map(|pending| pending.output.clone()).collect();
    match untold.is_empty() {
        true => Ok(()),
        false => Ok(refused::tell(world, shared, &mut untold)?),
    }
}
