//! Models and what happens to customers under them, at random, for the reference and for the real
//! engine. Times gather on the instants at which something can go wrong: whole hours and days, the
//! very millisecond of a deadline and those around it, and each other.

mod models;
mod yaml;

use std::fmt;

use proptest::prelude::*;
use proptest::sample::select;
use tenure::event::{EventTime, Millis};

use crate::reference::{self, Change, DAY, HOUR, MINUTE, Model, Value};

/// Models, and events in the order in which they arrive. Printed as a person would write it.
#[derive(Clone)]
pub(crate) struct Case {
    pub models: Vec<Model>,
    pub events: Vec<Happening>,
    pub lateness_ms: i64,
    pub until: Option<i64>,
}

/// An event whose fields are as they stand in its JSON.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    pub customer: &'static str,
    pub kind: &'static str,
    pub time: i64,
    fields: Fields,
}

#[derive(Clone, Debug)]
struct Fields {
    value: Option<&'static str>,
    score: Option<&'static str>,
    mood: Option<&'static str>,
    channel: Option<&'static str>,
    vip: Option<bool>,
}

// ---- generators

/// Events by time, as a replay sees them.
pub(crate) fn in_order() -> impl Strategy<Value = Case> {
    (models::models(), history(), until()).prop_map(|(models, events, until)| {
        let events = events.into_iter().map(|(event, _)| event).collect();
        Case::new(models, events, 0, until)
    })
}

/// Events that may arrive later than the lateness allows.
pub(crate) fn out_of_order() -> impl Strategy<Value = Case> {
    let lateness = select(vec![HOUR, DAY, 0, 1, 3 * DAY]);
    arriving(lateness.prop_map(|lateness| (lateness, i64::MAX)))
}

/// Events that arrive no later than the lateness allows.
pub(crate) fn within_lateness() -> impl Strategy<Value = Case> {
    let lateness = select(vec![HOUR, DAY, 1, 3 * DAY]);
    arriving(lateness.prop_map(|lateness| (lateness, lateness)))
}

fn arriving(bounds: impl Strategy<Value = (i64, i64)>) -> impl Strategy<Value = Case> {
    let parts = (models::models(), history(), until(), bounds);
    parts.prop_map(|(models, mut events, until, (lateness_ms, delay_max))| {
        events.sort_by_key(|(event, delay)| event.time + delay.min(&delay_max));
        let events = events.into_iter().map(|(event, _)| event).collect();
        Case::new(models, events, lateness_ms, until)
    })
}

/// How long after the last event the run ends; before it, the rest is ignored.
fn until() -> impl Strategy<Value = Option<i64>> {
    let after = select(vec![10 * DAY, 3 * DAY, DAY, 1, 0, -1, -DAY]);
    prop_oneof![1 => Just(None), 2 => after.prop_map(Some)]
}

/// Events by time, each with how long it takes to arrive.
fn history() -> impl Strategy<Value = Vec<(Happening, i64)>> {
    let step = prop_oneof![
        2 => Just(0),
        5 => select(models::SPANS.to_vec()),
        1 => select(vec![MINUTE, 23 * HOUR, 4 * DAY]),
    ];
    let jitter = prop_oneof![5 => Just(0), 1 => Just(1), 1 => Just(-1)];
    let delay = prop_oneof![1 => Just(0), 1 => select(vec![1, HOUR, DAY, 3 * DAY])];
    let event = (step, jitter, delay, customer(), kind(), fields());
    let start = reference::date(2026, 1, 1);
    let start = select(vec![start, start + 30 * MINUTE]);
    (start, prop::collection::vec(event, 1..=30)).prop_map(|(mut time, drawn)| {
        let mut events = Vec::new();
        for (step, jitter, delay, customer, kind, fields) in drawn {
            time += step;
            let event = Happening {
                customer,
                kind,
                time: time + jitter,
                fields,
            };
            events.push((event, delay));
        }
        events.sort_by_key(|(event, _)| event.time);
        events
    })
}

