//! From one version of the models to the next: what of a customer's state goes on, and as what [24].
//!
//! Models, stages, events and fields go on by their names, or by what they say they were; slots and
//! transitions by what they mean. What has no counterpart before begins anew; what has none after ends.

mod canonical;
mod report;

use std::collections::BTreeMap;

use super::{FactAccessor, Model, Models, Slot, Stage, ValueSource, Window};
use crate::event::{EventType, FieldId};
use canonical::CanonicalModel;

/// How states of the models before become states of the models after.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelsChange {
    /// By slot after: the slot before that has kept the same.
    pub slots: Vec<Option<usize>>,
    /// By model after.
    pub models: Vec<ModelSuccession>,
    /// By event type before.
    event_types: Vec<EventType>,
    /// By field before.
    fields: Vec<Option<FieldId>>,
    /// States are the same to the last byte: only words have changed.
    pub is_text_only: bool,
    /// Whether others see the difference in where a customer is said to be, also where nobody moves.
    pub is_visible: bool,
    /// Facts that the models after look at, and that were not kept before; for people.
    pub missing_facts: Vec<String>,
    /// Stages before in which customers may be, and that none after says it was; for people.
    pub lost_stages: Vec<String>,
    /// Models before that none after goes on from, by name.
    pub dropped_models: Vec<String>,
    /// Models after that go on from none, by name.
    pub new_models: Vec<String>,
    /// What changes, for people.
    pub descriptions: Vec<String>,
}

/// What somebody has said may be lost by a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AcceptedLosses {
    /// Facts that were not kept may begin with what comes from now on.
    pub missing_facts: bool,
    /// Models may end while others begin.
    pub dropped_models: bool,
}

/// What a model goes on from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelSuccession {
    /// The model before; a new one begins with everybody in its initial stage.
    pub predecessor: Option<usize>,
    /// By stage before: the stage after.
    pub stages: Vec<Option<usize>>,
    /// By transition before: the one after with the same condition into the same stage.
    pub transitions: Vec<Option<usize>>,
    /// By transition before: the one after of the same name, whatever its condition.
    pub transitions_by_name: Vec<Option<usize>>,
    /// Whether it means what it meant, so that nobody moves by the change.
    pub is_unchanged: bool,
}

impl ModelsChange {
    /// What becomes of everything.
    pub fn between(before: &Models, after: &Models) -> ModelsChange {
        let known: BTreeMap<String, usize> = (before.slots.iter().enumerate())
            .map(|(at, slot)| (canonical::slot(before, slot), at))
            .collect();
        let slot = |slot: &Slot| known.get(&canonical::slot(after, slot)).copied();
        let slots: Vec<Option<usize>> = after.slots.iter().map(slot).collect();
        let mut change = ModelsChange {
            models: Vec::with_capacity(after.list.len()),
            event_types: event_types(before, after),
            fields: fields(before, after),
            is_text_only: false,
            is_visible: false,
            missing_facts: Vec::new(),
            lost_stages: Vec::new(),
            dropped_models: Vec::new(),
            new_models: Vec::new(),
            descriptions: Vec::new(),
            slots,
        };
        for model in &after.list {
            let successor = change.compare_model(before, after, model);
            change.models.push(successor);
        }
        let is_dropped = |at: usize| !change.models.iter().any(|it| it.predecessor == Some(at));
        let names = |models: &Models, is_meant: &dyn Fn(usize) -> bool| -> Vec<String> {
            let all = models.list.iter().enumerate();
            let meant = all.filter(|(at, _)| is_meant(*at));
            meant.map(|(_, model)| model.name.clone()).collect()
        };
        let dropped = names(before, &is_dropped);
        let new = names(after, &|at| change.models[at].predecessor.is_none());
        (change.dropped_models, change.new_models) = (dropped, new);
        change.is_visible = is_visible(before, after, &change.models);
        change.is_text_only = !change.is_visible && change.keeps_encoding(before, after);
        change.describe(before, after);
        change
    }

