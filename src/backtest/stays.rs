//! How long customers stay.

use typed_index_collections::{TiVec, ti_vec};

use super::duration_histogram::DurationHistogram;
use super::history::{StageHistory, StageStay};
use crate::event::EventTime;
use crate::model::StageId;

/// The visits to every stage of a version.
#[derive(Clone, Debug)]
pub struct StaysByStage {
    /// By stage.
    pub stages: TiVec<StageId, StayStats>,
}

/// The visits to a stage. `entries` is the number of exits and of ongoing visits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StayStats {
    /// All visits, those that begin in the initial stage included.
    pub entries: u64,
    /// Visits that ended at the instant at which they began.
    pub passed: u64,
    /// Visits that ended later than they began.
    pub completed: DurationHistogram,
    /// Visits that have not ended, up to the end of time.
    pub ongoing: DurationHistogram,
}

impl StaysByStage {
    pub(super) fn new(stages: usize) -> StaysByStage {
        StaysByStage { stages: ti_vec![StayStats::default(); stages] }
    }

    pub(super) fn add(&mut self, history: &StageHistory, begin: EventTime, end: EventTime) {
        for StageStay { stage, entered, left } in history.stays(begin) {
            let stats = &mut self.stages[stage];
            stats.entries += 1;
            match left {
                None => stats.ongoing.add(end.duration_since(entered)),
                Some(left) if left == entered => stats.passed += 1,
                Some(left) => stats.completed.add(left.duration_since(entered)),
            }
        }
    }
}

impl StayStats {
    pub fn exits(&self) -> u64 {
        self.passed + self.completed.count
    }
}
