//! Applies the records of a batch and fires timers, in processing order.

use std::collections::btree_map::{BTreeMap, Entry};

use super::{
    Batch, Commit, LoadedCustomer, ModelGenerations, Output, Progress, Record, StateView, Sweep,
    TimerKey,
};
use crate::customer::{CustomerState, EventAnomalies, StageChange};
use crate::event::{CustomerId, Event, EventTime, Millis, Position, RejectReason, Watermark};
use crate::model::{Models, ModelsChange};

/// Applies a batch. Pure: the same values give the same commit, however a history is cut into
/// batches. `view` must contain all states and timers that the batch can touch.
///
/// Every record advances the watermark, at most to its own timestamp. Timers that the watermark passes
/// fire before the next record. If more timers are due than were loaded, or they take more transitions
/// than the view allows, the rest of the batch is returned as unused.
///
/// The state of an outdated customer (previous generation) is migrated when the batch touches it. After
/// the records, the sweep migrates all loaded outdated customers. The order of the two does not matter.
pub fn apply<'m>(
    generations: impl Into<ModelGenerations<'m>>,
    lateness: Millis,
    progress: &Progress,
    view: StateView,
    batch: Batch,
) -> Commit {
    let ModelGenerations { models, before } = generations.into();
    let mut processor = BatchProcessor {
        models,
        model_change: before.map(|(_, change)| change),
        lateness,
        states: view.states,
        changes: Vec::new(),
        effects: Effects {
            timers: view.timers,
            outputs: Vec::new(),
            anomalies: EventAnomalies::default(),
            progress: Progress { batch: progress.batch + 1, ..progress.clone() },
        },
        loaded_to: view.loaded_to,
        transitions_max: view.transitions_max.unwrap_or(usize::MAX),
    };
    for lost in batch.lost {
        processor.effects.progress.offsets[lost.input as usize] = lost.to;
        processor.effects.outputs.push(Output::InputLost(lost));
    }
    // Timers that the previous batch left due fire before the first record.
    let mut finished = processor.fire_due();
    let mut records = batch.records;
    let mut used = 0;
    while finished && let Some(record) = records.get(used) {
        match &record.content {
            Ok(event) => match processor.receive(event, record) {
                Some(all_fired) => finished = all_fired,
                None => {
                    finished = false;
                    break;
                }
            },
            // The mapping says that it is none.
            Err(rejection) if rejection.reason == RejectReason::LeftOut => {}
            Err(rejection) => processor
                .effects
                .outputs
                .push(Output::Rejected { position: record.position, rejection: rejection.clone() }),
        }
        used += 1;
        let Position { input, offset } = record.position;
        processor.effects.progress.offsets[input as usize] = offset + 1;
    }
    let unused = records.split_off(used);
    if let Some(time) = batch.advance_to.filter(|_| finished && unused.is_empty()) {
        finished = processor.advance_watermark(Watermark(time.0));
    }
    if let Some(sweep) = view.sweep {
        processor.migrate_swept(&sweep);
        // Due timers beyond the transition limit wait for the next batch.
        finished = processor.fire_due() && finished;
    }
    let finished = finished && processor.effects.progress.sweep.is_none();
    processor.into_commit(records, unused, finished)
}

struct BatchProcessor<'r> {
    models: &'r Models,
    /// The change from the previous models, while outdated states remain.
    model_change: Option<&'r ModelsChange>,
    lateness: Millis,
    states: BTreeMap<CustomerId, LoadedCustomer>,
    /// End of the loaded timers, exclusive.
    loaded_to: Option<TimerKey>,
    transitions_max: usize,
    /// Scratch buffer, drained for every customer.
    changes: Vec<StageChange>,
    effects: Effects,
}

/// Changes beyond a single customer's state.
struct Effects {
    timers: std::collections::BTreeSet<TimerKey>,
    outputs: Vec<Output>,
    anomalies: EventAnomalies,
    progress: Progress,
}

