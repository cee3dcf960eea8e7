//! The error for lost state: it describes the local state, the changelog and the group's offsets, and the recovery actions.
//! Nothing is changed before an operator has chosen one.

use super::error::Error;
use super::phase::{CommittedOffsets, PartitionRestore};
use crate::kafka::OffsetBounds;
use crate::runtime::context::Context;
use crate::runtime::offset_metadata::OffsetMetadata;
use crate::runtime::worker_io::WorkerIo;
use crate::store::store_partition;

impl PartitionRestore {
    pub(super) fn lost_state_error<W: WorkerIo>(
        &self,
        context: &Context,
        io: &W,
        reason: &str,
        committed: &CommittedOffsets,
        ends: OffsetBounds,
    ) -> Error {
        let settings = &context.settings;
        let local = match context.progress(io.store(), store_partition(self.partition)) {
            Ok(Some(progress)) => {
                let (batch, customers) = (progress.batch, progress.customers());
                format!("batch {batch} with {customers} customers")
            }
            Ok(None) => "nothing".to_owned(),
            Err(error) => error.to_string(),
        };
        let describe = |committed: &Option<(i64, String)>| match committed {
            None => "nothing".to_owned(),
            Some((_, metadata)) => match OffsetMetadata::parse(metadata) {
                Some(metadata) => format!("batch {}", metadata.batch),
                None => "an offset that Tenure did not commit".to_owned(),
            },
        };
        let group: Vec<String> = committed.iter().map(describe).collect();
        let records = if ends.start == ends.end {
            "no records".to_owned()
        } else {
            format!("offsets {} to {}", ends.start, ends.end)
        };
        self.state_mismatch(&format!(
            "{reason}. Found on disk ({}): {local}; in the changelog ({}): {records}; committed by the group ({}): {}. \
            Nothing was changed. If kafka.brokers or output.changelog is wrong, correct it. If the changelog was lost and \
            the local state is the latest, `republish` writes it to an empty changelog (`tenure run --republish` does so \
            for all partitions). If the changelog is right, `rebuild` builds the state from it",
            settings.state_dir.display(),
            settings.outputs.changelog,
            settings.kafka.app,
            group.join(", "),
        ))
    }
}
