//! Builds the history of one customer after the other, by applying the events to each version.

use super::Version;
use super::history::{History, OutcomeEvent, StageHistory, StageTransition};
use crate::customer::{CustomerState, StageChange};
use crate::event::{Event, EventTime, EventType, Position};

/// Transitions of one customer in one version.
const TRANSITIONS_MAX: usize = 1 << 20;
/// Outcomes of one customer.
const OUTCOMES_MAX: usize = 1 << 22;
/// Transitions before [`TRANSITIONS_MAX`] is checked: time alone can take any number of them.
const TRANSITIONS_PER_STEP: usize = 1024;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitExceeded {
    #[error(
        "{model}: a customer takes more than {TRANSITIONS_MAX} transitions; do stages follow each other by time alone?"
    )]
    Transitions { model: String },
    #[error(
        "a customer has more than {OUTCOMES_MAX} outcomes; remove ids that are not of a customer from the input"
    )]
    Outcomes,
}

/// Receives the events of one customer after the other.
#[derive(Debug)]
pub struct HistoryBuilder<'w> {
    versions: &'w [Version],
    /// The event type of the outcome in the last version's vocabulary: the last version counts the outcomes.
    outcome: Option<EventType>,
    end: EventTime,
    /// By version; empty before a customer's first event.
    states: Vec<CustomerState>,
    history: History,
    /// Empty between steps; reused for its memory.
    changes: Vec<StageChange>,
}

impl<'w> HistoryBuilder<'w> {
    /// `end` is the end of time of all histories.
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

    /// Applies the customer's next event, not earlier than the one before; `events` are its decoded forms, by version.
    pub fn receive(
        &mut self,
        mut events: Vec<Event>,
        position: Position,
    ) -> Result<(), LimitExceeded> {
        let is_outcome = events.last().map(|event| event.event_type) == self.outcome;
        if self.states.is_empty() {
            self.begin_customer(events[0].time, position);
        }
        for (version, event) in events.iter_mut().enumerate() {
            let models = &self.versions[version].models;
            if event.event_type.index() >= models.vocabulary.type_count() {
                event.event_type = EventType::UNNAMED; // The outcome, which is in no model's vocabulary.
            }
            let anomalies = loop {
                let (state, changes) = (&mut self.states[version], &mut self.changes);
                let anomalies =
                    state.receive(models, event, position, TRANSITIONS_PER_STEP, changes);
                self.append_changes(version)?;
                if let Some(anomalies) = anomalies {
                    break anomalies;
                }
            };
            let is_last = version + 1 == self.versions.len();
            if self.outcome.is_some() && is_last && anomalies.duplicates == 0 {
                let is_new = anomalies.credit_notes == 0 && anomalies.orders_amended == 0;
                self.record_outcome(version, event, is_outcome && is_new)?;
            }
        }
        Ok(())
    }

    /// Records an outcome, or the retraction of an earlier one.
    fn record_outcome(
        &mut self,
        version: usize,
        event: &Event,
        is_outcome: bool,
    ) -> Result<(), LimitExceeded> {
        let outcomes = &mut self.history.outcomes;
        let order = self.states[version].order_for_event(&self.versions[version].models, event);
        if is_outcome {
            outcomes.push(OutcomeEvent {
                at: event.time,
                retracted_at: None,
                order: order.map(|order| order.number),
            });
        }
        if let Some(order) = order {
            let mut latest_first = outcomes.iter_mut().rev();
            if let Some(outcome) = latest_first.find(|it| it.order == Some(order.number)) {
                outcome.retracted_at = order.is_fully_returned.then_some(event.time);
            }
        }
        if outcomes.len() > OUTCOMES_MAX {
            return Err(LimitExceeded::Outcomes);
        }
        Ok(())
    }

    /// Fires the timers up to the end, and returns the history; the next event begins another customer.
    pub fn finish(&mut self) -> Result<History, LimitExceeded> {
        for version in 0..self.states.len() {
            self.fire_timers(version, self.end.just_after())?;
        }
        self.states.clear();
        Ok(std::mem::take(&mut self.history))
    }

    fn begin_customer(&mut self, time: EventTime, position: Position) {
        self.history.begin = time;
        for version in self.versions {
            let state = CustomerState::new(&version.models, time, position);
            self.states.push(state);
            self.history
                .stage_histories
                .push(StageHistory { initial: version.model().initial, transitions: Vec::new() });
        }
    }

    /// Fires the timers due before `end`.
    fn fire_timers(&mut self, version: usize, end: EventTime) -> Result<(), LimitExceeded> {
        let models = &self.versions[version].models;
        loop {
            let changes = &mut self.changes;
            let all_fired =
                self.states[version].fire_timers(models, end, TRANSITIONS_PER_STEP, changes);
            self.append_changes(version)?;
            if all_fired {
                return Ok(());
            }
        }
    }

    fn append_changes(&mut self, version: usize) -> Result<(), LimitExceeded> {
        let transitions = &mut self.history.stage_histories[version].transitions;
        transitions.extend(self.changes.drain(..).map(|change| StageTransition {
            at: change.effective_at,
            from: change.from,
            to: change.to,
        }));
        if transitions.len() > TRANSITIONS_MAX {
            let model = self.versions[version].model().name.clone();
            return Err(LimitExceeded::Transitions { model });
        }
        Ok(())
    }
}
