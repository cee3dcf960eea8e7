//! Random models and histories, for the reference and for the real engine. Times cluster where errors are likely:
//! at whole hours and days, at due instants and a millisecond around them, and at each other.

mod conditions;
mod facts;
pub(crate) mod models;
pub(crate) mod yaml;

use std::fmt;

use proptest::prelude::*;
use proptest::sample::select;
use tenure::event::{EventTime, Millis};

use crate::reference::{self, Change, DAY, HOUR, MINUTE, Model, Run, Value};

/// Models, and events in processing order. `Debug` prints model files and JSON.
#[derive(Clone)]
pub(crate) struct Case {
    pub models: Vec<Model>,
    pub events: Vec<CaseEvent>,
    pub lateness_ms: i64,
    pub until: Option<i64>,
}

#[derive(Clone, Debug)]
pub(crate) struct CaseEvent {
    pub customer: &'static str,
    pub kind: &'static str,
    pub time: i64,
    pub id: Option<&'static str>,
    pub order_id: Option<&'static str>,
    /// The timestamp of its record, if the event time is later.
    pub written: Option<i64>,
    fields: Fields,
}

/// Names and values, as in JSON.
type Fields = Vec<(&'static str, &'static str)>;

// ---- generators

/// Events in time order, as in a replay.
pub(crate) fn in_order() -> impl Strategy<Value = Case> {
    (models_and_events(), until()).prop_map(|((models, events), until)| {
        // Rows of a file have no timestamp of their own.
        let read = |(event, _): (CaseEvent, i64)| CaseEvent { written: None, ..event };
        let events = events.into_iter().map(read).collect();
        Case::new(models, events, 0, until)
    })
}

/// Events in time order, most of them about few orders.
pub(crate) fn about_amounts() -> impl Strategy<Value = Case> {
    models_and_amounts().prop_map(|(models, events)| {
        let read = |(event, _): (CaseEvent, i64)| CaseEvent { written: None, ..event };
        Case::new(models, events.into_iter().map(read).collect(), 0, None)
    })
}

/// Events that may be later than the lateness allows.
pub(crate) fn out_of_order() -> impl Strategy<Value = Case> {
    let lateness = select(vec![HOUR, DAY, 0, 1, 3 * DAY]);
    delayed(lateness.prop_map(|lateness| (lateness, i64::MAX)))
}

/// Events that are out of order within the lateness.
pub(crate) fn within_lateness() -> impl Strategy<Value = Case> {
    let lateness = select(vec![HOUR, DAY, 1, 3 * DAY]);
    delayed(lateness.prop_map(|lateness| (lateness, lateness)))
}

/// Some events have a long delay, and all events of one customer: the watermark is past them.
fn delayed(bounds: impl Strategy<Value = (i64, i64)>) -> impl Strategy<Value = Case> {
    let lag = prop_oneof![1 => Just(0), 1 => select(vec![DAY, 3 * DAY, 7 * DAY])];
    let parts = (models_and_events(), until(), bounds, lag);
    parts.prop_map(|((models, mut events), until, (lateness_ms, delay_max), lag)| {
        events.sort_by_key(|(event, delay)| {
            let lag = if event.customer == "ann" { lag } else { 0 };
            event.written.unwrap_or(event.time) + (delay + lag).min(delay_max)
        });
        let events = events.into_iter().map(|(event, _)| event).collect();
        Case::new(models, events, lateness_ms, until)
    })
}

/// The end of the run, relative to the last event; later events are ignored.
fn until() -> impl Strategy<Value = Option<i64>> {
    let after = select(vec![10 * DAY, 3 * DAY, DAY, 1, 0, -1, -DAY]);
    prop_oneof![1 => Just(None), 2 => after.prop_map(Some)]
}

/// Events in time order, each with its delay.
type History = Vec<(CaseEvent, i64)>;

