//! What the last transition stood on, so that it can be taken back when something comes late [22].

use super::FactState;
use super::change::Cause;
use super::evaluate::EvalContext;
use super::fact_reader::FactReader;
use super::fact_source::FactSource;
use super::state::{CustomerState, ModelState};
use crate::event::{Event, EventTime, EventType};
use crate::model::Models;

/// The last transition of a model, and all that its condition looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct CorrectionBasis {
    /// The transition.
    pub(super) transition: usize,
    /// When it took effect.
    pub(super) at: EventTime,
    /// The event type that its condition saw.
    pub(super) event: Option<EventType>,
    /// What it saw of its own instant.
    pub(super) seen: SeenEvents,
    /// Where the customer was just before.
    pub(super) state_before: ModelState,
    /// The slots of the condition as of that instant, with all that has come since; of those about orders
    /// without the orders that can still be taken back.
    pub(super) slots: Vec<(usize, FactState)>,
}

/// Which events of its own instant a transition saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeenEvents {
    /// All of them, those included that come in afterwards: an event counts before a timer of its instant [3].
    All,
    /// Those that had been applied; of orders, those with a smaller number than this.
    Applied {
        /// How many orders there had been.
        orders: u64,
    },
}

impl CustomerState {
    /// The ground of a transition that is about to be taken, where the model wants to know it.
    pub(super) fn correction_basis(
        &self,
        models: &Models,
        model: usize,
        transition: usize,
        at: EventTime,
        event: Option<EventType>,
        cause: Cause,
    ) -> Option<CorrectionBasis> {
        let definition = &models.list[model];
        if definition.corrections.0 == 0 {
            return None;
        }
        let slot = |slot: &usize| {
            let state = match (models.slots.order_slot_index(*slot), &self.ledger) {
                (Some(order), Some(ledger)) => &ledger.final_facts[order],
                _ => &self.facts[*slot],
            };
            (*slot, state.clone())
        };
        let slots = definition.transitions[transition].slots.iter();
        let mut before = self.models[model].clone();
        before.set_basis(None);
        before.last_transition = None; // Who is put back came there by the correction.
        before.active_holds.clear();
        before.due = None;
        Some(CorrectionBasis {
            transition,
            at,
            event,
            seen: match cause {
                Cause::Timer => SeenEvents::All,
                Cause::Event | Cause::Correction | Cause::ModelChange => SeenEvents::Applied {
                    orders: self.ledger.as_ref().map_or(0, |ledger| ledger.order_count),
                },
            },
            state_before: before,
            slots: slots.map(slot).collect(),
        })
    }

    /// Whether the condition is still true at the instant of the transition, as far as is known by now.
    pub(super) fn is_basis_valid(
        &self,
        models: &Models,
        model: usize,
        ground: &CorrectionBasis,
    ) -> bool {
        let states = self.fact_states_at(models, ground);
        let scene = ground.eval_context(models, model, &states);
        scene.is_true(&models.list[model].transitions[ground.transition].when)
    }

    /// The facts as of the transition, those that its condition looks at.
    pub(super) fn fact_states_at(
        &self,
        models: &Models,
        ground: &CorrectionBasis,
    ) -> Vec<FactState> {
        let mut states = self.facts.clone();
        for (slot, state) in &ground.slots {
            states[*slot].clone_from(state);
        }
        let (Some(orders), Some(ledger)) = (&models.orders, &self.ledger) else {
            return states;
        };
        let own = ground.slots.iter().map(|(slot, _)| *slot);
        let own = own.filter(|slot| models.slots.order_slot_index(*slot).is_some());
        let left = ledger.remaining_orders(orders);
        for (_, event) in left.filter(|(number, event)| ground.includes(event.time, Some(*number)))
        {
            for slot in own.clone() {
                states[slot].accumulate(models.slots.get(slot), &event, ground.at);
            }
        }
        states
    }
}

impl CorrectionBasis {
    /// The instant of the transition, with these facts.
    pub(super) fn eval_context<'s>(
        &'s self,
        models: &'s Models,
        model: usize,
        states: &'s [FactState],
    ) -> EvalContext<'s> {
        let facts = FactReader {
            states,
            slots: &models.slots,
            model: &models.list[model],
            model_state: &self.state_before,
            now: self.at,
        };
        EvalContext {
            facts,
            now: self.at,
            event: self.event,
        }
    }

    /// Whether the transition stands on what happens at an instant: an order with this number, or an event
    /// that has just come.
    pub(super) fn includes(&self, time: EventTime, order: Option<u64>) -> bool {
        let is_seen = match self.seen {
            SeenEvents::All => true,
            SeenEvents::Applied { orders } => order.is_some_and(|number| number < orders),
        };
        time < self.at || (time == self.at && is_seen)
    }

    /// Counts what comes after the transition and is included: an event that has just come, or an order with
    /// its number, once it can no longer be taken back.
    pub(super) fn accumulate(&mut self, models: &Models, event: &Event, order: Option<u64>) {
        if !self.includes(event.time, order) {
            return;
        }
        let changed = models.slots.changed_by(event.event_type);
        for (slot, state) in &mut self.slots {
            let of_orders = models.slots.order_slot_index(*slot).is_some();
            if changed.contains(slot) && of_orders == order.is_some() {
                state.accumulate(models.slots.get(*slot), event, self.at);
            }
        }
    }
}
