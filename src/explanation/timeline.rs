//! A customer's timeline, step by step: event, changed facts, transitions, waiting transitions, timers.

use std::fmt::Write as _;

use serde_json::{Value, json};
use typed_index_collections::{TiVec, ti_vec};

use super::format::{format_instant, format_value, format_value_or_none};
use super::phrases::{past_comparison_text, transition_text, wait_reasons};
use crate::cloudevent::{self, Origin, value_json};
use crate::customer::{
    Cause, CustomerState, DisplayValue, EventAnomalies, OutgoingTransition, StageChange,
};
use crate::event::{CustomerId, Event, EventTime, Position, Scalar};
use crate::model::{Model, ModelId, Models, sanitize_for_terminal};

/// One step of a customer's timeline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimelineStep<'s> {
    pub at: EventTime,
    /// `None` if time alone passed.
    pub event: Option<(&'s Event, Position)>,
    /// `None` before the first event.
    pub before: Option<&'s CustomerState>,
    pub after: &'s CustomerState,
    pub changes: &'s [StageChange],
    pub anomalies: EventAnomalies,
}

/// Renders steps; prints waiting transitions only when they change.
#[derive(Debug)]
pub(crate) struct TimelineFormatter<'s> {
    models: &'s Models,
    customer: &'s CustomerId,
    /// The inputs, as named by the user.
    files: &'s [String],
    /// `source` of the CloudEvents.
    source: &'s str,
    /// By model: the last printed waiting transitions.
    waiting: TiVec<ModelId, Vec<String>>,
}

struct ChangedFact<'c> {
    model: &'c str,
    fact: &'c str,
    before: Option<DisplayValue>,
    after: Option<DisplayValue>,
}

