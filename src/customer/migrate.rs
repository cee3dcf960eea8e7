//! A customer under another version of the models [24]: what was known goes on, and each model that means
//! something else looks at them anew.

use super::FactState;
use super::change::{Cause, StageChange};
use super::ground::Ground;
use super::last::{By, Last, TookBack, Value};
use super::orders::Ledger;
use super::recent::Recent;
use super::state::{CustomerState, ModelState, Past, Visits};
use crate::event::{EventTime, Millis};
use crate::model::{Change, Keep, Model, Models, Slot, Successor};

/// From one version of the models to the next, at an instant.
#[derive(Clone, Copy, Debug)]
pub struct Migration<'m> {
    /// What becomes of everything.
    pub change: &'m Change,
    /// The models before.
    pub before: &'m Models,
    /// The models after.
    pub after: &'m Models,
    /// When the change took effect; a customer who has been seen later goes on from there.
    pub at: EventTime,
}

impl Migration<'_> {
    /// The state as one of the models after; nothing is evaluated yet ([`CustomerState::adopt`]).
    pub fn of(&self, state: CustomerState) -> CustomerState {
        let facts = self.facts(&state.facts);
        let mut migrated = CustomerState {
            generation: state.generation + 1,
            latest: state.latest,
            position: state.position,
            armed: state.armed,
            recent: match self.after.dedupe {
                Some(_) => state.recent,
                None => Recent::default(),
            },
            ledger: None,
            facts,
            models: Vec::with_capacity(self.after.list.len()),
        };
        migrated.ledger = self.ledger(state.ledger.as_deref(), &mut migrated);
        let models = self.after.list.iter().zip(&self.change.models);
        for (model, successor) in models {
            let own = match successor.of {
                Some(of) => self.model(&state.models[of], model, successor),
                None => ModelState::begin(model, self.at.max(state.latest)),
            };
            migrated.models.push(own);
        }
        migrated
    }

    /// What was kept, as far as it is asked for; the rest begins with nothing.
    fn facts(&self, facts: &[FactState]) -> Vec<FactState> {
        let slots = self.after.slots.iter().zip(&self.change.slots);
        let fact = |(slot, from): (&Slot, &Option<usize>)| match from {
            Some(from) => facts[*from].clone().within(&slot.keep),
            None => FactState::new(slot),
        };
        slots.map(fact).collect()
    }

    /// Orders that can be taken back, if they are the same kind of orders as before. New facts about
    /// orders begin with what is known of these.
    fn ledger(&self, old: Option<&Ledger>, state: &mut CustomerState) -> Option<Box<Ledger>> {
        let orders = self.after.orders.as_ref()?;
        let mut ledger = Ledger::new(&self.after.slots);
        let before = self.before.orders.as_ref();
        let old = old.filter(|_| {
            before.is_some_and(|before| self.change.kind(before.placed) == orders.placed)
        });
        if let Some(old) = old {
            (ledger.placed, ledger.orders) = (old.placed, old.orders.clone());
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
        for (at, slot) in self.after.slots.of_orders().iter().enumerate() {
            let from = self.change.slots[*slot];
            let base = from.and_then(|from| {
                let order = self.before.slots.order_slot(from)?;
                Some(&old?.base[order])
            });
            let definition = self.after.slots.get(*slot);
            if let Some(base) = base {
                ledger.base[at] = base.clone().within(&definition.keep);
            } else if from.is_some() {
                // What has come so far is final.
                ledger.base[at].clone_from(&state.facts[*slot]);
            } else {
                for (_, event) in ledger.left(orders) {
                    state.facts[*slot].count(definition, &event, state.latest);
                }
            }
        }
        Some(Box::new(ledger))
    }

    fn model(&self, old: &ModelState, model: &Model, successor: &Successor) -> ModelState {
        let Some(stage) = successor.stages[old.stage] else {
            unreachable!("a change by which a stage is lost is refused");
        };
        let holding = old.holding.iter().filter_map(|(transition, since)| {
            let after = successor.transitions[*transition]?;
            let definition = &model.transitions[after];
            let goes_on = definition.hold > Millis(0) && definition.from.contains(&stage);
            goes_on.then_some((after, *since))
        });
        let mut own = ModelState {
            stage,
            entered: old.entered,
            effective: old.effective,
            previous: old.previous.and_then(|stage| successor.stages[stage]),
            sequence: old.sequence,
            due: old.due.filter(|_| successor.is_same),
            holding: holding.collect(),
            past: None,
            last: None,
        };
        own.last = old.last.as_deref().map(|last| {
            let by = last.by.as_ref();
            Box::new(Last {
                cause: last.cause,
                by: by.and_then(|by| self.by(by, model, successor)),
            })
        });
        let past = old
            .past
            .as_deref()
            .map(|past| self.past(past, model, successor));
        own.past = past.filter(|past| !past.is_empty()).map(Box::new);
        if model.stages[stage].remembered && own.visits(stage).is_none() {
            own.arrive(model); // Only this visit is known.
        }
        own
    }

    fn past(&self, old: &Past, model: &Model, successor: &Successor) -> Past {
        let mut past = Past::default();
        for (transition, at) in &old.taken {
            let after = successor.named[*transition].or(successor.transitions[*transition]);
            let after = after.filter(|after| model.transitions[*after].cooldown > Millis(0));
            if let Some(after) = after.filter(|it| !past.taken.iter().any(|(own, _)| own == it)) {
                past.taken.push((after, *at));
            }
        }
        for (stage, visits) in &old.visits {
            let after = successor.stages[*stage];
            if let Some(after) = after.filter(|after| model.stages[*after].remembered) {
                add_visits(&mut past.visits, after, *visits);
            }
        }
        let ground = old.ground.as_ref();
        past.ground = ground.and_then(|ground| self.ground(ground, model, successor));
        past
    }

    /// What a transition stood on, if that means the same and all of it is still looked at.
    fn ground(&self, old: &Ground, model: &Model, successor: &Successor) -> Option<Ground> {
        if model.corrections.0 == 0 || !successor.is_same {
            return None;
        }
        successor.stages[old.before.stage]?;
        let slot = |(slot, state): &(usize, FactState)| {
            let after = self.change.slot_after(*slot)?;
            let is_of_orders = |models: &Models, slot| models.slots.order_slot(slot).is_some();
            if is_of_orders(self.before, *slot) != is_of_orders(self.after, after) {
                return None;
            }
            let keep = &self.after.slots.get(after).keep;
            Some((after, state.clone().within(keep)))
        };
        let mut slots = old.slots.iter().map(slot).collect::<Option<Vec<_>>>()?;
        slots.sort_unstable_by_key(|(slot, _)| *slot);
        Some(Ground {
            transition: successor.transitions[old.transition]?,
            at: old.at,
            event: old.event.map(|kind| self.change.kind(kind)),
            seen: old.seen,
            before: self.model(&old.before, model, successor),
            slots,
        })
    }
}

