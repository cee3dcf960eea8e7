//! The state of a partition that a worker owns.

use super::active_models::ActiveModels;
use super::idle_state::IdleState;
use super::panic_search::PanicSearch;
use crate::event::{EventTime, Position, WallTime};
use crate::partition::{Generation, LostRange, Progress, Record};
use crate::runtime::input_ends::InputEnds;
use crate::runtime::merge::Merge;

#[derive(Debug)]
pub(super) struct OwnedPartition {
    pub(super) epoch: u64,
    pub(super) progress: Progress,
    pub(super) models: ActiveModels,
    /// The generation of those models, until a commit has stored it.
    pub(super) generation: Option<Generation>,
    /// Whether the loaded models wait for an earlier migration sweep (`Activation::FinishSweep`). Inputs are not read
    /// until it is done.
    pub(super) is_migrating: bool,
    pub(super) merge: Merge,
    /// By input, the timestamp of the last committed record.
    pub(super) last_timestamps: Vec<Option<EventTime>>,
    /// Taken from the merge and not yet applied.
    pub(super) records: Vec<Record>,
    /// Their size, as the merge counted it.
    pub(super) bytes: usize,
    /// Whether to commit even without records: for the first position, a new generation, or timers that did not fit into
    /// the last batch.
    pub(super) must_commit: bool,
    pub(super) idle: IdleState,
    /// Lost ranges of the inputs that an operator has accepted; published by the first commit.
    pub(super) lost: Vec<LostRange>,
    /// An input that cannot be read any further; handled once all records read from it are committed.
    pub(super) broken_input: Option<BrokenInput>,
    /// While the record that panics is searched for.
    pub(super) search: Option<PanicSearch>,
    /// When the local state was last confirmed on disk to be the latest.
    pub(super) last_confirmed: WallTime,
}

/// Why an input of a partition cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BrokenInput {
    /// The next offset is not in the log.
    OutOfRange { input: u32 },
    /// The record batch at or after this position is damaged.
    Damaged(Position),
}

impl BrokenInput {
    pub(super) fn input(self) -> u32 {
        match self {
            BrokenInput::OutOfRange { input } | BrokenInput::Damaged(Position { input, .. }) => {
                input
            }
        }
    }
}

impl OwnedPartition {
    pub(super) fn record_timestamps(&mut self, committed: &[Record]) {
        for Record { position, timestamp, .. } in committed {
            if let Some(last) = self.last_timestamps.get_mut(position.input as usize) {
                *last = timestamp.or(*last);
            }
        }
    }

    /// From which the lag is computed.
    pub(super) fn report_positions(&self, partition: i32, input_ends: &InputEnds) {
        input_ends.set_positions(partition, &self.progress.offsets, &self.last_timestamps);
    }

    /// Records that were fetched before are still applied.
    pub(super) fn mark_broken(&mut self, broken: BrokenInput) {
        self.merge.block(broken.input());
        self.broken_input = Some(broken);
    }
}
