//! A second, independent implementation of the rules of `design/lifecycle.md`, for the test suite
//! to compare the real engine with, transition by transition.
//!
//! It was written from the rules alone, shares nothing with `src/`, and needs only std. It is slow
//! and meant to be obvious: every fact is computed from all the customer's events at every
//! evaluation, every timer is searched for from nothing, all arithmetic is exact or panics. It does
//! not check models: give it none that the rules refuse (a bare event with `hold` or under `!`,
//! `since` with `==`, unknown names).
//!
//! Rules 1-6, 8-17, 19 and 20 are here, and `min_dwell` of rule 18. Left out: duplicates and
//! refunds (7), cooldown and re-entry (18), ids (21), everything beyond one pass (22-25).
#![allow(
    dead_code,
    reason = "two test binaries share it, and neither needs all of it"
)]

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops;

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// Numbers are whole multiples of 1e-9. Instants and durations are numbers of milliseconds.
const SCALE: i128 = 1_000_000_000;

/// 3000-01-01: a comparison with `since` is not expected to flip later than this.
const HORIZON: i64 = 32_503_680_000_000;

// ---- models

#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub name: String,
    pub initial: String,
    pub stages: Vec<Stage>,
    pub facts: Vec<(String, Fact)>,
    pub transitions: Vec<Transition>,
}

#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub name: String,
    pub min_dwell_ms: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Transition {
    pub from: Vec<String>,
    pub to: String,
    pub name: Option<String>,
    pub when: Expr,
    pub hold_ms: i64,
}

/// The event may be `any`.
#[derive(Debug, Clone)]
pub(crate) enum Fact {
    Count {
        event: String,
        window: Option<Window>,
    },
    Sum {
        event: String,
        field: String,
        window: Option<Window>,
    },
    First {
        event: String,
    },
    Last {
        event: String,
    },
    FirstOf {
        event: String,
        field: String,
    },
    Latest {
        event: String,
        field: String,
    },
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
}

#[derive(Debug, Clone)]
pub(crate) enum Expr {
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Compare(Op, Num, Num),
    Has(String),
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
#[derive(Debug, Clone)]
pub(crate) enum Num {
    Fact(String),
    Literal(Value),
    Since(String),
    Duration(i64),
    Plus(Box<Num>, Box<Num>),
    Minus(Box<Num>, Box<Num>),
    Times(Box<Num>, Box<Num>),
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
    /// In the order in which they were applied.
    events: Vec<Event>,
    /// One per model.
    tracks: Vec<Track>,
}

/// A customer in a model.
struct Track {
    stage: String,
    entered_at: i64,
    last_effective_at: Option<i64>,
    sequence: u64,
    /// Number of the transition -> since when its condition has been true.
    true_since: BTreeMap<usize, i64>,
    timer: Option<i64>,
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
        // Rule 6: the first event creates the customer.
        let entry = self.customers.entry(event.customer.clone());
        let customer = entry.or_insert_with(|| Customer::new(self.models, event.time));
        customer.events.push(event.clone());
        // Rule 8: a late event is evaluated later than its own time.
        let latest = customer.events.iter().map(|e| e.time).max().unwrap();
        for model in 0..self.models.len() {
            let last = self.customers[&event.customer].tracks[model].last_effective_at;
            let now = last.map_or(latest, |last| last.max(latest));
            self.evaluate(&event.customer, model, now, Some(&event.kind));
        }
        // The watermark moves with every event; timers fire when it is past them.
        self.highest = self.highest.max(event.time);
        let watermark = self.highest - self.lateness;
        self.fire(watermark - 1, None);
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
    fn evaluate(&mut self, name: &str, model: usize, now: i64, event: Option<&str>) {
        let customer = self.customers.get_mut(name).unwrap();
        let track = &mut customer.tracks[model];
        let model = &self.models[model];
        let cause = event.map_or(Cause::Timer, |_| Cause::Event);
        let mut look = Look {
            model,
            events: &customer.events,
            now,
            facts_at: now,
            event,
        };
        let mut visited = vec![track.stage.clone()];
        while let Some(transition) = track.choose(&look, &visited) {
            self.changes
                .push(track.take(name, model, transition, now, cause));
            visited.push(transition.to.clone());
            look.event = None; // rule 14: only for the first link
        }
        track.timer = track.next_instant(&look);
    }
}

impl Customer {
    fn new(models: &[Model], created_at: i64) -> Customer {
        let begin = |model: &Model| Track {
            stage: model.initial.clone(),
            entered_at: created_at,
            last_effective_at: None,
            sequence: 0,
            true_since: BTreeMap::new(),
            timer: None,
        };
        Customer {
            events: Vec::new(),
            tracks: models.iter().map(begin).collect(),
        }
    }
}

// ---- transitions (rules 15-20)

impl Track {
    /// The first transition in file order that holds and is not blocked.
    fn choose<'m>(&mut self, look: &Look<'m>, visited: &[String]) -> Option<&'m Transition> {
        let mut chosen = None;
        for (number, transition) in outgoing(look.model, &self.stage) {
            let held = self.is_held(number, transition, look);
            let dwelt = look.now >= self.dwell_end(look.model);
            let again = visited.contains(&transition.to);
            if held && dwelt && !again && chosen.is_none() {
                chosen = Some(transition);
            }
        }
        chosen
    }

    /// Rule 17. A start later than now (rule 8 can go back) is none.
    fn is_held(&mut self, number: usize, transition: &Transition, look: &Look) -> bool {
        if !look.holds(&transition.when) {
            self.true_since.remove(&number);
            return false;
        }
        let start = match self.true_since.get(&number) {
            Some(&start) if start <= look.now => start,
            _ => look.now,
        };
        self.true_since.insert(number, start);
        look.now >= start + transition.hold_ms
    }

    fn dwell_end(&self, model: &Model) -> i64 {
        let mut stages = model.stages.iter();
        let stage = stages.find(|s| s.name == self.stage).unwrap();
        self.entered_at + stage.min_dwell_ms
    }

    fn take(
        &mut self,
        customer: &str,
        model: &Model,
        taken: &Transition,
        now: i64,
        cause: Cause,
    ) -> Change {
        self.sequence += 1;
        let default_name = format!("{}->{}", self.stage, taken.to);
        let change = Change {
            customer: customer.to_string(),
            model: model.name.clone(),
            sequence: self.sequence,
            from: self.stage.clone(),
            to: taken.to.clone(),
            transition: taken.name.clone().unwrap_or(default_name),
            effective_at: now,
            cause,
            entered_previous_at: self.entered_at,
        };
        self.stage = taken.to.clone();
        self.entered_at = now;
        self.last_effective_at = Some(now);
        self.true_since.clear();
        change
    }

    /// The timer: the earliest instant later than now at which anything about the transitions out
    /// of the current stage can change.
    fn next_instant(&self, look: &Look) -> Option<i64> {
        let mut instants = vec![self.dwell_end(look.model)];
        for (number, transition) in outgoing(look.model, &self.stage) {
            look.flips(&transition.when, &mut instants);
            if let Some(start) = self.true_since.get(&number) {
                instants.push(start + transition.hold_ms);
            }
        }
        instants.into_iter().filter(|&i| i > look.now).min()
    }
}

