//! Transitions whose basis is gone (rule 22).

use std::collections::BTreeMap;

use super::chains::{Blocks, Chain};
use super::conditions::Evaluation;
use super::orders::{Ledger, VisibleEvents};
use super::stage_history::StageHistory;
use super::{Cause, Change, Customer, Event, Model, Orders, Run, Track};

/// The basis of the last transition, if an event or a timer took it.
#[derive(Clone)]
pub(super) struct Basis {
    /// Its number in the model.
    pub transition: usize,
    /// Its `effective_at`.
    pub at: i64,
    /// The event type of its link (rule 14).
    pub event: Option<String>,
    /// How many events had been applied when an event took it. A timer fires after all events of its instant (rule 3),
    /// also after those that were not known then.
    pub applied: Option<usize>,
    /// The stages just before it.
    pub before: StageHistory,
}

/// An accepted event, in relation to the earlier ones of its customer.
pub(super) struct AcceptedEvent<'a> {
    event: &'a Event,
    /// Its type, as conditions see it.
    pub(super) kind: &'a str,
    /// Its number among the customer's events.
    number: usize,
    /// The number and the instant of the order that it returns, if that is in the ledger.
    order: Option<(usize, i64)>,
}

/// The type of a credit note for conditions: one that no model names.
const CREDIT_NOTE: &str = "(credit note)";

impl AcceptedEvent<'_> {
    /// `before`: the earlier events of the customer.
    pub(super) fn of<'a>(
        event: &'a Event,
        before: &[Event],
        orders: Option<&Orders>,
    ) -> AcceptedEvent<'a> {
        let order_of = |orders| Ledger::before(orders, before, event).order_of(orders, event);
        let is_credit_note = orders.is_some_and(|orders| orders.is_credit_note(event));
        AcceptedEvent {
            event,
            kind: if is_credit_note { CREDIT_NOTE } else { &event.kind },
            number: before.len(),
            order: orders.and_then(order_of),
        }
    }

    /// Whether the basis includes this event or the order that it returns.
    fn concerns(&self, basis: &Basis) -> bool {
        let is_return = self.order.is_some_and(|(number, at)| basis.covers(number, at));
        is_return || basis.covers(self.number, self.event.time)
    }
}

impl Run<'_> {
    /// False if the event is to be evaluated as usual.
    pub(super) fn correct(
        &mut self,
        accepted: &AcceptedEvent,
        model_number: usize,
        now: i64,
    ) -> bool {
        let name = &accepted.event.customer;
        let model = &self.models[model_number];
        let customer = self.customers.get_mut(name).unwrap();
        let events = &customer.events;
        let track = &mut customer.tracks[model_number];
        let concerned = track.basis.take_if(|basis| {
            let visible = VisibleEvents::of(events, self.models);
            let visible = visible.only(|number, at| basis.covers(number, at));
            accepted.concerns(basis) && !basis.is_confirmed(model, &visible)
        });
        let Some(basis) = concerned else {
            return false;
        };
        let there = track.stages.current().clone();
        let corrected = (track.sequence, track.effective_at);
        // 1. Back to just before.
        let mut other = Track {
            stages: basis.before,
            sequence: track.sequence,
            effective_at: track.effective_at,
            true_since: BTreeMap::new(),
            timer: None,
            basis: None,
        };
        // 2. A chain without blocks. Its links are not output one by one.
        let chain = Chain {
            customer: name,
            model,
            visible: &VisibleEvents::of(events, self.models),
            now,
            event: Some(accepted.kind),
            blocks: Blocks::Ignore,
        };
        chain.run(&mut other);
        // 3. The stage is the same, but the stay has another basis.
        let here = other.stages.current();
        if here.stage == there.stage {
            self.without_effect += 1;
            track.basis = other.basis;
            return false;
        }
        // 4. One transition for all, which has no basis.
        self.changes.push(Change {
            customer: name.clone(),
            model: model.name.clone(),
            sequence: track.sequence + 1,
            from: there.stage,
            to: here.stage.clone(),
            transition: "correction".to_string(),
            effective_at: now,
            cause: Cause::Correction,
            entered_previous_at: there.from,
            corrects: Some(corrected),
        });
        *track = Track { sequence: track.sequence + 1, effective_at: now, basis: None, ..other };
        true
    }
}

impl Basis {
    /// Whether the basis includes the event with this number and time.
    fn covers(&self, number: usize, time: i64) -> bool {
        let applied = self.applied.is_none_or(|applied| number < applied);
        time < self.at || (time == self.at && applied)
    }

    /// Whether the condition is true at that instant, by all events that are known now.
    fn is_confirmed(&self, model: &Model, visible: &VisibleEvents) -> bool {
        let evaluation = Evaluation {
            model,
            visible,
            stages: &self.before,
            now: self.at,
            facts_at: self.at,
            event: self.event.as_deref(),
        };
        evaluation.is_true(&model.transitions[self.transition].when)
    }
}

impl Customer {
    /// Drops each basis that is older than its model keeps it.
    pub(super) fn drop_expired_bases(&mut self, models: &[Model]) {
        let latest = self.latest();
        for (model, track) in models.iter().zip(&mut self.tracks) {
            let horizon = model.corrections_ms.unwrap_or_default();
            track.basis.take_if(|basis| basis.at < latest - horizon);
        }
    }
}
