//! The rules of transitions: what an event or a timer does to a customer. The heart.
//!
//! Numbers in brackets are rules of `lifecycle.md`; the README restates them for users.

use super::change::{Cause, EventAnomalies, StageChange};
use super::correction_basis::CorrectionBasis;
use super::evaluate::EvalContext;
use super::evidence;
use super::fact_reader::FactReader;
use super::fact_source::FactSource;
use super::last_transition::TransitionRecord;
use super::orders::OrderEffect;
use super::state::CustomerState;
use crate::event::{Event, EventTime, EventType, Millis, Position};
use crate::model::Models;

impl CustomerState {
    /// Applies an event: first what came due before it [3], then the event itself, in every model. One
    /// that came a second time only shows that time has passed [7].
    pub fn receive(
        &mut self,
        models: &Models,
        event: &Event,
        position: Position,
        changes: &mut Vec<StageChange>,
    ) -> EventAnomalies {
        self.fire_timers(models, event.time, usize::MAX, changes);
        let latest = self.latest.max(event.time);
        let part = match (&self.ledger, &models.orders) {
            (Some(ledger), Some(orders)) => ledger.classify(orders, event, latest),
            _ => OrderEffect::Unrelated,
        };
        let is_known = self.recent.contains(models.dedupe, event, latest);
        if is_known || matches!(part, OrderEffect::Placed { is_duplicate: true }) {
            return EventAnomalies {
                duplicates: 1,
                ..EventAnomalies::default()
            };
        }
        let late = event.time < self.latest;
        let behind = self.latest.duration_since(event.time);
        self.latest = latest;
        self.position = position;
        self.recent.add(models.dedupe, event, self.latest);
        let returns_unmatched = self.update_facts(models, event, &part);
        let concerns = |ground: &CorrectionBasis| match part {
            OrderEffect::Return {
                order: Some((time, number)),
            } if ground.includes(time, Some(number)) => true,
            _ => ground.includes(event.time, None),
        };
        let known = changes.len();
        for model in 0..models.list.len() {
            // A late event is evaluated where the customer already is [8].
            let now = self.latest.max(self.models[model].effective_at);
            self.expire_basis(models, model);
            let corrected = self
                .take_invalid_basis(models, model, concerns)
                .is_some_and(|ground| self.correct(models, model, &ground, now, event, changes));
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
        for change in &mut changes[known..] {
            change.late_by = late.then_some(behind);
        }
        EventAnomalies {
            duplicates: 0,
            late: late.into(),
            late_beyond_horizon: (late
                && models.correction_horizon().is_some_and(|it| behind > it))
            .into(),
            returns_unmatched,
        }
    }

    /// Counts an event in every fact that it changes; says how many returns have waited in vain.
    fn update_facts(&mut self, models: &Models, event: &Event, part: &OrderEffect) -> u64 {
        let ordered = matches!(part, OrderEffect::Placed { .. });
        for slot in models.slots.changed_by(event.event_type) {
            if !(ordered && models.slots.order_slot_index(*slot).is_some()) {
                self.facts[*slot].accumulate(models.slots.get(*slot), event, self.latest);
            }
        }
        let grounds = self.models.iter_mut().filter_map(|model| model.basis_mut());
        grounds.for_each(|ground| ground.accumulate(models, event, None));
        let (Some(orders), Some(ledger)) = (&models.orders, &mut self.ledger) else {
            return 0;
        };
        let grounds = &mut self.models;
        let mut settle = |event: &Event, number| {
            let grounds = grounds.iter_mut().filter_map(|model| model.basis_mut());
            grounds.for_each(|ground| ground.accumulate(models, event, Some(number)));
        };
        // What this event has made final is neither repeated nor taken back by it.
        let before = ledger.expire(models, orders, self.latest, &mut settle);
        if !matches!(part, OrderEffect::Unrelated) {
            ledger.apply(models, orders, event, self.latest, &mut self.facts);
        }
        before + ledger.expire(models, orders, self.latest, settle)
    }

    /// Fires the customer's timers due before `end`, by due instant and order of the models,
    /// those armed meanwhile included [3]. `false` when there were `changes_max` changes before all
    /// had fired: stages may follow each other by time alone, without an end.
    pub fn fire_timers(
        &mut self,
        models: &Models,
        end: EventTime,
        changes_max: usize,
        changes: &mut Vec<StageChange>,
    ) -> bool {
        while let Some((due, model)) = self.first_due().filter(|(due, _)| *due < end) {
            if changes.len() >= changes_max {
                return false;
            }
            self.evaluate(models, model, due, None, Cause::Timer, changes);
        }
        true
    }

    fn first_due(&self) -> Option<(EventTime, usize)> {
        let due = self
            .models
            .iter()
            .enumerate()
            .filter_map(|(model, state)| state.due.map(|due| (due, model)));
        due.min()
    }

    /// Takes every transition that is open at `now`, one after the other [16], and finds the next
    /// instant to look again.
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
            link_event = None; // An event is itself only for the first link [14].
        }
        self.models[model].due = self.next_change(models, model, now);
    }

    /// The first transition out of the stage, in file order, whose condition is true, has been so
    /// for its hold, and that nothing blocks; for a timer, one that was not open before [16]. Keeps account of
    /// the holds on the way.
    pub(super) fn find_transition(
        &mut self,
        models: &Models,
        model: usize,
        now: EventTime,
        event: Option<EventType>,
        visited: u64,
        cause: Cause,
    ) -> Option<usize> {
        // Who is put back, or looked at anew because the rules are others, is not kept by what has begun [18].
        let blocks = matches!(cause, Cause::Event | Cause::Timer);
        let definition = &models.list[model];
        let stage = self.models[model].stage;
        for at in &definition.outgoing[stage] {
            let transition = &definition.transitions[*at];
            let holds = self
                .eval_context(models, model, now, event)
                .is_true(&transition.when);
            let held = transition.hold == Millis(0)
                || self.update_hold(model, *at, holds, now) >= transition.hold;
            let ready = holds && held && visited & 1 << transition.to == 0;
            if ready
                && !(blocks && self.is_blocked(models, model, *at, now))
                && !(cause == Cause::Timer && self.was_ready(models, model, *at, now))
            {
                return Some(*at);
            }
        }
        None
    }

    /// Whether a transition was open a millisecond ago already. Every instant at which one opens is looked at, so
    /// this one was stopped then: it leads to a stage of the chain that led here. Looking again changes nothing.
    fn was_ready(&self, models: &Models, model: usize, transition: usize, now: EventTime) -> bool {
        let before = now.saturating_sub(Millis(1));
        let (definition, own) = (
            &models.list[model].transitions[transition],
            &self.models[model],
        );
        let is_held = definition.hold == Millis(0)
            || own.active_holds.iter().any(|(known, since)| {
                *known == transition && before.duration_since(*since) >= definition.hold
            });
        own.entered <= before
            && is_held
            && !self.is_blocked(models, model, transition, before)
            && self
                .eval_context(models, model, before, None)
                .is_true(&definition.when)
    }

    fn is_blocked(&self, models: &Models, model: usize, transition: usize, now: EventTime) -> bool {
        let opens = self.models[model].block_ends(&models.list[model], transition);
        let closed = |opens: &Option<EventTime>| opens.is_none_or(|opens| opens > now);
        opens.iter().any(closed)
    }

    /// For how long a condition with `hold` has been true; a false evaluation starts it anew [17].
    fn update_hold(
        &mut self,
        model: usize,
        transition: usize,
        holds: bool,
        now: EventTime,
    ) -> Millis {
        let holding = &mut self.models[model].active_holds;
        // A start later than now was seen by a timer that ran ahead of an event which came in
        // afterwards: at this event's time it has not happened yet.
        holding.retain(|(known, since)| *known != transition || (holds && *since <= now));
        match holding.iter().find(|(known, _)| *known == transition) {
            Some((_, since)) => now.duration_since(*since),
            None => {
                if holds {
                    holding.push((transition, now));
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
        let scene = self.eval_context(models, model, now, event);
        let evidence = evidence::collect(&definition.when, &scene, &models.vocabulary);
        let mut by = TransitionRecord::capture(transition, &scene);
        let ground = self.correction_basis(models, model, transition, now, event, cause);
        let state = &mut self.models[model];
        let held_since = state
            .active_holds
            .iter()
            .find(|(known, _)| *known == transition)
            .map(|(_, since)| *since);
        by.held_since = held_since;
        let (from, entered) = (state.stage, state.entered);
        state.enter(&models.list[model], transition, now);
        state.set_basis(ground);
        state.set_last_transition(cause, by);
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

    /// The earliest instant later than now at which a comparison can flip, a hold is fulfilled or
    /// a block opens, for any transition out of the stage [5, 15].
    pub(super) fn next_change(
        &self,
        models: &Models,
        model: usize,
        now: EventTime,
    ) -> Option<EventTime> {
        let definition = &models.list[model];
        let state = &self.models[model];
        let scene = self.eval_context(models, model, now, None);
        let outgoing = &definition.outgoing[state.stage];
        let flips = outgoing
            .iter()
            .filter_map(|at| scene.next_change(&definition.transitions[*at].time_dependent_parts));
        let holds = state
            .active_holds
            .iter()
            .filter_map(|(at, since)| since.checked_add(definition.transitions[*at].hold));
        let opens = outgoing
            .iter()
            .flat_map(|at| state.block_ends(definition, *at))
            .flatten();
        flips
            .chain(holds)
            .chain(opens)
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
