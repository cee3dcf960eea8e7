//! What time alone does next: the customer's timers, fired on a copy of the state.

use super::explanation::NextChange;
use crate::customer::state::CustomerState;
use crate::event::{EventTime, Millis};
use crate::model::Models;

/// Limit of the simulated time after the first timer: a hundred years.
const LOOKAHEAD: Millis = Millis(36_525 * Millis::DAY.0);

impl CustomerState {
    pub(super) fn next_transitions(&self, models: &Models, model: usize) -> NextChange {
        let Some(first) = self.models[model].due else {
            return NextChange::Never;
        };
        let mut copy = self.clone();
        for (other, state) in copy.models.iter_mut().enumerate() {
            state.due = state.due.filter(|_| other == model);
        }
        let end = first.checked_add(LOOKAHEAD).unwrap_or(EventTime::MAX);
        let mut changes = Vec::new();
        copy.fire_timers(models, end.just_after(), 1, &mut changes);
        match copy.next_due() {
            _ if !changes.is_empty() => NextChange::Transitions(changes),
            None => NextChange::Never,
            Some(due) => NextChange::NotBefore(due),
        }
    }
}