impl BatchProcessor<'_> {
    /// Transitions that may still be taken before the batch is cut.
    fn remaining_transitions(&self) -> usize {
        self.transitions_max.saturating_sub(self.effects.outputs.len())
    }

    /// Applies an event and advances the watermark; `false` if due timers remain. `None` if the limit was reached by
    /// the customer's own timers that precede the event: it is not applied then.
    fn receive(&mut self, event: &Event, record: &Record) -> Option<bool> {
        let remaining = self.remaining_transitions();
        let customer = &event.customer;
        let loaded = match self.states.entry(customer.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let mut state = CustomerState::new(self.models, event.time, record.position);
                state.generation = self.effects.progress.generation;
                self.effects.count_new_customer(&state);
                entry.insert(state.into())
            }
        };
        loaded.touched = true;
        self.effects.migrate(self.models, self.model_change, customer, loaded, &mut self.changes);
        let (state, changes) = (&mut loaded.state, &mut self.changes);
        let anomalies = state.receive(self.models, event, record.position, remaining, changes);
        let Some(anomalies) = anomalies else {
            self.effects.emit_and_rearm(customer, state, changes);
            return None;
        };
        self.effects.anomalies += anomalies;
        self.fire_overdue(customer, remaining);
        let time = record.effective_time();
        let progress = &mut self.effects.progress;
        if let Some(timestamp) = record.timestamp {
            progress.record_delay(timestamp, event.time);
        }
        progress.max_event_time = progress.max_event_time.max(time);
        Some(self.advance_watermark(Watermark::from_event_time(
            time.unwrap_or(EventTime::MIN),
            self.lateness,
        )))
    }

    /// Fires timers that a late event or a migration armed before the fired cursor: timers are not
    /// scanned there again.
    fn fire_overdue(&mut self, customer: &CustomerId, remaining: usize) {
        let Some(loaded) = self.states.get_mut(customer) else {
            return;
        };
        let fired_to = self.effects.progress.fired_to.as_ref();
        let end = fired_to.map_or(EventTime::MIN, |key| key.due);
        let all_fired = loaded.state.fire_timers(self.models, end, remaining, &mut self.changes);
        self.effects.emit_and_rearm(customer, &mut loaded.state, &mut self.changes);
        if !all_fired && let Some(due) = loaded.state.armed {
            // All other timers before the cursor have fired, so the cursor moves back to this one.
            let customer = customer.clone();
            self.effects.progress.fired_to = Some(TimerKey { due, customer });
            self.loaded_to = self.effects.progress.fired_to.clone();
        }
    }

    /// Migrates all loaded outdated customers, up to the transition limit.
    fn migrate_swept(&mut self, sweep: &Sweep) {
        let outdated = self.states.iter().filter(|(_, loaded)| loaded.is_outdated);
        let outdated: Vec<CustomerId> = outdated.map(|(id, _)| id.clone()).collect();
        let mut next = match sweep {
            Sweep::UpTo(next) => Some(next.clone()),
            Sweep::End => None,
        };
        for customer in outdated {
            let remaining = self.remaining_transitions();
            if remaining == 0 {
                // `customer` may come after `next`: records and timers load outdated customers, too.
                next = next.into_iter().chain([customer]).min();
                break;
            }
            if let Some(loaded) = self.states.get_mut(&customer) {
                self.effects.migrate(
                    self.models,
                    self.model_change,
                    &customer,
                    loaded,
                    &mut self.changes,
                );
                self.fire_overdue(&customer, remaining);
            }
        }
        self.effects.progress.sweep = next;
    }

    fn advance_watermark(&mut self, watermark: Watermark) -> bool {
        let current = &mut self.effects.progress.watermark;
        *current = watermark.max(*current);
        self.fire_due()
    }

    /// Fires every timer that the watermark has passed, by due time and customer; `false` if it
    /// reached the end of the loaded timers or the transition limit.
    fn fire_due(&mut self) -> bool {
        let watermark = self.effects.progress.watermark;
        while let Some(key) = self.effects.timers.first() {
            if !watermark.has_passed(key.due)
                || self.loaded_to.as_ref().is_some_and(|end| key >= end)
            {
                break;
            }
            if self.remaining_transitions() == 0 {
                self.loaded_to = Some(key.clone());
                break;
            }
            self.fire_next();
        }
        let target = TimerKey { due: EventTime(watermark.0), customer: CustomerId::default() };
        let (cursor, finished) = match &self.loaded_to {
            Some(end) if *end < target => (end.clone(), false),
            _ => (target, true),
        };
        let fired_to = &mut self.effects.progress.fired_to;
        if fired_to.as_ref().is_none_or(|before| *before < cursor) {
            *fired_to = Some(cursor);
        }
        finished
    }

    /// Fires the first timer of the index. If later activity has postponed the customer's deadline,
    /// nothing is evaluated and the entry moves.
    fn fire_next(&mut self) {
        let Some(TimerKey { due, customer }) = self.effects.timers.pop_first() else {
            return;
        };
        let Some(loaded) = self.states.get_mut(&customer) else {
            unreachable!("a timer was loaded without its customer's state");
        };
        loaded.touched = true;
        loaded.state.armed = None;
        self.effects.migrate(self.models, self.model_change, &customer, loaded, &mut self.changes);
        let end = due.just_after();
        loaded.state.fire_timers(self.models, end, usize::MAX, &mut self.changes);
        self.effects.emit_and_rearm(&customer, &mut loaded.state, &mut self.changes);
    }

    fn into_commit(self, applied: Vec<Record>, unused: Vec<Record>, finished: bool) -> Commit {
        let touched = self.states.into_iter().filter(|(_, loaded)| loaded.touched);
        let mut states = Vec::with_capacity(touched.size_hint().1.unwrap_or(0));
        let (mut added_timers, mut removed_timers) = (Vec::new(), Vec::new());
        for (customer, loaded) in touched {
            if loaded.state.armed != loaded.armed_before {
                let key = |due| TimerKey { due, customer: customer.clone() };
                removed_timers.extend(loaded.armed_before.map(key));
                added_timers.extend(loaded.state.armed.map(key));
            }
            states.push((customer, loaded.state));
        }
        let Effects { outputs, anomalies, mut progress, .. } = self.effects;
        let timers = progress.timers.saturating_add(added_timers.len() as u64);
        progress.timers = timers.saturating_sub(removed_timers.len() as u64);
        Commit {
            states,
            added_timers,
            removed_timers,
            outputs,
            anomalies,
            applied,
            unused,
            finished,
            progress,
        }
    }
}

