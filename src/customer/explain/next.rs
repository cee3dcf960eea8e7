//! What time alone does next: the customer's timers, fired on a copy of the state.

use super::explanation::NextChange;
use crate::customer::change::{Cause, StageChange};
use crate::customer::state::CustomerState;
use crate::customer::transitions::Trigger;
use crate::event::{EventTime, Millis};
use crate::model::{ModelId, Models};

/// Limit of the instants that are evaluated: time alone can change conditions without an end.
const INSTANTS_MAX: usize = 10_000;
/// Limit of the simulated time after the first timer: a hundred years.
const LOOKAHEAD: Millis = Millis(36_525 * Millis::DAY.0);

impl CustomerState {
    pub(super) fn next_transitions(&self, models: &Models, model: ModelId) -> NextChange {
        let mut copy = self.clone();
        let mut changes = Vec::new();
        let first = copy.models[model].due;
        let end = first.and_then(|first| first.checked_add(LOOKAHEAD)).unwrap_or(EventTime::MAX);
        for _ in 0..INSTANTS_MAX {
            match copy.models[model].due {
                None => return NextChange::Never,
                Some(due) if due > end => return NextChange::NotBefore(due),
                Some(now) => {
                    let (event, cause) = (None, Cause::Timer);
                    let trigger = Trigger { now, event, cause };
                    copy.view_mut(models, model).evaluate(trigger, &mut changes);
                }
            }
            if !changes.is_empty() {
                return NextChange::Transitions(changes);
            }
        }
        NextChange::NotBefore(copy.models[model].due.unwrap_or(end))
    }

    /// Fires the timers due up to and including `now`. `false` if more instants than the limit have one.
    pub fn advance_to(
        &mut self,
        models: &Models,
        now: EventTime,
        changes: &mut Vec<StageChange>,
    ) -> bool {
        for _ in 0..INSTANTS_MAX {
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