fn outgoing<'m>(model: &'m Model, stage: &str) -> Vec<(usize, &'m Transition)> {
    let all = model.transitions.iter().enumerate();
    all.filter(|(_, transition)| transition.from.iter().any(|from| from == stage))
        .collect()
}

// ---- conditions (rules 12, 13, 15)

/// What a condition sees. Facts are those of `facts_at`, which is `now` except in the search for a
/// flip.
#[derive(Clone, Copy)]
struct Look<'a> {
    model: &'a Model,
    events: &'a [Event],
    now: i64,
    facts_at: i64,
    event: Option<&'a str>,
}

impl Look<'_> {
    fn holds(&self, expr: &Expr) -> bool {
        match expr {
            Expr::And(a, b) => self.holds(a) && self.holds(b),
            Expr::Or(a, b) => self.holds(a) || self.holds(b),
            Expr::Not(a) => !self.holds(a),
            Expr::Has(fact) => self.fact(fact).is_some(),
            Expr::Event(kind) => self.event.is_some_and(|e| kind == "any" || kind == e),
            Expr::Compare(op, a, b) => self.compare(*op, a, b),
        }
    }

    /// False when a side is absent (rule 12).
    fn compare(&self, op: Op, a: &Num, b: &Num) -> bool {
        let order = match (self.value(a), self.value(b)) {
            (Some(Value::Number(a)), Some(Value::Number(b))) => a.cmp(&b),
            (Some(Value::Text(a)), Some(Value::Text(b))) => a.cmp(&b),
            (Some(Value::Bool(a)), Some(Value::Bool(b))) => a.cmp(&b),
            (None, _) | (_, None) => return false,
            (a, b) => panic!("{a:?} and {b:?} can not be compared"),
        };
        match op {
            Op::Eq => order == Ordering::Equal,
            Op::Ne => order != Ordering::Equal,
            Op::Lt => order == Ordering::Less,
            Op::Le => order != Ordering::Greater,
            Op::Gt => order == Ordering::Greater,
            Op::Ge => order != Ordering::Less,
        }
    }

    fn value(&self, num: &Num) -> Option<Value> {
        match num {
            Num::Fact(name) => self.fact(name),
            Num::Literal(value) => Some(value.clone()),
            Num::Duration(ms) => Some(milliseconds(*ms)),
            Num::Since(name) => {
                let instant = self.number(&Num::Fact(name.clone()))?;
                let since = i128::from(self.now) * SCALE - instant;
                Some(Value::Number(since.max(0)))
            }
            Num::Plus(a, b) => Some(Value::Number(self.number(a)? + self.number(b)?)),
            Num::Minus(a, b) => Some(Value::Number(self.number(a)? - self.number(b)?)),
            Num::Times(a, b) => {
                let product = self.number(a)? * self.number(b)?;
                assert!(product % SCALE == 0, "more than nine decimals");
                Some(Value::Number(product / SCALE))
            }
        }
    }

    fn number(&self, num: &Num) -> Option<i128> {
        match self.value(num)? {
            Value::Number(number) => Some(number),
            other => panic!("{other:?} is not a number"),
        }
    }

    /// Rule 15: the instants at which the atoms of `expr` can flip next.
    fn flips(&self, expr: &Expr, instants: &mut Vec<i64>) {
        match expr {
            Expr::And(a, b) | Expr::Or(a, b) => {
                self.flips(a, instants);
                self.flips(b, instants);
            }
            Expr::Not(a) => self.flips(a, instants),
            Expr::Has(_) | Expr::Event(_) => {}
            Expr::Compare(op, a, b) => {
                self.buckets_leave(a, instants);
                self.buckets_leave(b, instants);
                if a.has_since() || b.has_since() {
                    assert!(!matches!(op, Op::Eq | Op::Ne), "refused (rule 13)");
                    instants.extend(self.since_flips(*op, a, b));
                }
            }
        }
    }

    /// As time goes by and all other facts stay, the difference of the two sides is monotone, so
    /// there is at most one flip. Found by bisection.
    fn since_flips(&self, op: Op, a: &Num, b: &Num) -> Option<i64> {
        let at = |now| Look { now, ..*self }.compare(op, a, b);
        let (mut before, mut after) = (self.now, HORIZON.max(self.now));
        if at(before) == at(after) {
            return None;
        }
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if at(middle) == at(before) {
                before = middle;
            } else {
                after = middle;
            }
        }
        Some(after)
    }

    fn buckets_leave(&self, num: &Num, instants: &mut Vec<i64>) {
        match num {
            Num::Literal(_) | Num::Duration(_) | Num::Since(_) => {}
            Num::Plus(a, b) | Num::Minus(a, b) | Num::Times(a, b) => {
                self.buckets_leave(a, instants);
                self.buckets_leave(b, instants);
            }
            Num::Fact(name) => {
                let fact = find_fact(self.model, name);
                if let Some(window) = fact.window() {
                    let counted = self.events.iter().filter(|event| fact.takes(event));
                    let leave = counted.map(|event| window.leaves_at(event.time));
                    instants.extend(leave.filter(|&instant| instant > self.now).min());
                }
            }
        }
    }

    // ---- facts (rules 9-11)

    fn fact(&self, name: &str) -> Option<Value> {
        let fact = find_fact(self.model, name);
        let inside = |w: Window, event: &Event| w.contains(event.time, self.facts_at);
        let counts = |e: &&Event| fact.takes(e) && fact.window().is_none_or(|w| inside(w, e));
        let mut taken: Vec<&Event> = self.events.iter().filter(counts).collect();
        taken.sort_by_key(|event| event.time); // stable: by (time, input order)
        match fact {
            Fact::Count { .. } => Some(Value::Number(taken.len() as i128 * SCALE)),
            Fact::Sum { field, .. } => {
                let number = |event: &&Event| match &event.fields[field] {
                    Value::Number(number) => *number,
                    other => panic!("{other:?} can not be summed"),
                };
                Some(Value::Number(taken.iter().map(number).sum()))
            }
            Fact::First { .. } => taken.first().map(|event| milliseconds(event.time)),
            Fact::Last { .. } => taken.last().map(|event| milliseconds(event.time)),
            Fact::FirstOf { field, .. } => taken.first().map(|event| event.fields[field].clone()),
            Fact::Latest { field, .. } => taken.last().map(|event| event.fields[field].clone()),
        }
    }
}

