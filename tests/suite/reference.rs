//! A second, independent implementation of the rules of the lifecycle (`config/models/RULES.md`): the tests compare
//! the real engine with it, transition by transition.
//!
//! It was written from the rules alone, shares nothing with `src/`, and needs only std. It is slow and meant to be
//! obvious: every evaluation computes every fact from all events of the customer, and every stage fact and block from
//! all stages that the customer has been in; every timer is searched for without an index; all arithmetic is exact or
//! panics. It does not check models: models that the rules refuse (a bare event with `hold` or under `!`, `==` on
//! values that change with time, unknown names) are not allowed.
//!
//! It implements rules 1-20, with all aggregates, filters, shifted windows, stage facts, cooldown, re-entry and
//! duplicates; orders that are refunded or cancelled (7); corrections (22). Not implemented: ids (21), and rules 23-25.
#![allow(dead_code, reason = "two test binaries share it, and neither uses all of it")]

#[path = "reference/build.rs"]
mod build;
#[path = "reference/chains.rs"]
mod chains;
#[path = "reference/conditions.rs"]
mod conditions;
#[path = "reference/corrections.rs"]
mod corrections;
#[path = "reference/facts.rs"]
mod facts;
#[path = "reference/language.rs"]
mod language;
#[path = "reference/names.rs"]
mod names;
#[path = "reference/orders.rs"]
mod orders;
#[path = "reference/stage_history.rs"]
mod stage_history;
#[cfg(test)]
#[path = "reference/tests.rs"]
mod tests;

use std::collections::BTreeMap;

pub(crate) use build::*;
use chains::{Blocks, Chain};
use corrections::{AcceptedEvent, Basis};
pub(crate) use language::*;
use orders::{Ledger, VisibleEvents};
use stage_history::StageHistory;

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// Far more than any history of a test has.
const CHANGES_MAX: usize = 50_000;
pub(crate) const DAY: i64 = 24 * HOUR;

/// Numbers are whole multiples of 1e-9. Instants and durations are numbers of milliseconds.
const SCALE: i128 = 1_000_000_000;

/// Most ids that are remembered of a customer (rule 7).
const IDS_MAX: usize = 1024;

// ---- entry points

/// `events` in input order. They are sorted by (time, input order) first (rule 2). The replay ends
/// at `until`, or else at the last event's time (rule 4).
pub(crate) fn replay(models: &[Model], events: &[Event], until: Option<i64>) -> Vec<Change> {
    let mut sorted = events.to_vec();
    sorted.sort_by_key(|event| event.time); // stable
    process(models, &sorted, 0, until)
}

/// `events` in processing order, some of them late (rule 8). Ends as a replay does: at `until`, or
/// else at the highest event time, whatever the lateness.
pub(crate) fn process(
    models: &[Model],
    events: &[Event],
    lateness: i64,
    until: Option<i64>,
) -> Vec<Change> {
    run_all(models, events, lateness, until).changes
}

/// The state after all events and at the end of time.
pub(crate) fn run_all<'m>(
    models: &'m [Model],
    events: &[Event],
    lateness: i64,
    until: Option<i64>,
) -> Run<'m> {
    let mut run = Run::new(models, lateness);
    let Some(end) = until.or(events.iter().map(|event| event.time).max()) else {
        return run;
    };
    for event in events.iter().filter(|event| event.time <= end) {
        run.accept(event);
    }
    run.advance(end);
    run
}

/// The same changes, customer by customer: for comparisons that ignore the order between customers.
pub(crate) fn by_customer(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_by(|a, b| a.customer.cmp(&b.customer)); // stable
    changes
}

// ---- events and timers (rules 3-8)

/// A run over events that are accepted one by one. `changes` has the result.
pub(crate) struct Run<'a> {
    models: &'a [Model],
    lateness: i64,
    highest: i64,
    customers: BTreeMap<String, Customer>,
    pub changes: Vec<Change>,
    /// How many corrections had no effect (rule 22).
    pub without_effect: usize,
}

struct Customer {
    /// In the order in which they were applied, without duplicates.
    events: Vec<Event>,
    /// One per model.
    tracks: Vec<Track>,
}

