//! Records and timers in their order: the one function that everything else serves.

use std::collections::btree_map::{BTreeMap, Entry};

use super::{
    Batch, Commit, LoadedCustomer, ModelGenerations, Output, Progress, Record, StateView, Sweep,
    TimerKey,
};
use crate::customer::{CustomerState, EventAnomalies, StageChange};
use crate::event::{CustomerId, Event, EventTime, Millis, Position, Watermark};
use crate::model::{Models, ModelsChange};

/// Applies a batch. Pure: the same values give the same commit, however a history is cut into
/// batches. `view` must hold the states and timers that the batch can touch.
///
/// The watermark moves with every record, but never beyond a record's own timestamp, and timers that it passes
/// fire before the next record.
/// Where more timers are due than were loaded, or they come to more transitions than the view allows,
/// the rest of the batch is left for the next call.
///
/// Customers whose state is of the models before are brought under those of today when they are met, and
/// after the records so many of them as the sweep was loaded to. Which of the two comes first is the same.
pub fn apply<'m>(
    lineage: impl Into<ModelGenerations<'m>>,
    lateness: Millis,
    progress: &Progress,
    view: StateView,
    batch: Batch,
) -> Commit {
    let ModelGenerations { models, before } = lineage.into();
    let mut run = BatchProcessor {
        models,
        model_change: before.map(|(_, change)| change),
        lateness,
        states: view.states,
        changes: Vec::new(),
        effects: Effects {
            timers: view.timers,
            outputs: Vec::new(),
            anomalies: EventAnomalies::default(),
            progress: Progress {
                batch: progress.batch + 1,
                ..progress.clone()
            },
        },
        loaded_to: view.loaded_to,
        transitions_max: view.transitions_max.unwrap_or(usize::MAX),
    };
    for lost in batch.lost {
        run.effects.progress.offsets[lost.input as usize] = lost.to;
        run.effects.outputs.push(Output::InputLost(lost));
    }
    let mut finished = run.fire_due();
    let mut records = batch.records;
    let mut used = 0;
    while finished && let Some(record) = records.get(used) {
        if !run.fire_own_timers(record) {
            finished = false;
            break;
        }
        used += 1;
        let Position { input, offset } = record.position;
        let time = record.effective_time();
        run.effects.progress.offsets[input as usize] = offset + 1;
        match &record.content {
            Ok(event) => {
                if let Some(arrived) = record.timestamp {
                    run.effects.progress.record_delay(arrived, event.time);
                }
                finished = run.receive(event, record.position, time);
            }
            Err(rejection) => run.effects.outputs.push(Output::Rejected {
                position: record.position,
                rejection: rejection.clone(),
            }),
        }
    }
    let unused = records.split_off(used);
    if let Some(advance) = batch.advance_to.filter(|_| finished && unused.is_empty()) {
        finished = run.advance_watermark(Watermark(advance.0));
    }
    if let Some(sweep) = view.sweep {
        run.migrate_swept(&sweep);
        // What the change has made due, and there was no room for, is left to the next batch.
        finished = run.fire_due() && finished;
    }
    let finished = finished && run.effects.progress.sweep.is_none();
    run.into_commit(records, unused, finished)
}

struct BatchProcessor<'r> {
    models: &'r Models,
    /// From the models before, while states of theirs are left.
    model_change: Option<&'r ModelsChange>,
    lateness: Millis,
    states: BTreeMap<CustomerId, LoadedCustomer>,
    /// Where the loaded timers end.
    loaded_to: Option<TimerKey>,
    transitions_max: usize,
    /// Filled and emptied for every customer; kept for its memory.
    changes: Vec<StageChange>,
    effects: Effects,
}

/// What customers do to the rest of the partition.
struct Effects {
    timers: std::collections::BTreeSet<TimerKey>,
    outputs: Vec<Output>,
    anomalies: EventAnomalies,
    progress: Progress,
}

