//! A change in words, for whoever has to accept it.

use super::{AcceptedLosses, ModelSuccession, ModelsChange};
use crate::event::Millis;
use crate::model::{Model, Models};

impl ModelsChange {
    pub(super) fn describe(&mut self, before: &Models, after: &Models) {
        let mut told = Vec::new();
        for (model, successor) in after.list.iter().zip(&self.models) {
            match successor.predecessor {
                None => told.push(format!(
                    "{}: new; everybody begins in `{}` and moves on from there",
                    model.name, model.stages[model.initial].name
                )),
                Some(of) => describe_model(&before.list[of], model, successor, &mut told),
            }
        }
        let dropped = self.dropped_models.iter();
        told.extend(dropped.map(|name| format!("{name}: gone, with what it knew of its stages")));
        if before.orders.is_none() && after.orders.is_some() {
            told.push("orders that have come so far cannot be taken back".to_owned());
        }
        if before.dedupe.is_none() && after.dedupe.is_some() {
            told.push(
                "events that have come so far are not recognised when they come again".to_owned(),
            );
        }
        self.descriptions = told;
    }

    /// Why the change cannot be taken, if it cannot.
    pub fn refusal(&self, accepted: AcceptedLosses) -> Option<String> {
        if let ([dropped, ..], [new, ..], false) = (
            &*self.dropped_models,
            &*self.new_models,
            accepted.dropped_models,
        ) {
            return Some(format!(
                "`{dropped}` ends and `{new}` begins, with everybody in its initial stage: whatever moved customers in \
                `{dropped}` would move them again in `{new}`, and subscribers be told of it again. If it has another name \
                now, write `was: {dropped}` in `{new}`; if it is another model, set dropped_models = \"end\""
            ));
        }
        if !self.lost_stages.is_empty() {
            return Some(format!(
                "there is no stage any more for customers in {}; let another stage say `was: {}`",
                self.lost_stages.join(", "),
                self.lost_stages[0].split('`').nth(1).unwrap_or_default()
            ));
        }
        if !self.missing_facts.is_empty() && !accepted.missing_facts {
            return Some(format!(
                "the models before did not keep {}. With missing_facts = \"start_at_zero\" these begin with what \
                comes from now on; to have them right from the beginning, read the inputs once more under another \
                kafka.app, with `emit_from` in the model",
                self.missing_facts.join(", ")
            ));
        }
        None
    }
}

fn describe_model(old: &Model, model: &Model, successor: &ModelSuccession, told: &mut Vec<String>) {
    let name = &model.name;
    if old.name != *name {
        told.push(format!("{name}: was {}", old.name));
    }
    if successor.is_unchanged {
        told.push(format!("{name}: nobody moves"));
    } else {
        told.push(format!("{name}: everybody is looked at anew"));
    }
    for (stage, after) in old.stages.iter().zip(&successor.stages) {
        match after.map(|after| &model.stages[after].name) {
            Some(after) if *after != stage.name => {
                told.push(format!("{name}: the stage `{after}` was `{}`", stage.name));
            }
            Some(_) => {}
            None => told.push(format!("{name}: the stage `{}` is gone", stage.name)),
        }
    }
    for (at, stage) in model.stages.iter().enumerate() {
        if !successor.stages.contains(&Some(at)) {
            told.push(format!("{name}: the stage `{}` is new", stage.name));
        }
    }
    for (at, transition) in model.transitions.iter().enumerate() {
        let called = transition_names(model, at);
        let text = &transition.text;
        match (
            successor.transitions.contains(&Some(at)),
            successor.transitions_by_name.contains(&Some(at)),
        ) {
            (true, _) => {}
            (false, true) => told.push(format!("{name}: {called} now when {text}")),
            (false, false) => told.push(format!("{name}: {called} is new, when {text}")),
        }
    }
    for at in 0..old.transitions.len() {
        if successor.transitions[at].is_none() && successor.transitions_by_name[at].is_none() {
            told.push(format!("{name}: {} is gone", transition_names(old, at)));
        }
    }
    describe_durations(old, model, successor, told);
}

/// Spans of time that are others.
fn describe_durations(
    old: &Model,
    model: &Model,
    successor: &ModelSuccession,
    told: &mut Vec<String>,
) {
    let name = &model.name;
    let mut differs = |what: &str, before: Millis, after: Millis| {
        if before != after {
            told.push(format!("{name}: {what} is {after}, was {before}"));
        }
    };
    for (at, before) in old.transitions.iter().enumerate() {
        let Some(after) = successor.transitions[at].or(successor.transitions_by_name[at]) else {
            continue;
        };
        let called = transition_names(model, after);
        let after = &model.transitions[after];
        differs(&format!("the hold of {called}"), before.hold, after.hold);
        differs(
            &format!("the cooldown of {called}"),
            before.cooldown,
            after.cooldown,
        );
    }
    for (before, after) in old.stages.iter().zip(&successor.stages) {
        let Some(after) = after.map(|after| &model.stages[after]) else {
            continue;
        };
        let what = format!("the min_dwell of `{}`", after.name);
        differs(&what, before.min_dwell, after.min_dwell);
    }
}

/// By the names under which it is taken, one for each stage that it leads out of.
fn transition_names(model: &Model, transition: usize) -> String {
    let from = model.transitions[transition].from.iter();
    let mut names: Vec<_> = from
        .map(|from| model.transition_name(transition, *from))
        .collect();
    names.dedup();
    names.join(", ")
}