fn models_and_events() -> impl Strategy<Value = (Vec<Model>, History)> {
    let any_models = models::models(prop_oneof![5 => models::model(), 1 => models::retractable()]);
    let any_events = prop_oneof![2 => of_many_kinds(), 1 => of_orders()];
    let orders = prop_oneof![3 => of_orders(), 1 => of_dates(), 1 => of_horizons()];
    prop_oneof![
        4 => (any_models, any_events),
        4 => (models::models(models::retractable()), orders),
        1 => models_and_amounts(),
    ]
}

fn models_and_amounts() -> impl Strategy<Value = (Vec<Model>, History)> {
    (models::models(models::retractable()), of_amounts())
}

fn of_many_kinds() -> impl Strategy<Value = History> {
    let step = prop_oneof![
        2 => Just(0),
        5 => select(models::SPANS.to_vec()),
        1 => select(vec![MINUTE, 23 * HOUR, 4 * DAY]),
    ];
    let delay = prop_oneof![1 => Just(0), 1 => select(vec![HOUR, 1, DAY, 3 * DAY, 7 * DAY])];
    // No model uses the last one.
    let kind = select(vec!["order", "order", "visit", "answer", "refund", "Signed Up", "noise"]);
    let parts = (customer(), kind, id(), order_id());
    spread(30, step.boxed(), delay.boxed(), parts)
}

/// Mostly one customer, with orders and returns day by day.
fn of_orders() -> impl Strategy<Value = History> {
    let step = prop_oneof![
        1 => Just(0),
        5 => select(vec![12 * HOUR, HOUR, DAY, 2 * HOUR, 2 * DAY]),
    ];
    let delay = prop_oneof![2 => Just(0), 1 => select(vec![DAY, 12 * HOUR, 2 * DAY, 3 * DAY])];
    let kind = select(vec!["order", "refund", "order", "visit", "cancel", "answer"]);
    let customer = prop_oneof![6 => Just("ann"), 1 => Just("bob")];
    let id = prop_oneof![2 => Just(None), 1 => id()];
    let parts = (customer, kind, id, order_id());
    spread(50, step.boxed(), delay.boxed(), parts)
}

/// Few orders, each with many lines, versions, credit notes and returns, of amounts that add up to each other.
fn of_amounts() -> impl Strategy<Value = History> {
    let step = prop_oneof![
        1 => Just(0),
        3 => select(vec![HOUR, 12 * HOUR, DAY]),
    ];
    let delay = prop_oneof![2 => Just(0), 1 => select(vec![DAY, 12 * HOUR, 2 * DAY])];
    let kind = select(vec!["order", "refund", "refund", "order", "cancel"]);
    let id = prop_oneof![1 => Just(None), 1 => id()];
    let order_id = prop_oneof![
        2 => select(vec!["o1", "o2"]).prop_map(OrderId::One),
        3 => select(vec!["o1", "o2"]).prop_map(OrderId::Last),
    ];
    let history = spread(30, step.boxed(), delay.boxed(), (Just("ann"), kind, id, order_id));
    history.prop_map(|mut history| {
        for (name, value) in history.iter_mut().flat_map(|(event, _)| &mut event.fields) {
            match (*name, *value) {
                ("value", "1000.005" | "19.985") => *value = "10",
                ("value", "0.01") => *value = "5",
                _ => {}
            }
        }
        history
    })
}

/// Orders and returns whose times are dates: several at one instant, in every order.
fn of_dates() -> impl Strategy<Value = History> {
    let step = prop_oneof![3 => Just(0), 2 => Just(DAY), 1 => select(vec![2 * DAY, 3 * DAY])];
    let delay = prop_oneof![2 => Just(0), 1 => select(vec![HOUR, DAY, 3 * DAY])];
    let kind = select(vec!["order", "order", "refund", "cancel", "visit"]);
    let id = prop_oneof![1 => Just(None), 1 => id()];
    let parts = (Just("ann"), kind, id, order_id());
    timed(30, Just(0).boxed(), step.boxed(), delay.boxed(), parts)
}

