//! Decides whether a state that was rebuilt from the changelog replaces the local one.

use super::error::Error;
use super::outbox::publish_outbox;
use super::phase::{
    ChangelogLoss, ChangelogScan, CommittedOffsets, PartitionRestore, RestoreTarget,
};
use crate::partition::{codec, hash_models};
use crate::runtime::context::Context;
use crate::runtime::quarantine::RecoveryAction;
use crate::runtime::worker_io::WorkerIo;
use crate::store;
use crate::store::store_partition;

impl PartitionRestore {
    /// Replaces the local state with the rebuilt one, if that is complete and the latest. Nothing to do after a catch-up.
    pub(super) fn replace<W: WorkerIo>(
        &self,
        context: &Context,
        io: &mut W,
        committed: &CommittedOffsets,
        scan: ChangelogScan,
    ) -> Result<Option<ChangelogLoss>, Error> {
        let RestoreTarget::Rebuild(rebuild, last) = scan.target else {
            return Ok(None);
        };
        let local = match context.progress(io.store(), store_partition(self.partition)) {
            Err(store::Error::Unusable { .. }) => None,
            other => other?,
        };
        let lost = |reason: &str, can_republish| {
            let reason = reason.to_owned();
            Ok(Some(ChangelogLoss { reason, can_republish }))
        };
        let Some(last) = last else {
            return match local {
                None => Ok(None),
                Some(_) => lost("the changelog is empty, and the local state is not", true),
            };
        };
        if let Some(app) = &last.app {
            self.check_app(context, app)?;
        }
        let (identity, models) = (&context.settings.identity, hash_models(&context.models));
        let built = codec::decode(&last.bytes, identity, &models);
        let built = built.map_err(|source| io.store().unusable(source))?;
        if last.is_partial {
            let reason = "writing the state to the changelog was not finished: the process that has the state must own this \
                        partition, and continue with `republish`; or `tenure rekey` has to be repeated";
            return lost(reason, true);
        }
        let discards_local = self.is_requested(RecoveryAction::Rebuild);
        if !discards_local && local.is_some_and(|local| local.batch > built.batch) {
            let reason = "the changelog ends with an earlier batch than the local state: the changelog has lost records. To \
                        republish, delete the topic and create it again first";
            return lost(reason, false);
        }
        self.check_batch(&built, committed)?;
        // Published before the replacement: a restart would not read the outbox again.
        publish_outbox(io, context, committed, &scan.outbox)?;
        let progress = (&*last.bytes, last.next_offset);
        let origin = context.origin();
        let finished =
            io.store().finish_rebuild(&rebuild, identity, &models, progress, (&origin, scan.start));
        match finished {
            Err(error @ store::Error::Incomplete { .. }) => lost(&error.to_string(), false),
            other => Ok(other.map(|()| None)?),
        }
    }
}
