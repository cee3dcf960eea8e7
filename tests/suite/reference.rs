//! A second, independent implementation of the rules of `design/lifecycle.md`, for the test suite
//! to compare the real engine with, transition by transition.
//!
//! It was written from the rules alone, shares nothing with `src/`, and needs only std. It is slow
//! and meant to be obvious: every fact is computed from all the customer's events at every
//! evaluation, and every stage fact and block from all the stages the customer has been in; every
//! timer is searched for from nothing, all arithmetic is exact or panics. It does not check models:
//! give it none that the rules refuse (a bare event with `hold` or under `!`, `==` on what moves
//! with time, unknown names).
//!
//! Rules 1-20 are here, with the second part of the language: all aggregates, filters, windows that
//! lie back, stage facts, cooldown, re-entry, duplicates. Left out: refunds and orders by their id
//! (7), ids (21), everything beyond one pass (22-25).
#![allow(
    dead_code,
    reason = "two test binaries share it, and neither needs all of it"
)]

#[path = "reference/build.rs"]
mod build;
#[path = "reference/conditions.rs"]
mod conditions;
#[path = "reference/facts.rs"]
mod facts;
#[cfg(test)]
#[path = "reference/tests.rs"]
mod tests;

use std::collections::BTreeMap;

pub(crate) use build::*;
use conditions::Look;

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// No history that is worth looking at has more.
const CHANGES_MAX: usize = 50_000;
pub(crate) const DAY: i64 = 24 * HOUR;

/// Numbers are whole multiples of 1e-9. Instants and durations are numbers of milliseconds.
const SCALE: i128 = 1_000_000_000;

/// No more ids than this are remembered of a customer (rule 7).
const IDS_MAX: usize = 256;

