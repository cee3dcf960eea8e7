//! The error where state was lost: what was found on disk, in the changelog and in the group, and the recovery options.
//! Nothing is changed before an operator has chosen one.

use super::{CommittedOffsets, Error, PartitionRestore, store_partition};
use crate::kafka::OffsetBounds;
use crate::runtime::context::Context;
use crate::runtime::offset_metadata::OffsetMetadata;
use crate::runtime::worker_io::WorkerIo;

impl PartitionRestore {
    pub(super) fn lost_state_error<W: WorkerIo>(
        &self,
        shared: &Context,
        world: &W,
        what: &str,
        committed: &CommittedOffsets,
        ends: OffsetBounds,
    ) -> Error {
        let settings = &shared.settings;
        let local = match shared.progress(world.store(), store_partition(self.partition)) {
            Ok(Some(progress)) => {
                let (batch, customers) = (progress.batch, progress.customers());
                format!("batch {batch} with {customers} customers")
            }
            Ok(None) => "nothing".to_owned(),
            Err(error) => error.to_string(),
        };
        let group = |found: &Option<(i64, String)>| match found {
            None => "nothing".to_owned(),
            Some((_, metadata)) => match OffsetMetadata::parse(metadata) {
                Some(mark) => format!("batch {}", mark.batch),
                None => "an offset that Tenure did not commit".to_owned(),
            },
        };
        let group: Vec<String> = committed.iter().map(group).collect();
        let records = match ends.start == ends.end {
            true => "no records".to_owned(),
            false => format!("offsets {} to {}", ends.start, ends.end),
        };
        self.state_mismatch(&format!(
            "{what}. Found on disk ({}): {local}; in the changelog ({}): {records}; committed by the group ({}): {}. \
            Nothing was changed. Ways out: if kafka.brokers or output.changelog is wrong, set it right. If the changelog \
            was lost and the state on disk is the last one, `republish` writes it to a changelog that is empty (so does \
            `tenure run --republish`, for all partitions). If the changelog is right, `rebuild` builds the state from what \
            it holds",
            settings.state_dir.display(),
            settings.outputs.changelog,
            settings.kafka.app,
            group.join(", "),
        ))
    }
}
