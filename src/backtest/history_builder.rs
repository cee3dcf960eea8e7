//! One customer after the other through the rules of each version.

use super::Version;
use super::history::{History, OutcomeEvent, StageHistory, StageTransition};
use crate::customer::{CustomerState, StageChange};
use crate::event::{Event, EventTime, EventType, Position};

/// Most moves of one customer under one version.
const TRANSITIONS_MAX: usize = 1 << 20;
/// Most outcomes of one customer.
const OUTCOMES_MAX: usize = 1 << 22;
/// Moves between two looks at how many there are: stages can follow each other by time alone.
const TRANSITIONS_PER_STEP: usize = 1024;

/// A customer with whom the bounds are not enough.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitExceeded {
    /// Moves without end.
    #[error(
        "{model}: a customer makes more than {TRANSITIONS_MAX} moves; do stages follow each other by time alone?"
    )]
    Transitions {
        /// The model.
        model: String,
    },
    /// More outcomes than are kept.
    #[error("a customer has more than {OUTCOMES_MAX} outcomes; leave out whoever is no customer")]
    Outcomes,
}

/// Takes the events of one customer after the other.
#[derive(Debug)]
pub struct HistoryBuilder<'w> {
    versions: &'w [Version],
    /// The event type that is the outcome, as the last version's decoder numbers it: it is that version which
    /// says what is counted.
    outcome: Option<EventType>,
    end: EventTime,
    /// By version; empty before a customer's first event.
    states: Vec<CustomerState>,
    history: History,
    /// Emptied after every step; kept for its memory.
    changes: Vec<StageChange>,
}

impl<'w> HistoryBuilder<'w> {
    /// Up to the end of time.
    pub fn new(
        versions: &'w [Version],
        outcome: Option<EventType>,
        end: EventTime,
    ) -> HistoryBuilder<'w> {
        HistoryBuilder {
            versions,
            outcome,
            end,
            states: Vec::new(),
            history: History::default(),
            changes: Vec::new(),
        }
    }

    /// The customer's next event, not earlier than the one before, as each version reads it.
    pub fn receive(
        &mut self,
        mut events: Vec<Event>,
        position: Position,
    ) -> Result<(), LimitExceeded> {
        let is_outcome = events.last().map(|event| event.event_type) == self.outcome;
        if self.states.is_empty() {
            self.begin_customer(events[0].time, position);
        }
        for (at, event) in events.iter_mut().enumerate() {
            let models = &self.versions[at].models;
            if event.event_type.index() >= models.vocabulary.type_count() {
                event.event_type = EventType::UNNAMED; // Only the outcome has a number that no model gave.
            }
            self.fire_timers(at, event.time)?;
            let changes = &mut self.changes;
            let noticed = self.states[at].receive(models, event, position, changes);
            self.append_changes(at)?;
            if self.outcome.is_some() && at + 1 == self.versions.len() && noticed.duplicates == 0 {
                self.record_outcome(at, event, is_outcome)?;
            }
        }
        Ok(())
    }

    /// Counts an outcome, or sees one be taken back.
    fn record_outcome(
        &mut self,
        at: usize,
        event: &Event,
        is_outcome: bool,
    ) -> Result<(), LimitExceeded> {
        let outcomes = &mut self.history.outcomes;
        let order = self.states[at].order_for_event(&self.versions[at].models, event);
        if is_outcome {
            outcomes.push(OutcomeEvent {
                at: event.time,
                retracted_at: None,
                order: order.map(|order| order.number),
            });
        }
        if let Some(order) = order {
            let mut latest_first = outcomes.iter_mut().rev();
            if let Some(own) = latest_first.find(|it| it.order == Some(order.number)) {
                own.retracted_at = order.is_fully_returned.then_some(event.time);
            }
        }
        match outcomes.len() > OUTCOMES_MAX {
            true => Err(LimitExceeded::Outcomes),
            false => Ok(()),
        }
    }

    /// Lets time go on to the end, and gives the history; the next event begins another customer.
    pub fn finish(&mut self) -> Result<History, LimitExceeded> {
        for at in 0..self.states.len() {
            self.fire_timers(at, self.end.just_after())?;
        }
        self.states.clear();
        Ok(std::mem::take(&mut self.history))
    }

    fn begin_customer(&mut self, time: EventTime, position: Position) {
        self.history.begin = time;
        for version in self.versions {
            let state = CustomerState::new(&version.models, time, position);
            self.states.push(state);
            self.history.stage_histories.push(StageHistory {
                initial: version.model().initial,
                transitions: Vec::new(),
            });
        }
    }

    /// Fires what is due before `end`.
    fn fire_timers(&mut self, at: usize, end: EventTime) -> Result<(), LimitExceeded> {
        let models = &self.versions[at].models;
        loop {
            let changes = &mut self.changes;
            let all = self.states[at].fire_timers(models, end, TRANSITIONS_PER_STEP, changes);
            self.append_changes(at)?;
            if all {
                return Ok(());
            }
        }
    }

    fn append_changes(&mut self, at: usize) -> Result<(), LimitExceeded> {
        let moves = &mut self.history.stage_histories[at].transitions;
        moves.extend(self.changes.drain(..).map(|change| StageTransition {
            at: change.effective_at,
            from: change.from,
            to: change.to,
        }));
        if moves.len() > TRANSITIONS_MAX {
            let model = self.versions[at].model().name.clone();
            return Err(LimitExceeded::Transitions { model });
        }
        Ok(())
    }
}
