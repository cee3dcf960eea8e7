//! The difference between two versions of the models, by which customers' states are migrated (rule 24).
//!
//! Models, stages, events and fields are matched by name, or by their `was`; slots and transitions by meaning
//! ([`canonical`]). Slots and models without a predecessor start empty; those without a successor are dropped.

mod canonical;
mod report;

use std::collections::BTreeMap;

use typed_index_collections::{TiSlice, TiVec};

use super::{
    FactAccessor, Model, ModelId, Models, Slot, SlotId, Stage, StageId, Transition, TransitionId,
    ValueSource, Window,
};
use crate::event::{EventType, FieldId};
use canonical::CanonicalModel;

/// How a state of the old models is migrated to the new models.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelsChange {
    /// By new slot: the old slot with the same meaning.
    pub slots: TiVec<SlotId, Option<SlotId>>,
    /// By new model.
    pub models: TiVec<ModelId, ModelSuccession>,
    /// By old event type: the new one.
    event_types: Vec<EventType>,
    /// By old field: the new one.
    fields: Vec<Option<FieldId>>,
    /// Encoded states are identical: only texts such as descriptions have changed.
    pub is_text_only: bool,
    /// Whether published models, or the names of their stages, differ, even if no customer moves.
    pub is_visible: bool,
    /// Facts of the new models that the old models did not store, as texts for operators.
    pub missing_facts: Vec<String>,
    /// Old stages without a new one, in which customers may be, as texts for operators.
    pub lost_stages: Vec<String>,
    /// Names of old models without a successor.
    pub dropped_models: Vec<String>,
    /// Names of new models without a predecessor.
    pub new_models: Vec<String>,
    /// All changes, as texts for operators.
    pub descriptions: Vec<String>,
}

/// The losses by a change that the operator has accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AcceptedLosses {
    /// Facts that were not stored may start at zero.
    pub missing_facts: bool,
    /// Models may end while new ones begin.
    pub dropped_models: bool,
}

/// The predecessor of a new model, and how its parts map to the new model's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelSuccession {
    /// The old model. Without one, every customer begins in the initial stage.
    pub predecessor: Option<ModelId>,
    /// By old stage: the new one.
    pub stages: TiVec<StageId, Option<StageId>>,
    /// By old transition: the new one with the same condition into the same stage.
    pub transitions: TiVec<TransitionId, Option<TransitionId>>,
    /// By old transition: the new one of the same name, with any condition.
    pub transitions_by_name: TiVec<TransitionId, Option<TransitionId>>,
    /// Whether the meaning is the same, so that the change moves no customer.
    pub is_unchanged: bool,
}

impl ModelsChange {
    pub fn between(before: &Models, after: &Models) -> ModelsChange {
        let old_slots: BTreeMap<String, SlotId> = (before.slots.list().iter_enumerated())
            .map(|(id, slot)| (canonical::slot(before, slot), id))
            .collect();
        let old_slot = |slot: &Slot| old_slots.get(&canonical::slot(after, slot)).copied();
        let slots: TiVec<SlotId, Option<SlotId>> =
            after.slots.list().iter().map(old_slot).collect();
        let mut change = ModelsChange {
            models: TiVec::with_capacity(after.list.len()),
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
            let succession = change.compare_model(before, after, model);
            change.models.push(succession);
        }
        let is_dropped = |id: ModelId| !change.models.iter().any(|it| it.predecessor == Some(id));
        let names = |models: &Models, is_selected: &dyn Fn(ModelId) -> bool| -> Vec<String> {
            let all = models.list.iter_enumerated();
            let selected = all.filter(|(id, _)| is_selected(*id));
            selected.map(|(_, model)| model.name.clone()).collect()
        };
        let dropped = names(before, &is_dropped);
        let new = names(after, &|id| change.models[id].predecessor.is_none());
        (change.dropped_models, change.new_models) = (dropped, new);
        change.is_visible = is_visible(before, after, &change.models);
        change.is_text_only = !change.is_visible && change.keeps_encoding(before, after);
        change.describe(before, after);
        change
    }

