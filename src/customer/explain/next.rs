//! The time to come, if nothing happens: the customer's own timers, fired on a copy.

use super::NextChange;
use crate::customer::change::{Cause, StageChange};
use crate::customer::state::CustomerState;
use crate::event::{EventTime, Millis};
use crate::model::Models;

/// Most timers that are fired to find out what comes next.
const TIMERS_MAX: usize = 10_000;
/// How far ahead is looked.
const LOOKAHEAD: Millis = Millis(36_525 * Millis::DAY.0);

impl CustomerState {
    /// What comes next in a model if nothing happens.
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

    /// Lets time pass up to and including `now` without any event; `changes` gets what happens meanwhile.
    /// `false` where that is too much: stages may follow each other by time alone, without an end.
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
