//! A change of models as text, for the operator who accepts it.

use super::{AcceptedLosses, ModelSuccession, ModelsChange};
use crate::event::Millis;
use crate::model::{Model, Models, TransitionId};

impl ModelsChange {
    pub(super) fn describe(&mut self, before: &Models, after: &Models) {
        let mut lines = Vec::new();
        for (model, succession) in after.list.iter().zip(&self.models) {
            match succession.predecessor {
                None => lines.push(format!(
                    "{}: new; every customer begins in `{}`",
                    model.name, model.stages[model.initial].name
                )),
                Some(old) => describe_model(&before.list[old], model, succession, &mut lines),
            }
        }
        let dropped = self.dropped_models.iter();
        lines
            .extend(dropped.map(|name| format!("{name}: removed, with the history of its stages")));
        self.describe_settings(before, after, &mut lines);
        self.descriptions = lines;
    }

    /// Changes of `orders` and `dedupe`, which apply to all models.
    fn describe_settings(&self, before: &Models, after: &Models, lines: &mut Vec<String>) {
        match (before.orders, after.orders) {
            (None, Some(_)) => {
                lines.push("orders received so far cannot be refunded or cancelled".to_owned());
            }
            (Some(old), Some(new))
                if (old.refunds, old.repeated) != (new.refunds, new.repeated) =>
            {
                lines
                    .push("refunds and repeated orders received so far count as before".to_owned());
            }
            _ => {}
        }
        let by_type = |models: &Models| models.dedupe.map(|dedupe| dedupe.by_type);
        if after.dedupe.is_some() && by_type(before) != by_type(after) {
            lines.push("repeats of events received so far are not recognised".to_owned());
        }
    }

    /// Why the change is refused, unless these losses allow it.
    pub fn refusal(&self, accepted: AcceptedLosses) -> Option<String> {
        if let ([dropped, ..], [new, ..], false) =
            (&*self.dropped_models, &*self.new_models, accepted.dropped_models)
        {
            return Some(format!(
                "`{dropped}` ends and `{new}` begins, with every customer in its initial stage: the transitions of \
                `{dropped}` would be taken and published again in `{new}`. If the model was renamed, write `was: {dropped}` \
                in `{new}`; if it is another model, set dropped_models = \"end\""
            ));
        }
        if !self.lost_stages.is_empty() {
            return Some(format!(
                "no stage is left for customers in {}; write `was: {}` in another stage",
                self.lost_stages.join(", "),
                self.lost_stages[0].split('`').nth(1).unwrap_or_default()
            ));
        }
        if !self.missing_facts.is_empty() && !accepted.missing_facts {
            return Some(format!(
                "the old models did not store {}. With missing_facts = \"start_at_zero\" these start at zero and count \
                events from now on; for exact values, read the inputs from their beginning under another kafka.app, \
                with `emit_from` in the model",
                self.missing_facts.join(", ")
            ));
        }
        None
    }
}

fn describe_model(
    old: &Model,
    model: &Model,
    succession: &ModelSuccession,
    lines: &mut Vec<String>,
) {
    let name = &model.name;
    if old.name != *name {
        lines.push(format!("{name}: was {}", old.name));
    }
    if succession.is_unchanged {
        lines.push(format!("{name}: no customer moves"));
    } else {
        lines.push(format!("{name}: every customer is re-evaluated"));
    }
    for (stage, after) in old.stages.iter().zip(&succession.stages) {
        match after.map(|after| &model.stages[after].name) {
            Some(after) if *after != stage.name => {
                lines.push(format!("{name}: the stage `{after}` was `{}`", stage.name));
            }
            Some(_) => {}
            None => lines.push(format!("{name}: the stage `{}` is removed", stage.name)),
        }
    }
    for (at, stage) in model.stages.iter_enumerated() {
        if !succession.stages.contains(&Some(at)) {
            lines.push(format!("{name}: the stage `{}` is new", stage.name));
        }
    }
    for (at, transition) in model.transitions.iter_enumerated() {
        let names = transition_names(model, at);
        let text = &transition.text;
        match (
            succession.transitions.contains(&Some(at)),
            succession.transitions_by_name.contains(&Some(at)),
        ) {
            (true, _) => {}
            (false, true) => lines.push(format!("{name}: {names} now when {text}")),
            (false, false) => lines.push(format!("{name}: {names} is new, when {text}")),
        }
    }
    for at in old.transitions.keys() {
        if succession.transitions[at].is_none() && succession.transitions_by_name[at].is_none() {
            lines.push(format!("{name}: {} is removed", transition_names(old, at)));
        }
    }
    describe_durations(old, model, succession, lines);
}

/// Changes of `hold`, `cooldown` and `min_dwell`.
fn describe_durations(
    old: &Model,
    model: &Model,
    succession: &ModelSuccession,
    lines: &mut Vec<String>,
) {
    let name = &model.name;
    let mut compare = |setting: &str, before: Millis, after: Millis| {
        if before != after {
            lines.push(format!("{name}: {setting} is {after}, was {before}"));
        }
    };
    for (at, before) in old.transitions.iter_enumerated() {
        let Some(after) = succession.transitions[at].or(succession.transitions_by_name[at]) else {
            continue;
        };
        let names = transition_names(model, after);
        let after = &model.transitions[after];
        compare(&format!("the hold of {names}"), before.hold, after.hold);
        compare(&format!("the cooldown of {names}"), before.cooldown, after.cooldown);
    }
    for (before, after) in old.stages.iter().zip(&succession.stages) {
        let Some(after) = after.map(|after| &model.stages[after]) else {
            continue;
        };
        let setting = format!("the min_dwell of `{}`", after.name);
        compare(&setting, before.min_dwell, after.min_dwell);
    }
}

/// The names under which a transition is taken: without a name of its own, one for each stage that it leaves.
fn transition_names(model: &Model, transition: TransitionId) -> String {
    let from = model.transitions[transition].from.iter();
    let mut names: Vec<_> = from.map(|from| model.transition_name(transition, *from)).collect();
    names.dedup();
    names.join(", ")
}
