//! The transition rules: the effect of an event or a timer on a customer.
//!
//! Numbers in brackets are rules of `lifecycle.md`; the README restates them for users.

use super::change::{Cause, EventAnomalies, StageChange};
use super::evaluate::EvalContext;
use super::evidence;
use super::fact_reader::FactReader;
use super::fact_source::FactSource;
use super::last_transition::TransitionRecord;
use super::model_state::CorrectionBasis;
use super::orders::OrderEffect;
use super::state::CustomerState;
use crate::event::{Event, EventTime, EventType, Millis, Position};
use crate::model::Models;

impl CustomerState {
    /// Applies an event: first fires the timers due before it [3], then evaluates the event in every model. A
    /// duplicate only fires timers [7]. `None` if `changes_max` changes were made before all these timers had fired:
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
        let is_known = self.recent.contains(models.dedupe, event, latest);
        if is_known || matches!(effect, OrderEffect::Placed { is_duplicate: true }) {
            return Some(EventAnomalies {
                duplicates: 1,
                ..EventAnomalies::default()
            });
        }
        let is_late = event.time < self.latest;
        let behind = self.latest.duration_since(event.time);
        self.latest = latest;
        self.position = position;
        self.recent.add(models.dedupe, event, self.latest);
        let returns_unmatched = self.update_facts(models, event, &effect);
        let concerns = |basis: &CorrectionBasis| match effect {
            OrderEffect::Return {
                order: Some((time, number)),
            } if basis.includes(time, Some(number)) => true,
            _ => basis.includes(event.time, None),
        };
        let first_change = changes.len();
        for model in 0..models.list.len() {
            // A late event is evaluated at the customer's current time [8].
            let now = self.latest.max(self.models[model].effective_at);
            self.expire_basis(models, model);
            let corrected = self
                .take_invalid_basis(models, model, concerns)
                .is_some_and(|basis| self.correct(models, model, &basis, now, event, changes));
            if !corrected {
                self.evaluate(
                    models,
                    model,
                    now,
                    Some(event.event_type),
                    Cause::Event,
                    changes,
                );
            }
        }
        for change in &mut changes[first_change..] {
            change.late_by = is_late.then_some(behind);
        }
        Some(EventAnomalies {
            duplicates: 0,
            late: is_late.into(),
            late_beyond_horizon: (is_late
                && models.correction_horizon().is_some_and(|it| behind > it))
            .into(),
            returns_unmatched,
        })
    }

    /// Adds an event to every fact that it changes. Returns the number of expired returns without an order.
    fn update_facts(&mut self, models: &Models, event: &Event, effect: &OrderEffect) -> u64 {
        let is_order = matches!(effect, OrderEffect::Placed { .. });
        for slot in models.slots.changed_by(event.event_type) {
            if !(is_order && models.slots.order_slot_index(*slot).is_some()) {
                self.facts[*slot].accumulate(models.slots.get(*slot), event, self.latest);
            }
        }
        let bases = self.models.iter_mut().filter_map(|model| model.basis_mut());
        bases.for_each(|basis| basis.accumulate(models, event, None));
        let (Some(orders), Some(ledger)) = (&models.orders, &mut self.ledger) else {
            return 0;
        };
        let model_states = &mut self.models;
        let mut settle = |event: &Event, number| {
            let bases = model_states
                .iter_mut()
                .filter_map(|model| model.basis_mut());
            bases.for_each(|basis| basis.accumulate(models, event, Some(number)));
        };
        // Expire before the event is applied: it can neither duplicate nor return an order that its time makes final.
        let before = ledger.expire(models, orders, self.latest, &mut settle);
        if !matches!(effect, OrderEffect::Unrelated) {
            ledger.apply(models, orders, event, self.latest, &mut self.facts);
        }
        before + ledger.expire(models, orders, self.latest, settle)
    }

    /// Takes every transition that is ready at `now`, one after the other [16], and sets the model's next due
    /// instant. `visited` stops a chain from entering a stage twice.
    pub(super) fn evaluate(
        &mut self,
        models: &Models,
        model: usize,
        now: EventTime,
        event: Option<EventType>,
        cause: Cause,
        changes: &mut Vec<StageChange>,
    ) {
        let mut visited = 1_u64 << self.models[model].stage;
        let mut link_event = event;
        while let Some(transition) =
            self.find_transition(models, model, now, link_event, visited, cause)
        {
            let change = self.take_transition(models, model, transition, now, link_event, cause);
            visited |= 1 << change.to;
            changes.push(change);
            link_event = None; // Only the first transition of a chain sees the event [14].
        }
        self.models[model].due = self.next_change(models, model, now);
    }

    /// The first transition out of the stage, in file order, whose condition is true, whose hold is complete and that
    /// is not blocked; for a timer, one that was not ready before [16]. Updates the holds of the transitions that it
    /// evaluates.
    pub(super) fn find_transition(
        &mut self,
        models: &Models,
        model: usize,
        now: EventTime,
        event: Option<EventType>,
        visited: u64,
        cause: Cause,
    ) -> Option<usize> {
        // Corrections and re-evaluations under newer models ignore minimum stay, cooldown and re-entry [18].
        let checks_blocks = matches!(cause, Cause::Event | Cause::Timer);
        let definition = &models.list[model];
        let stage = self.models[model].stage;
        for at in &definition.outgoing[stage] {
            let transition = &definition.transitions[*at];
            let is_true = self
                .eval_context(models, model, now, event)
                .is_true(&transition.when);
            let is_hold_complete = transition.hold == Millis(0)
                || self.update_hold(model, *at, is_true, now) >= transition.hold;
            let is_ready = is_true && is_hold_complete && visited & 1 << transition.to == 0;
            if is_ready
                && !(checks_blocks && self.is_blocked(models, model, *at, now))
                && !(cause == Cause::Timer && self.was_ready(models, model, *at, now))
            {
                return Some(*at);
            }
        }
        None
    }

    /// Whether a transition was ready a millisecond ago already. Every instant at which one becomes ready is evaluated,
    /// so the chain rule stopped this one then: it leads to a stage of the chain that led here. Without this check an
    /// additional evaluation would change the result.
    fn was_ready(&self, models: &Models, model: usize, transition: usize, now: EventTime) -> bool {
        let before = now.saturating_sub(Millis(1));
        let (definition, state) = (
            &models.list[model].transitions[transition],
            &self.models[model],
        );
        let is_hold_complete = definition.hold == Millis(0)
            || state.active_holds.iter().any(|(known, since)| {
                *known == transition && before.duration_since(*since) >= definition.hold
            });
        state.entered <= before
            && is_hold_complete
            && !self.is_blocked(models, model, transition, before)
            && self
                .eval_context(models, model, before, None)
                .is_true(&definition.when)
    }

    fn is_blocked(&self, models: &Models, model: usize, transition: usize, now: EventTime) -> bool {
        let block_ends = self.models[model].block_ends(&models.list[model], transition);
        let is_blocking = |end: &Option<EventTime>| end.is_none_or(|end| end > now);
        block_ends.iter().any(is_blocking)
    }

    /// For how long a condition with `hold` has been true; a false evaluation resets it [17].
    fn update_hold(
        &mut self,
        model: usize,
        transition: usize,
        is_true: bool,
        now: EventTime,
    ) -> Millis {
        let active_holds = &mut self.models[model].active_holds;
        // A start after `now` was set by a timer that fired before an event with an earlier time was applied: at the
        // event's time the condition has not become true yet.
        active_holds.retain(|(known, since)| *known != transition || (is_true && *since <= now));
        match active_holds.iter().find(|(known, _)| *known == transition) {
            Some((_, since)) => now.duration_since(*since),
            None => {
                if is_true {
                    active_holds.push((transition, now));
                }
                Millis(0)
            }
        }
    }

    fn take_transition(
        &mut self,
        models: &Models,
        model: usize,
        transition: usize,
        now: EventTime,
        event: Option<EventType>,
        cause: Cause,
    ) -> StageChange {
        let definition = &models.list[model].transitions[transition];
        let context = self.eval_context(models, model, now, event);
        let evidence = evidence::collect(&definition.when, &context, &models.vocabulary);
        let mut record = TransitionRecord::capture(transition, &context);
        let basis = self.correction_basis(models, model, transition, now, event, cause);
        let state = &mut self.models[model];
        let held_since = state
            .active_holds
            .iter()
            .find(|(known, _)| *known == transition)
            .map(|(_, since)| *since);
        record.held_since = held_since;
        let (from, entered) = (state.stage, state.entered);
        state.enter(&models.list[model], transition, now);
        state.set_basis(basis);
        state.set_last_transition(cause, record);
        StageChange {
            model,
            sequence: state.sequence,
            from,
            to: definition.to,
            transition,
            cause,
            effective_at: now,
            entered,
            held_since,
            evidence,
            position: self.position,
            corrects: None,
            late_by: None,
        }
    }

    /// The earliest instant later than now at which a comparison can change, a hold is complete or a block ends, for
    /// any transition out of the stage [5, 15].
    pub(super) fn next_change(
        &self,
        models: &Models,
        model: usize,
        now: EventTime,
    ) -> Option<EventTime> {
        let definition = &models.list[model];
        let state = &self.models[model];
        let context = self.eval_context(models, model, now, None);
        let outgoing = &definition.outgoing[state.stage];
        let condition_changes = outgoing.iter().filter_map(|at| {
            context.next_change(&definition.transitions[*at].time_dependent_parts)
        });
        let hold_ends = state
            .active_holds
            .iter()
            .filter_map(|(at, since)| since.checked_add(definition.transitions[*at].hold));
        let block_ends = outgoing
            .iter()
            .flat_map(|at| state.block_ends(definition, *at))
            .flatten();
        condition_changes
            .chain(hold_ends)
            .chain(block_ends)
            .filter(|instant| *instant > now)
            .min()
    }

    pub(super) fn eval_context<'s>(
        &'s self,
        models: &'s Models,
        model: usize,
        now: EventTime,
        event: Option<EventType>,
    ) -> EvalContext<'s> {
        let facts = FactReader {
            states: &self.facts,
            slots: &models.slots,
            model: &models.list[model],
            model_state: &self.models[model],
            now,
        };
        EvalContext { facts, now, event }
    }
}