impl Migration<'_> {
    /// The transition that led here, if it is one of the model still.
    fn by(&self, old: &By, model: &Model, successor: &Successor) -> Option<By> {
        let value = |value: &Option<Value>| match value {
            Some(Value::Stage(stage)) => successor.stages[*stage].map(Value::Stage),
            other => other.clone(),
        };
        let took_back = match old.took_back {
            Some(took_back) => Some(TookBack {
                transition: successor.transitions[took_back.transition]?,
                from: successor.stages[took_back.from]?,
                ..took_back
            }),
            None => None,
        };
        let by = By {
            transition: successor.transitions[old.transition]?,
            event: old.event.map(|kind| self.change.kind(kind)),
            held_since: old.held_since,
            facts: old.facts.iter().map(value).collect(),
            took_back,
        };
        // The same condition looks at the same facts; who reads it does not rely on that.
        by.fits(model, self.after).then_some(by)
    }
}

/// Of stages that have become one, the visits of both.
fn add_visits(known: &mut Vec<(usize, Visits)>, stage: usize, visits: Visits) {
    match known.iter_mut().find(|(own, _)| *own == stage) {
        None => known.push((stage, visits)),
        Some((_, own)) => {
            own.count = own.count.saturating_add(visits.count);
            own.ended = Millis(
                own.ended
                    .0
                    .saturating_add(visits.ended.0)
                    .min(Millis::MAX.0),
            );
            own.entered = own.entered.max(visits.entered);
            own.left = own.left.max(visits.left);
        }
    }
}

impl FactState {
    /// As much of it as a slot keeps.
    fn within(mut self, keep: &Keep) -> FactState {
        if let (FactState::Distinct(distinct), Keep::Distinct { cap, .. }) = (&mut self, keep) {
            distinct.keep(*cap);
        }
        self
    }
}

impl CustomerState {
    /// Every model that means something else than before looks at the customer anew, at the instant of the
    /// change or where the customer is by now; minimum stay, cooldown and re-entry are ignored [18].
    pub fn adopt(
        &mut self,
        models: &Models,
        change: &Change,
        at: EventTime,
        changes: &mut Vec<StageChange>,
    ) {
        for (model, successor) in change.models.iter().enumerate() {
            if !successor.is_same {
                let now = at.max(self.latest).max(self.models[model].effective);
                self.evaluate(models, model, now, None, Cause::ModelChange, changes);
            }
        }
    }
}