impl BatchProcessor<'_> {
    /// How many more transitions there may be before the batch is cut.
    fn remaining_transitions(&self) -> usize {
        self.transitions_max
            .saturating_sub(self.effects.outputs.len())
    }

    /// Fires the customer's own timers that come before an event; `false` when not all could be.
    fn fire_own_timers(&mut self, record: &Record) -> bool {
        let room = self.remaining_transitions();
        let Ok(event) = &record.content else {
            return true;
        };
        let Some(known) = self.states.get_mut(&event.customer) else {
            return true;
        };
        let (models, end) = (self.models, event.time);
        self.effects.migrate(
            models,
            self.model_change,
            &event.customer,
            known,
            &mut self.changes,
        );
        if known.state.next_due().is_none_or(|due| due >= end) {
            return true;
        }
        known.touched = true;
        let fired = known
            .state
            .fire_timers(models, end, room, &mut self.changes);
        self.effects
            .emit_and_rearm(&event.customer, &mut known.state, &mut self.changes);
        fired
    }

    /// An event, and the time that it moves others to; `false` when not all timers that it made due could be
    /// fired.
    fn receive(&mut self, event: &Event, position: Position, time: Option<EventTime>) -> bool {
        let room = self.remaining_transitions();
        let customer = &event.customer;
        let known = match self.states.entry(customer.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let mut state = CustomerState::new(self.models, event.time, position);
                state.generation = self.effects.progress.generation;
                self.effects.count_new_customer(&state);
                unknown.insert(state.into())
            }
        };
        known.touched = true;
        self.effects.anomalies +=
            known
                .state
                .receive(self.models, event, position, &mut self.changes);
        self.fire_overdue(customer, room);
        let highest = &mut self.effects.progress.max_event_time;
        *highest = (*highest).max(time);
        self.advance_watermark(Watermark::from_event_time(
            time.unwrap_or(EventTime::MIN),
            self.lateness,
        ))
    }

    /// What a late event, or another model, has armed before the fired cursor is met at once.
    fn fire_overdue(&mut self, customer: &CustomerId, room: usize) {
        let Some(known) = self.states.get_mut(customer) else {
            return;
        };
        let fired_to = self.effects.progress.fired_to.as_ref();
        let passed = fired_to.map_or(EventTime::MIN, |key| key.due);
        let met = known
            .state
            .fire_timers(self.models, passed, room, &mut self.changes);
        self.effects
            .emit_and_rearm(customer, &mut known.state, &mut self.changes);
        if !met && let Some(due) = known.state.armed {
            // All others before the cursor have fired: it goes back to this one.
            let customer = customer.clone();
            self.effects.progress.fired_to = Some(TimerKey { due, customer });
            self.loaded_to = self.effects.progress.fired_to.clone();
        }
    }

    /// Brings all that were loaded under the models of today, as far as there is room for what they do.
    fn migrate_swept(&mut self, loaded: &Sweep) {
        let outdated = self.states.iter().filter(|(_, known)| known.is_outdated);
        let outdated: Vec<CustomerId> = outdated.map(|(id, _)| id.clone()).collect();
        let mut next = match loaded {
            Sweep::UpTo(next) => Some(next.clone()),
            Sweep::End => None,
        };
        for customer in outdated {
            let room = self.remaining_transitions();
            if room == 0 {
                next = next.into_iter().chain([customer]).min();
                break;
            }
            if let Some(known) = self.states.get_mut(&customer) {
                self.effects.migrate(
                    self.models,
                    self.model_change,
                    &customer,
                    known,
                    &mut self.changes,
                );
                self.fire_overdue(&customer, room);
            }
        }
        self.effects.progress.sweep = next;
    }

    fn advance_watermark(&mut self, watermark: Watermark) -> bool {
        let current = &mut self.effects.progress.watermark;
        *current = watermark.max(*current);
        self.fire_due()
    }

    /// Fires every timer that the watermark has passed, by due instant and customer; `false` when
    /// it came to the end of what was loaded.
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
        let reached = TimerKey {
            due: EventTime(watermark.0),
            customer: CustomerId::default(),
        };
        let (cursor, finished) = match &self.loaded_to {
            Some(end) if *end < reached => (end.clone(), false),
            _ => (reached, true),
        };
        let fired_to = &mut self.effects.progress.fired_to;
        if fired_to.as_ref().is_none_or(|before| *before < cursor) {
            *fired_to = Some(cursor);
        }
        finished
    }

    /// Looks at the customer whose entry comes first. If activity has pushed the deadline out
    /// since, nothing is evaluated and the entry moves.
    fn fire_next(&mut self) {
        let Some(TimerKey { due, customer }) = self.effects.timers.pop_first() else {
            return;
        };
        let Some(known) = self.states.get_mut(&customer) else {
            unreachable!("a timer was loaded without its customer's state");
        };
        known.touched = true;
        known.state.armed = None;
        self.effects.migrate(
            self.models,
            self.model_change,
            &customer,
            known,
            &mut self.changes,
        );
        let end = due.just_after();
        known
            .state
            .fire_timers(self.models, end, usize::MAX, &mut self.changes);
        self.effects
            .emit_and_rearm(&customer, &mut known.state, &mut self.changes);
    }

    fn into_commit(self, applied: Vec<Record>, unused: Vec<Record>, finished: bool) -> Commit {
        let touched = self.states.into_iter().filter(|(_, known)| known.touched);
        let mut states = Vec::with_capacity(touched.size_hint().1.unwrap_or(0));
        let (mut arm, mut disarm) = (Vec::new(), Vec::new());
        for (customer, known) in touched {
            if known.state.armed != known.armed_before {
                let key = |due| TimerKey {
                    due,
                    customer: customer.clone(),
                };
                disarm.extend(known.armed_before.map(key));
                arm.extend(known.state.armed.map(key));
            }
            states.push((customer, known.state));
        }
        let Effects {
            outputs,
            anomalies: noticed,
            mut progress,
            ..
        } = self.effects;
        let timers = progress.timers.saturating_add(arm.len() as u64);
        progress.timers = timers.saturating_sub(disarm.len() as u64);
        Commit {
            states,
            arm,
            disarm,
            outputs,
            anomalies: noticed,
            applied,
            unused,
            finished,
            progress,
        }
    }
}

