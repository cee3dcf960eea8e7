//! The stored state of one customer in one model.

use smallvec::SmallVec;

use super::change::Cause;
use super::last_transition::TransitionRecord;
use super::{FactState, LastTransition};
use crate::event::{Event, EventTime, EventType, Millis};
use crate::model::{Model, Models, SlotId, StageId, TransitionId};

/// Where a customer is in one model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelState {
    pub stage: StageId,
    /// `effective_at` of the transition that led here, or the time of the customer's first event.
    pub entered: EventTime,
    /// The latest `effective_at` of a transition: later than `entered` after a retraction.
    pub effective_at: EventTime,
    pub previous: Option<StageId>,
    pub sequence: u64,
    /// The next instant at which any condition, hold or block out of this stage can change.
    pub due: Option<EventTime>,
    /// Transitions with `hold` whose condition is true, and since when.
    pub active_holds: SmallVec<[(TransitionId, EventTime); 1]>,
    /// State that only some models need; never empty if present.
    pub history: Option<Box<ModelHistory>>,
    /// The transition that led here; `None` before the first one, and for one of an early version of Tenure that did
    /// not record it.
    pub last_transition: Option<Box<LastTransition>>,
}

/// History of a customer in a model, as far as the model needs it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelHistory {
    /// Transitions with `cooldown`, and when they were last taken.
    pub last_taken: Vec<(TransitionId, EventTime)>,
    /// Visits to those stages that track them, if the customer has been there.
    pub visits: Vec<(StageId, Visits)>,
    /// Basis of the last transition, as long as it can be corrected.
    pub basis: Option<CorrectionBasis>,
}

/// A customer's visits to a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visits {
    pub count: u64,
    /// Total duration without the current visit.
    pub completed_time: Millis,
    /// Start of the last visit.
    pub entered: EventTime,
    /// End of the last visit that has ended.
    pub left: Option<EventTime>,
}

/// The last transition of a model, with the facts that its condition read.
#[derive(Clone, Debug, PartialEq)]
pub struct CorrectionBasis {
    pub(super) transition: TransitionId,
    /// When it took effect.
    pub(super) at: EventTime,
    /// The event type that its condition saw.
    pub(super) event: Option<EventType>,
    pub(super) seen: SeenEvents,
    /// The state in the model just before it.
    pub(super) state_before: ModelState,
    /// The slots of the condition as of that instant, late events included that were applied since. Slots about
    /// orders contain the final orders only; the ledger has the others.
    pub(super) slots: Vec<(SlotId, FactState)>,
}

/// Which events at its own instant a transition saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeenEvents {
    /// All of them, also those applied afterwards: an event precedes a timer of its instant (rule 3).
    All,
    /// Those that had been applied: orders with a number below `orders`.
    Applied { orders: u64 },
}

impl ModelState {
    /// Starts in the initial stage.
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

    pub(super) fn enter(&mut self, model: &Model, transition: TransitionId, now: EventTime) {
        let taken = &model.transitions[transition];
        if let Some(visits) = self.visits_mut(self.stage) {
            let stay = now.duration_since(visits.entered).0;
            let completed = visits.completed_time.0.saturating_add(stay);
            visits.completed_time = Millis(completed.clamp(0, Millis::MAX.0));
            visits.left = Some(now);
        }
        if taken.cooldown > Millis(0) {
            let history = self.history.get_or_insert_default();
            history.last_taken.retain(|(known, _)| *known != transition);
            history.last_taken.push((transition, now));
        }
        self.previous = Some(self.stage);
        self.stage = taken.to;
        self.entered = now;
        self.effective_at = now;
        self.sequence = self.sequence.saturating_add(1);
        self.active_holds.clear();
        self.record_entry(model);
    }

    /// Records a visit to the current stage, if the model tracks it.
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
                let visits = Visits { count: 1, completed_time: Millis(0), entered, left: None };
                let history = self.history.get_or_insert_default();
                history.visits.push((self.stage, visits));
            }
        }
    }

    pub(super) fn basis_mut(&mut self) -> Option<&mut CorrectionBasis> {
        self.history.as_mut().and_then(|history| history.basis.as_mut())
    }

    pub(super) fn take_basis(&mut self) -> Option<CorrectionBasis> {
        let basis = self.history.as_mut().and_then(|history| history.basis.take());
        if self.history.as_ref().is_some_and(|history| history.is_empty()) {
            self.history = None;
        }
        basis
    }

    pub(super) fn set_basis(&mut self, basis: Option<CorrectionBasis>) {
        match basis {
            Some(basis) => self.history.get_or_insert_default().basis = Some(basis),
            None => drop(self.take_basis()),
        }
    }

    pub(super) fn set_last_transition(&mut self, cause: Cause, record: TransitionRecord) {
        let last = LastTransition { cause, record: Some(record) };
        match &mut self.last_transition {
            Some(known) => **known = last,
            absent => *absent = Some(Box::new(last)),
        }
    }

    /// Since when the condition of a transition with `hold` is true.
    pub(super) fn active_hold(&self, transition: TransitionId) -> Option<EventTime> {
        let mut active_holds = self.active_holds.iter();
        let active_hold = active_holds.find(|(known, _)| *known == transition);
        active_hold.map(|(_, since)| *since)
    }

    pub(super) fn visits(&self, stage: StageId) -> Option<&Visits> {
        let mut visits = self.history.iter().flat_map(|history| &history.visits);
        let visits = visits.find(|(known, _)| *known == stage);
        visits.map(|(_, visits)| visits)
    }

    fn visits_mut(&mut self, stage: StageId) -> Option<&mut Visits> {
        let mut visits = self.history.iter_mut().flat_map(|history| &mut history.visits);
        let visits = visits.find(|(known, _)| *known == stage);
        visits.map(|(_, visits)| visits)
    }
}

impl ModelHistory {
    pub(super) fn is_empty(&self) -> bool {
        self.last_taken.is_empty() && self.visits.is_empty() && self.basis.is_none()
    }
}

impl CorrectionBasis {
    /// Whether the transition's facts include an input at `time`: the order with this number, or, for `None`, the
    /// event that is being applied.
    pub(super) fn includes(&self, time: EventTime, order: Option<u64>) -> bool {
        let is_seen = match self.seen {
            SeenEvents::All => true,
            SeenEvents::Applied { orders } => order.is_some_and(|number| number < orders),
        };
        time < self.at || (time == self.at && is_seen)
    }

    /// Adds an input that follows the transition and is included: the event that is being applied, or an order (with
    /// its number) once it is final.
    pub(super) fn accumulate(&mut self, models: &Models, event: &Event, order: Option<u64>) {
        if !self.includes(event.time, order) {
            return;
        }
        let changed = models.slots.changed_by(event.event_type);
        for (slot, state) in &mut self.slots {
            let is_about_orders = models.slots.order_slot_index(*slot).is_some();
            if changed.contains(slot) && is_about_orders == order.is_some() {
                let slot = models.slots.get(*slot);
                match &models.orders {
                    Some(orders) if is_about_orders => {
                        state.add_order(slot, orders, event, self.at);
                    }
                    _ => state.accumulate(slot, event, self.at),
                }
            }
        }
    }
}