fn milliseconds(ms: i64) -> Value {
    Value::Number(i128::from(ms) * SCALE)
}

fn find_fact<'m>(model: &'m Model, name: &str) -> &'m Fact {
    let mut facts = model.facts.iter();
    let (_, fact) = facts.find(|(fact, _)| fact == name).expect(name);
    fact
}

impl Fact {
    fn window(&self) -> Option<Window> {
        match self {
            Fact::Count { window, .. } | Fact::Sum { window, .. } => *window,
            _ => None,
        }
    }

    /// Is the event of the right type, and does it carry the field?
    fn takes(&self, candidate: &Event) -> bool {
        let (event, field) = match self {
            Fact::Count { event, .. } | Fact::First { event } | Fact::Last { event } => {
                (event, None)
            }
            Fact::Sum { event, field, .. } => (event, Some(field)),
            Fact::FirstOf { event, field } | Fact::Latest { event, field } => (event, Some(field)),
        };
        let right_type = event == "any" || *event == candidate.kind;
        right_type && field.is_none_or(|field| candidate.fields.contains_key(field))
    }
}

impl Window {
    /// Rule 10.
    pub(crate) fn of(duration_ms: i64) -> Window {
        let hourly = duration_ms <= 72 * HOUR;
        let unit = if hourly { Unit::Hour } else { Unit::Day };
        let buckets = duration_ms / unit as i64;
        let whole = buckets > 0 && buckets * unit as i64 == duration_ms;
        assert!(whole, "refused: a window of {duration_ms} ms");
        Window { unit, buckets }
    }

