//! What time alone does next: the customer's timers, fired on a copy of the state.

use super::explanation::NextChange;
use crate::customer::change::{Cause, StageChange};
use crate::customer::state::CustomerState;
use crate::event::{EventTime, Millis};
use crate::model::Models;

/// Limit of timers fired: time alone can move a customer through stages without an end.
const TIMERS_MAX: usize = 10_000;
/// Limit of the simulated time after the first timer: a hundred years.
const LOOKAHEAD: Millis = Millis(36_525 * Millis::DAY.0);

impl CustomerState {
    pub(super) fn next_transitions(&self, models: &Models, model: usize) -> NextChange {
        let mut copy = self.clone();
        let mut changes = Vec::new();
        let first = copy.models[model].due;
        let end = first
            .and_then(|first| first.checked_add(LOOKAHEAD))
            .unwrap_or(EventTime::MAX);
        for _ in 0..TIMERS_MAX {
            match copy.models[model].due {
                None => return NextChange::Never,
                Some(due) if due > end => return NextChange::NotBefore(due),
                Some(due) => copy.evaluate(models, model, due, None, Cause::Timer, &mut changes),
            }
            if !changes.is_empty() {
                return NextChange::Transitions(changes);
            }
        }
        NextChange::NotBefore(copy.models[model].due.unwrap_or(end))
    }

    /// Fires all timers up to and including `now`; `changes` gets the transitions. `false` if there are too many: time
    /// alone can move a customer through stages without an end.
    pub fn advance_to(
        &mut self,
        models: &Models,
        now: EventTime,
        changes: &mut Vec<StageChange>,
    ) -> bool {
        for _ in 0..TIMERS_MAX {
            match self.next_due() {
                Some(due) if due <= now => {
                    self.fire_timers(models, due.just_after(), usize::MAX, changes);
                }
                _ => return true,
            }
        }
        false
    }
}
