//! What the core emits about a customer: stage changes, and counts of unusual events.

use super::evidence::Evidence;
use crate::event::{EventTime, Millis, Position};
use crate::model::{Model, ModelId, StageId, TransitionId};

/// The trigger of a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// An event of the customer.
    Event,
    /// A timer fired: time alone changed a condition, completed a hold or ended a block.
    Timer,
    /// With a late event or a return, the condition of the last transition was not true at its instant.
    Correction,
    /// A newer version of the model re-evaluated the customer.
    ModelChange,
}

impl Cause {
    pub const ALL: [Cause; 4] = [Cause::Event, Cause::Timer, Cause::Correction, Cause::ModelChange];

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
    pub model: ModelId,
    /// Number of transitions of the customer in the model, this one included.
    pub sequence: u64,
    pub from: StageId,
    pub to: StageId,
    /// The transition. For a correction: the transition whose condition is no longer true, which is the
    /// retracted one, or another one to the same stage that an earlier correction found instead.
    pub transition: TransitionId,
    pub cause: Cause,
    /// The first instant at which condition, hold and blocks all allowed it.
    pub effective_at: EventTime,
    /// When the stage `from` was entered.
    pub entered: EventTime,
    /// Since when the condition had been true, for a transition with `hold`.
    pub held_since: Option<EventTime>,
    pub evidence: Vec<Evidence>,
    /// The event that caused it; of a timer, the customer's last applied event.
    pub position: Position,
    pub corrects: Option<RetractedTransition>,
    /// For a late event: how far its time is before the customer's latest event time.
    pub late_by: Option<Millis>,
}

impl StageChange {
    /// The name of its transition, or `correction`.
    pub fn transition_name(&self, model: &Model) -> String {
        match self.cause {
            Cause::Event | Cause::Timer | Cause::ModelChange => {
                model.transition_name(self.transition, self.from)
            }
            Cause::Correction => Cause::Correction.name().to_owned(),
        }
    }
}

/// A transition that a correction retracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetractedTransition {
    pub sequence: u64,
    pub transition: TransitionId,
    pub from: StageId,
    pub effective_at: EventTime,
}

/// Counts of unusual events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventAnomalies {
    /// Events that were already applied; they are ignored.
    pub duplicates: u64,
    /// Those of them that repeat the id of an order with another value.
    pub duplicates_differing: u64,
    /// Events earlier than the latest event time of their customer.
    pub late: u64,
    /// Late events beyond the correction horizon: no transition can be retracted because of them.
    pub late_beyond_horizon: u64,
    /// Refunds and cancellations whose order did not follow within the horizon.
    pub returns_unmatched: u64,
    /// Refunds without a value: they refund the whole order or nothing, as the models declare.
    pub refunds_unstated: u64,
    /// Events of the type of orders with a negative value: they are no orders.
    pub credit_notes: u64,
    /// Further lines and newer versions of orders.
    pub orders_amended: u64,
    /// Orders that became final before their time, because the customer has too many that can be returned.
    pub orders_evicted: u64,
    /// Ids of events that were forgotten before their time, because the customer has too many.
    pub ids_evicted: u64,
}

impl std::ops::AddAssign for EventAnomalies {
    fn add_assign(&mut self, other: EventAnomalies) {
        self.duplicates += other.duplicates;
        self.duplicates_differing += other.duplicates_differing;
        self.late += other.late;
        self.late_beyond_horizon += other.late_beyond_horizon;
        self.returns_unmatched += other.returns_unmatched;
        self.refunds_unstated += other.refunds_unstated;
        self.credit_notes += other.credit_notes;
        self.orders_amended += other.orders_amended;
        self.orders_evicted += other.orders_evicted;
        self.ids_evicted += other.ids_evicted;
    }
}