    /// What events of a type are now.
    pub fn event_type(&self, before: EventType) -> EventType {
        let known = self.event_types.get(before.index());
        known.copied().unwrap_or(EventType::UNNAMED)
    }

    /// What a field is now, if anything looks at it.
    pub fn field(&self, before: FieldId) -> Option<FieldId> {
        self.fields.get(before.index()).copied().flatten()
    }

    /// Where a slot has gone, if anywhere.
    pub fn slot_after(&self, before: usize) -> Option<usize> {
        self.slots.iter().position(|from| *from == Some(before))
    }

    fn compare_model(&mut self, before: &Models, after: &Models, model: &Model) -> ModelSuccession {
        let named = |name: &str| before.list.iter().position(|known| known.name == name);
        let former = || {
            let was = model.was.as_deref()?;
            let is_taken = after.list.iter().any(|other| other.name == was);
            named(was).filter(|_| !is_taken)
        };
        let Some(of) = named(&model.name).or_else(former) else {
            self.collect_missing_facts(before, model, None);
            return ModelSuccession::default();
        };
        let old = &before.list[of];
        let stages: Vec<Option<usize>> = old
            .stages
            .iter()
            .map(|stage| stage_after(model, &stage.name))
            .collect();
        for (stage, after) in old.stages.iter().zip(&stages) {
            if after.is_none() {
                self.lost_stages
                    .push(format!("`{}` of {}", stage.name, old.name));
            }
        }
        let missing = self.collect_missing_facts(before, model, Some((old, &stages)));
        let was = CanonicalModel {
            models: before,
            model: old,
            stages: new_stage_names(old, model, &stages),
        };
        let is = CanonicalModel {
            models: after,
            model,
            stages: model.stages.iter().map(|stage| &*stage.name).collect(),
        };
        let ways: Vec<String> = (0..model.transitions.len())
            .map(|at| is.transition(at))
            .collect();
        let same_way = |at| {
            let way = was.transition(at);
            ways.iter().position(|known| *known == way)
        };
        let same_name = |at: usize| {
            let name = transition_label(&was, at);
            (0..model.transitions.len()).find(|at| transition_label(&is, *at) == name)
        };
        let transitions = 0..old.transitions.len();
        ModelSuccession {
            predecessor: Some(of),
            transitions: transitions.clone().map(same_way).collect(),
            transitions_by_name: transitions.map(same_name).collect(),
            is_unchanged: !missing && was.model() == is.model(),
            stages,
        }
    }

    /// Notes what a model looks at that was not kept; whether there is any.
    fn collect_missing_facts(
        &mut self,
        before: &Models,
        model: &Model,
        old: Option<(&Model, &[Option<usize>])>,
    ) -> bool {
        let known = self.missing_facts.len();
        let facts = model.facts.iter();
        let facts = facts.filter(|fact| !self.is_fact_stored(before, fact.accessor));
        let mut missing: Vec<String> = facts
            .map(|fact| format!("`{}` of {}", fact.name, model.name))
            .collect();
        if let Some((old, stages)) = old {
            for (stage, own) in model.stages.iter().enumerate() {
                let mut former = (0..)
                    .zip(stages)
                    .filter(|(_, after)| **after == Some(stage));
                let remembered =
                    former.all(|(before, _): (usize, _)| old.stages[before].tracks_visits);
                if own.tracks_visits && !remembered {
                    missing.push(format!("visits to `{}` of {}", own.name, model.name));
                }
            }
        }
        self.missing_facts.append(&mut missing);
        self.missing_facts.len() > known
    }

    /// Whether all that a fact is read from was kept as far back, and as much of it.
    fn is_fact_stored(&self, before: &Models, reading: FactAccessor) -> bool {
        reading.source.slots().into_iter().all(|slot| {
            let Some(old) = self.slots[slot] else {
                return false;
            };
            let (reach, cap) = canonical::slot_retention(&before.slots.get(old).kind);
            let told = match reading.source {
                ValueSource::Distinct { cap, .. } => cap,
                _ => 0,
            };
            reach >= reading.window.map_or(0, Window::retained_buckets) && cap >= told
        })
    }