impl Effects {
    fn count_new_customer(&mut self, state: &CustomerState) {
        for (model, model_state) in state.models.iter_enumerated() {
            self.progress.population.enter(model, model_state.stage);
        }
    }

    /// Re-evaluates an outdated customer under the current models. Its state was converted when it was loaded.
    fn migrate(
        &mut self,
        models: &Models,
        change: Option<&ModelsChange>,
        customer: &CustomerId,
        loaded: &mut LoadedCustomer,
        changes: &mut Vec<StageChange>,
    ) {
        let Some(change) = change.filter(|_| loaded.is_outdated) else {
            return;
        };
        (loaded.is_outdated, loaded.touched) = (false, true);
        let at = self.progress.adopted_at;
        loaded.state.reevaluate(models, change, at, changes);
        let mut model_states = loaded.state.models.iter().zip(&models.list);
        let is_published =
            model_states.any(|(model_state, model)| model_state.sequence > 0 && !model.shadow);
        if change.is_visible && is_published {
            let customer = customer.clone();
            self.outputs.push(Output::StageRenamed { customer });
        }
    }

    /// Emits a customer's stage changes. Arms the customer's timer: keeps its entry in the timer index no later than the
    /// next due time.
    fn emit_and_rearm(
        &mut self,
        customer: &CustomerId,
        state: &mut CustomerState,
        changes: &mut Vec<StageChange>,
    ) {
        for change in changes.drain(..) {
            self.progress.population.leave(change.model, change.from);
            self.progress.population.enter(change.model, change.to);
            self.outputs.push(Output::StageChanged { customer: customer.clone(), change });
        }
        let due = state.next_due();
        // Entries before the fired cursor are never scanned again.
        let cursor = self.progress.fired_to.as_ref();
        let is_ahead = |armed| cursor.is_none_or(|to| (armed, customer) >= (to.due, &to.customer));
        let is_early_enough = match (state.armed, due) {
            (Some(armed), Some(due)) => armed <= due && is_ahead(armed),
            (_, None) => true,
            (None, Some(_)) => false,
        };
        if !is_early_enough {
            let key = |due| TimerKey { due, customer: customer.clone() };
            if let Some(armed) = state.armed {
                self.timers.remove(&key(armed));
            }
            state.armed = due;
            self.timers.extend(due.map(key));
        }
    }
}
