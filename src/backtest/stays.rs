//! How long customers stay.

use super::duration_histogram::DurationHistogram;
use super::history::{StageHistory, StageStay};
use crate::event::EventTime;

/// The visits to every stage of a version.
#[derive(Clone, Debug)]
pub struct StaysByStage {
    /// By stage.
    pub stages: Vec<StayStats>,
}

/// The visits to a stage. Entries are exits and those who are there at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StayStats {
    /// Visits that began, the beginning in the initial stage included.
    pub entries: u64,
    /// Visits that ended at the instant at which they began.
    pub passed: u64,
    /// Visits that lasted and ended.
    pub completed: DurationHistogram,
    /// Visits that had not ended at the end, so far.
    pub ongoing: DurationHistogram,
}

impl StaysByStage {
    pub(super) fn new(stages: usize) -> StaysByStage {
        StaysByStage {
            stages: vec![StayStats::default(); stages],
        }
    }

    pub(super) fn add(&mut self, line: &StageHistory, begin: EventTime, end: EventTime) {
        for StageStay {
            stage,
            entered,
            left,
        } in line.stays(begin)
        {
            let own = &mut self.stages[stage];
            own.entries += 1;
            match left {
                None => own.ongoing.add(end.duration_since(entered)),
                Some(left) if left == entered => own.passed += 1,
                Some(left) => own.completed.add(left.duration_since(entered)),
            }
        }
    }
}

impl StayStats {
    /// Visits that ended.
    pub fn exits(&self) -> u64 {
        self.passed + self.completed.count
    }
}