/// A customer in a model.
struct Track {
    stages: StageHistory,
    /// Of the last transition.
    sequence: u64,
    /// Of the last transition, or else when the customer was created.
    effective_at: i64,
    /// Number of the transition -> since when its condition has been true.
    true_since: BTreeMap<usize, i64>,
    timer: Option<i64>,
    basis: Option<Basis>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(models: &'a [Model], lateness: i64) -> Run<'a> {
        Run {
            models,
            lateness,
            highest: i64::MIN,
            customers: BTreeMap::new(),
            changes: Vec::new(),
            without_effect: 0,
        }
    }

    pub(crate) fn accept(&mut self, event: &Event) {
        // Rule 3: the customer's own timers due before the event, whatever the watermark.
        self.fire(event.time - 1, Some(&event.customer));
        // Rule 7: a duplicate only advances time.
        if !self.is_duplicate(event) {
            self.apply(event);
        }
        // The watermark moves with every event; timers fire when it is past them.
        self.highest = self.highest.max(event.time.min(event.written));
        let watermark = self.highest - self.lateness;
        self.fire(watermark - 1, None);
    }

    fn apply(&mut self, event: &Event) {
        let orders = agreed(self.models, |model| model.orders.as_ref());
        // Rule 6: the first event creates the customer.
        let entry = self.customers.entry(event.customer.clone());
        let customer = entry.or_insert_with(|| Customer::new(self.models, event.time));
        let accepted = AcceptedEvent::of(event, &customer.events, orders);
        customer.events.push(event.clone());
        // Rule 8: a late event is evaluated later than its own time.
        let latest = customer.latest();
        customer.drop_expired_bases(self.models);
        for model in 0..self.models.len() {
            let track = &self.customers[&event.customer].tracks[model];
            let now = latest.max(track.effective_at);
            if !self.correct(&accepted, model, now) {
                self.evaluate(&event.customer, model, now, Some(accepted.kind));
            }
        }
    }

    /// Rule 7: by its id, or by that of its order.
    fn is_duplicate(&self, event: &Event) -> bool {
        let Some(customer) = self.customers.get(&event.customer) else {
            return false;
        };
        let horizon = agreed(self.models, |model| model.dedupe_ms.as_ref());
        let by_type = self.models.iter().filter(|model| model.dedupe_ms.is_some());
        let by_type = by_type.map(|model| model.dedupe_by_type).next() == Some(true);
        let named = names::of(self.models);
        // Types that no model names are one type.
        let type_of = |event: &Event| named.get(&event.kind).cloned();
        let same_type = |a: &Event, b: &Event| !by_type || type_of(a) == type_of(b);
        let by_id = horizon.is_some_and(|horizon| customer.remembers(*horizon, event, same_type));
        let orders = agreed(self.models, |model| model.orders.as_ref());
        let by_order = orders.is_some_and(|orders| {
            Ledger::before(orders, &customer.events, event).repeats(orders, event)
        });
        by_id || by_order
    }

    /// Time passes without an event: timers due up to and including `end` fire.
    pub(crate) fn advance(&mut self, end: i64) {
        self.fire(end, None);
    }

    /// Fires timers due up to and including `last`, by (due, customer, order of the models), including
    /// those that are armed by others.
    fn fire(&mut self, last: i64, only: Option<&str>) {
        while let Some((due, customer, model)) = self.earliest_timer(only)
            && due <= last
        {
            self.evaluate(&customer, model, due, None);
            let few = self.changes.len() < CHANGES_MAX;
            assert!(few, "an endless cycle of stages by time alone");
        }
    }

    fn earliest_timer(&self, only: Option<&str>) -> Option<(i64, String, usize)> {
        let mut earliest = None;
        for (name, customer) in &self.customers {
            for (model, track) in customer.tracks.iter().enumerate() {
                let wanted = only.is_none_or(|only| only == name);
                let Some(due) = track.timer.filter(|_| wanted) else {
                    continue;
                };
                if earliest.is_none_or(|earliest| (due, name, model) < earliest) {
                    earliest = Some((due, name, model));
                }
            }
        }
        earliest.map(|(due, name, model)| (due, name.clone(), model))
    }

    /// `event` is the type of the event that is being evaluated; none for a timer.
    fn evaluate(&mut self, name: &str, model_number: usize, now: i64, event: Option<&str>) {
        let customer = self.customers.get_mut(name).unwrap();
        let chain = Chain {
            customer: name,
            model: &self.models[model_number],
            visible: &VisibleEvents::of(&customer.events, self.models),
            now,
            event,
            blocks: Blocks::Apply,
        };
        let changes = chain.run(&mut customer.tracks[model_number]);
        self.changes.extend(changes);
    }
}

impl Customer {
    fn new(models: &[Model], created_at: i64) -> Customer {
        let begin = |model: &Model| Track {
            stages: StageHistory::new(&model.initial, created_at),
            sequence: 0,
            effective_at: created_at,
            true_since: BTreeMap::new(),
            timer: None,
            basis: None,
        };
        Customer { events: Vec::new(), tracks: models.iter().map(begin).collect() }
    }

    fn latest(&self) -> i64 {
        self.events.iter().map(|event| event.time).max().unwrap()
    }

    /// Rule 7: the ids of events no older than the horizon, at most `IDS_MAX`, those of the latest
    /// time; at equal times those that were received first.
    fn remembers(
        &self,
        horizon: i64,
        candidate: &Event,
        same_type: impl Fn(&Event, &Event) -> bool,
    ) -> bool {
        let latest = self.latest().max(candidate.time);
        let mut recent: Vec<&Event> = self.events.iter().collect();
        recent.retain(|event| event.id.is_some() && event.time >= latest - horizon);
        recent.sort_by_key(|event| -event.time); // stable
        recent.truncate(IDS_MAX);
        recent.iter().any(|event| event.id == candidate.id && same_type(event, candidate))
    }
}

/// The value of a setting that is the same in all models that declare it.
fn agreed<'m, T: PartialEq>(
    models: &'m [Model],
    declared: impl Fn(&'m Model) -> Option<&'m T>,
) -> Option<&'m T> {
    let all: Vec<&T> = models.iter().filter_map(declared).collect();
    let one = *all.first()?;
    assert!(all.iter().all(|other| *other == one), "refused");
    Some(one)
}
