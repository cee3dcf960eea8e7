//! How long customers stay.

use super::history::{Lifeline, Stay};
use super::lengths::Lengths;
use crate::event::EventTime;

/// The visits to every stage of a version.
#[derive(Clone, Debug)]
pub struct Stays {
    /// By stage.
    pub stages: Vec<StageStays>,
}

/// The visits to a stage. Entries are exits and those who are there at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageStays {
    /// Visits that began, the beginning in the initial stage included.
    pub entries: u64,
    /// Visits that ended at the instant at which they began.
    pub passed: u64,
    /// Visits that lasted and ended.
    pub completed: Lengths,
    /// Visits that had not ended at the end, so far.
    pub ongoing: Lengths,
}

impl Stays {
    pub(super) fn new(stages: usize) -> Stays {
        Stays {
            stages: vec![StageStays::default(); stages],
        }
    }

    pub(super) fn add(&mut self, line: &Lifeline, begin: EventTime, end: EventTime) {
        for Stay {
            stage,
            entered,
            left,
        } in line.stays(begin)
        {
            let own = &mut self.stages[stage];
            own.entries += 1;
            match left {
                None => own.ongoing.add(end.since(entered)),
                Some(left) if left == entered => own.passed += 1,
                Some(left) => own.completed.add(left.since(entered)),
            }
        }
    }
}

impl StageStays {
    /// Visits that ended.
    pub fn exits(&self) -> u64 {
        self.passed + self.completed.count
    }
}
