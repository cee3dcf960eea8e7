//! What is kept of one customer.

use smallvec::SmallVec;

use super::change::Cause;
use super::last_transition::TransitionRecord;
use super::{CorrectionBasis, FactState, LastTransition, Ledger, RecentIds};
use crate::event::{EventTime, Millis, Position};
use crate::model::{Model, Models, Reentry};

/// Everything that is kept of one customer, for all models.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomerState {
    /// Which version of the models it is of, in the count of its partition.
    pub generation: u32,
    /// The latest event time seen; earlier events are late.
    pub latest: EventTime,
    /// The last applied event.
    pub position: Position,
    /// The customer's entry in the timer index. Never later than the next due instant: activity
    /// that only pushes deadlines out leaves the entry alone, and when it comes up it is moved.
    pub armed: Option<EventTime>,
    /// The ids of recent events, where a model asks for duplicates to be recognised.
    pub recent: RecentIds,
    /// The orders that can be taken back, where a model says which events are orders.
    pub ledger: Option<Box<Ledger>>,
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
    /// The latest `effective_at` of a transition: later than `entered` when one was taken back.
    pub effective_at: EventTime,
    /// The stage before it.
    pub previous: Option<usize>,
    /// Transitions so far.
    pub sequence: u64,
    /// The next instant at which any condition, hold or block out of this stage can change.
    pub due: Option<EventTime>,
    /// Transitions with `hold` whose condition is true, and since when.
    pub active_holds: SmallVec<[(usize, EventTime); 1]>,
    /// What only some models want to know; there is none without anything in it.
    pub history: Option<Box<ModelHistory>>,
    /// The transition that led here; `None` before the first one, and where an earlier version of Tenure took
    /// it and did not say.
    pub last_transition: Option<Box<LastTransition>>,
}

/// What a customer has been through in a model, as far as the model asks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelHistory {
    /// Transitions with `cooldown`, and when they were last taken.
    pub last_taken: Vec<(usize, EventTime)>,
    /// Stages whose visits are remembered, those that the customer has been in.
    pub visits: Vec<(usize, Visits)>,
    /// What the last transition stood on, as long as it can be corrected.
    pub basis: Option<CorrectionBasis>,
}

/// A customer's visits to a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visits {
    /// How many.
    pub count: u64,
    /// How long they were together, the current one left out.
    pub completed_time: Millis,
    /// When the last one began.
    pub entered: EventTime,
    /// When the last one ended that has.
    pub left: Option<EventTime>,
}

impl CustomerState {
    /// A customer who is first heard of at `time`: in the initial stage of every model.
    pub fn new(models: &Models, time: EventTime, position: Position) -> CustomerState {
        let begin = |model| ModelState::new(model, time);
        CustomerState {
            generation: 0,
            latest: time,
            position,
            armed: None,
            recent: RecentIds::default(),
            ledger: models.orders.map(|_| Box::new(Ledger::new(&models.slots))),
            facts: models.slots.iter().map(FactState::new).collect(),
            models: models.list.iter().map(begin).collect(),
        }
    }

    /// The earliest instant at which anything can change if nothing happens.
    pub fn next_due(&self) -> Option<EventTime> {
        self.models.iter().filter_map(|model| model.due).min()
    }
}

impl ModelState {
    /// Who is new to a model is in its initial stage.
    pub(super) fn new(model: &Model, time: EventTime) -> ModelState {
        let mut state = ModelState {
            stage: model.initial,
            entered: time,
            effective_at: time,
            previous: None,
            sequence: 0,
            due: None,
            active_holds: SmallVec::new(),
            history: None,
            last_transition: None,
        };
        state.record_entry(model);
        state
    }