/// Few events, as far apart as ids and orders are remembered, to the millisecond.
fn of_horizons() -> impl Strategy<Value = History> {
    let step = select(vec![7 * DAY, 3 * DAY, DAY, HOUR, 0]);
    let delay = prop_oneof![3 => Just(0), 1 => select(vec![DAY, 3 * DAY])];
    let kind = select(vec!["order", "refund", "order", "cancel", "visit"]);
    let id = prop_oneof![1 => Just(None), 1 => select(vec!["a", "b"]).prop_map(Some)];
    let order_id = prop_oneof![
        1 => select(vec!["o1", "o2"]).prop_map(OrderId::One),
        2 => Just(OrderId::Last("o1")),
    ];
    spread(12, step.boxed(), delay.boxed(), (Just("ann"), kind, id, order_id))
}

fn spread(
    most: usize,
    step: BoxedStrategy<i64>,
    delay: BoxedStrategy<i64>,
    parts: impl Strategy<Value = EventParts> + 'static,
) -> impl Strategy<Value = History> {
    let jitter = prop_oneof![5 => Just(0), 1 => Just(1), 1 => Just(-1)];
    timed(most, jitter.boxed(), step, delay, parts)
}

fn timed(
    most: usize,
    jitter: BoxedStrategy<i64>,
    step: BoxedStrategy<i64>,
    delay: BoxedStrategy<i64>,
    parts: impl Strategy<Value = EventParts> + 'static,
) -> impl Strategy<Value = History> {
    let ahead = prop_oneof![9 => Just(0), 1 => select(vec![DAY, HOUR, 12 * HOUR, 3 * DAY])];
    let event = (step, jitter, (delay, ahead), parts, fields());
    let start = reference::date(2026, 1, 1);
    let start = select(vec![start, start + 30 * MINUTE]);
    (start, prop::collection::vec(event, 1..=most)).prop_map(|(mut time, drawn)| {
        let mut events = Vec::new();
        for (step, jitter, (delay, ahead), (customer, kind, id, order_id), fields) in drawn {
            time += step;
            let event = CaseEvent {
                customer,
                kind,
                time: time + jitter + ahead,
                written: (ahead > 0).then_some(time + jitter),
                id,
                order_id: order_id.of(kind, &events),
                fields,
            };
            events.push((event, delay));
        }
        events.sort_by_key(|(event, _)| event.time);
        events
    })
}

/// Customer, type, id, order.
type EventParts = (&'static str, &'static str, Option<&'static str>, OrderId);

/// An order id that may depend on the events before.
#[derive(Clone, Copy, Debug)]
enum OrderId {
    None,
    One(&'static str),
    /// This one; for a return, that of the last order.
    Last(&'static str),
}

impl OrderId {
    /// Only orders and returns have one.
    fn of(self, kind: &str, before: &[(CaseEvent, i64)]) -> Option<&'static str> {
        let mut latest_first = before.iter().rev().map(|(event, _)| event);
        match (self, kind) {
            (OrderId::Last(_), "refund" | "cancel") => {
                latest_first.find(|event| event.kind == "order")?.order_id
            }
            (OrderId::One(id) | OrderId::Last(id), "order" | "refund" | "cancel") => Some(id),
            _ => None,
        }
    }
}

fn customer() -> impl Strategy<Value = &'static str> {
    select(vec!["ann", "ann", "ann", "bob", "bob", "Zoë", "b"])
}

/// Few, so that they repeat.
fn id() -> impl Strategy<Value = Option<&'static str>> {
    let pool = select(vec!["a", "b", "a", "c", "d", "e"]);
    prop_oneof![1 => Just(None), 1 => pool.prop_map(Some)]
}

/// Few, so that orders are repeated and returned.
fn order_id() -> impl Strategy<Value = OrderId> {
    let pool = || select(vec!["o1", "o2", "o3", "o4"]);
    prop_oneof![
        1 => Just(OrderId::None),
        4 => pool().prop_map(OrderId::One),
        4 => pool().prop_map(OrderId::Last),
    ]
}

