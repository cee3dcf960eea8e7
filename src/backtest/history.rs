//! The history of one customer in each version.

use crate::event::EventTime;
use crate::model::StageId;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The time of the first event.
    pub begin: EventTime,
    /// The outcomes in time order, if there is a prediction target.
    pub outcomes: Vec<OutcomeEvent>,
    /// By version.
    pub stage_histories: Vec<StageHistory>,
}

/// An outcome, as the models count it, without duplicates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutcomeEvent {
    pub at: EventTime,
    /// When the outcome, an order, was fully refunded or cancelled.
    pub retracted_at: Option<EventTime>,
    /// The number of the order, if it can be retracted.
    pub(super) order: Option<u64>,
}

impl From<EventTime> for OutcomeEvent {
    fn from(at: EventTime) -> OutcomeEvent {
        OutcomeEvent { at, ..OutcomeEvent::default() }
    }
}

/// The stages of a customer in one version, or in terms of both ([`super::CommonStageId`]).
#[derive(Clone, Debug, PartialEq)]
pub struct StageHistory<S = StageId> {
    /// The initial stage.
    pub initial: S,
    /// In the order in which they were taken.
    pub transitions: Vec<StageTransition<S>>,
}

/// A transition that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StageTransition<S = StageId> {
    /// When it took effect and was decided: no later event influenced it.
    pub at: EventTime,
    pub from: S,
    pub to: S,
}

/// A visit to a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageStay<S = StageId> {
    pub stage: S,
    pub entered: EventTime,
    /// `None`: the visit has not ended.
    pub left: Option<EventTime>,
}

impl<S: Copy> StageHistory<S> {
    /// The stage at an instant, after all transitions at that instant.
    pub(crate) fn stage_at(&self, at: EventTime) -> S {
        let taken = self.transitions.partition_point(|transition| transition.at <= at);
        match taken {
            0 => self.initial,
            taken => self.transitions[taken - 1].to,
        }
    }

    pub(crate) fn final_stage(&self) -> S {
        self.transitions.last().map_or(self.initial, |last| last.to)
    }

    /// All visits of a customer whose first event is at `begin`.
    pub fn stays(&self, begin: EventTime) -> impl Iterator<Item = StageStay<S>> {
        let entries = std::iter::once((begin, self.initial));
        let entries = entries.chain(self.transitions.iter().map(|it| (it.at, it.to)));
        let exits = self.transitions.iter().map(|it| Some(it.at));
        let exits = exits.chain(std::iter::once(None));
        entries.zip(exits).map(|((entered, stage), left)| StageStay { stage, entered, left })
    }
}

impl History {
    /// The last outcome up to an instant that was not retracted by then, and the next one after it that is never retracted.
    pub(crate) fn outcomes_around(&self, at: EventTime) -> (Option<EventTime>, Option<EventTime>) {
        let count = self.outcomes.partition_point(|outcome| outcome.at <= at);
        let (before, after) = self.outcomes.split_at(count);
        let is_valid =
            |outcome: &&OutcomeEvent| outcome.retracted_at.is_none_or(|retracted| retracted > at);
        let last = before.iter().rev().find(is_valid);
        let next = after.iter().find(|outcome| outcome.retracted_at.is_none());
        (last.map(|it| it.at), next.map(|it| it.at))
    }
}
