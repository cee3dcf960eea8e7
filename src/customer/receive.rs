//! An event is applied to a customer.
//!
//! Rules are those of `config/models/RULES.md`.

use super::change::{Cause, EventAnomalies, StageChange};
use super::model_state::CorrectionBasis;
use super::orders::{OrderEffect, Removed};
use super::state::CustomerState;
use super::transitions::Trigger;
use crate::event::{Event, EventType, Position};
use crate::model::Models;

impl CustomerState {
    /// Applies an event: first fires the timers due before it (rule 3), then evaluates the event in every model. A
    /// duplicate only fires timers (rule 7). `None` if `changes_max` changes were made before all these timers had fired:
    /// the event is not applied then.
    pub fn receive(
        &mut self,
        models: &Models,
        event: &Event,
        position: Position,
        changes_max: usize,
        changes: &mut Vec<StageChange>,
    ) -> Option<EventAnomalies> {
        if !self.fire_timers(models, event.time, changes_max, changes) {
            return None;
        }
        let latest = self.latest.max(event.time);
        let effect = match (&self.ledger, &models.orders) {
            (Some(ledger), Some(orders)) => ledger.classify(orders, event, latest),
            _ => OrderEffect::Unrelated,
        };
        let is_known = self.recent.contains(models, event, latest);
        if is_known || matches!(effect, OrderEffect::Duplicate { .. }) {
            let differs = !is_known && effect == OrderEffect::Duplicate { differs: true };
            return Some(EventAnomalies {
                duplicates: 1,
                duplicates_differing: differs.into(),
                ..EventAnomalies::default()
            });
        }
        let is_late = event.time < self.latest;
        let behind = self.latest.duration_since(event.time);
        self.latest = latest;
        self.position = position;
        let ids_evicted = self.recent.add(models, event, self.latest);
        let removed = self.update_facts(models, event, effect);
        let is_credit_note = models.orders.is_some_and(|orders| orders.is_credit_note(event));
        let concerns = |basis: &CorrectionBasis| {
            basis.includes(event.time, None)
                || effect
                    .changed_order(event)
                    .is_some_and(|(time, number)| basis.includes(time, Some(number)))
        };
        let first_change = changes.len();
        for model in models.list.keys() {
            // A late event is evaluated at the customer's current time (rule 8).
            let latest = self.latest;
            let mut view = self.view_mut(models, model);
            let trigger = Trigger {
                now: latest.max(view.state.effective_at),
                // A credit note is no order for conditions either.
                event: Some(if is_credit_note { EventType::UNNAMED } else { event.event_type }),
                cause: Cause::Event,
            };
            view.state.expire_basis(latest, view.model.corrections);
            let corrected = view
                .take_invalid_basis(concerns)
                .is_some_and(|basis| view.correct(&basis, trigger, changes));
            if !corrected {
                view.evaluate(trigger, changes);
            }
        }
        for change in &mut changes[first_change..] {
            change.late_by = is_late.then_some(behind);
        }
        Some(EventAnomalies {
            duplicates: 0,
            duplicates_differing: 0,
            late: is_late.into(),
            late_beyond_horizon: (is_late
                && models.correction_horizon().is_some_and(|it| behind > it))
            .into(),
            returns_unmatched: removed.unmatched,
            refunds_unstated: effect.is_unstated_refund(models.orders.as_ref(), event).into(),
            credit_notes: is_credit_note.into(),
            orders_amended: matches!(effect, OrderEffect::Amended { .. }).into(),
            orders_evicted: removed.evicted,
            ids_evicted,
        })
    }

    /// Adds an event to every fact that it changes. Returns what the ledger has removed.
    fn update_facts(&mut self, models: &Models, event: &Event, effect: OrderEffect) -> Removed {
        for slot in models.slots.changed_by(event.event_type) {
            if models.slots.order_slot_index(*slot).is_none() {
                self.facts[*slot].accumulate(models.slots.get(*slot), event, self.latest);
            }
        }
        let bases = self.models.iter_mut().filter_map(|model| model.basis_mut());
        bases.for_each(|basis| basis.accumulate(models, event, None));
        let (Some(orders), Some(ledger)) = (&models.orders, &mut self.ledger) else {
            return Removed::default();
        };
        let model_states = &mut self.models;
        let mut settle = |event: &Event, number| {
            let bases = model_states.iter_mut().filter_map(|model| model.basis_mut());
            bases.for_each(|basis| basis.accumulate(models, event, Some(number)));
        };
        // Expire before the event is applied: it can neither duplicate nor return an order that its time makes final.
        let before = ledger.expire(models, orders, self.latest, &mut settle);
        let facts = &mut self.facts;
        ledger.apply(models, orders, (event, effect), self.latest, facts, &mut settle);
        let after = ledger.expire(models, orders, self.latest, settle);
        Removed {
            unmatched: before.unmatched + after.unmatched,
            evicted: before.evicted + after.evicted,
        }
    }
}
