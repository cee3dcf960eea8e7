//! One customer's history, step by step: what happened, what it changed, and what was waited for.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::phrases::{closed, moves, was};
use super::words::{instant, value, value_or_none};
use crate::cloudevent::{self, Origin, shown};
use crate::customer::{Cause, CustomerState, Noticed, Shown, StageChange, Way};
use crate::event::{CustomerId, Event, EventTime, Field, Position, Scalar};
use crate::model::{Models, visible};

/// One step in a customer's history.
#[derive(Clone, Copy, Debug)]
pub struct Step<'s> {
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
    pub noticed: Noticed,
}

/// Tells steps.
#[derive(Debug)]
pub struct Story<'s> {
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
struct Changed<'c> {
    model: &'c str,
    fact: &'c str,
    before: Option<Shown>,
    after: Option<Shown>,
}

impl<'s> Story<'s> {
    /// At the beginning.
    pub fn new(
        models: &'s Models,
        customer: &'s CustomerId,
        files: &'s [String],
        source: &'s str,
    ) -> Story<'s> {
        Story {
            models,
            customer,
            files,
            source,
            waiting: vec![Vec::new(); models.list.len()],
        }
    }

    /// The step as text, with a line end.
    pub fn text(&mut self, step: &Step<'_>) -> String {
        let mut text = format!("{}  {}\n", instant(step.at), self.happened(step));
        for notice in notices(step.noticed) {
            line(&mut text, 1, notice);
        }
        let several = self.models.list.len() > 1;
        for changed in self.facts(step) {
            let model = if several {
                format!("{}: ", changed.model)
            } else {
                String::new()
            };
            let (before, after) = (changed.before.as_ref(), changed.after.as_ref());
            let [before, after] = [before, after].map(value_or_none);
            line(
                &mut text,
                1,
                &format!("{model}{} {before} -> {after}", visible(changed.fact)),
            );
        }
        for change in step.changes {
            self.transition(&mut text, change, step);
        }
        for (at, model) in self.models.list.iter().enumerate() {
            let waiting = self.waits(at, step);
            if waiting != self.waiting[at] {
                waiting
                    .iter()
                    .for_each(|waits| line(&mut text, 1, &format!("{}: {waits}", model.name)));
                self.waiting[at] = waiting;
            }
        }
        for (model, before, after) in self.timers(step) {
            let said = match (before, after) {
                (_, Some(due)) => format!("{model}: looked at again on {}", instant(due)),
                (_, None) => format!("{model}: time alone changes nothing any more"),
            };
            line(&mut text, 1, &said);
        }
        text
    }

    /// The step as one JSON object.
    pub fn json(&mut self, step: &Step<'_>) -> Value {
        let facts = self.facts(step).into_iter().map(|changed| {
            json!({
                "model": changed.model,
                "fact": changed.fact,
                "before": changed.before.as_ref().map(shown),
                "after": changed.after.as_ref().map(shown),
            })
        });
        let timers = self.timers(step).into_iter().map(|(model, before, after)| {
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
                self.waits(at, step).into(),
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
            let fields = self.fields(event).into_iter();
            let fields = fields.map(|(name, value)| (name, shown(&value)));
            json["event"] = json!({
                "type": self.models.vocabulary.type_name(event.kind),
                "file": self.files[position.input as usize],
                "line": position.offset,
                "fields": fields.collect::<serde_json::Map<_, _>>(),
                "notices": notices(step.noticed),
            });
        }
        json
    }

    fn happened(&self, step: &Step<'_>) -> String {
        let Some((event, position)) = step.event else {
            return match step.changes.is_empty() {
                true => "time passes, and nothing moves".to_owned(),
                false => "time passes".to_owned(),
            };
        };
        let kind = self.models.vocabulary.type_name(event.kind);
        let kind = kind.map_or_else(|| "an event that no model names".to_owned(), visible);
        let place = format!(
            "{}:{}",
            self.files[position.input as usize], position.offset
        );
        let fields = self.fields(event).into_iter();
        let fields = fields.map(|(name, known)| format!(", {} {}", visible(&name), value(&known)));
        let first = if step.before.is_none() {
            ", the first event"
        } else {
            ""
        };
        format!(
            "{kind}{} ({}){first}",
            fields.collect::<String>(),
            visible(&place)
        )
    }

    /// The fields of an event that some model looks at.
    fn fields(&self, event: &Event) -> Vec<(String, Shown)> {
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
                Scalar::Number(number) => Shown::Number(*number),
                Scalar::Text(text) => Shown::Text(text.to_string()),
                Scalar::Flag(flag) => Shown::Flag(*flag),
            };
            Some((name.to_owned(), value))
        };
        let mut fields: Vec<_> = event.fields.iter().filter_map(named).collect();
        // One that is looked at as several kinds of value is one field all the same.
        fields.dedup_by(|a, b| a.0 == b.0);
        fields
    }

    /// The facts that are others than just before.
    fn facts(&self, step: &Step<'_>) -> Vec<Changed<'s>> {
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
                changed.push(Changed {
                    model: &model.name,
                    fact: &fact.name,
                    before,
                    after,
                });
            }
        }
        changed
    }

    fn transition(&self, text: &mut String, change: &StageChange, step: &Step<'_>) {
        let model = &self.models.list[change.model];
        let from = &model.stages[change.from].name;
        let what = format!("{}: from {from} {}", model.name, moves(model, change));
        line(text, 1, &what);
        if let Some(corrected) = change.corrects {
            let name = model.transition_name(corrected.transition, corrected.from);
            let at = instant(corrected.effective_at);
            line(text, 2, &format!("takes back {} of {at}", visible(&name)));
        }
        if change.cause == Cause::Event && change.effective_at != step.at {
            line(
                text,
                2,
                "looked at where the customer already was: the event came late",
            );
        }
        for evidence in &change.evidence {
            line(text, 2, &was(evidence));
        }
        if let Some(since) = change.held_since {
            line(text, 2, &format!("so since {}", instant(since)));
        }
    }

    /// Transitions whose condition is true, and what they wait for.
    fn waits(&self, model: usize, step: &Step<'_>) -> Vec<String> {
        let now = step.at.max(step.after.latest);
        let explained = step.after.explain(self.models, model, now);
        let definition = &self.models.list[model];
        let open = explained.ways.iter().filter(|way| way.holds);
        let waits = |way: &Way| {
            let name = definition.transition_name(way.transition, explained.stage);
            let to = &definition.stages[definition.transitions[way.transition].to].name;
            let why = closed(way);
            let why = if why.is_empty() {
                String::new()
            } else {
                format!(": {}", why.join(", "))
            };
            format!("waits to go to {to} ({}){why}", visible(&name))
        };
        open.map(waits).collect()
    }

    /// The models whose timer is another than before.
    fn timers(&self, step: &Step<'_>) -> Vec<(&'s str, Option<EventTime>, Option<EventTime>)> {
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

fn notices(noticed: Noticed) -> Vec<&'static str> {
    let Noticed {
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

fn line(text: &mut String, depth: usize, said: &str) {
    let _infallible = writeln!(text, "{}{said}", "    ".repeat(depth));
}
