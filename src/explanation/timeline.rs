//! One customer's history, step by step: what happened, what it changed, and what was waited for.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::format::{format_instant, format_value, format_value_or_none};
use super::phrases::{past_comparison_text, transition_text, wait_reasons};
use crate::cloudevent::{self, Origin, value_json};
use crate::customer::{
    Cause, CustomerState, DisplayValue, EventAnomalies, OutgoingTransition, StageChange,
};
use crate::event::{CustomerId, Event, EventTime, Field, Position, Scalar};
use crate::model::{Models, sanitize_for_terminal};

/// One step in a customer's history.
#[derive(Clone, Copy, Debug)]
pub struct TimelineStep<'s> {
    /// When.
    pub at: EventTime,
    /// What happened; `None`: time passed.
    pub event: Option<(&'s Event, Position)>,
    /// Who they were; `None` before the first event.
    pub before: Option<&'s CustomerState>,
    /// Who they are.
    pub after: &'s CustomerState,
    /// The transitions, in order.
    pub changes: &'s [StageChange],
    /// What is worth saying of the event.
    pub anomalies: EventAnomalies,
}

/// Tells steps.
#[derive(Debug)]
pub struct TimelineFormatter<'s> {
    models: &'s Models,
    customer: &'s CustomerId,
    /// The inputs, as they were named.
    files: &'s [String],
    /// `source` of the transitions.
    source: &'s str,
    /// By model: what was said last of transitions that wait.
    waiting: Vec<Vec<String>>,
}

/// A fact of a model that has changed.
struct ChangedFact<'c> {
    model: &'c str,
    fact: &'c str,
    before: Option<DisplayValue>,
    after: Option<DisplayValue>,
}

