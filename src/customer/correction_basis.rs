//! The basis of the last transition: what is needed to retract it when a late event or a return follows (rule 22).

use typed_index_collections::{TiSlice, TiVec};

use super::FactState;
use super::change::Cause;
use super::evaluate::EvalContext;
use super::fact_source::FactSource;
use super::model_state::{CorrectionBasis, SeenEvents};
use super::transitions::Trigger;
use super::view::{ModelView, ModelViewMut};
use crate::model::{SlotId, TransitionId};

impl ModelViewMut<'_> {
    /// The basis of a transition that is about to be taken; `None` for a model without corrections.
    pub(super) fn correction_basis(
        &self,
        transition: TransitionId,
        trigger: Trigger,
    ) -> Option<CorrectionBasis> {
        if self.model.corrections.0 == 0 {
            return None;
        }
        let slot_state = |slot: &SlotId| {
            let order = self.models.slots.order_slot_index(*slot);
            let state = match (order, self.ledger) {
                (Some(order), Some(ledger)) => &ledger.final_facts[order],
                _ => &self.facts[*slot],
            };
            (*slot, state.clone())
        };
        let slots = self.model.transitions[transition].slots.iter();
        let mut state_before = self.state.clone();
        state_before.set_basis(None);
        state_before.last_transition = None; // After a retraction it is the correction.
        state_before.active_holds.clear();
        state_before.due = None;
        Some(CorrectionBasis {
            transition,
            at: trigger.now,
            event: trigger.event,
            seen: match trigger.cause {
                Cause::Timer => SeenEvents::All,
                Cause::Event | Cause::Correction | Cause::ModelChange => SeenEvents::Applied {
                    orders: self.ledger.map_or(0, |ledger| ledger.order_count),
                },
            },
            state_before,
            slots: slots.map(slot_state).collect(),
        })
    }

    /// Whether the condition is true at the instant of the transition with the facts known now.
    pub(super) fn is_basis_valid(&self, basis: &CorrectionBasis) -> bool {
        let facts = self.facts_at(basis);
        let when = &self.model.transitions[basis.transition].when;
        self.context_of(basis, &facts).is_true(when)
    }

    /// All facts, those that the condition reads as of the transition.
    pub(super) fn facts_at(&self, basis: &CorrectionBasis) -> TiVec<SlotId, FactState> {
        let slots = &self.models.slots;
        let mut facts = self.facts.to_vec();
        for (slot, state) in &basis.slots {
            facts[*slot].clone_from(state);
        }
        let (Some(orders), Some(ledger)) = (&self.models.orders, self.ledger) else {
            return facts;
        };
        let order_slots = basis.slots.iter().map(|(slot, _)| *slot);
        let order_slots = order_slots.filter(|slot| slots.order_slot_index(*slot).is_some());
        let remaining = ledger.remaining_orders(orders);
        for (_, event) in
            remaining.filter(|(number, event)| basis.includes(event.time, Some(*number)))
        {
            for slot in order_slots.clone() {
                facts[slot].add_order(slots.get(slot), orders, &event, basis.at);
            }
        }
        facts
    }

    /// The context of the transition's instant, with these facts.
    pub(super) fn context_of<'s>(
        &'s self,
        basis: &'s CorrectionBasis,
        facts: &'s TiSlice<SlotId, FactState>,
    ) -> EvalContext<'s> {
        let before = ModelView { state: &basis.state_before, facts, ..self.view() };
        before.at(basis.at, basis.event)
    }
}