    /// The current bucket and the N-1 before it.
    fn contains(self, time: i64, now: i64) -> bool {
        let bucket = |instant: i64| instant.div_euclid(self.unit as i64);
        (0..self.buckets).contains(&(bucket(now) - bucket(time)))
    }

    fn leaves_at(self, time: i64) -> i64 {
        (time.div_euclid(self.unit as i64) + self.buckets) * self.unit as i64
    }
}

impl Num {
    fn has_since(&self) -> bool {
        match self {
            Num::Since(_) => true,
            Num::Fact(_) | Num::Literal(_) | Num::Duration(_) => false,
            Num::Plus(a, b) | Num::Minus(a, b) => a.has_since() || b.has_since(),
            Num::Times(a, b) => {
                assert!(!(a.has_since() && b.has_since()), "not monotone");
                a.has_since() || b.has_since()
            }
        }
    }
}

// ---- terse construction

impl Model {
    pub(crate) fn new(name: &str, initial: &str) -> Model {
        let (name, initial) = (name.to_string(), initial.to_string());
        Model {
            name,
            initial,
            stages: Vec::new(),
            facts: Vec::new(),
            transitions: Vec::new(),
        }
    }

    /// Stages without a dwell.
    pub(crate) fn stages(self, names: &[&str]) -> Model {
        names.iter().fold(self, |model, name| model.stage(name, 0))
    }

    pub(crate) fn stage(mut self, name: &str, min_dwell_ms: i64) -> Model {
        self.stages.push(Stage {
            name: name.to_string(),
            min_dwell_ms,
        });
        self
    }

    pub(crate) fn fact(mut self, name: &str, fact: Fact) -> Model {
        self.facts.push((name.to_string(), fact));
        self
    }

    pub(crate) fn go(mut self, from: &[&str], to: &str, when: Expr) -> Model {
        let from = from.iter().map(|stage| stage.to_string()).collect();
        self.transitions.push(Transition {
            from,
            to: to.to_string(),
            name: None,
            when,
            hold_ms: 0,
        });
        self
    }

    /// For the transition added last.
    pub(crate) fn hold(mut self, hold_ms: i64) -> Model {
        self.transitions.last_mut().unwrap().hold_ms = hold_ms;
        self
    }

    /// For the transition added last.
    pub(crate) fn named(mut self, name: &str) -> Model {
        self.transitions.last_mut().unwrap().name = Some(name.to_string());
        self
    }
}

pub(crate) fn count(event: &str) -> Fact {
    Fact::Count {
        event: event.to_string(),
        window: None,
    }
}

pub(crate) fn sum(event: &str, field: &str) -> Fact {
    Fact::Sum {
        event: event.to_string(),
        field: field.to_string(),
        window: None,
    }
}

pub(crate) fn first(event: &str) -> Fact {
    Fact::First {
        event: event.to_string(),
    }
}

pub(crate) fn last(event: &str) -> Fact {
    Fact::Last {
        event: event.to_string(),
    }
}

pub(crate) fn first_of(event: &str, field: &str) -> Fact {
    Fact::FirstOf {
        event: event.to_string(),
        field: field.to_string(),
    }
}

pub(crate) fn latest(event: &str, field: &str) -> Fact {
    Fact::Latest {
        event: event.to_string(),
        field: field.to_string(),
    }
}

impl Fact {
    pub(crate) fn over(mut self, duration_ms: i64) -> Fact {
        match &mut self {
            Fact::Count { window, .. } | Fact::Sum { window, .. } => {
                *window = Some(Window::of(duration_ms))
            }
            other => panic!("{other:?} has no window"),
        }
        self
    }
}

pub(crate) fn fact(name: &str) -> Num {
    Num::Fact(name.to_string())
}

pub(crate) fn since(fact: &str) -> Num {
    Num::Since(fact.to_string())
}

/// `num(3)`, `num("500.25")`
pub(crate) fn num(decimal: impl Display) -> Num {
    Num::Literal(Value::number(&decimal.to_string()))
}

