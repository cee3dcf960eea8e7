//! One customer's history under each version.

use crate::event::EventTime;

/// What a customer went through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Their first event.
    pub begin: EventTime,
    /// When the outcome came, in order, if one was asked for.
    pub outcomes: Vec<OutcomeEvent>,
    /// By version.
    pub stage_histories: Vec<StageHistory>,
}

/// An outcome, as the models count it: what came twice is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutcomeEvent {
    /// When it came.
    pub at: EventTime,
    /// When nothing was left of it: an order that was refunded or cancelled as a whole.
    pub retracted_at: Option<EventTime>,
    /// Which order of the customer it is, as long as it can be taken back.
    pub(super) order: Option<u64>,
}

impl From<EventTime> for OutcomeEvent {
    fn from(at: EventTime) -> OutcomeEvent {
        OutcomeEvent {
            at,
            ..OutcomeEvent::default()
        }
    }
}

/// The stages of a customer under one version.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageHistory {
    /// Where they began.
    pub initial: usize,
    /// Where they went, in order.
    pub transitions: Vec<StageTransition>,
}

/// A transition that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StageTransition {
    /// When it took effect, and was decided: nothing that came later had a part in it.
    pub at: EventTime,
    /// The stage left.
    pub from: usize,
    /// The stage entered.
    pub to: usize,
}

/// A visit to a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageStay {
    /// The stage.
    pub stage: usize,
    /// When it began.
    pub entered: EventTime,
    /// When it ended, if it has.
    pub left: Option<EventTime>,
}

impl StageHistory {
    /// The stage at an instant, after everything that happened at it.
    pub fn stage_at(&self, at: EventTime) -> usize {
        let past = self.transitions.partition_point(|other| other.at <= at);
        match past {
            0 => self.initial,
            past => self.transitions[past - 1].to,
        }
    }

    /// The stage in the end.
    pub fn final_stage(&self) -> usize {
        self.transitions.last().map_or(self.initial, |last| last.to)
    }

    /// All visits of a customer who began at `begin`.
    pub fn stays(&self, begin: EventTime) -> impl Iterator<Item = StageStay> {
        let entries = std::iter::once((begin, self.initial));
        let entries = entries.chain(self.transitions.iter().map(|one| (one.at, one.to)));
        let exits = self.transitions.iter().map(|one| Some(one.at));
        let exits = exits.chain(std::iter::once(None));
        entries
            .zip(exits)
            .map(|((entered, stage), left)| StageStay {
                stage,
                entered,
                left,
            })
    }
}

impl History {
    /// The last outcome up to an instant, as far as was known then, and the next one after it that lasts.
    pub fn outcomes_around(&self, at: EventTime) -> (Option<EventTime>, Option<EventTime>) {
        let past = self.outcomes.partition_point(|outcome| outcome.at <= at);
        let (before, after) = self.outcomes.split_at(past);
        let mut known = before.iter().rev();
        let last = known.find(|outcome| outcome.retracted_at.is_none_or(|back| back > at));
        let next = after.iter().find(|outcome| outcome.retracted_at.is_none());
        (last.map(|it| it.at), next.map(|it| it.at))
    }
}
