//! Resolves the facts of a declared model to slots; then everything that is derived from them is known.

use typed_index_collections::{TiSlice, TiVec};

use super::declared::{DeclaredModel, DeclaredStage, DeclaredTransition};
use super::model_reader::ModelReader;
use crate::model::builder::ModelsBuilder;
use crate::model::condition::{Condition, TimeDependentSides};
use crate::model::lower::{FactOrigin, FactSymbol};
use crate::model::problem::Location;
use crate::model::slots::{FactAccessor, StageFact};
use crate::model::{Fact, FactId, Model, Reentry, SlotId, Stage, StageId, Transition};

/// Most event fields that all models name, in facts and filters: every event is searched for each.
const FIELDS_MAX: usize = 4096;

impl ModelReader<'_> {
    pub(super) fn resolve(&mut self, declared: DeclaredModel) -> Model {
        let facts = declared.facts.into_iter();
        let facts: TiVec<FactId, Fact> = facts.map(|symbol| self.resolve_fact(symbol)).collect();
        let outgoing = |stage| {
            let transitions = declared.transitions.iter_enumerated();
            let out = transitions.filter(|(_, transition)| transition.from.contains(&stage));
            out.map(|(at, _)| at).collect()
        };
        let outgoing = declared.stages.keys().map(outgoing).collect();
        let transitions = declared.transitions.into_iter();
        let transitions = transitions.map(|it| resolve_transition(it, &facts));
        let stages = declared.stages.into_iter_enumerated();
        let stages = stages.map(|(at, stage)| resolve_stage(at, stage, &facts));
        Model {
            name: declared.name,
            was: declared.was,
            version: declared.version,
            description: declared.description,
            initial: declared.initial,
            stages: stages.collect(),
            transitions: transitions.collect(),
            outgoing,
            facts,
            corrections: declared.corrections,
            emit_from: declared.emit_from,
            shadow: declared.shadow,
            tests: declared.tests,
            source: self.source.clone(),
        }
    }

    fn resolve_fact(&mut self, symbol: FactSymbol) -> Fact {
        if self.models.vocabulary.fields().count() > FIELDS_MAX {
            let message = format!("all models together name more than {FIELDS_MAX} event fields");
            if !self.problems.contains(&message) {
                let start = Location { line: 1, column: 1, width: 1 };
                self.add_error(start, message, None);
            }
            return Fact {
                name: symbol.name,
                accessor: FactAccessor::from_stage_fact(StageFact::Previous),
            };
        }
        let ModelsBuilder { slots, vocabulary, .. } = &mut *self.models;
        let accessor = match symbol.origin {
            FactOrigin::Events(declaration) => {
                slots.accessor(&declaration, symbol.value_type, vocabulary)
            }
            FactOrigin::Stages(fact) => FactAccessor::from_stage_fact(fact),
            // A placeholder: a model with an invalid fact is not used.
            FactOrigin::Invalid => FactAccessor::from_stage_fact(StageFact::Previous),
        };
        Fact { name: symbol.name, accessor }
    }
}

fn resolve_stage(at: StageId, stage: DeclaredStage, facts: &TiSlice<FactId, Fact>) -> Stage {
    let is_visited = |fact: &Fact| fact.accessor.visited_stage() == Some(at);
    Stage {
        tracks_visits: stage.reentry != Reentry::Always || facts.iter().any(is_visited),
        name: stage.name,
        was: stage.was,
        description: stage.description,
        min_dwell: stage.min_dwell,
        reentry: stage.reentry,
    }
}

fn resolve_transition(transition: DeclaredTransition, facts: &TiSlice<FactId, Fact>) -> Transition {
    let when = transition.when;
    Transition {
        slots: condition_slots(&when, facts),
        time_dependent_parts: time_dependent_parts(&when, facts),
        facts: condition_facts(&when, facts),
        from: transition.from,
        to: transition.to,
        name: transition.name,
        when,
        text: transition.text,
        hold: transition.hold,
        cooldown: transition.cooldown,
    }
}

/// The slots that a condition reads, each once.
fn condition_slots(when: &Condition, facts: &TiSlice<FactId, Fact>) -> Vec<SlotId> {
    let mut slots = Vec::new();
    when.visit(&mut |part| {
        let facts = part.facts().into_iter().map(|fact| &facts[fact]);
        slots.extend(facts.flat_map(|fact| fact.accessor.source.slots()));
    });
    slots.sort_unstable();
    slots.dedup();
    slots
}

/// The parts of a condition that contain a window, and those that change with every millisecond.
fn time_dependent_parts(when: &Condition, facts: &TiSlice<FactId, Fact>) -> Vec<Condition> {
    let mut time_dependent = Vec::new();
    when.visit(&mut |part| {
        let is_continuous = matches!(
            part,
            Condition::Compare(comparison) if comparison.time_dependent != TimeDependentSides::Neither
        );
        let is_windowed = |fact: &FactId| facts[*fact].accessor.window.is_some();
        if is_continuous || part.facts().iter().any(is_windowed) {
            time_dependent.push(part.clone());
        }
    });
    time_dependent
}

/// The facts that a condition reads, in the order of the text. Of facts with the same accessor only the first
/// is listed.
fn condition_facts(when: &Condition, facts: &TiSlice<FactId, Fact>) -> Vec<FactId> {
    let mut distinct: Vec<FactId> = Vec::new();
    when.visit(&mut |part| {
        for fact in part.facts() {
            let differs = |other: &FactId| facts[*other].accessor != facts[fact].accessor;
            if distinct.iter().all(differs) {
                distinct.push(fact);
            }
        }
    });
    distinct
}
