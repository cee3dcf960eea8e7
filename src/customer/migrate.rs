//! Migration of a customer's state to newer models (rule 24): facts and stages are retained, and each model whose meaning
//! changed re-evaluates the customer.

use typed_index_collections::{TiSlice, TiVec};

use super::FactState;
use super::change::{Cause, StageChange};
use super::last_transition::{FactValue, LastTransition, RetractionRecord, TransitionRecord};
use super::model_state::{CorrectionBasis, ModelHistory, ModelState, Visits};
use super::orders::Ledger;
use super::recent_ids::RecentIds;
use super::state::CustomerState;
use super::transitions::Trigger;
use crate::event::{EventTime, Millis};
use crate::model::{
    Model, ModelSuccession, Models, ModelsChange, Repeated, Slot, SlotId, SlotKind, StageId,
    TransitionId,
};

/// A change from one version of the models to the next, at an instant.
#[derive(Clone, Copy, Debug)]
pub struct Migration<'m> {
    pub change: &'m ModelsChange,
    pub before: &'m Models,
    pub after: &'m Models,
    /// When the change took effect. Customers with a later event time are re-evaluated at that time.
    pub at: EventTime,
}

impl Migration<'_> {
    /// The state under the models `after`, not yet evaluated ([`CustomerState::reevaluate`]).
    pub fn migrate(&self, state: CustomerState) -> CustomerState {
        let facts = self.migrate_facts(&state.facts);
        let mut migrated = CustomerState {
            generation: state.generation + 1,
            latest: state.latest,
            position: state.position,
            armed: state.armed,
            recent: match (self.before.dedupe, self.after.dedupe) {
                (Some(before), Some(after)) if before.by_type == after.by_type => state.recent,
                _ => RecentIds::default(),
            },
            ledger: None,
            facts,
            models: TiVec::with_capacity(self.after.list.len()),
        };
        migrated.ledger = self.migrate_ledger(state.ledger.as_deref(), &mut migrated);
        let models = self.after.list.iter().zip(&self.change.models);
        for (model, successor) in models {
            let model_state = match successor.predecessor {
                Some(predecessor) => {
                    self.migrate_model(&state.models[predecessor], model, successor)
                }
                None => ModelState::new(model, self.at.max(state.latest)),
            };
            migrated.models.push(model_state);
        }
        migrated
    }

    /// Facts with a slot in both versions are retained; new slots start empty.
    fn migrate_facts(&self, facts: &TiSlice<SlotId, FactState>) -> TiVec<SlotId, FactState> {
        let slots = self.after.slots.list().iter().zip(&self.change.slots);
        let fact = |(slot, from): (&Slot, &Option<SlotId>)| match from {
            Some(from) => facts[*from].clone().capped_to(&slot.kind),
            None => FactState::new(slot),
        };
        slots.map(fact).collect()
    }

    /// Retains the orders in the ledger if they are of the same event type. New facts about orders start with these.
    fn migrate_ledger(
        &self,
        old: Option<&Ledger>,
        state: &mut CustomerState,
    ) -> Option<Box<Ledger>> {
        let orders = self.after.orders.as_ref()?;
        let mut ledger = Ledger::new(&self.after.slots);
        let before = self.before.orders.as_ref();
        let old = old.filter(|_| {
            before.is_some_and(|before| self.change.event_type(before.placed) == orders.placed)
        });
        if let Some(old) = old {
            (ledger.order_count, ledger.orders) = (old.order_count, old.orders.clone());
            let placed = ledger.orders.iter_mut().flat_map(|order| &mut order.placed);
            for order in placed {
                order.edited = order.edited.filter(|_| orders.repeated == Repeated::Replace);
                order.fields.retain_mut(|(field, _)| match self.change.field(*field) {
                    Some(after) => {
                        *field = after;
                        true
                    }
                    None => false,
                });
            }
        }
        for (at, slot) in self.after.slots.order_slots().iter().enumerate() {
            let from = self.change.slots[*slot];
            let final_fact = from.and_then(|from| {
                let order = self.before.slots.order_slot_index(from)?;
                Some(&old?.final_facts[order])
            });
            let definition = self.after.slots.get(*slot);
            if let Some(final_fact) = final_fact {
                ledger.final_facts[at] = final_fact.clone().capped_to(&definition.kind);
            } else if from.is_some() {
                // The slot is new to the ledger: its events so far are final.
                ledger.final_facts[at].clone_from(&state.facts[*slot]);
            } else {
                for (_, event) in ledger.remaining_orders(orders) {
                    state.facts[*slot].add_order(definition, orders, &event, state.latest);
                }
            }
        }
        Some(Box::new(ledger))
    }

    fn migrate_model(
        &self,
        old: &ModelState,
        model: &Model,
        successor: &ModelSuccession,
    ) -> ModelState {
        let Some(stage) = successor.stages[old.stage] else {
            unreachable!("a change that loses a stage is refused when models are loaded");
        };
        let active_holds = old.active_holds.iter().filter_map(|(transition, since)| {
            let after = successor.transitions[*transition]?;
            let definition = &model.transitions[after];
            let continues = definition.hold > Millis(0) && definition.from.contains(&stage);
            continues.then_some((after, *since))
        });
        let mut state = ModelState {
            stage,
            entered: old.entered,
            effective_at: old.effective_at,
            previous: old.previous.and_then(|stage| successor.stages[stage]),
            sequence: old.sequence,
            due: old.due.filter(|_| successor.is_unchanged),
            active_holds: active_holds.collect(),
            history: None,
            last_transition: None,
        };
        state.last_transition = old.last_transition.as_deref().map(|last| {
            let record = last.record.as_ref();
            Box::new(LastTransition {
                cause: last.cause,
                record: record.and_then(|record| self.migrate_record(record, model, successor)),
            })
        });
        let history =
            old.history.as_deref().map(|history| self.migrate_history(history, model, successor));
        state.history = history.filter(|history| !history.is_empty()).map(Box::new);
        if model.stages[stage].tracks_visits && state.visits(stage).is_none() {
            state.record_entry(model); // Earlier visits were not recorded.
        }
        state
    }

    fn migrate_history(
        &self,
        old: &ModelHistory,
        model: &Model,
        successor: &ModelSuccession,
    ) -> ModelHistory {
        let mut history = ModelHistory::default();
        for (transition, at) in &old.last_taken {
            let after =
                successor.transitions_by_name[*transition].or(successor.transitions[*transition]);
            let after = after.filter(|after| model.transitions[*after].cooldown > Millis(0));
            let is_new =
                |after: &TransitionId| !history.last_taken.iter().any(|(known, _)| known == after);
            if let Some(after) = after.filter(is_new) {
                history.last_taken.push((after, *at));
            }
        }
        for (stage, visits) in &old.visits {
            let after = successor.stages[*stage];
            if let Some(after) = after.filter(|after| model.stages[*after].tracks_visits) {
                merge_visits(&mut history.visits, after, *visits);
            }
        }
        let basis = old.basis.as_ref();
        history.basis = basis.and_then(|basis| self.migrate_basis(basis, model, successor));
        history
    }

    /// Retains a correction basis if its model means the same and every slot of it still exists.
    fn migrate_basis(
        &self,
        old: &CorrectionBasis,
        model: &Model,
        successor: &ModelSuccession,
    ) -> Option<CorrectionBasis> {
        if model.corrections.0 == 0 || !successor.is_unchanged {
            return None;
        }
        successor.stages[old.state_before.stage]?;
        let slot = |(slot, state): &(SlotId, FactState)| {
            let after = self.change.slot_after(*slot)?;
            let is_of_orders =
                |models: &Models, slot| models.slots.order_slot_index(slot).is_some();
            if is_of_orders(self.before, *slot) != is_of_orders(self.after, after) {
                return None;
            }
            let kind = &self.after.slots.get(after).kind;
            Some((after, state.clone().capped_to(kind)))
        };
        let mut slots = old.slots.iter().map(slot).collect::<Option<Vec<_>>>()?;
        slots.sort_unstable_by_key(|(slot, _)| *slot);
        Some(CorrectionBasis {
            transition: successor.transitions[old.transition]?,
            at: old.at,
            event: old.event.map(|kind| self.change.event_type(kind)),
            seen: old.seen,
            state_before: self.migrate_model(&old.state_before, model, successor),
            slots,
        })
    }
}

