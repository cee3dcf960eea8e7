//! What is remembered of events: declared, used, and not too much of it.

use std::collections::BTreeSet;

use super::{Fields, ModelReader};
use crate::model::condition::Condition;
use crate::model::fact::FactDeclaration;
use crate::model::lower::{FactOrigin, FactSymbol};
use crate::model::problem::Location;
use crate::model::slots::{FactAccessor, StageFact};
use crate::model::yaml::{YamlKey, YamlNode, YamlValue};
use crate::model::{FACTS_MAX, Fact, Model, Models, STATE_BYTES_MAX, Transition, size};

/// Most fields of events that all models name, in facts and filters: each is looked for in every event.
const FIELDS_MAX: usize = 4096;

impl ModelReader<'_> {
    pub(super) fn read_facts(&mut self, fields: &Fields<'_>) -> Vec<FactSymbol> {
        let Some(node) = fields.get("facts").filter(|node| !node.is_null()) else {
            // Under a misspelt key they may well stand.
            self.has_invalid_facts = fields.is_misspelled("facts");
            return Vec::new();
        };
        let Some(entries) = self.read_map(
            node,
            "`facts` is a map, for example `orders: count(order_completed)`",
        ) else {
            self.has_invalid_facts = true;
            return Vec::new();
        };
        if entries.len() > FACTS_MAX {
            self.add_error(node.location, format!("more than {FACTS_MAX} facts"), None);
            self.has_invalid_facts = true;
        }
        let mut facts: Vec<FactSymbol> = Vec::new();
        for (key, value) in entries.iter().take(FACTS_MAX) {
            self.check_fact_name(&key.text, key.location);
            let Some(text) = self.read_text(value) else {
                facts.push(FactSymbol::invalid(&key.text));
                continue;
            };
            match FactDeclaration::parse(text) {
                Ok(declaration) => facts.push(FactSymbol::from_declaration(&key.text, declaration)),
                Err(fault) => {
                    self.add_fault(value, fault);
                    facts.push(FactSymbol::invalid(&key.text));
                }
            }
        }
        let events: BTreeSet<&str> = facts.iter().filter_map(FactSymbol::event_type).collect();
        for (key, _) in entries
            .iter()
            .filter(|(key, _)| events.contains(key.text.as_str()))
        {
            let help = "give the fact another name; in a condition the event type stands for the event itself";
            self.add_error(
                key.location,
                format!("`{}` is an event type of this model too", key.text),
                Some(help),
            );
        }
        facts
    }

    pub(super) fn resolve_fact(&mut self, known: FactSymbol) -> Fact {
        if self.models.vocabulary.fields().count() > FIELDS_MAX {
            let message = format!("all models name more than {FIELDS_MAX} fields of events");
            if !self.problems.contains(&message) {
                let beginning = Location {
                    line: 1,
                    column: 1,
                    width: 1,
                };
                self.add_error(beginning, message, None);
            }
            let reading = FactAccessor::from_stage_fact(StageFact::Previous);
            return Fact {
                name: known.name,
                accessor: reading,
            };
        }
        let Models {
            slots, vocabulary, ..
        } = &mut *self.models;
        let reading = match known.origin {
            FactOrigin::Events(declaration) => {
                slots.accessor(&declaration, known.value_type, vocabulary)
            }
            FactOrigin::Stages(fact) => FactAccessor::from_stage_fact(fact),
            // With a mistake among its facts no model is used.
            FactOrigin::Invalid => FactAccessor::from_stage_fact(StageFact::Previous),
        };
        Fact {
            name: known.name,
            accessor: reading,
        }
    }

    /// It is kept of every customer, and nobody asks.
    pub(super) fn warn_of_unused(
        &mut self,
        fields: &Fields<'_>,
        transitions: &[Transition],
        facts: &[FactSymbol],
    ) {
        let mut used = vec![false; facts.len()];
        for transition in transitions {
            let mut see = |part: &Condition| {
                for fact in part.facts() {
                    used[fact] = true;
                }
            };
            transition.when.visit(&mut see);
        }
        for (at, (key, _)) in declared_entries(fields).iter().enumerate().take(used.len()) {
            if !used[at] {
                let message = format!("no condition looks at the fact `{}`", key.text);
                let help = "it takes room in the state of every customer all the same";
                self.add_warning(key.location, message, Some(help));
            }
        }
    }

    /// A state that is too large could not be kept.
    pub(super) fn check_size(&mut self, model: &Model, fields: &Fields<'_>, place: Location) {
        let bytes = size::bytes_max(self.models, self.models.list.iter().chain([model]));
        if bytes <= STATE_BYTES_MAX {
            return;
        }
        let of = |fact: &&Fact| size::fact_bytes(self.models, fact);
        let largest = model.facts.iter().max_by_key(of);
        let help = largest.map(|fact| {
            let (name, bytes) = (&fact.name, of(&fact));
            format!(
                "`{name}` alone could take {bytes}: a shorter window or a smaller cap takes less"
            )
        });
        let mut keys = declared_entries(fields).iter();
        let key = keys.find(|(key, _)| largest.is_some_and(|fact| fact.name == key.text));
        let place = key.map_or(place, |(key, _)| key.location);
        let message = format!(
            "what is kept of a customer could take {bytes} bytes, more than {STATE_BYTES_MAX}, which fit into a record of Kafka"
        );
        self.add_error(place, message, help.as_deref());
    }
}

/// The facts that have a name, in file order: the first of the model's.
fn declared_entries<'f>(fields: &Fields<'f>) -> &'f [(YamlKey, YamlNode)] {
    match fields.get("facts").map(|node| &node.value) {
        Some(YamlValue::Map(entries)) => entries,
        _ => &[],
    }
}