// ---- models

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Model {
    pub name: String,
    pub initial: String,
    /// How long the ids of events are remembered. Where several models say it, they say the same,
    /// and it holds for all.
    pub dedupe_ms: Option<i64>,
    pub stages: Vec<Stage>,
    pub facts: Vec<(String, Fact)>,
    pub transitions: Vec<Transition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stage {
    pub name: String,
    pub min_dwell_ms: i64,
    pub reentry: Reentry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reentry {
    Always,
    Never,
    /// So many milliseconds after the last exit.
    After(i64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transition {
    pub from: Vec<String>,
    pub to: String,
    pub name: Option<String>,
    pub when: Expr,
    pub hold_ms: i64,
    pub cooldown_ms: i64,
}

/// `AGGREGATE(EVENT[.FIELD] [where FILTER] [, CAP]) [over W [before D]]`. The event may be `any`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    pub aggregate: Aggregate,
    pub event: String,
    pub field: Option<String>,
    pub filter: Option<Filter>,
    pub window: Option<Window>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Count,
    Sum,
    Min,
    Max,
    Avg,
    CountDistinct {
        cap: usize,
    },
    /// An instant, or the value of the field. `Last` with a field is written `latest`.
    First,
    Last,
    MeanGap,
    MaxGap,
}

/// What an event must be like to count in a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Has(String),
    Compare(String, Op, Value),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Hour = HOUR as isize,
    Day = DAY as isize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub unit: Unit,
    pub buckets: i64,
    /// So many buckets ago; 0 is now.
    pub before: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expr {
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Compare(Op, Num, Num),
    Has(Source),
    Event(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// One side of a comparison. Texts and truth values may be facts and literals, and be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Num {
    Fact(Source),
    Literal(Value),
    Since(Source),
    Duration(i64),
    Plus(Box<Num>, Box<Num>),
    Minus(Box<Num>, Box<Num>),
    Times(Box<Num>, Box<Num>),
    Over(Box<Num>, Box<Num>),
}

/// What a condition knows of the customer: a declared fact, one that stands in the condition itself,
/// or a stage fact of the condition's model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Named(String),
    Inline(Fact),
    PreviousStage,
    DaysInStage,
    Visits(String),
    TimeIn(String),
    Entered(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Number(i128),
    Text(String),
    Bool(bool),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub customer: String,
    pub id: Option<String>,
    pub kind: String,
    pub time: i64,
    pub fields: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Event,
    Timer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub customer: String,
    pub model: String,
    pub sequence: u64,
    pub from: String,
    pub to: String,
    pub transition: String,
    pub effective_at: i64,
    pub cause: Cause,
    pub entered_previous_at: i64,
}

// ---- the three entries

/// `events` in input order. They are sorted by (time, input order) first (rule 2). The replay ends
/// at `until`, or else at the last event's time (rule 4).
pub(crate) fn replay(models: &[Model], events: &[Event], until: Option<i64>) -> Vec<Change> {
    let mut sorted = events.to_vec();
    sorted.sort_by_key(|event| event.time); // stable
    arrive(models, &sorted, 0, until)
}

/// `events` in order of arrival, some of them late (rule 8). Ends as a replay does: at `until`, or
/// else at the highest event time, whatever the lateness.
pub(crate) fn arrive(
    models: &[Model],
    events: &[Event],
    lateness: i64,
    until: Option<i64>,
) -> Vec<Change> {
    let Some(end) = until.or(events.iter().map(|event| event.time).max()) else {
        return Vec::new();
    };
    let mut world = World::new(models, lateness);
    for event in events.iter().filter(|event| event.time <= end) {
        world.accept(event);
    }
    world.advance(end);
    world.changes
}

/// The same changes, customer by customer: for comparisons that do not look at the order between
/// customers.
pub(crate) fn by_customer(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_by(|a, b| a.customer.cmp(&b.customer)); // stable
    changes
}

// ---- events and timers (rules 3-8)

/// A run that does not end by itself: feed it events, then look at `changes`.
pub(crate) struct World<'a> {
    models: &'a [Model],
    lateness: i64,
    highest: i64,
    customers: BTreeMap<String, Customer>,
    pub changes: Vec<Change>,
}

struct Customer {
    /// In the order in which they were applied, without duplicates.
    events: Vec<Event>,
    /// One per model.
    tracks: Vec<Track>,
}

/// A customer in a model.
struct Track {
    past: Past,
    /// Number of the transition -> since when its condition has been true.
    true_since: BTreeMap<usize, i64>,
    timer: Option<i64>,
}

/// Every stage the customer has been in, in order: one more than there were transitions.
struct Past {
    stays: Vec<Stay>,
}

struct Stay {
    stage: String,
    from: i64,
    /// None for the stage that the customer is in.
    until: Option<i64>,
    /// The number of the transition that led here; none for the customer's creation.
    by: Option<usize>,
}

impl<'a> World<'a> {
    pub(crate) fn new(models: &'a [Model], lateness: i64) -> World<'a> {
        World {
            models,
            lateness,
            highest: i64::MIN,
            customers: BTreeMap::new(),
            changes: Vec::new(),
        }
    }

    pub(crate) fn accept(&mut self, event: &Event) {
        // Rule 3: the customer's own timers due before the event, whatever the watermark.
        self.fire(event.time - 1, Some(&event.customer));
        // Rule 7: a duplicate only shows that time has passed.
        if !self.is_duplicate(event) {
            self.apply(event);
        }
        // The watermark moves with every event; timers fire when it is past them.
        self.highest = self.highest.max(event.time);
        let watermark = self.highest - self.lateness;
        self.fire(watermark - 1, None);
    }

    fn apply(&mut self, event: &Event) {
        // Rule 6: the first event creates the customer.
        let entry = self.customers.entry(event.customer.clone());
        let customer = entry.or_insert_with(|| Customer::new(self.models, event.time));
        customer.events.push(event.clone());
        // Rule 8: a late event is evaluated later than its own time.
        let latest = customer.events.iter().map(|e| e.time).max().unwrap();
        for model in 0..self.models.len() {
            let past = &self.customers[&event.customer].tracks[model].past;
            let now = latest.max(past.current().from);
            self.evaluate(&event.customer, model, now, Some(&event.kind));
        }
    }

    /// Rule 7.
    fn is_duplicate(&self, event: &Event) -> bool {
        let horizons: Vec<i64> = self.models.iter().filter_map(|m| m.dedupe_ms).collect();
        let agreed = horizons.iter().all(|horizon| *horizon == horizons[0]);
        assert!(agreed, "refused: {horizons:?}");
        let (Some(id), Some(horizon)) = (&event.id, horizons.first()) else {
            return false;
        };
        let customer = self.customers.get(&event.customer);
        customer.is_some_and(|customer| customer.remembered(*horizon).contains(&id.as_str()))
    }

    /// Time passes without an event: timers due up to and including `end` fire.
    pub(crate) fn advance(&mut self, end: i64) {
        self.fire(end, None);
    }

    /// Fires timers due up to and including `last`, by (due, customer, order of the models), also
    /// those armed meanwhile.
    fn fire(&mut self, last: i64, only: Option<&str>) {
        while let Some((due, customer, model)) = self.earliest_timer(only)
            && due <= last
        {
            self.evaluate(&customer, model, due, None);
            let few = self.changes.len() < CHANGES_MAX;
            assert!(
                few,
                "stages follow each other by time alone, without an end"
            );
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

    /// Rule 16: one chain. `event` is the type of the event that is being evaluated; none for a
    /// timer.
    fn evaluate(&mut self, name: &str, model_number: usize, now: i64, event: Option<&str>) {
        let customer = self.customers.get_mut(name).unwrap();
        let model = &self.models[model_number];
        let cause = event.map_or(Cause::Timer, |_| Cause::Event);
        let Track {
            past,
            true_since,
            timer,
        } = &mut customer.tracks[model_number];
        let mut visited = vec![past.current().stage.clone()];
        let mut event = event;
        loop {
            let look = Look {
                model,
                events: &customer.events,
                past,
                now,
                facts_at: now,
                event,
            };
            let Some(number) = choose(&look, true_since, &visited) else {
                *timer = next_instant(&look, true_since);
                return;
            };
            let change = past.take(name, model, number, now, cause);
            visited.push(change.to.clone());
            self.changes.push(change);
            true_since.clear(); // rule 17: any stage entry starts holds anew
            event = None; // rule 14: only for the first link
        }
    }
}

impl Customer {
    fn new(models: &[Model], created_at: i64) -> Customer {
        let begin = |model: &Model| Track {
            past: Past::new(&model.initial, created_at),
            true_since: BTreeMap::new(),
            timer: None,
        };
        Customer {
            events: Vec::new(),
            tracks: models.iter().map(begin).collect(),
        }
    }

    /// Rule 7: the ids of events no older than the horizon, at most so many, those of the latest
    /// time; at equal times those that came in first.
    fn remembered(&self, horizon: i64) -> Vec<&str> {
        let latest = self.events.iter().map(|event| event.time).max().unwrap();
        let mut recent: Vec<&Event> = self.events.iter().collect();
        recent.retain(|event| event.id.is_some() && event.time >= latest - horizon);
        recent.sort_by_key(|event| -event.time); // stable
        recent.truncate(IDS_MAX);
        let ids = recent.iter().filter_map(|event| event.id.as_deref());
        ids.collect()
    }
}

// ---- transitions (rules 15-20)

/// The number of the first transition in file order that holds and is not blocked.
fn choose(look: &Look, true_since: &mut BTreeMap<usize, i64>, visited: &[String]) -> Option<usize> {
    let mut chosen = None;
    for (number, transition) in outgoing(look) {
        let held = is_held(look, true_since, number, transition);
        let blocks = look.past.blocks(look.model, number);
        let open = blocks.iter().all(|&opens_at| look.now >= opens_at);
        let again = visited.contains(&transition.to);
        if held && open && !again && chosen.is_none() {
            chosen = Some(number);
        }
    }
    chosen
}

/// Rule 17. A start later than now (rule 8 can go back) is none.
fn is_held(
    look: &Look,
    true_since: &mut BTreeMap<usize, i64>,
    number: usize,
    transition: &Transition,
) -> bool {
    if !look.holds(&transition.when) {
        true_since.remove(&number);
        return false;
    }
    let start = match true_since.get(&number) {
        Some(&start) if start <= look.now => start,
        _ => look.now,
    };
    true_since.insert(number, start);
    look.now >= start + transition.hold_ms
}

/// The timer: the earliest instant later than now at which anything about the transitions out of
/// the current stage can change.
fn next_instant(look: &Look, true_since: &BTreeMap<usize, i64>) -> Option<i64> {
    let mut instants = Vec::new();
    for (number, transition) in outgoing(look) {
        instants.extend(look.past.blocks(look.model, number));
        look.flips(&transition.when, &mut instants);
        if let Some(start) = true_since.get(&number) {
            instants.push(start + transition.hold_ms);
        }
    }
    instants.retain(|&instant| instant > look.now && instant != NEVER);
    instants.into_iter().min()
}

/// The transitions out of the current stage, with their numbers.
fn outgoing<'m>(look: &Look<'m>) -> Vec<(usize, &'m Transition)> {
    let stage = &look.past.current().stage;
    let all = look.model.transitions.iter().enumerate();
    all.filter(|(_, transition)| transition.from.contains(stage))
        .collect()
}

/// When a block opens that does not.
const NEVER: i64 = i64::MAX;

impl Past {
    fn new(initial: &str, created_at: i64) -> Past {
        let created = Stay {
            stage: initial.to_string(),
            from: created_at,
            until: None,
            by: None,
        };
        Past {
            stays: vec![created],
        }
    }

    fn current(&self) -> &Stay {
        self.stays.last().unwrap()
    }

    fn stays_in(&self, stage: &str) -> impl DoubleEndedIterator<Item = &Stay> {
        self.stays.iter().filter(move |stay| stay.stage == stage)
    }

    /// Rule 18: the instants at which the blocks on the way of a transition out of the current stage
    /// open.
    fn blocks(&self, model: &Model, number: usize) -> Vec<i64> {
        let transition = &model.transitions[number];
        let find_stage = |name: &str| model.stages.iter().find(|s| s.name == name).unwrap();
        let here = self.current();
        let mut blocks = vec![here.from + find_stage(&here.stage).min_dwell_ms];
        let mut latest_first = self.stays.iter().rev();
        let last_taking = latest_first.find(|stay| stay.by == Some(number));
        blocks.extend(last_taking.map(|stay| stay.from + transition.cooldown_ms));
        let last_stay = self.stays_in(&transition.to).next_back();
        let last_exit = last_stay.and_then(|stay| stay.until);
        blocks.extend(match find_stage(&transition.to).reentry {
            Reentry::Always => None,
            Reentry::Never => last_exit.map(|_| NEVER),
            Reentry::After(pause_ms) => last_exit.map(|exit| exit + pause_ms),
        });
        blocks
    }

    fn take(
        &mut self,
        customer: &str,
        model: &Model,
        number: usize,
        now: i64,
        cause: Cause,
    ) -> Change {
        let taken = &model.transitions[number];
        let sequence = self.stays.len() as u64;
        let left = self.stays.last_mut().unwrap();
        left.until = Some(now);
        let default_name = format!("{}->{}", left.stage, taken.to);
        let change = Change {
            customer: customer.to_string(),
            model: model.name.clone(),
            sequence,
            from: left.stage.clone(),
            to: taken.to.clone(),
            transition: taken.name.clone().unwrap_or(default_name),
            effective_at: now,
            cause,
            entered_previous_at: left.from,
        };
        self.stays.push(Stay {
            stage: taken.to.clone(),
            from: now,
            until: None,
            by: Some(number),
        });
        change
    }
}