impl Migration<'_> {
    /// Retains the record of the last transition if the model still has the transition.
    fn migrate_record(
        &self,
        old: &TransitionRecord,
        model: &Model,
        successor: &ModelSuccession,
    ) -> Option<TransitionRecord> {
        let value = |value: &Option<FactValue>| match value {
            Some(FactValue::Stage(stage)) => successor.stages[*stage].map(FactValue::Stage),
            other => other.clone(),
        };
        let retracted = match old.retracted {
            Some(retracted) => Some(RetractionRecord {
                transition: successor.transitions[retracted.transition]?,
                from: successor.stages[retracted.from]?,
                ..retracted
            }),
            None => None,
        };
        let record = TransitionRecord {
            transition: successor.transitions[old.transition]?,
            event: old.event.map(|kind| self.change.event_type(kind)),
            held_since: old.held_since,
            facts: old.facts.iter().map(value).collect(),
            retracted,
        };
        // The same condition should have the same facts; this check makes readers independent of that.
        record.matches_model(model, self.after).then_some(record)
    }
}

/// Adds the visits of several stages that were merged into one.
fn merge_visits(known: &mut Vec<(StageId, Visits)>, stage: StageId, visits: Visits) {
    match known.iter_mut().find(|(known, _)| *known == stage) {
        None => known.push((stage, visits)),
        Some((_, existing)) => {
            existing.count = existing.count.saturating_add(visits.count);
            existing.completed_time = Millis(
                existing
                    .completed_time
                    .0
                    .saturating_add(visits.completed_time.0)
                    .min(Millis::MAX.0),
            );
            existing.entered = existing.entered.max(visits.entered);
            existing.left = existing.left.max(visits.left);
        }
    }
}

impl FactState {
    /// Drops what exceeds the cap of a slot.
    fn capped_to(mut self, kind: &SlotKind) -> FactState {
        if let (FactState::Distinct(distinct), SlotKind::Distinct { cap, .. }) = (&mut self, kind) {
            distinct.enforce_cap(*cap);
        }
        self
    }
}

impl CustomerState {
    /// Evaluates every model whose meaning changed, at the later of the change and the customer's time. Minimum stay,
    /// cooldown and re-entry are ignored (rule 18).
    pub(crate) fn reevaluate(
        &mut self,
        models: &Models,
        change: &ModelsChange,
        at: EventTime,
        changes: &mut Vec<StageChange>,
    ) {
        for (model, successor) in change.models.iter_enumerated() {
            if !successor.is_unchanged {
                let trigger = Trigger {
                    now: at.max(self.latest).max(self.models[model].effective_at),
                    event: None,
                    cause: Cause::ModelChange,
                };
                self.view_mut(models, model).evaluate(trigger, changes);
            }
        }
    }
}
