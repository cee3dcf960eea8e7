//! Transitions whose ground was taken away (rule 22).

use std::collections::BTreeMap;

use super::chains::{Blocks, Chain};
use super::conditions::Look;
use super::orders::{Ledger, Seen};
use super::past::Past;
use super::{Cause, Change, Customer, Event, Model, Orders, Track, World};

/// What a model keeps of its last transition, if an event or a timer took it.
#[derive(Clone)]
pub(super) struct Ground {
    /// Its number in the model.
    pub transition: usize,
    /// Its `effective_at`.
    pub at: i64,
    /// The event type of its link (rule 14).
    pub event: Option<String>,
    /// How many events had been applied when an event took it. A timer comes after all events of its
    /// instant (rule 3), also after those that were not known then.
    pub applied: Option<usize>,
    /// The customer's place just before it.
    pub place: Past,
}

/// An accepted event, and how it finds its customer.
pub(super) struct News<'a> {
    event: &'a Event,
    /// It is the customer's event number so many.
    number: usize,
    /// The number and the instant of the order that it is a return of, if that is in the ledger.
    order: Option<(usize, i64)>,
}

impl News<'_> {
    /// `before`: the events that the customer had before it.
    pub(super) fn of<'a>(event: &'a Event, before: &[Event], orders: Option<&Orders>) -> News<'a> {
        let order_of = |orders| Ledger::before(orders, before, event).order_of(orders, event);
        News {
            event,
            number: before.len(),
            order: orders.and_then(order_of),
        }
    }

    /// Is the transition looked at again?
    fn concerns(&self, ground: &Ground) -> bool {
        let takes_back = self
            .order
            .is_some_and(|(number, at)| ground.covers(number, at));
        takes_back || ground.covers(self.number, self.event.time)
    }
}

impl World<'_> {
    /// False if the event is to be evaluated as usual.
    pub(super) fn correct(&mut self, news: &News, model_number: usize, now: i64) -> bool {
        let name = &news.event.customer;
        let model = &self.models[model_number];
        let customer = self.customers.get_mut(name).unwrap();
        let events = &customer.events;
        let track = &mut customer.tracks[model_number];
        let concerned = track.ground.take_if(|ground| {
            let seen = Seen::of(events, self.models);
            let seen = seen.only(|number, at| ground.covers(number, at));
            news.concerns(ground) && !ground.holds(model, &seen)
        });
        let Some(ground) = concerned else {
            return false;
        };
        let there = track.past.current().clone();
        let corrected = (track.sequence, track.effective_at);
        // 1. Back to just before.
        let mut other = Track {
            past: ground.place,
            sequence: track.sequence,
            effective_at: track.effective_at,
            true_since: BTreeMap::new(),
            timer: None,
            ground: None,
        };
        // 2. A chain without blocks. Its links are not told one by one.
        let chain = Chain {
            customer: name,
            model,
            seen: &Seen::of(events, self.models),
            now,
            event: Some(&news.event.kind),
            blocks: Blocks::DoNot,
        };
        chain.run(&mut other);
        // 3. Nothing has happened, but the stay has another ground.
        let here = other.past.current();
        if here.stage == there.stage {
            self.in_vain += 1;
            track.ground = other.ground;
            return false;
        }
        // 4. One transition for it all, which has no ground.
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
        *track = Track {
            sequence: track.sequence + 1,
            effective_at: now,
            ground: None,
            ..other
        };
        true
    }
}

impl Ground {
    /// Does the transition stand on the event with this number and time?
    fn covers(&self, number: usize, time: i64) -> bool {
        let applied = self.applied.is_none_or(|applied| number < applied);
        time < self.at || (time == self.at && applied)
    }

    /// Does the condition hold at that instant, as far as is known now?
    fn holds(&self, model: &Model, seen: &Seen) -> bool {
        let look = Look {
            model,
            seen,
            past: &self.place,
            now: self.at,
            facts_at: self.at,
            event: self.event.as_deref(),
        };
        look.holds(&model.transitions[self.transition].when)
    }
}

impl Customer {
    /// What is older than the model wants it.
    pub(super) fn drop_grounds(&mut self, models: &[Model]) {
        let latest = self.latest();
        for (model, track) in models.iter().zip(&mut self.tracks) {
            let horizon = model.corrections_ms.unwrap_or_default();
            track.ground.take_if(|ground| ground.at < latest - horizon);
        }
    }
}