impl<'s> TimelineFormatter<'s> {
    /// At the beginning.
    pub fn new(
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
            waiting: vec![Vec::new(); models.list.len()],
        }
    }

    /// The step as text, with a line end.
    pub fn step_text(&mut self, step: &TimelineStep<'_>) -> String {
        let mut text = format!("{}  {}\n", format_instant(step.at), self.event_text(step));
        for notice in notices(step.anomalies) {
            push_line(&mut text, 1, notice);
        }
        let several = self.models.list.len() > 1;
        for changed in self.changed_facts(step) {
            let model = if several {
                format!("{}: ", changed.model)
            } else {
                String::new()
            };
            let (before, after) = (changed.before.as_ref(), changed.after.as_ref());
            let [before, after] = [before, after].map(format_value_or_none);
            push_line(
                &mut text,
                1,
                &format!(
                    "{model}{} {before} -> {after}",
                    sanitize_for_terminal(changed.fact)
                ),
            );
        }
        for change in step.changes {
            self.push_transition(&mut text, change, step);
        }
        for (at, model) in self.models.list.iter().enumerate() {
            let waiting = self.waiting_transitions(at, step);
            if waiting != self.waiting[at] {
                waiting
                    .iter()
                    .for_each(|waits| push_line(&mut text, 1, &format!("{}: {waits}", model.name)));
                self.waiting[at] = waiting;
            }
        }
        for (model, before, after) in self.changed_timers(step) {
            let said = match (before, after) {
                (_, Some(due)) => format!("{model}: looked at again on {}", format_instant(due)),
                (_, None) => format!("{model}: time alone changes nothing any more"),
            };
            push_line(&mut text, 1, &said);
        }
        text
    }

    /// The step as one JSON object.
    pub fn step_json(&mut self, step: &TimelineStep<'_>) -> Value {
        let facts = self.changed_facts(step).into_iter().map(|changed| {
            json!({
                "model": changed.model,
                "fact": changed.fact,
                "before": changed.before.as_ref().map(value_json),
                "after": changed.after.as_ref().map(value_json),
            })
        });
        let timers = self
            .changed_timers(step)
            .into_iter()
            .map(|(model, before, after)| {
                json!({
                    "model": model,
                    "before": before.map(|due| due.to_string()),
                    "after": after.map(|due| due.to_string()),
                })
            });
        let changes = step.changes.iter().map(|change| {
            let origin = self.origin(change.position);
            cloudevent::structured(
                self.models,
                self.source,
                self.customer,
                change,
                &origin,
                None,
            )
        });
        let stages = self.models.list.iter().zip(&step.after.models);
        let stages = stages.map(|(model, own)| {
            (
                model.name.clone(),
                model.stages[own.stage].name.clone().into(),
            )
        });
        let waiting = (0..self.models.list.len()).map(|at| {
            (
                self.models.list[at].name.clone(),
                self.waiting_transitions(at, step).into(),
            )
        });
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
                "file": self.files[position.input as usize],
                "line": position.offset,
                "fields": fields.collect::<serde_json::Map<_, _>>(),
                "notices": notices(step.anomalies),
            });
        }
        json
    }

    fn event_text(&self, step: &TimelineStep<'_>) -> String {
        let Some((event, position)) = step.event else {
            return match step.changes.is_empty() {
                true => "time passes, and nothing moves".to_owned(),
                false => "time passes".to_owned(),
            };
        };
        let kind = self.models.vocabulary.type_name(event.event_type);
        let kind = kind.map_or_else(
            || "an event that no model names".to_owned(),
            sanitize_for_terminal,
        );
        let place = format!(
            "{}:{}",
            self.files[position.input as usize], position.offset
        );
        let fields = self.event_fields(event).into_iter();
        let fields = fields.map(|(name, known)| {
            format!(
                ", {} {}",
                sanitize_for_terminal(&name),
                format_value(&known)
            )
        });
        let first = if step.before.is_none() {
            ", the first event"
        } else {
            ""
        };
        format!(
            "{kind}{} ({}){first}",
            fields.collect::<String>(),
            sanitize_for_terminal(&place)
        )
    }

    /// The fields of an event that some model looks at.
    fn event_fields(&self, event: &Event) -> Vec<(String, DisplayValue)> {
        let named = |(id, value): &(_, Scalar)| {
            let mut fields = self.models.vocabulary.fields();
            let (_, field, _) = fields.find(|(known, ..)| known == id)?;
            let name = match field {
                Field::Id => "id",
                Field::OrderId => "order_id",
                Field::Channel => "channel",
                Field::Value => "value",
                Field::Currency => "currency",
                Field::Property(name) => name,
            };
            let value = match value {
                Scalar::Number(number) => DisplayValue::Number(*number),
                Scalar::Text(text) => DisplayValue::Text(text.to_string()),
                Scalar::Bool(flag) => DisplayValue::Flag(*flag),
            };
            Some((name.to_owned(), value))
        };
        let mut fields: Vec<_> = event.fields.iter().filter_map(named).collect();
        // One that is looked at as several kinds of value is one field all the same.
        fields.dedup_by(|a, b| a.0 == b.0);
        fields
    }

    /// The facts that are others than just before.
    fn changed_facts(&self, step: &TimelineStep<'_>) -> Vec<ChangedFact<'s>> {
        let new = || CustomerState::new(self.models, step.at, Position::default());
        let before = step.before.cloned().unwrap_or_else(new);
        let now = step.at.max(step.after.latest);
        let mut changed = Vec::new();
        for (at, model) in self.models.list.iter().enumerate() {
            // What time alone does to a window happened before what happened now.
            let [before, after] =
                [&before, step.after].map(|state| state.facts_at(self.models, at, now));
            let facts = model.facts.iter().zip(before.into_iter().zip(after));
            for (fact, (before, after)) in facts.filter(|(_, (before, after))| before != after) {
                changed.push(ChangedFact {
                    model: &model.name,
                    fact: &fact.name,
                    before,
                    after,
                });
            }
        }
        changed
    }

    fn push_transition(&self, text: &mut String, change: &StageChange, step: &TimelineStep<'_>) {
        let model = &self.models.list[change.model];
        let from = &model.stages[change.from].name;
        let what = format!(
            "{}: from {from} {}",
            model.name,
            transition_text(model, change)
        );
        push_line(text, 1, &what);
        if let Some(corrected) = change.corrects {
            let name = model.transition_name(corrected.transition, corrected.from);
            let at = format_instant(corrected.effective_at);
            push_line(
                text,
                2,
                &format!("takes back {} of {at}", sanitize_for_terminal(&name)),
            );
        }
        if change.cause == Cause::Event && change.effective_at != step.at {
            push_line(
                text,
                2,
                "looked at where the customer already was: the event came late",
            );
        }
        for evidence in &change.evidence {
            push_line(text, 2, &past_comparison_text(evidence));
        }
        if let Some(since) = change.held_since {
            push_line(text, 2, &format!("so since {}", format_instant(since)));
        }
    }

    /// Transitions whose condition is true, and what they wait for.
    fn waiting_transitions(&self, model: usize, step: &TimelineStep<'_>) -> Vec<String> {
        let now = step.at.max(step.after.latest);
        let explained = step.after.explain(self.models, model, now);
        let definition = &self.models.list[model];
        let open = explained.outgoing.iter().filter(|way| way.is_true);
        let waits = |way: &OutgoingTransition| {
            let name = definition.transition_name(way.transition, explained.stage);
            let to = &definition.stages[definition.transitions[way.transition].to].name;
            let why = wait_reasons(way);
            let why = if why.is_empty() {
                String::new()
            } else {
                format!(": {}", why.join(", "))
            };
            format!(
                "waits to go to {to} ({}){why}",
                sanitize_for_terminal(&name)
            )
        };
        open.map(waits).collect()
    }

    /// The models whose timer is another than before.
    fn changed_timers(
        &self,
        step: &TimelineStep<'_>,
    ) -> Vec<(&'s str, Option<EventTime>, Option<EventTime>)> {
        let timer = |(at, model): (usize, &'s crate::model::Model)| {
            let before = step.before.and_then(|before| before.models[at].due);
            let after = step.after.models[at].due;
            (before != after).then_some((model.name.as_str(), before, after))
        };
        self.models
            .list
            .iter()
            .enumerate()
            .filter_map(timer)
            .collect()
    }

    fn origin(&self, position: Position) -> Origin<'s> {
        Origin::File {
            file: &self.files[position.input as usize],
            input: position.input,
            line: position.offset,
        }
    }
}

fn notices(noticed: EventAnomalies) -> Vec<&'static str> {
    let EventAnomalies {
        duplicates,
        late,
        late_beyond_horizon,
        returns_unmatched,
    } = noticed;
    let notices = [
        (duplicates, "came a second time: it does nothing"),
        (late, "came late: earlier than what was already seen"),
        (
            late_beyond_horizon,
            "came so late that nothing can be taken back by it any more",
        ),
        (
            returns_unmatched,
            "a refund or cancellation has waited for its order in vain",
        ),
    ];
    let notices = notices.into_iter().filter(|(count, _)| *count > 0);
    notices.map(|(_, notice)| notice).collect()
}

fn push_line(text: &mut String, depth: usize, said: &str) {
    let _infallible = writeln!(text, "{}{said}", "    ".repeat(depth));
}