fn customer() -> impl Strategy<Value = &'static str> {
    select(vec!["ann", "ann", "ann", "bob", "bob", "Zoë", "b"])
}

fn kind() -> impl Strategy<Value = &'static str> {
    // Nobody names the last one.
    select(vec![
        "order",
        "order",
        "visit",
        "answer",
        "Signed Up",
        "noise",
    ])
}

fn fields() -> impl Strategy<Value = Fields> {
    let maybe = |values: &[&'static str]| {
        let values = select(values.to_vec()).prop_map(Some);
        prop_oneof![1 => Just(None), 1 => values]
    };
    let value = maybe(&["20", "10", "19.985", "0.01", "-5", "1000.005"]);
    let score = maybe(&["1", "0", "-1", "0.5", "9.25"]);
    let mood = maybe(&["bad", "good"]);
    let channel = maybe(&["web", "good"]);
    let vip = prop_oneof![1 => Just(None), 1 => any::<bool>().prop_map(Some)];
    (value, score, mood, channel, vip).prop_map(|(value, score, mood, channel, vip)| Fields {
        value,
        score,
        mood,
        channel,
        vip,
    })
}

// ---- what both sides make of it

impl Case {
    fn new(
        models: Vec<Model>,
        events: Vec<Happening>,
        lateness_ms: i64,
        until: Option<i64>,
    ) -> Case {
        let last = events.iter().map(|event| event.time).max().unwrap();
        Case {
            models,
            events,
            lateness_ms,
            until: until.map(|after| last + after),
        }
    }

    /// When time ends (rule 4).
    pub(crate) fn end(&self) -> i64 {
        let last = self.events.iter().map(|event| event.time).max();
        self.until.or(last).unwrap()
    }

    /// What the rules say.
    pub(crate) fn expected(&self) -> Vec<Change> {
        let events: Vec<_> = self.events.iter().map(Happening::event).collect();
        reference::arrive(&self.models, &events, self.lateness_ms, self.until)
    }

    /// The model files.
    pub(crate) fn yaml(&self) -> Vec<String> {
        self.models.iter().map(yaml::model).collect()
    }
}

impl Happening {
    fn event(&self) -> reference::Event {
        let Fields {
            value,
            score,
            mood,
            channel,
            vip,
        } = &self.fields;
        let fields = [
            ("value", value.map(Value::money)),
            ("score", score.map(Value::number)),
            ("mood", mood.map(Value::text)),
            ("channel", channel.map(Value::text)),
            ("vip", vip.map(Value::Bool)),
        ];
        let event = reference::Event::new(self.customer, self.kind, self.time);
        let carried = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        carried.fold(event, |event, (name, value)| event.with(name, value))
    }

    /// One line of a file.
    pub(crate) fn json(&self) -> String {
        let Fields {
            value,
            score,
            mood,
            channel,
            vip,
        } = &self.fields;
        let field =
            |name: &str, json: Option<String>| json.map(|json| format!(r#""{name}":{json}"#));
        let quoted = |text: &str| format!(r#""{text}""#);
        let properties = [
            field("score", score.map(str::to_owned)),
            field("mood", mood.map(quoted)),
            field("vip", vip.map(|vip| vip.to_string())),
        ];
        let properties: Vec<_> = properties.into_iter().flatten().collect();
        let fields = [
            field("time", Some(quoted(&EventTime(self.time).to_string()))),
            field("customer_id", Some(quoted(self.customer))),
            field("type", Some(quoted(self.kind))),
            field("value", value.map(str::to_owned)),
            field("channel", channel.map(quoted)),
            field("properties", Some(format!("{{{}}}", properties.join(",")))),
        ];
        let fields: Vec<_> = fields.into_iter().flatten().collect();
        format!("{{{}}}", fields.join(","))
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for model in self.yaml() {
            writeln!(out, "\n{model}")?;
        }
        for (line, event) in self.events.iter().enumerate() {
            writeln!(out, "{line}: {}", event.json())?;
        }
        writeln!(
            out,
            "lateness: {}, end: {}",
            Millis(self.lateness_ms),
            EventTime(self.end())
        )
    }
}