pub(crate) fn text(text: &str) -> Num {
    Num::Literal(Value::text(text))
}

pub(crate) fn truth(truth: bool) -> Num {
    Num::Literal(Value::Bool(truth))
}

pub(crate) fn hours(n: i64) -> Num {
    Num::Duration(n * HOUR)
}

pub(crate) fn days(n: i64) -> Num {
    Num::Duration(n * DAY)
}

pub(crate) fn event(kind: &str) -> Expr {
    Expr::Event(kind.to_string())
}

pub(crate) fn has(fact: &str) -> Expr {
    Expr::Has(fact.to_string())
}

macro_rules! comparisons {
    ($($name:ident $op:ident)*) => {
        impl Num {
            $(pub(crate) fn $name(self, other: Num) -> Expr {
                Expr::Compare(Op::$op, self, other)
            })*
        }
    };
}
comparisons!(eq Eq ne Ne lt Lt le Le gt Gt ge Ge);

macro_rules! operators {
    ($($kind:ident $variant:ident $operator:ident $name:ident)*) => {
        $(impl ops::$operator for $kind {
            type Output = $kind;
            fn $name(self, other: $kind) -> $kind {
                $kind::$variant(Box::new(self), Box::new(other))
            }
        })*
    };
}
operators!(Num Plus Add add Num Minus Sub sub Num Times Mul mul);
operators!(Expr And BitAnd bitand Expr Or BitOr bitor);

impl ops::Not for Expr {
    type Output = Expr;
    fn not(self) -> Expr {
        Expr::Not(Box::new(self))
    }
}

impl Event {
    pub(crate) fn new(customer: &str, kind: &str, time: i64) -> Event {
        let (customer, kind) = (customer.to_string(), kind.to_string());
        Event {
            customer,
            kind,
            time,
            fields: BTreeMap::new(),
        }
    }

    pub(crate) fn with(mut self, field: &str, value: Value) -> Event {
        self.fields.insert(field.to_string(), value);
        self
    }
}

impl Value {
    pub(crate) fn text(text: &str) -> Value {
        Value::Text(text.to_string())
    }

    /// Exact, at most nine decimals.
    pub(crate) fn number(decimal: &str) -> Value {
        let (units, remainder) = split_decimal(decimal, 9);
        let exact = remainder.trim_end_matches('0').is_empty();
        assert!(exact, "more than nine decimals: {decimal}");
        Value::Number(sign(decimal) * units)
    }

    /// Rule 11: half-even to cents.
    pub(crate) fn money(decimal: &str) -> Value {
        let (mut cents, remainder) = split_decimal(decimal, 2);
        let remainder = remainder.trim_end_matches('0'); // as text: "49" < "5" (half) < "51"
        if remainder > "5" || (remainder == "5" && cents % 2 == 1) {
            cents += 1;
        }
        Value::Number(sign(decimal) * cents * (SCALE / 100))
    }
}

fn sign(decimal: &str) -> i128 {
    if decimal.starts_with('-') { -1 } else { 1 }
}

/// `-12.3456` with 2 places: 1234 and `56`. The sign is left to the caller.
fn split_decimal(decimal: &str, places: usize) -> (i128, String) {
    let unsigned = decimal.strip_prefix('-').unwrap_or(decimal);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = format!("{fraction:0<places$}");
    let (kept, remainder) = digits.split_at(places);
    let all_digits = remainder.bytes().all(|byte| byte.is_ascii_digit());
    let units = format!("{whole}{kept}").parse();
    match units {
        Ok(units) if all_digits => (units, remainder.to_string()),
        _ => panic!("not a decimal: {decimal}"),
    }
}

