//! The basis of the last transition: what is needed to retract it when a late event or a return follows [22].

use super::FactState;
use super::change::Cause;
use super::evaluate::EvalContext;
use super::fact_reader::FactReader;
use super::fact_source::FactSource;
use super::model_state::{CorrectionBasis, SeenEvents};
use super::state::CustomerState;
use crate::event::{EventTime, EventType};
use crate::model::Models;

impl CustomerState {
    /// The basis of a transition that is about to be taken; `None` for a model without corrections.
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
        let slot_state = |slot: &usize| {
            let state = match (models.slots.order_slot_index(*slot), &self.ledger) {
                (Some(order), Some(ledger)) => &ledger.final_facts[order],
                _ => &self.facts[*slot],
            };
            (*slot, state.clone())
        };
        let slots = definition.transitions[transition].slots.iter();
        let mut state_before = self.models[model].clone();
        state_before.set_basis(None);
        state_before.last_transition = None; // After a retraction it is the correction.
        state_before.active_holds.clear();
        state_before.due = None;
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
            state_before,
            slots: slots.map(slot_state).collect(),
        })
    }

    /// Whether the condition is true at the instant of the transition with the facts known now.
    pub(super) fn is_basis_valid(
        &self,
        models: &Models,
        model: usize,
        basis: &CorrectionBasis,
    ) -> bool {
        let states = self.fact_states_at(models, basis);
        let context = basis.eval_context(models, model, &states);
        context.is_true(&models.list[model].transitions[basis.transition].when)
    }

    /// All fact states, those that the condition reads as of the transition.
    pub(super) fn fact_states_at(
        &self,
        models: &Models,
        basis: &CorrectionBasis,
    ) -> Vec<FactState> {
        let mut states = self.facts.clone();
        for (slot, state) in &basis.slots {
            states[*slot].clone_from(state);
        }
        let (Some(orders), Some(ledger)) = (&models.orders, &self.ledger) else {
            return states;
        };
        let order_slots = basis.slots.iter().map(|(slot, _)| *slot);
        let order_slots = order_slots.filter(|slot| models.slots.order_slot_index(*slot).is_some());
        let remaining = ledger.remaining_orders(orders);
        for (_, event) in
            remaining.filter(|(number, event)| basis.includes(event.time, Some(*number)))
        {
            for slot in order_slots.clone() {
                states[slot].accumulate(models.slots.get(slot), &event, basis.at);
            }
        }
        states
    }
}

impl CorrectionBasis {
    /// The context of the transition's instant, with these facts.
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
}
