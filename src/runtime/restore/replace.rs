//! Whether a state that was built from the changelog takes the place of the local one.

use super::changelog_scan::{ChangelogScan, RestoreTarget};
use super::outbox::publish_outbox;
use super::{CommittedOffsets, Error, PartitionRestore, store_partition};
use crate::partition::{codec, hash_models};
use crate::runtime::context::Context;
use crate::runtime::partitions::RecoveryAction;
use crate::runtime::worker_io::WorkerIo;
use crate::store;

/// Why it does not: the changelog has lost what the local state has.
#[derive(Debug)]
pub(super) struct ChangelogLoss {
    pub(super) what: String,
    /// Whether the local state may be written there: it is empty, or was being written to by an earlier start.
    pub(super) can_republish: bool,
}

impl PartitionRestore {
    /// Has what was built take the place of what is there, once it is certain that it is complete and the last one.
    pub(super) fn replace<W: WorkerIo>(
        &self,
        shared: &Context,
        world: &mut W,
        committed: &CommittedOffsets,
        reading: ChangelogScan,
    ) -> Result<Option<ChangelogLoss>, Error> {
        let RestoreTarget::Rebuild(rebuild, last) = reading.target else {
            return Ok(None);
        };
        let local = match shared.progress(world.store(), store_partition(self.partition)) {
            Err(store::Error::Unusable { .. }) => None,
            other => other?,
        };
        let lost = |what: &str, is_free| {
            let what = what.to_owned();
            Ok(Some(ChangelogLoss {
                what,
                can_republish: is_free,
            }))
        };
        let Some(last) = last else {
            return match local {
                None => Ok(None),
                Some(_) => lost("the changelog is empty, and the local state is not", true),
            };
        };
        if let Some(app) = &last.app {
            self.check_app(shared, app)?;
        }
        let (identity, models) = (&shared.settings.identity, hash_models(&shared.models));
        let built = codec::decode(&last.bytes, identity, &models);
        let built = built.map_err(|source| world.store().unusable(source))?;
        if last.is_partial {
            let what = "the state was being written to the changelog, and that was not finished: the process that has \
                        it has to get this partition, and go on with `republish`; or `tenure rekey` has to be repeated";
            return lost(what, true);
        }
        let is_given_up = self.is_requested(RecoveryAction::Rebuild);
        if !is_given_up && local.is_some_and(|local| local.batch > built.batch) {
            let what = "the changelog ends with an earlier batch than the local state: records of it were lost. If it \
                        has to be written anew, delete the topic and create it again first";
            return lost(what, false);
        }
        self.check_batch(&built, committed)?;
        publish_outbox(world, shared, committed, &reading.outbox)?;
        let progress = (&*last.bytes, last.next_offset);
        let origin = shared.origin();
        let finished = world.store().finish_rebuild(
            &rebuild,
            identity,
            &models,
            progress,
            (&origin, reading.start),
        );
        match finished {
            Err(error @ store::Error::Incomplete { .. }) => lost(&error.to_string(), false),
            other => Ok(other.map(|()| None)?),
        }
    }
}