    /// The new event type; [`EventType::UNNAMED`] if the new models do not name it.
    pub fn event_type(&self, before: EventType) -> EventType {
        let event_type = self.event_types.get(before.index());
        event_type.copied().unwrap_or(EventType::UNNAMED)
    }

    /// The new field, if the new models use it.
    pub fn field(&self, before: FieldId) -> Option<FieldId> {
        self.fields.get(before.index()).copied().flatten()
    }

    /// The new slot of an old one, if there is one.
    pub(crate) fn slot_after(&self, before: SlotId) -> Option<SlotId> {
        self.slots.position(|from| *from == Some(before))
    }

    fn compare_model(&mut self, before: &Models, after: &Models, model: &Model) -> ModelSuccession {
        let old_model = |name: &str| before.list.position(|old| old.name == name);
        let former = || {
            let was = model.was.as_deref()?;
            // A new model that still has the name is the successor.
            let is_taken = after.list.iter().any(|other| other.name == was);
            old_model(was).filter(|_| !is_taken)
        };
        let Some(predecessor) = old_model(&model.name).or_else(former) else {
            self.collect_missing_facts(before, model, None);
            return ModelSuccession::default();
        };
        let old = &before.list[predecessor];
        let stages: TiVec<StageId, Option<StageId>> =
            old.stages.iter().map(|stage| stage_after(model, &stage.name)).collect();
        for (stage, after) in old.stages.iter().zip(&stages) {
            if after.is_none() {
                self.lost_stages.push(format!("`{}` of {}", stage.name, old.name));
            }
        }
        let missing = self.collect_missing_facts(before, model, Some((old, &stages)));
        let old_canonical =
            CanonicalModel { models: before, model: old, stages: new_stage_names(model, &stages) };
        let new_canonical = CanonicalModel {
            models: after,
            model,
            stages: model.stages.iter().map(|stage| &*stage.name).collect(),
        };
        let new_transitions: TiVec<TransitionId, String> =
            model.transitions.iter().map(|new| new_canonical.transition(new)).collect();
        let same_meaning = |old: &Transition| {
            let transition = old_canonical.transition(old);
            new_transitions.position(|new| *new == transition)
        };
        let same_name = |old: &Transition| {
            let name = transition_label(&old_canonical, old);
            model.transitions.position(|new| transition_label(&new_canonical, new) == name)
        };
        let transitions = old.transitions.iter();
        ModelSuccession {
            predecessor: Some(predecessor),
            transitions: transitions.clone().map(same_meaning).collect(),
            transitions_by_name: transitions.map(same_name).collect(),
            is_unchanged: !missing && old_canonical.model() == new_canonical.model(),
            stages,
        }
    }

    /// Adds the facts and visits of a model that the old models did not store; returns whether there are any.
    fn collect_missing_facts(
        &mut self,
        before: &Models,
        model: &Model,
        old: Option<(&Model, &TiSlice<StageId, Option<StageId>>)>,
    ) -> bool {
        let count_before = self.missing_facts.len();
        let facts = model.facts.iter();
        let facts = facts.filter(|fact| !self.is_fact_stored(before, fact.accessor));
        let mut missing: Vec<String> =
            facts.map(|fact| format!("`{}` of {}", fact.name, model.name)).collect();
        if let Some((old, stages)) = old {
            for (at, stage) in model.stages.iter_enumerated() {
                let mut former =
                    old.stages.iter().zip(stages).filter(|(_, after)| **after == Some(at));
                let was_tracked = former.all(|(before, _)| before.tracks_visits);
                if stage.tracks_visits && !was_tracked {
                    missing.push(format!("visits to `{}` of {}", stage.name, model.name));
                }
            }
        }
        self.missing_facts.append(&mut missing);
        self.missing_facts.len() > count_before
    }

    /// Whether the old slots of a fact retain as many buckets and distinct values as it needs.
    fn is_fact_stored(&self, before: &Models, accessor: FactAccessor) -> bool {
        accessor.source.slots().into_iter().all(|slot| {
            let Some(old) = self.slots[slot] else {
                return false;
            };
            let (retained, cap) = canonical::slot_retention(&before.slots.get(old).kind);
            let needed_cap = match accessor.source {
                ValueSource::Distinct { cap, .. } => cap,
                _ => 0,
            };
            retained >= accessor.window.map_or(0, Window::retained_buckets) && cap >= needed_cap
        })
    }