impl Effects {
    fn count_new_customer(&mut self, state: &CustomerState) {
        for (model, own) in state.models.iter().enumerate() {
            self.progress.population.enter(model, own.stage);
        }
    }

    /// Brings a customer under the models of today, if their state is of those before.
    fn migrate(
        &mut self,
        models: &Models,
        change: Option<&ModelsChange>,
        customer: &CustomerId,
        known: &mut LoadedCustomer,
        changes: &mut Vec<StageChange>,
    ) {
        let Some(change) = change.filter(|_| known.is_outdated) else {
            return;
        };
        (known.is_outdated, known.touched) = (false, true);
        let at = self.progress.adopted_at;
        known.state.reevaluate(models, change, at, changes);
        let own = known.state.models.iter().zip(&models.list);
        let mut told = own.filter(|(own, model)| own.sequence > 0 && !model.shadow);
        if change.is_visible && told.next().is_some() {
            let customer = customer.clone();
            self.outputs.push(Output::StageRenamed { customer });
        }
    }

    /// Emits what happened to a customer and keeps an entry in the timer index that is not later
    /// than the next due instant.
    fn emit_and_rearm(
        &mut self,
        customer: &CustomerId,
        state: &mut CustomerState,
        changes: &mut Vec<StageChange>,
    ) {
        for change in changes.drain(..) {
            self.progress.population.leave(change.model, change.from);
            self.progress.population.enter(change.model, change.to);
            self.outputs.push(Output::StageChanged {
                customer: customer.clone(),
                change,
            });
        }
        let due = state.next_due();
        // What lies before the fired cursor is never looked at again.
        let cursor = self.progress.fired_to.as_ref();
        let is_ahead = |armed| cursor.is_none_or(|to| (armed, customer) >= (to.due, &to.customer));
        let early_enough = match (state.armed, due) {
            (Some(armed), Some(due)) => armed <= due && is_ahead(armed),
            (_, None) => true,
            (None, Some(_)) => false,
        };
        if !early_enough {
            let key = |due| TimerKey {
                due,
                customer: customer.clone(),
            };
            if let Some(armed) = state.armed {
                self.timers.remove(&key(armed));
            }
            state.armed = due;
            self.timers.extend(due.map(key));
        }
    }
}
