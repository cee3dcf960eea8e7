//! What happens to a customer, as the rest of the world is told: transitions, and what is counted.

use super::evidence::Evidence;
use crate::event::{EventTime, Millis, Position};
use crate::model::Model;

/// What made a transition happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The customer did something.
    Event,
    /// An instant came at which something had lasted long enough.
    Timer,
    /// Something came late under which the transition before would not have been taken.
    Correction,
    /// Another version of the model looked at where they are.
    ModelChange,
}

impl Cause {
    /// As written in outputs.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Event => "event",
            Cause::Timer => "timer",
            Cause::Correction => "correction",
            Cause::ModelChange => "model_change",
        }
    }
}

/// A transition that was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct StageChange {
    /// Index of the model.
    pub model: usize,
    /// How many transitions the customer has made in the model, this one included.
    pub sequence: u64,
    /// Index of the stage left.
    pub from: usize,
    /// Index of the stage entered.
    pub to: usize,
    /// Index of the transition; of a correction, of the one whose condition is no longer true: the one that is
    /// corrected, or one that an earlier correction has found to lead to the same stage.
    pub transition: usize,
    /// By what.
    pub cause: Cause,
    /// The first instant at which condition, hold and blocks all allowed it.
    pub effective_at: EventTime,
    /// When the stage left had been entered.
    pub entered: EventTime,
    /// Since when the condition had been true, for a transition with `hold`.
    pub held_since: Option<EventTime>,
    /// Why.
    pub evidence: Vec<Evidence>,
    /// The event that caused it; of a timer, the customer's last applied event.
    pub position: Position,
    /// What is corrected.
    pub corrects: Option<RetractedTransition>,
    /// How much earlier than what the customer had already done the event was that caused it, if it came late.
    pub late_by: Option<Millis>,
}

impl StageChange {
    /// What it is called: the name of its transition, or what it does to the one before.
    pub fn transition_name(&self, model: &Model) -> String {
        match self.cause {
            Cause::Event | Cause::Timer | Cause::ModelChange => {
                model.transition_name(self.transition, self.from)
            }
            Cause::Correction => Cause::Correction.name().to_owned(),
        }
    }
}

/// A transition that is corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetractedTransition {
    /// Its sequence number.
    pub sequence: u64,
    /// Its index.
    pub transition: usize,
    /// The stage that it left.
    pub from: usize,
    /// When it took effect.
    pub effective_at: EventTime,
}

/// What is worth counting about events, beside the transitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventAnomalies {
    /// They came a second time, and did nothing.
    pub duplicates: u64,
    /// They were earlier than what their customer had already seen.
    pub late: u64,
    /// So late that no transition can be corrected and no order taken back by them any more.
    pub late_beyond_horizon: u64,
    /// Refunds and cancellations whose order did not come while it was waited for.
    pub returns_unmatched: u64,
}

impl std::ops::AddAssign for EventAnomalies {
    fn add_assign(&mut self, other: EventAnomalies) {
        self.duplicates += other.duplicates;
        self.late += other.late;
        self.late_beyond_horizon += other.late_beyond_horizon;
        self.returns_unmatched += other.returns_unmatched;
    }
}