/// Midnight UTC of a date from 1970 on.
pub(crate) fn date(year: i64, month: usize, day: i64) -> i64 {
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap(year) { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let years: i64 = (1970..year).map(|y| 365 + i64::from(leap(y))).sum();
    let months: i64 = lengths[..month - 1].iter().sum();
    (years + months + day - 1) * DAY
}

// ---- expected values are derived by hand

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01, a whole UTC day.
    const T: i64 = 1_767_225_600_000;

    fn at(kind: &str, time: i64) -> Event {
        Event::new("ann", kind, time)
    }

    /// (transition, effective_at - T, cause)
    fn short(changes: &[Change]) -> Vec<(&str, i64, Cause)> {
        changes
            .iter()
            .map(|c| (c.transition.as_str(), c.effective_at - T, c.cause))
            .collect()
    }

    fn silence() -> Model {
        Model::new("m", "active")
            .stages(&["active", "silent"])
            .fact("last_order", last("order"))
            .go(&["active"], "silent", since("last_order").ge(days(10)))
            .go(&["silent"], "active", since("last_order").lt(days(10)))
            .named("back")
    }

    #[test]
    fn the_sketch_of_the_design_gives_its_expected_dates() {
        let model = Model::new("retail", "reach")
            .stages(&["reach", "conversion", "loyalty", "at_risk"])
            .stage("retention", DAY)
            .fact("orders", count("order_completed"))
            .fact("last_order", last("order_completed"))
            .go(&["reach"], "conversion", fact("orders").ge(num(1)))
            .go(&["conversion"], "retention", fact("orders").ge(num(2)))
            .go(
                &["conversion", "retention", "loyalty"],
                "at_risk",
                since("last_order").ge(days(45)),
            )
            .hold(3 * DAY)
            .go(&["at_risk"], "retention", since("last_order").lt(days(30)));
        let order = |day| at("order_completed", date(2026, 1, day));
        let changes = replay(&[model], &[order(8), order(1)], Some(date(2026, 2, 25)));
        let found: Vec<_> = changes
            .iter()
            .map(|c| (c.sequence, c.to.as_str(), c.effective_at))
            .collect();
        let conversion = (1, "conversion", date(2026, 1, 1));
        let retention = (2, "retention", date(2026, 1, 8));
        let at_risk = (3, "at_risk", date(2026, 2, 25)); // 8 January + 45 days = 22 February, + 3
        assert_eq!(found, [conversion, retention, at_risk]);
        assert_eq!(changes[2].transition, "retention->at_risk");
        assert_eq!(changes[2].entered_previous_at, date(2026, 1, 8));
        assert_eq!(changes[2].cause, Cause::Timer);
    }

    #[test]
    fn creation_is_no_transition_but_the_first_event_is_evaluated_at_once() {
        let quiet = Model::new("quiet", "a").stages(&["a"]);
        let quick = Model::new("quick", "a")
            .stages(&["a", "b"])
            .go(&["a"], "b", event("hello"));
        let changes = replay(&[quiet, quick], &[at("hello", T)], None);
        assert_eq!(short(&changes), [("a->b", 0, Cause::Event)]);
        assert_eq!(
            (changes[0].sequence, changes[0].entered_previous_at),
            (1, T)
        );
    }

    #[test]
    fn an_event_at_the_deadline_cancels_it_or_meets_it_as_its_cause() {
        let cancels = [at("order", T), at("order", T + 10 * DAY)];
        assert_eq!(short(&replay(&[silence()], &cancels, None)), []);
        let meets = [at("order", T), at("visit", T + 10 * DAY)];
        let met = ("active->silent", 10 * DAY, Cause::Event);
        assert_eq!(short(&replay(&[silence()], &meets, None)), [met]);
        let after = [at("order", T), at("order", T + 10 * DAY + 1)];
        let timer = ("active->silent", 10 * DAY, Cause::Timer);
        let back = ("back", 10 * DAY + 1, Cause::Event);
        assert_eq!(short(&replay(&[silence()], &after, None)), [timer, back]);
    }

    #[test]
    fn a_replay_fires_timers_up_to_and_including_its_end_and_ignores_later_events() {
        let events = [at("order", T), at("order", T + 5 * DAY)];
        assert_eq!(
            short(&replay(&[silence()], &events[..1], Some(T + 10 * DAY - 1))),
            []
        );
        let timer = ("active->silent", 10 * DAY, Cause::Timer);
        assert_eq!(
            short(&replay(&[silence()], &events[..1], Some(T + 10 * DAY))),
            [timer]
        );
        assert_eq!(
            short(&replay(&[silence()], &events, Some(T + 5 * DAY - 1))),
            []
        );
    }

    #[test]
    fn strict_comparisons_and_sums_of_since_flip_at_the_exact_millisecond() {
        let flip = |when| {
            let model = Model::new("m", "a").stages(&["a", "b"]);
            let model = model
                .fact("x", first("x"))
                .fact("y", first("y"))
                .go(&["a"], "b", when);
            let changes = replay(
                &[model],
                &[at("x", T), at("y", T + DAY)],
                Some(T + 99 * DAY),
            );
            changes[0].effective_at - T
        };
        assert_eq!(flip(since("y").ge(days(2))), 3 * DAY);
        assert_eq!(flip(since("y").gt(days(2))), 3 * DAY + 1);
        assert_eq!(flip(has("y") & !since("y").le(days(2))), 3 * DAY + 1);
        assert_eq!(flip((since("x") + since("y")).ge(days(3))), 2 * DAY); // 2 + 1
        assert_eq!(
            flip((num(2) * since("y")).gt(since("x") + hours(1))),
            2 * DAY + HOUR + 1
        );
    }

    #[test]
    fn a_window_loses_a_bucket_at_its_edge() {
        let model = |window| {
            Model::new("m", "a")
                .stages(&["a", "b", "c"])
                .fact("n", count("order").over(window))
                .go(&["a"], "b", fact("n").ge(num(2)))
                .go(&["b"], "c", fact("n").lt(num(2)))
        };
        let events = [at("order", T + 23 * HOUR + 5), at("order", T + 30 * HOUR)];
        // 4 days: day 0 is inside on days 0 to 3. 8 hours: hour 23 is inside in the hours 23 to 30.
        let whole_days = replay(&[model(4 * DAY)], &events, Some(T + 9 * DAY));
        let enter = ("a->b", 30 * HOUR, Cause::Event);
        assert_eq!(short(&whole_days), [enter, ("b->c", 4 * DAY, Cause::Timer)]);
        let by_hours = replay(&[model(8 * HOUR)], &events, Some(T + 9 * DAY));
        assert_eq!(short(&by_hours), [enter, ("b->c", 31 * HOUR, Cause::Timer)]);
        assert_eq!(
            Window::of(72 * HOUR),
            Window {
                unit: Unit::Hour,
                buckets: 72
            }
        );
        assert!(std::panic::catch_unwind(|| Window::of(73 * HOUR)).is_err());
    }

    #[test]
    fn a_chain_enters_no_stage_twice_and_knows_its_event_only_in_the_first_link() {
        let always = || fact("n").ge(num(1));
        let model = Model::new("m", "a")
            .stages(&["a", "b", "c"])
            .fact("n", count("any"))
            .go(&["a"], "b", event("go"))
            .go(&["b"], "c", event("go"))
            .go(&["b"], "a", always());
        // go: a->b; then "go" is over, and a is where the chain began. nop: b->a. go: a->b. go:
        // b->c.
        let events = [
            at("go", T),
            at("nop", T + 1),
            at("go", T + 2),
            at("go", T + 3),
        ];
        let found = replay(&[model], &events, None);
        let named = |name, time| (name, time, Cause::Event);
        let expected = [
            named("a->b", 0),
            named("b->a", 1),
            named("a->b", 2),
            named("b->c", 3),
        ];
        assert_eq!(short(&found), expected);

        let chain = Model::new("m", "a")
            .stages(&["a", "b", "c"])
            .fact("n", count("any"));
        let chain = chain
            .go(&["a"], "b", always())
            .go(&["b"], "c", always())
            .go(&["c"], "a", always());
        let found = replay(&[chain], &[at("x", T), at("x", T + 1)], None);
        // c->a is skipped at T. At T + 1: c->a->b, and b->c is skipped.
        let sequence: Vec<_> = found.iter().map(|c| c.sequence).collect();
        let expected = [
            named("a->b", 0),
            named("b->c", 0),
            named("c->a", 1),
            named("a->b", 1),
        ];
        assert_eq!(
            (short(&found), sequence),
            (expected.to_vec(), vec![1, 2, 3, 4])
        );
    }

    #[test]
    fn a_hold_is_broken_by_a_false_evaluation_and_runs_on_during_dwell() {
        let model = |dwell| {
            Model::new("m", "a")
                .stage("a", dwell)
                .stages(&["b"])
                .fact("mood", latest("answer", "mood"))
                .go(&["a"], "b", fact("mood").eq(text("bad")))
                .hold(2 * DAY)
        };
        let answer = |mood, time| at("answer", time).with("mood", Value::text(mood));
        let broken = [
            answer("bad", T),
            answer("good", T + DAY),
            answer("bad", T + DAY + HOUR),
        ];
        let run = |dwell, events| replay(&[model(dwell)], events, Some(T + 30 * DAY));
        assert_eq!(
            short(&run(0, &broken)),
            [("a->b", 3 * DAY + HOUR, Cause::Timer)]
        );
        assert_eq!(
            short(&run(DAY, &broken[..1])),
            [("a->b", 2 * DAY, Cause::Timer)]
        );
        assert_eq!(
            short(&run(5 * DAY, &broken[..1])),
            [("a->b", 5 * DAY, Cause::Timer)]
        );
        let last_instant = [answer("bad", T), answer("good", T + 2 * DAY)];
        assert_eq!(short(&run(0, &last_instant)), []);
    }

    #[test]
    fn a_blocked_transition_is_skipped_and_a_later_one_in_the_file_fires() {
        let model = Model::new("m", "a")
            .stages(&["a", "b", "c"])
            .fact("n", count("any"))
            .go(&["a"], "b", fact("n").ge(num(1)))
            .hold(DAY)
            .go(&["a"], "c", fact("n").ge(num(2)));
        let found = replay(
            &[model],
            &[at("x", T), at("x", T + DAY - 1)],
            Some(T + 9 * DAY),
        );
        assert_eq!(short(&found), [("a->c", DAY - 1, Cause::Event)]);
    }

    #[test]
    fn a_comparison_with_absence_is_false_and_its_negation_true() {
        let holds = |when: Expr| {
            let model = Model::new("m", "a")
                .stages(&["a", "b"])
                .fact("n", count("order"));
            let model = model
                .fact("score", latest("answer", "score"))
                .fact("last", last("order"));
            !replay(&[model.go(&["a"], "b", when)], &[at("visit", T)], None).is_empty()
        };
        assert!(!holds(fact("score").ge(num(0))));
        assert!(!holds(fact("score").ne(num(0))));
        assert!(!holds((fact("score") + num(1)).lt(num(9))));
        assert!(!holds(since("last").ge(days(0))));
        assert!(!holds(has("score")));
        assert!(holds(!fact("score").ge(num(0))));
        assert!(holds(fact("n").eq(num(0))));
    }

    #[test]
    fn a_late_event_counts_at_its_own_time_and_is_evaluated_at_the_latest() {
        let model = Model::new("m", "a")
            .stages(&["a", "b", "c"])
            .fact("n", count("order"))
            .fact("first", first_of("any", "channel"))
            .go(
                &["a"],
                "b",
                fact("n").ge(num(2)) & fact("first").eq(text("shop")),
            )
            .go(&["b"], "c", fact("n").ge(num(3)));
        let order = |channel, time| at("order", time).with("channel", Value::text(channel));
        let events = [
            order("web", T + 9),
            order("shop", T + 5),
            order("mail", T + 7),
        ];
        let found = arrive(&[model], &events, 100, None);
        let expected = [("a->b", 9, Cause::Event), ("b->c", 9, Cause::Event)];
        assert_eq!(short(&found), expected);
    }

    #[test]
    fn an_event_that_comes_after_the_timer_it_would_have_cancelled_counts_from_the_timer_on() {
        // Bob's event moves the watermark past Ann's deadline; her own order of day 9 comes too
        // late.
        let bob = Event::new("bob", "visit", T + 12 * DAY);
        let events = [at("order", T), bob, at("order", T + 9 * DAY)];
        let gone = ("active->silent", 10 * DAY, Cause::Timer);
        let back = ("back", 10 * DAY, Cause::Event);
        assert_eq!(short(&arrive(&[silence()], &events, 0, None)), [gone, back]);
        // With enough lateness it is in time.
        assert_eq!(short(&arrive(&[silence()], &events, 2 * DAY, None)), []);
    }

    #[test]
    fn a_hold_that_a_timer_started_later_than_the_evaluation_has_not_started() {
        let model = || {
            Model::new("m", "a")
                .stages(&["a", "b"])
                .fact("last_order", last("order"))
                .go(&["a"], "b", since("last_order").ge(days(10)))
                .hold(5 * DAY)
        };
        // The timer of day 10 starts the hold; then the visit of day 7 is evaluated at day 7. The
        // timer is armed and fires again, so nothing changes. An order of day 7 moves all by seven
        // days.
        let bob = Event::new("bob", "visit", T + 12 * DAY);
        let with = |kind| [at("order", T), bob.clone(), at(kind, T + 7 * DAY)];
        let end = Some(T + 99 * DAY);
        let visit = arrive(&[model()], &with("visit"), 0, end);
        assert_eq!(short(&visit), [("a->b", 15 * DAY, Cause::Timer)]);
        let order = arrive(&[model()], &with("order"), 0, end);
        assert_eq!(short(&order), [("a->b", 22 * DAY, Cause::Timer)]);
    }

    #[test]
    fn timers_of_one_instant_fire_by_customer_and_then_by_the_order_of_the_models() {
        let models = ["z", "y"].map(|name| Model {
            name: name.to_string(),
            ..silence()
        });
        let events = ["bob", "ann"].map(|customer| Event::new(customer, "order", T));
        let found = replay(&models, &events, Some(T + 10 * DAY));
        let order: Vec<_> = found
            .iter()
            .map(|c| (c.customer.as_str(), c.model.as_str()))
            .collect();
        assert_eq!(
            order,
            [("ann", "z"), ("ann", "y"), ("bob", "z"), ("bob", "y")]
        );
    }

    #[test]
    fn money_is_rounded_half_even_to_cents_and_summed_exactly() {
        let cents = |text| Value::money(text);
        assert_eq!(cents("0.125"), Value::number("0.12"));
        assert_eq!(cents("0.135"), Value::number("0.14"));
        assert_eq!(cents("0.12500000000000001"), Value::number("0.13"));
        assert_eq!(cents("-2.345"), Value::number("-2.34"));
        assert_eq!(cents("500"), cents("500.00"));
        let model = Model::new("m", "a")
            .stages(&["a", "b"])
            .fact("spent", sum("order", "value"));
        let model = model.go(&["a"], "b", fact("spent").eq(num("0.3")));
        let order = |value| at("order", T).with("value", Value::money(value));
        assert_eq!(
            replay(&[model], &[order("0.1"), order("0.2")], None).len(),
            1
        );
    }
}