    /// Whether an encoded state of the old models is also one of the new models.
    fn keeps_encoding(&self, before: &Models, after: &Models) -> bool {
        let mut slots = before.slots.list().iter().zip(after.slots.list());
        let same_model = |(id, model): (ModelId, &ModelSuccession)| {
            let tracked = |models: &Models| -> Vec<bool> {
                let stages = models.list[id].stages.iter();
                stages.map(|stage| stage.tracks_visits).collect()
            };
            model.predecessor == Some(id)
                && model.is_unchanged
                && is_identity(&model.stages)
                && is_identity(&model.transitions)
                && tracked(before) == tracked(after)
        };
        before.list.len() == after.list.len()
            && before.slots.list().len() == after.slots.list().len()
            && is_identity(&self.slots)
            && slots.all(|(a, b)| {
                canonical::slot_retention(&a.kind) == canonical::slot_retention(&b.kind)
            })
            && self.models.iter_enumerated().all(same_model)
            && before.vocabulary == after.vocabulary
            && before.orders == after.orders
            && before.dedupe == after.dedupe
    }
}

fn is_identity<I: From<usize> + PartialEq>(ids: &TiSlice<I, Option<I>>) -> bool {
    ids.iter_enumerated().all(|(at, id)| *id == Some(at))
}

/// The new stage of an old one: that of the same name, else that whose `was` names it.
fn stage_after(model: &Model, name: &str) -> Option<StageId> {
    let renamed = || model.stages.position(|stage| stage.was.iter().any(|was| was == name));
    model.stages.position(|stage| stage.name == name).or_else(renamed)
}

/// The new names of old stages. A lost stage is `?`, which no stage can be called.
fn new_stage_names<'m>(
    new: &'m Model,
    stages: &TiSlice<StageId, Option<StageId>>,
) -> TiVec<StageId, &'m str> {
    let name = |after: &Option<StageId>| after.map_or("?", |stage| &*new.stages[stage].name);
    stages.iter().map(name).collect()
}

/// The transition's name, or its stages.
fn transition_label(canonical: &CanonicalModel<'_>, transition: &Transition) -> String {
    let stages = &canonical.stages;
    match &transition.name {
        Some(name) => name.clone(),
        None => {
            let from: Vec<&str> = transition.from.iter().map(|at| stages[*at]).collect();
            format!("{from:?}->{}", stages[transition.to])
        }
    }
}

fn event_types(before: &Models, after: &Models) -> Vec<EventType> {
    let new_type = |index: u16| {
        let name = before.vocabulary.type_name(EventType::from_index(index));
        name.map_or(EventType::UNNAMED, |name| after.vocabulary.find_type(name))
    };
    (0..before.vocabulary.type_count() as u16).map(new_type).collect()
}

fn fields(before: &Models, after: &Models) -> Vec<Option<FieldId>> {
    let new_field = |(_, field, kind)| {
        let mut fields = after.vocabulary.fields();
        let new = fields.find(|(_, new, new_kind)| (*new, *new_kind) == (field, kind));
        new.map(|(id, ..)| id)
    };
    before.vocabulary.fields().map(new_field).collect()
}

/// Whether the published models (not in shadow), or the names of their stages, differ.
fn is_visible(before: &Models, after: &Models, models: &TiSlice<ModelId, ModelSuccession>) -> bool {
    let published = |models: &Models| models.list.iter().filter(|model| !model.shadow).count();
    let renamed = |(model, succession): (&Model, &ModelSuccession)| {
        let Some(predecessor) = succession.predecessor else {
            return !model.shadow;
        };
        let old = &before.list[predecessor];
        let stages = old.stages.iter().zip(&succession.stages);
        let same = |(stage, after): (&Stage, &Option<StageId>)| {
            after.is_some_and(|after| model.stages[after].name == stage.name)
        };
        model.shadow != old.shadow
            || !model.shadow && (model.name != old.name || !stages.into_iter().all(same))
    };
    published(before) != published(after) || after.list.iter().zip(models).any(renamed)
}