impl<'s> TimelineFormatter<'s> {
    pub(crate) fn new(
        models: &'s Models,
        customer: &'s CustomerId,
        files: &'s [String],
        source: &'s str,
    ) -> TimelineFormatter<'s> {
        TimelineFormatter {
            models,
            customer,
            files,
            source,
            waiting: ti_vec![Vec::new(); models.list.len()],
        }
    }

    pub(crate) fn step_text(&mut self, step: &TimelineStep<'_>) -> String {
        let mut text = format!("{}  {}\n", format_instant(step.at), self.event_text(step));
        for notice in notices(step.anomalies) {
            push_line(&mut text, 1, notice);
        }
        let several = self.models.list.len() > 1;
        for changed in self.changed_facts(step) {
            let model = if several { format!("{}: ", changed.model) } else { String::new() };
            let (before, after) = (changed.before.as_ref(), changed.after.as_ref());
            let [before, after] = [before, after].map(format_value_or_none);
            push_line(
                &mut text,
                1,
                &format!("{model}{} {before} -> {after}", sanitize_for_terminal(changed.fact)),
            );
        }
        for change in step.changes {
            self.push_transition(&mut text, change, step);
        }
        for (id, model) in self.models.list.iter_enumerated() {
            let waiting = self.waiting_transitions(id, step);
            if waiting != self.waiting[id] {
                waiting
                    .iter()
                    .for_each(|waits| push_line(&mut text, 1, &format!("{}: {waits}", model.name)));
                self.waiting[id] = waiting;
            }
        }
        for (model, before, after) in self.changed_timers(step) {
            let timer = match (before, after) {
                (_, Some(due)) => format!("{model}: next evaluation on {}", format_instant(due)),
                (_, None) => format!("{model}: time alone changes nothing any more"),
            };
            push_line(&mut text, 1, &timer);
        }
        text
    }

    pub(crate) fn step_json(&mut self, step: &TimelineStep<'_>) -> Value {
        let facts = self.changed_facts(step).into_iter().map(|changed| {
            json!({
                "model": changed.model,
                "fact": changed.fact,
                "before": changed.before.as_ref().map(value_json),
                "after": changed.after.as_ref().map(value_json),
            })
        });
        let timers = self.changed_timers(step).into_iter().map(|(model, before, after)| {
            json!({
                "model": model,
                "before": before.map(|due| due.to_string()),
                "after": after.map(|due| due.to_string()),
            })
        });
        let changes = step.changes.iter().map(|change| {
            let origin = self.origin(change.position);
            cloudevent::structured(self.models, self.source, self.customer, change, &origin, None)
        });
        let stages = self.models.list.iter().zip(&step.after.models);
        let stages = stages.map(|(model, state)| {
            (model.name.clone(), model.stages[state.stage].name.clone().into())
        });
        let waiting = self.models.list.iter_enumerated();
        let waiting = waiting
            .map(|(id, model)| (model.name.clone(), self.waiting_transitions(id, step).into()));
        let mut json = json!({
            "customer_id": self.customer.as_str(),
            "at": step.at.to_string(),
            "step": if step.event.is_some() { "event" } else { "time" },
            "facts": facts.collect::<Vec<_>>(),
            "transitions": changes.collect::<Vec<_>>(),
            "waiting": waiting.collect::<serde_json::Map<_, Value>>(),
            "timers": timers.collect::<Vec<_>>(),
            "stages": stages.collect::<serde_json::Map<_, Value>>(),
        });
        if let Some((event, position)) = step.event {
            let fields = self.event_fields(event).into_iter();
            let fields = fields.map(|(name, value)| (name, value_json(&value)));
            json["event"] = json!({
                "type": self.models.vocabulary.type_name(event.event_type),
                "fields": fields.collect::<serde_json::Map<_, _>>(),
                "notices": notices(step.anomalies),
            });
            let file = &self.files[position.input as usize];
            cloudevent::add_file_position(&mut json["event"], file, position);
        }
        json
    }

    fn event_text(&self, step: &TimelineStep<'_>) -> String {
        let Some((event, position)) = step.event else {
            return if step.changes.is_empty() {
                "time passes, and nothing moves".to_owned()
            } else {
                "time passes".to_owned()
            };
        };
        let kind = self.models.vocabulary.type_name(event.event_type);
        let kind =
            kind.map_or_else(|| "an event that no model names".to_owned(), sanitize_for_terminal);
        let location = format!("{}:{}", self.files[position.input as usize], position.line_text());
        let fields = self.event_fields(event).into_iter();
        let fields = fields.map(|(name, value)| {
            format!(", {} {}", sanitize_for_terminal(&name), format_value(&value))
        });
        let first = if step.before.is_none() { ", the first event" } else { "" };
        format!(
            "{kind}{} ({}){first}",
            fields.collect::<String>(),
            sanitize_for_terminal(&location)
        )
    }

    /// The fields of an event that some model reads.
    fn event_fields(&self, event: &Event) -> Vec<(String, DisplayValue)> {
        let named = |(id, value): &(_, Scalar)| {
            let mut fields = self.models.vocabulary.fields();
            let (_, field, _) = fields.find(|(known, ..)| known == id)?;
            let name = field.name();
            let value = match value {
                Scalar::Number(number) => DisplayValue::Number(*number),
                Scalar::Text(text) => DisplayValue::Text(text.to_string()),
                Scalar::Bool(flag) => DisplayValue::Flag(*flag),
            };
            Some((name.to_owned(), value))
        };
        let mut fields: Vec<_> = event.fields.iter().filter_map(named).collect();
        // A field that models read as several types has an entry per type: show it once.
        fields.dedup_by(|a, b| a.0 == b.0);
        fields
    }

    fn changed_facts(&self, step: &TimelineStep<'_>) -> Vec<ChangedFact<'s>> {
        let new = || CustomerState::new(self.models, step.at, Position::default());
        let before = step.before.cloned().unwrap_or_else(new);
        let now = step.at.max(step.after.latest);
        let mut changed = Vec::new();
        for (id, model) in self.models.list.iter_enumerated() {
            // Both as of `now`: what time alone removed from a window is not a change by this step.
            let [before, after] =
                [&before, step.after].map(|state| state.facts_at(self.models, id, now));
            let facts = model.facts.iter().zip(before.into_iter().zip(after));
            for (fact, (before, after)) in facts.filter(|(_, (before, after))| before != after) {
                changed.push(ChangedFact { model: &model.name, fact: &fact.name, before, after });
            }
        }
        changed
    }

    fn push_transition(&self, text: &mut String, change: &StageChange, step: &TimelineStep<'_>) {
        let model = &self.models.list[change.model];
        let from = &model.stages[change.from].name;
        let line = format!("{}: from {from} {}", model.name, transition_text(model, change));
        push_line(text, 1, &line);
        if let Some(retracted) = change.corrects {
            let name = model.transition_name(retracted.transition, retracted.from);
            let at = format_instant(retracted.effective_at);
            push_line(text, 2, &format!("retracts {} of {at}", sanitize_for_terminal(&name)));
        }
        if change.cause == Cause::Event && change.effective_at != step.at {
            push_line(text, 2, "evaluated at the customer's current time: the event is late");
        }
        for evidence in &change.evidence {
            push_line(text, 2, &past_comparison_text(evidence));
        }
        if let Some(since) = change.held_since {
            push_line(text, 2, &format!("so since {}", format_instant(since)));
        }
    }

    /// The transitions whose condition is true, with what they wait for.
    fn waiting_transitions(&self, model: ModelId, step: &TimelineStep<'_>) -> Vec<String> {
        let now = step.at.max(step.after.latest);
        let explained = step.after.explain(self.models, model, now);
        let definition = &self.models.list[model];
        let ready = explained.outgoing.iter().filter(|outgoing| outgoing.is_true);
        let waits = |outgoing: &OutgoingTransition| {
            let name = definition.transition_name(outgoing.transition, explained.stage);
            let to = &definition.stages[definition.transitions[outgoing.transition].to].name;
            let why = wait_reasons(outgoing);
            let why = if why.is_empty() { String::new() } else { format!(": {}", why.join(", ")) };
            format!("waits to go to {to} ({}){why}", sanitize_for_terminal(&name))
        };
        ready.map(waits).collect()
    }

    /// The models whose next due instant changed, with the instants before and after.
    fn changed_timers(
        &self,
        step: &TimelineStep<'_>,
    ) -> Vec<(&'s str, Option<EventTime>, Option<EventTime>)> {
        let timer = |(id, model): (ModelId, &'s Model)| {
            let before = step.before.and_then(|before| before.models[id].due);
            let after = step.after.models[id].due;
            (before != after).then_some((model.name.as_str(), before, after))
        };
        self.models.list.iter_enumerated().filter_map(timer).collect()
    }

    fn origin(&self, position: Position) -> Origin<'s> {
        Origin::File { file: &self.files[position.input as usize], position }
    }
}

fn notices(anomalies: EventAnomalies) -> Vec<&'static str> {
    let EventAnomalies {
        duplicates,
        duplicates_differing,
        late,
        late_beyond_horizon,
        returns_unmatched,
        refunds_unstated,
        credit_notes,
        orders_amended,
        orders_evicted,
        ids_evicted,
    } = anomalies;
    let notices = [
        (duplicates, "a duplicate: it changes nothing"),
        (duplicates_differing, "its order is known with another value"),
        (late, "late: earlier than the customer's latest event"),
        (late_beyond_horizon, "too late to retract a transition"),
        (returns_unmatched, "a refund or cancellation expired without its order"),
        (refunds_unstated, "a refund without a value"),
        (credit_notes, "a credit note: an order event with a negative value is no order"),
        (orders_amended, "a further line or another version of an order"),
        (orders_evicted, "too many open orders: the oldest one is final"),
        (ids_evicted, "too many recent ids: the oldest one is forgotten"),
    ];
    let notices = notices.into_iter().filter(|(count, _)| *count > 0);
    notices.map(|(_, notice)| notice).collect()
}

fn push_line(text: &mut String, depth: usize, line: &str) {
    let _infallible = writeln!(text, "{}{line}", "    ".repeat(depth));
}
