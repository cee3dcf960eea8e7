//! Records and timers in their order: the one function that everything else serves.

use std::collections::BTreeMap;

use super::{Batch, Commit, Output, Progress, Record, TimerKey, View};
use crate::customer::{CustomerState, StageChange};
use crate::event::{CustomerId, Event, EventTime, Millis, Position, Watermark};
use crate::model::Models;

/// Applies a batch. Pure: the same values give the same commit, however a history is cut into
/// batches. `view` must hold the states and timers that the batch can touch.
///
/// The watermark moves with every record, and timers that it passes fire before the next record.
/// Where more timers are due than were loaded, the rest of the batch is left for the next call.
pub fn apply(
    models: &Models,
    lateness: Millis,
    progress: &Progress,
    view: View,
    batch: Batch,
) -> Commit {
    let mut run = Run {
        models,
        lateness,
        progress: Progress {
            batch: progress.batch + 1,
            ..progress.clone()
        },
        armed_before: BTreeMap::new(),
        outputs: Vec::new(),
        changes: Vec::new(),
        view,
    };
    let mut finished = run.fire_due();
    let mut records = batch.records.into_iter();
    while finished && let Some(record) = records.next() {
        match record.content {
            Ok(event) => finished = run.receive(&event, record.position),
            Err(rejection) => run.outputs.push(Output::Rejected {
                position: record.position,
                rejection,
            }),
        }
    }
    let unused: Vec<Record> = records.collect();
    if let Some(advance) = batch.advance.filter(|_| finished && unused.is_empty()) {
        finished = run.advance(Watermark(advance.0));
    }
    run.commit(unused, finished)
}

struct Run<'r> {
    models: &'r Models,
    lateness: Millis,
    progress: Progress,
    view: View,
    /// The timer entry of every touched customer as it was before the batch.
    armed_before: BTreeMap<CustomerId, Option<EventTime>>,
    outputs: Vec<Output>,
    /// Filled and emptied for every customer; kept for its memory.
    changes: Vec<StageChange>,
}

impl Run<'_> {
    /// An event; `false` when not all timers that it made due could be fired.
    fn receive(&mut self, event: &Event, position: Position) -> bool {
        let customer = &event.customer;
        let mut state = match self.view.states.remove(customer) {
            Some(known) => known,
            None => self.create(event, position),
        };
        self.touch(customer, state.armed);
        state.receive(self.models, event, position, &mut self.changes);
        // What a late event arms before the fired cursor is met at once.
        let passed = self
            .progress
            .fired_to
            .as_ref()
            .map_or(EventTime::MIN, |key| key.due);
        state.fire(self.models, passed, &mut self.changes);
        self.put_back(customer, state);
        self.progress.highest = self.progress.highest.max(Some(event.time));
        self.advance(Watermark::behind(event.time, self.lateness))
    }

    fn create(&mut self, event: &Event, position: Position) -> CustomerState {
        let state = CustomerState::new(self.models, event.time, position);
        for (model, own) in state.models.iter().enumerate() {
            self.progress.population.enter(model, own.stage);
        }
        state
    }

    fn advance(&mut self, watermark: Watermark) -> bool {
        if watermark > self.progress.watermark {
            self.progress.watermark = watermark;
        }
        self.fire_due()
    }

    /// Fires every timer that the watermark has passed, by due instant and customer; `false` when
    /// it came to the end of what was loaded.
    fn fire_due(&mut self) -> bool {
        let watermark = self.progress.watermark;
        while let Some(key) = self
            .view
            .timers
            .first()
            .filter(|key| watermark.is_past(key.due))
            .cloned()
        {
            if !self.view.covers(&key) {
                break;
            }
            self.view.timers.remove(&key);
            self.fire(&key);
        }
        let reached = TimerKey {
            due: EventTime(watermark.0),
            customer: CustomerId::default(),
        };
        let cursor = match &self.view.loaded_to {
            Some(end) if *end < reached => end.clone(),
            _ => reached,
        };
        let finished = cursor.due.0 == watermark.0;
        if self
            .progress
            .fired_to
            .as_ref()
            .is_none_or(|before| *before < cursor)
        {
            self.progress.fired_to = Some(cursor);
        }
        finished
    }

    /// Looks at a customer whose entry has come up. If activity has pushed the deadline out since,
    /// nothing is evaluated and the entry moves.
    fn fire(&mut self, key: &TimerKey) {
        let Some(mut state) = self.view.states.remove(&key.customer) else {
            unreachable!("a timer was loaded without its customer's state");
        };
        self.touch(&key.customer, state.armed);
        state.armed = None;
        let end = EventTime(key.due.0 + 1);
        state.fire(self.models, end, &mut self.changes);
        self.put_back(&key.customer, state);
    }

    fn touch(&mut self, customer: &CustomerId, armed: Option<EventTime>) {
        if !self.armed_before.contains_key(customer) {
            self.armed_before.insert(customer.clone(), armed);
        }
    }

    /// Emits what happened to a customer, arms the next timer and returns the state to the view.
    fn put_back(&mut self, customer: &CustomerId, mut state: CustomerState) {
        for change in self.changes.drain(..) {
            self.progress.population.leave(change.model, change.from);
            self.progress.population.enter(change.model, change.to);
            self.outputs.push(Output::StageChanged {
                customer: customer.clone(),
                change,
            });
        }
        let due = state.next_due();
        let early_enough = match (state.armed, due) {
            (Some(armed), Some(due)) => armed <= due,
            (_, None) => true,
            (None, Some(_)) => false,
        };
        if !early_enough {
            let key = |due| TimerKey {
                due,
                customer: customer.clone(),
            };
            if let Some(armed) = state.armed {
                self.view.timers.remove(&key(armed));
            }
            state.armed = due;
            self.view.timers.extend(due.map(key));
        }
        self.view.states.insert(customer.clone(), state);
    }

    fn commit(mut self, unused: Vec<Record>, finished: bool) -> Commit {
        let mut states = BTreeMap::new();
        let (mut arm, mut disarm) = (Vec::new(), Vec::new());
        for (customer, before) in self.armed_before {
            let Some(state) = self.view.states.remove(&customer) else {
                unreachable!("every touched state is put back");
            };
            if state.armed != before {
                let key = |due| TimerKey {
                    due,
                    customer: customer.clone(),
                };
                disarm.extend(before.map(key));
                arm.extend(state.armed.map(key));
            }
            states.insert(customer, state);
        }
        Commit {
            states,
            arm,
            disarm,
            outputs: self.outputs,
            unused,
            finished,
            progress: self.progress,
        }
    }
}
