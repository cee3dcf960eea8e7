//! What is kept of one customer.

use smallvec::SmallVec;

use super::change::Cause;
use super::last::By;
use super::{FactState, Ground, Last, Ledger, Recent};
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
    pub recent: Recent,
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
    pub effective: EventTime,
    /// The stage before it.
    pub previous: Option<usize>,
    /// Transitions so far.
    pub sequence: u64,
    /// The next instant at which any condition, hold or block out of this stage can change.
    pub due: Option<EventTime>,
    /// Transitions with `hold` whose condition is true, and since when.
    pub holding: SmallVec<[(usize, EventTime); 1]>,
    /// What only some models want to know; there is none without anything in it.
    pub past: Option<Box<Past>>,
    /// The transition that led here; `None` before the first one, and where an earlier version of Tenure took
    /// it and did not say.
    pub last: Option<Box<Last>>,
}

/// What a customer has been through in a model, as far as the model asks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// Transitions with `cooldown`, and when they were last taken.
    pub taken: Vec<(usize, EventTime)>,
    /// Stages whose visits are remembered, those that the customer has been in.
    pub visits: Vec<(usize, Visits)>,
    /// What the last transition stood on, as long as it can be corrected.
    pub ground: Option<Ground>,
}

/// A customer's visits to a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visits {
    /// How many.
    pub count: u64,
    /// How long they were together, the current one left out.
    pub ended: Millis,
    /// When the last one began.
    pub entered: EventTime,
    /// When the last one ended that has.
    pub left: Option<EventTime>,
}

impl CustomerState {
    /// A customer who is first heard of at `time`: in the initial stage of every model.
    pub fn new(models: &Models, time: EventTime, position: Position) -> CustomerState {
        let begin = |model| ModelState::begin(model, time);
        CustomerState {
            generation: 0,
            latest: time,
            position,
            armed: None,
            recent: Recent::default(),
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
    pub(super) fn begin(model: &Model, time: EventTime) -> ModelState {
        let mut state = ModelState {
            stage: model.initial,
            entered: time,
            effective: time,
            previous: None,
            sequence: 0,
            due: None,
            holding: SmallVec::new(),
            past: None,
            last: None,
        };
        state.arrive(model);
        state
    }

    /// Moves to another stage.
    pub(super) fn enter(&mut self, model: &Model, transition: usize, now: EventTime) {
        let taken = &model.transitions[transition];
        if let Some(visits) = self.visits_mut(self.stage) {
            let here = now.since(visits.entered).0;
            let ended = visits.ended.0.saturating_add(here);
            visits.ended = Millis(ended.clamp(0, Millis::MAX.0));
            visits.left = Some(now);
        }
        if taken.cooldown > Millis(0) {
            let past = self.past.get_or_insert_default();
            past.taken.retain(|(known, _)| *known != transition);
            past.taken.push((transition, now));
        }
        self.previous = Some(self.stage);
        self.stage = taken.to;
        self.entered = now;
        self.effective = now;
        self.sequence = self.sequence.saturating_add(1);
        self.holding.clear();
        self.arrive(model);
    }

    /// Takes the entry into the current stage down.
    pub(super) fn arrive(&mut self, model: &Model) {
        if !model.stages[self.stage].remembered {
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
                    ended: Millis(0),
                    entered,
                    left: None,
                };
                let past = self.past.get_or_insert_default();
                past.visits.push((self.stage, visits));
            }
        }
    }

    /// What the last transition stood on, as long as it is known.
    pub(super) fn ground_mut(&mut self) -> Option<&mut Ground> {
        self.past.as_mut().and_then(|past| past.ground.as_mut())
    }

    /// Forgets the ground, and gives it.
    pub(super) fn take_ground(&mut self) -> Option<Ground> {
        let ground = self.past.as_mut().and_then(|past| past.ground.take());
        if self.past.as_ref().is_some_and(|past| past.is_empty()) {
            self.past = None;
        }
        ground
    }

    /// Keeps the ground of the transition that was just taken, in place of the one before.
    pub(super) fn put_ground(&mut self, ground: Option<Ground>) {
        match ground {
            Some(ground) => self.past.get_or_insert_default().ground = Some(ground),
            None => drop(self.take_ground()),
        }
    }

    /// Keeps how the customer came here, in place of the transition before.
    pub(super) fn keep_last(&mut self, cause: Cause, by: By) {
        let last = Last {
            cause,
            by: Some(by),
        };
        match &mut self.last {
            Some(known) => **known = last,
            none => *none = Some(Box::new(last)),
        }
    }

    /// The visits to a stage, if there were any.
    pub(super) fn visits(&self, stage: usize) -> Option<&Visits> {
        let mut own = self.past.iter().flat_map(|past| &past.visits);
        let own = own.find(|(known, _)| *known == stage);
        own.map(|(_, visits)| visits)
    }

    fn visits_mut(&mut self, stage: usize) -> Option<&mut Visits> {
        let mut own = self.past.iter_mut().flat_map(|past| &mut past.visits);
        let own = own.find(|(known, _)| *known == stage);
        own.map(|(_, visits)| visits)
    }

    /// The instants from which minimum stay, cooldown and re-entry each let a transition out of the current
    /// stage be taken [18]; `None` for one that never does any more.
    pub(super) fn blocks(&self, model: &Model, transition: usize) -> [Option<EventTime>; 3] {
        let definition = &model.transitions[transition];
        let dwell = self.entered.plus(model.stages[self.stage].min_dwell);
        let mut taken = self.past.iter().flat_map(|past| &past.taken);
        let taken = taken.find(|(known, _)| *known == transition);
        let cooldown = match taken {
            Some((_, at)) => at.plus(definition.cooldown),
            None => Some(EventTime::MIN),
        };
        let left = self.visits(definition.to).and_then(|visits| visits.left);
        let reentry = match (model.stages[definition.to].reentry, left) {
            (Reentry::Always, _) | (_, None) => Some(EventTime::MIN),
            (Reentry::After(span), Some(left)) => left.plus(span),
            (Reentry::Never, Some(_)) => None,
        };
        [dwell, cooldown, reentry]
    }
}

impl Past {
    pub(super) fn is_empty(&self) -> bool {
        self.taken.is_empty() && self.visits.is_empty() && self.ground.is_none()
    }
}
