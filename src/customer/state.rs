//! What is kept of one customer.

use smallvec::SmallVec;

use super::FactState;
use crate::event::{EventTime, Position};
use crate::model::Models;

/// Everything that is kept of one customer, for all models.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomerState {
    /// The latest event time seen; earlier events are late.
    pub latest: EventTime,
    /// The last applied event.
    pub position: Position,
    /// The customer's entry in the timer index. Never later than the next due instant: activity
    /// that only pushes deadlines out leaves the entry alone, and when it comes up it is moved.
    pub armed: Option<EventTime>,
    /// By slot.
    pub facts: Vec<FactState>,
    /// By model.
    pub models: Vec<ModelState>,
}

/// Where a customer is in one model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelState {
    /// The stage.
    pub stage: usize,
    /// Since when: the `effective_at` of the last transition, or the customer's first event.
    pub entered: EventTime,
    /// Transitions so far.
    pub sequence: u64,
    /// The next instant at which any condition, hold or block out of this stage can change.
    pub due: Option<EventTime>,
    /// Transitions with `hold` whose condition is true, and since when.
    pub holding: SmallVec<[(usize, EventTime); 1]>,
}

impl CustomerState {
    /// A customer who is first heard of at `time`: in the initial stage of every model.
    pub fn new(models: &Models, time: EventTime, position: Position) -> CustomerState {
        let begin = |initial| ModelState {
            stage: initial,
            entered: time,
            sequence: 0,
            due: None,
            holding: SmallVec::new(),
        };
        CustomerState {
            latest: time,
            position,
            armed: None,
            facts: models.slots.iter().map(FactState::new).collect(),
            models: models
                .list
                .iter()
                .map(|model| begin(model.initial))
                .collect(),
        }
    }

    /// The earliest instant at which anything can change if nothing happens.
    pub fn next_due(&self) -> Option<EventTime> {
        self.models.iter().filter_map(|model| model.due).min()
    }
}