    /// Moves to another stage.
    pub(super) fn enter(&mut self, model: &Model, transition: usize, now: EventTime) {
        let taken = &model.transitions[transition];
        if let Some(visits) = self.visits_mut(self.stage) {
            let here = now.duration_since(visits.entered).0;
            let ended = visits.completed_time.0.saturating_add(here);
            visits.completed_time = Millis(ended.clamp(0, Millis::MAX.0));
            visits.left = Some(now);
        }
        if taken.cooldown > Millis(0) {
            let past = self.history.get_or_insert_default();
            past.last_taken.retain(|(known, _)| *known != transition);
            past.last_taken.push((transition, now));
        }
        self.previous = Some(self.stage);
        self.stage = taken.to;
        self.entered = now;
        self.effective_at = now;
        self.sequence = self.sequence.saturating_add(1);
        self.active_holds.clear();
        self.record_entry(model);
    }

    /// Takes the entry into the current stage down.
    pub(super) fn record_entry(&mut self, model: &Model) {
        if !model.stages[self.stage].tracks_visits {
            return;
        }
        let entered = self.entered;
        match self.visits_mut(self.stage) {
            Some(visits) => {
                visits.count = visits.count.saturating_add(1);
                visits.entered = entered;
            }
            None => {
                let visits = Visits {
                    count: 1,
                    completed_time: Millis(0),
                    entered,
                    left: None,
                };
                let past = self.history.get_or_insert_default();
                past.visits.push((self.stage, visits));
            }
        }
    }

    /// What the last transition stood on, as long as it is known.
    pub(super) fn basis_mut(&mut self) -> Option<&mut CorrectionBasis> {
        self.history.as_mut().and_then(|past| past.basis.as_mut())
    }

    /// Forgets the ground, and gives it.
    pub(super) fn take_basis(&mut self) -> Option<CorrectionBasis> {
        let ground = self.history.as_mut().and_then(|past| past.basis.take());
        if self.history.as_ref().is_some_and(|past| past.is_empty()) {
            self.history = None;
        }
        ground
    }

    /// Keeps the ground of the transition that was just taken, in place of the one before.
    pub(super) fn set_basis(&mut self, ground: Option<CorrectionBasis>) {
        match ground {
            Some(ground) => self.history.get_or_insert_default().basis = Some(ground),
            None => drop(self.take_basis()),
        }
    }

    /// Keeps how the customer came here, in place of the transition before.
    pub(super) fn set_last_transition(&mut self, cause: Cause, by: TransitionRecord) {
        let last = LastTransition {
            cause,
            record: Some(by),
        };
        match &mut self.last_transition {
            Some(known) => **known = last,
            none => *none = Some(Box::new(last)),
        }
    }

    /// The visits to a stage, if there were any.
    pub(super) fn visits(&self, stage: usize) -> Option<&Visits> {
        let mut own = self.history.iter().flat_map(|past| &past.visits);
        let own = own.find(|(known, _)| *known == stage);
        own.map(|(_, visits)| visits)
    }

    fn visits_mut(&mut self, stage: usize) -> Option<&mut Visits> {
        let mut own = self.history.iter_mut().flat_map(|past| &mut past.visits);
        let own = own.find(|(known, _)| *known == stage);
        own.map(|(_, visits)| visits)
    }

    /// The instants from which minimum stay, cooldown and re-entry each let a transition out of the current
    /// stage be taken [18]; `None` for one that never does any more.
    pub(super) fn block_ends(&self, model: &Model, transition: usize) -> [Option<EventTime>; 3] {
        let definition = &model.transitions[transition];
        let dwell = self.entered.checked_add(model.stages[self.stage].min_dwell);
        let mut taken = self.history.iter().flat_map(|past| &past.last_taken);
        let taken = taken.find(|(known, _)| *known == transition);
        let cooldown = match taken {
            Some((_, at)) => at.checked_add(definition.cooldown),
            None => Some(EventTime::MIN),
        };
        let left = self.visits(definition.to).and_then(|visits| visits.left);
        let reentry = match (model.stages[definition.to].reentry, left) {
            (Reentry::Always, _) | (_, None) => Some(EventTime::MIN),
            (Reentry::After(span), Some(left)) => left.checked_add(span),
            (Reentry::Never, Some(_)) => None,
        };
        [dwell, cooldown, reentry]
    }
}

impl ModelHistory {
    pub(super) fn is_empty(&self) -> bool {
        self.last_taken.is_empty() && self.visits.is_empty() && self.basis.is_none()
    }
}
