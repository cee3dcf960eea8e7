//! A customer's own timers: the instants at which time alone can change anything.

use super::change::{Cause, StageChange};
use super::state::CustomerState;
use super::transitions::Trigger;
use crate::event::EventTime;
use crate::model::{ModelId, Models};

impl CustomerState {
    /// The earliest instant at which time alone can change anything.
    pub fn next_due(&self) -> Option<EventTime> {
        self.models.iter().filter_map(|model| model.due).min()
    }

    /// Fires the customer's timers due before `end`, by due instant and order of the models, including timers armed
    /// by these (rule 3). `false` if `changes_max` changes were made before all had fired: time alone can move a customer
    /// through stages without an end.
    pub fn fire_timers(
        &mut self,
        models: &Models,
        end: EventTime,
        changes_max: usize,
        changes: &mut Vec<StageChange>,
    ) -> bool {
        while let Some((due, model)) = self.first_due().filter(|(due, _)| *due < end) {
            if changes.len() >= changes_max {
                return false;
            }
            let trigger = Trigger { now: due, event: None, cause: Cause::Timer };
            self.view_mut(models, model).evaluate(trigger, changes);
        }
        true
    }

    fn first_due(&self) -> Option<(EventTime, ModelId)> {
        let models = self.models.iter_enumerated();
        models.filter_map(|(model, state)| Some((state.due?, model))).min()
    }
}