    /// Whether a state of before, as it stands, is one of after.
    fn keeps_encoding(&self, before: &Models, after: &Models) -> bool {
        let mut slots = before.slots.iter().zip(after.slots.iter());
        let same_model = |(at, model): (usize, &ModelSuccession)| {
            let remembered = |models: &Models| -> Vec<bool> {
                let stages = models.list[at].stages.iter();
                stages.map(|stage| stage.tracks_visits).collect()
            };
            model.predecessor == Some(at)
                && model.is_unchanged
                && is_identity(&model.stages)
                && is_identity(&model.transitions)
                && remembered(before) == remembered(after)
        };
        before.list.len() == after.list.len()
            && before.slots.iter().len() == after.slots.iter().len()
            && is_identity(&self.slots)
            && slots.all(|(a, b)| {
                canonical::slot_retention(&a.kind) == canonical::slot_retention(&b.kind)
            })
            && self.models.iter().enumerate().all(same_model)
            && before.vocabulary == after.vocabulary
            && before.orders == after.orders
            && before.dedupe == after.dedupe
    }
}

/// Whether each has the number that it had.
fn is_identity(numbers: &[Option<usize>]) -> bool {
    let mut numbers = numbers.iter().enumerate();
    numbers.all(|(at, number)| *number == Some(at))
}

/// The stage that a stage of before is now.
fn stage_after(model: &Model, name: &str) -> Option<usize> {
    let mut stages = model.stages.iter();
    let same = stages.position(|stage| stage.name == name);
    let says_so = || {
        let mut stages = model.stages.iter();
        stages.position(|stage| stage.was.iter().any(|was| was == name))
    };
    same.or_else(says_so)
}

/// The names that stages of before have after; one that is lost is called what no stage can be.
fn new_stage_names<'m>(old: &Model, new: &'m Model, stages: &[Option<usize>]) -> Vec<&'m str> {
    let name = |at: usize| stages[at].map_or("?", |stage| new.stages[stage].name.as_str());
    (0..old.stages.len()).map(name).collect()
}

/// Its name, or where it leads from and to.
fn transition_label(of: &CanonicalModel<'_>, transition: usize) -> String {
    let transition = &of.model.transitions[transition];
    match &transition.name {
        Some(name) => name.clone(),
        None => {
            let from: Vec<&str> = transition.from.iter().map(|at| of.stages[*at]).collect();
            format!("{from:?}->{}", of.stages[transition.to])
        }
    }
}

fn event_types(before: &Models, after: &Models) -> Vec<EventType> {
    let known = |index: u16| {
        let name = before.vocabulary.type_name(EventType::from_index(index));
        name.map_or(EventType::UNNAMED, |name| after.vocabulary.find_type(name))
    };
    (0..before.vocabulary.type_count() as u16)
        .map(known)
        .collect()
}

fn fields(before: &Models, after: &Models) -> Vec<Option<FieldId>> {
    let same = |(_, field, kind)| {
        let mut fields = after.vocabulary.fields();
        let found = fields.find(|(_, other, own)| (*other, *own) == (field, kind));
        found.map(|(id, ..)| id)
    };
    before.vocabulary.fields().map(same).collect()
}

/// Whether the models that others see, or the names of their stages, are others than before.
fn is_visible(before: &Models, after: &Models, models: &[ModelSuccession]) -> bool {
    let told = |models: &Models| models.list.iter().filter(|model| !model.shadow).count();
    let renamed = |(model, successor): (&Model, &ModelSuccession)| {
        let Some(of) = successor.predecessor else {
            return !model.shadow;
        };
        let old = &before.list[of];
        let stages = old.stages.iter().zip(&successor.stages);
        let same = |(stage, after): (&Stage, &Option<usize>)| {
            after.is_some_and(|after| model.stages[after].name == stage.name)
        };
        model.shadow != old.shadow
            || !model.shadow && (model.name != old.name || !stages.into_iter().all(same))
    };
    told(before) != told(after) || after.list.iter().zip(models).any(renamed)
}
