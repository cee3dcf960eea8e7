//! A customer under another version of the models [24]: what was known goes on, and each model that means
//! something else looks at them anew.

use super::FactState;
use super::change::{Cause, StageChange};
use super::correction_basis::CorrectionBasis;
use super::last_transition::{FactValue, LastTransition, RetractionRecord, TransitionRecord};
use super::orders::Ledger;
use super::recent_ids::RecentIds;
use super::state::{CustomerState, ModelHistory, ModelState, Visits};
use crate::event::{EventTime, Millis};
use crate::model::{Model, ModelSuccession, Models, ModelsChange, Slot, SlotKind};

/// From one version of the models to the next, at an instant.
#[derive(Clone, Copy, Debug)]
pub struct Migration<'m> {
    /// What becomes of everything.
    pub change: &'m ModelsChange,
    /// The models before.
    pub before: &'m Models,
    /// The models after.
    pub after: &'m Models,
    /// When the change took effect; a customer who has been seen later goes on from there.
    pub at: EventTime,
}

impl Migration<'_> {
    /// The state as one of the models after; nothing is evaluated yet ([`CustomerState::adopt`]).
    pub fn migrate(&self, state: CustomerState) -> CustomerState {
        let facts = self.migrate_facts(&state.facts);
        let mut migrated = CustomerState {
            generation: state.generation + 1,
            latest: state.latest,
            position: state.position,
            armed: state.armed,
            recent: match self.after.dedupe {
                Some(_) => state.recent,
                None => RecentIds::default(),
            },
            ledger: None,
            facts,
            models: Vec::with_capacity(self.after.list.len()),
        };
        migrated.ledger = self.migrate_ledger(state.ledger.as_deref(), &mut migrated);
        let models = self.after.list.iter().zip(&self.change.models);
        for (model, successor) in models {
            let own = match successor.predecessor {
                Some(of) => self.migrate_model(&state.models[of], model, successor),
                None => ModelState::new(model, self.at.max(state.latest)),
            };
            migrated.models.push(own);
        }
        migrated
    }

    /// What was kept, as far as it is asked for; the rest begins with nothing.
    fn migrate_facts(&self, facts: &[FactState]) -> Vec<FactState> {
        let slots = self.after.slots.iter().zip(&self.change.slots);
        let fact = |(slot, from): (&Slot, &Option<usize>)| match from {
            Some(from) => facts[*from].clone().capped_to(&slot.kind),
            None => FactState::new(slot),
        };
        slots.map(fact).collect()
    }

    /// Orders that can be taken back, if they are the same kind of orders as before. New facts about
    /// orders begin with what is known of these.
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
                order
                    .fields
                    .retain_mut(|(field, _)| match self.change.field(*field) {
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
            let base = from.and_then(|from| {
                let order = self.before.slots.order_slot_index(from)?;
                Some(&old?.final_facts[order])
            });
            let definition = self.after.slots.get(*slot);
            if let Some(base) = base {
                ledger.final_facts[at] = base.clone().capped_to(&definition.kind);
            } else if from.is_some() {
                // What has come so far is final.
                ledger.final_facts[at].clone_from(&state.facts[*slot]);
            } else {
                for (_, event) in ledger.remaining_orders(orders) {
                    state.facts[*slot].accumulate(definition, &event, state.latest);
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
            unreachable!("a change by which a stage is lost is refused");
        };
        let holding = old.active_holds.iter().filter_map(|(transition, since)| {
            let after = successor.transitions[*transition]?;
            let definition = &model.transitions[after];
            let goes_on = definition.hold > Millis(0) && definition.from.contains(&stage);
            goes_on.then_some((after, *since))
        });
        let mut own = ModelState {
            stage,
            entered: old.entered,
            effective_at: old.effective_at,
            previous: old.previous.and_then(|stage| successor.stages[stage]),
            sequence: old.sequence,
            due: old.due.filter(|_| successor.is_unchanged),
            active_holds: holding.collect(),
            history: None,
            last_transition: None,
        };
        own.last_transition = old.last_transition.as_deref().map(|last| {
            let by = last.record.as_ref();
            Box::new(LastTransition {
                cause: last.cause,
                record: by.and_then(|by| self.migrate_record(by, model, successor)),
            })
        });
        let past = old
            .history
            .as_deref()
            .map(|past| self.migrate_history(past, model, successor));
        own.history = past.filter(|past| !past.is_empty()).map(Box::new);
        if model.stages[stage].tracks_visits && own.visits(stage).is_none() {
            own.record_entry(model); // Only this visit is known.
        }
        own
    }

    fn migrate_history(
        &self,
        old: &ModelHistory,
        model: &Model,
        successor: &ModelSuccession,
    ) -> ModelHistory {
        let mut past = ModelHistory::default();
        for (transition, at) in &old.last_taken {
            let after =
                successor.transitions_by_name[*transition].or(successor.transitions[*transition]);
            let after = after.filter(|after| model.transitions[*after].cooldown > Millis(0));
            if let Some(after) =
                after.filter(|it| !past.last_taken.iter().any(|(own, _)| own == it))
            {
                past.last_taken.push((after, *at));
            }
        }
        for (stage, visits) in &old.visits {
            let after = successor.stages[*stage];
            if let Some(after) = after.filter(|after| model.stages[*after].tracks_visits) {
                merge_visits(&mut past.visits, after, *visits);
            }
        }
        let ground = old.basis.as_ref();
        past.basis = ground.and_then(|ground| self.migrate_basis(ground, model, successor));
        past
    }

    /// What a transition stood on, if that means the same and all of it is still looked at.
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
        let slot = |(slot, state): &(usize, FactState)| {
            let after = self.change.slot_after(*slot)?;
            let is_of_orders =
                |models: &Models, slot| models.slots.order_slot_index(slot).is_some();
            if is_of_orders(self.before, *slot) != is_of_orders(self.after, after) {
                return None;
            }
            let keep = &self.after.slots.get(after).kind;
            Some((after, state.clone().capped_to(keep)))
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
    /// The transition that led here, if it is one of the model still.
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
        let took_back = match old.retracted {
            Some(took_back) => Some(RetractionRecord {
                transition: successor.transitions[took_back.transition]?,
                from: successor.stages[took_back.from]?,
                ..took_back
            }),
            None => None,
        };
        let by = TransitionRecord {
            transition: successor.transitions[old.transition]?,
            event: old.event.map(|kind| self.change.event_type(kind)),
            held_since: old.held_since,
            facts: old.facts.iter().map(value).collect(),
            retracted: took_back,
        };
        // The same condition looks at the same facts; who reads it does not rely on that.
        by.matches_model(model, self.after).then_some(by)
    }
}

/// Of stages that have become one, the visits of both.
fn merge_visits(known: &mut Vec<(usize, Visits)>, stage: usize, visits: Visits) {
    match known.iter_mut().find(|(own, _)| *own == stage) {
        None => known.push((stage, visits)),
        Some((_, own)) => {
            own.count = own.count.saturating_add(visits.count);
            own.completed_time = Millis(
                own.completed_time
                    .0
                    .saturating_add(visits.completed_time.0)
                    .min(Millis::MAX.0),
            );
            own.entered = own.entered.max(visits.entered);
            own.left = own.left.max(visits.left);
        }
    }
}

impl FactState {
    /// As much of it as a slot keeps.
    fn capped_to(mut self, keep: &SlotKind) -> FactState {
        if let (FactState::Distinct(distinct), SlotKind::Distinct { cap, .. }) = (&mut self, keep) {
            distinct.enforce_cap(*cap);
        }
        self
    }
}

impl CustomerState {
    /// Every model that means something else than before looks at the customer anew, at the instant of the
    /// change or where the customer is by now; minimum stay, cooldown and re-entry are ignored [18].
    pub fn reevaluate(
        &mut self,
        models: &Models,
        change: &ModelsChange,
        at: EventTime,
        changes: &mut Vec<StageChange>,
    ) {
        for (model, successor) in change.models.iter().enumerate() {
            if !successor.is_unchanged {
                let now = at.max(self.latest).max(self.models[model].effective_at);
                self.evaluate(models, model, now, None, Cause::ModelChange, changes);
            }
        }
    }
}
