//! What the last transition stood on, so that it can be taken back when something comes late [22].

use super::FactState;
use super::evaluate::Scene;
use super::looked::Looked;
use super::reading::Facts;
use super::state::{CustomerState, ModelState};
use crate::event::{Event, EventTime, EventType};
use crate::model::Models;

/// The last transition of a model, and all that its condition looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Ground {
    /// The transition.
    pub(super) transition: usize,
    /// When it took effect.
    pub(super) at: EventTime,
    /// The event type that its condition saw.
    pub(super) event: Option<EventType>,
    /// Where the customer was just before.
    pub(super) before: ModelState,
    /// The slots of the condition as of that instant, with all that has come since; of those about orders
    /// without the orders that can still be taken back.
    pub(super) slots: Vec<(usize, FactState)>,
}

impl CustomerState {
    /// The ground of a transition that is about to be taken, where the model wants to know it.
    pub(super) fn ground(
        &self,
        models: &Models,
        model: usize,
        transition: usize,
        at: EventTime,
        event: Option<EventType>,
    ) -> Option<Ground> {
        let definition = &models.list[model];
        if definition.corrections.0 == 0 {
            return None;
        }
        let slot = |slot: &usize| {
            let state = match (models.slots.order_slot(*slot), &self.ledger) {
                (Some(order), Some(ledger)) => &ledger.base[order],
                _ => &self.facts[*slot],
            };
            (*slot, state.clone())
        };
        let slots = definition.transitions[transition].slots.iter();
        let mut before = self.models[model].clone();
        before.put_ground(None);
        before.last = None; // Who is put back came there by the correction.
        before.holding.clear();
        before.due = None;
        Some(Ground {
            transition,
            at,
            event,
            before,
            slots: slots.map(slot).collect(),
        })
    }

    /// Whether the condition is still true at the instant of the transition, as far as is known by now.
    pub(super) fn stands(&self, models: &Models, model: usize, ground: &Ground) -> bool {
        let states = self.states_at(models, ground);
        let scene = ground.scene(models, model, &states);
        scene.holds(&models.list[model].transitions[ground.transition].when)
    }

    /// The facts as of the transition, those that its condition looks at.
    pub(super) fn states_at(&self, models: &Models, ground: &Ground) -> Vec<FactState> {
        let mut states = self.facts.clone();
        for (slot, state) in &ground.slots {
            states[*slot].clone_from(state);
        }
        let (Some(orders), Some(ledger)) = (&models.orders, &self.ledger) else {
            return states;
        };
        let own = ground.slots.iter().map(|(slot, _)| *slot);
        let own = own.filter(|slot| models.slots.order_slot(*slot).is_some());
        for event in ledger.left(orders, ground.at) {
            for slot in own.clone() {
                states[slot].count(models.slots.get(slot), &event, ground.at);
            }
        }
        states
    }
}

impl Ground {
    /// The instant of the transition, with these facts.
    pub(super) fn scene<'s>(
        &'s self,
        models: &'s Models,
        model: usize,
        states: &'s [FactState],
    ) -> Scene<'s> {
        let facts = Facts {
            states,
            slots: &models.slots,
            model: &models.list[model],
            own: &self.before,
            now: self.at,
        };
        Scene {
            facts,
            now: self.at,
            event: self.event,
        }
    }

    /// Counts what comes after the transition and was before it, or at its instant. Orders count when they
    /// can no longer be taken back.
    pub(super) fn count(&mut self, models: &Models, event: &Event, of_orders: bool) {
        if event.time > self.at {
            return;
        }
        let changed = models.slots.changed_by(event.kind);
        for (slot, state) in &mut self.slots {
            if changed.contains(slot) && models.slots.order_slot(*slot).is_some() == of_orders {
                state.count(models.slots.get(*slot), event, self.at);
            }
        }
    }
}