fn fields() -> impl Strategy<Value = Fields> {
    let field = |name, values: &[&'static str]| {
        let value = select(values.to_vec()).prop_map(move |value| Some((name, value)));
        prop_oneof![1 => Just(None), 1 => value]
    };
    let value = select(vec!["20", "10", "19.985", "0.01", "-5", "1000.005"]);
    let value = prop_oneof![1 => Just(None), 2 => value.prop_map(|value| Some(("value", value)))];
    let fields = (
        value,
        field("score", &["1", "0", "-1", "0.5", "9.25"]),
        field("mood", &[r#""bad""#, r#""good""#]),
        field("channel", &[r#""web""#, r#""good""#]),
        field("vip", &["true", "false"]),
        // Of any type.
        field("code", &["1", r#""1""#, "true", "1.0", "2", r#""web""#, "false"]),
    );
    fields.prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f].into_iter().flatten().collect())
}

// ---- a case for the reference and for the engine

impl Case {
    fn new(
        models: Vec<Model>,
        events: Vec<CaseEvent>,
        lateness_ms: i64,
        until: Option<i64>,
    ) -> Case {
        let last = events.iter().map(|event| event.time).max().unwrap();
        Case { models, events, lateness_ms, until: until.map(|after| last + after) }
    }

    /// When time ends (rule 4).
    pub(crate) fn end(&self) -> i64 {
        let last = self.events.iter().map(|event| event.time).max();
        self.until.or(last).unwrap()
    }

    /// The changes by the reference.
    pub(crate) fn expected(&self) -> Vec<Change> {
        self.run().changes
    }

    /// How many corrections have no effect.
    pub(crate) fn without_effect(&self) -> usize {
        self.run().without_effect
    }

    fn run(&self) -> Run<'_> {
        let events: Vec<_> = self.events.iter().map(CaseEvent::event).collect();
        reference::run_all(&self.models, &events, self.lateness_ms, self.until)
    }

    /// The model files.
    pub(crate) fn yaml(&self) -> Vec<String> {
        self.models.iter().map(yaml::model).collect()
    }
}

impl CaseEvent {
    /// For the reference.
    pub(crate) fn event(&self) -> reference::Event {
        let event = reference::Event::new(self.customer, self.kind, self.time);
        let event = self.written.iter().fold(event, |event, at| event.written_at(*at));
        let event = self.id.iter().fold(event, |event, id| event.with_id(id));
        let orders = self.order_id.iter();
        let event = orders.fold(event, |event, id| event.of_order(id));
        self.fields.iter().fold(event, |event, (name, json)| {
            let value = match *json {
                json if *name == "value" => Value::money(json),
                "true" | "false" => Value::Bool(*json == "true"),
                text if text.starts_with('"') => Value::text(text.trim_matches('"')),
                number => Value::number(number),
            };
            event.with(name, value)
        })
    }

    /// One line of a file.
    pub(crate) fn json(&self) -> String {
        let is_envelope_field = |(name, _): &&_| ["value", "channel"].contains(name);
        let (own, properties): (Vec<_>, Vec<_>) = self.fields.iter().partition(is_envelope_field);
        let mut line = format!(
            r#"{{"time":"{}","customer_id":"{}","type":"{}""#,
            EventTime(self.time),
            self.customer,
            self.kind
        );
        if let Some(id) = self.id {
            line += &format!(r#","id":"{id}""#);
        }
        if let Some(id) = self.order_id {
            line += &format!(r#","order_id":"{id}""#);
        }
        for (name, json) in own {
            line += &format!(r#","{name}":{json}"#);
        }
        let properties = properties.iter().map(|(name, json)| format!(r#""{name}":{json}"#));
        let properties: Vec<_> = properties.collect();
        line + &format!(r#","properties":{{{}}}}}"#, properties.join(","))
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for model in self.yaml() {
            writeln!(out, "\n{model}")?;
        }
        for (line, event) in self.events.iter().enumerate() {
            write!(out, "{line}: {}", event.json())?;
            match event.written {
                Some(at) => writeln!(out, " in a record of {}", EventTime(at))?,
                None => writeln!(out)?,
            }
        }
        writeln!(out, "lateness: {}, end: {}", Millis(self.lateness_ms), EventTime(self.end()))
    }
}
