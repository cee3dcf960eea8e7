//! What is remembered of events: declared, used, and not too much of it.

use std::collections::BTreeSet;

use super::{Fields, Reader};
use crate::model::condition::Condition;
use crate::model::fact::Declaration;
use crate::model::lower::{About, Known};
use crate::model::problem::Place;
use crate::model::slots::{Reading, StageFact};
use crate::model::yaml::{Key, Node, Value};
use crate::model::{FACTS_MAX, Fact, Model, Models, STATE_BYTES_MAX, Transition, size};

/// Most fields of events that all models name, in facts and filters: each is looked for in every event.
const FIELDS_MAX: usize = 4096;

impl Reader<'_> {
    pub(super) fn facts(&mut self, fields: &Fields<'_>) -> Vec<Known> {
        let Some(node) = fields.get("facts").filter(|node| !node.is_null()) else {
            // Under a misspelt key they may well stand.
            self.incomplete = fields.is_misspelt("facts");
            return Vec::new();
        };
        let Some(entries) = self.map(
            node,
            "`facts` is a map, for example `orders: count(order_completed)`",
        ) else {
            self.incomplete = true;
            return Vec::new();
        };
        if entries.len() > FACTS_MAX {
            self.error(node.place, format!("more than {FACTS_MAX} facts"), None);
            self.incomplete = true;
        }
        let mut facts: Vec<Known> = Vec::new();
        for (key, value) in entries.iter().take(FACTS_MAX) {
            self.check_fact_name(&key.text, key.place);
            let Some(text) = self.text(value) else {
                facts.push(Known::broken(&key.text));
                continue;
            };
            match Declaration::parse(text) {
                Ok(declaration) => facts.push(Known::of_events(&key.text, declaration)),
                Err(fault) => {
                    self.fault(value, fault);
                    facts.push(Known::broken(&key.text));
                }
            }
        }
        let events: BTreeSet<&str> = facts.iter().filter_map(Known::event).collect();
        for (key, _) in entries
            .iter()
            .filter(|(key, _)| events.contains(key.text.as_str()))
        {
            let help = "give the fact another name; in a condition the event type stands for the event itself";
            self.error(
                key.place,
                format!("`{}` is an event type of this model too", key.text),
                Some(help),
            );
        }
        facts
    }

    pub(super) fn link(&mut self, known: Known) -> Fact {
        if self.models.vocabulary.fields().count() > FIELDS_MAX {
            let message = format!("all models name more than {FIELDS_MAX} fields of events");
            if !self.problems.has(&message) {
                let beginning = Place {
                    line: 1,
                    column: 1,
                    width: 1,
                };
                self.error(beginning, message, None);
            }
            let reading = Reading::of_stages(StageFact::Previous);
            return Fact {
                name: known.name,
                reading,
            };
        }
        let Models {
            slots, vocabulary, ..
        } = &mut *self.models;
        let reading = match known.about {
            About::Events(declaration) => slots.reading(&declaration, known.value_type, vocabulary),
            About::Stages(fact) => Reading::of_stages(fact),
            // With a mistake among its facts no model is used.
            About::Nothing => Reading::of_stages(StageFact::Previous),
        };
        Fact {
            name: known.name,
            reading,
        }
    }

    /// It is kept of every customer, and nobody asks.
    pub(super) fn warn_of_unused(
        &mut self,
        fields: &Fields<'_>,
        transitions: &[Transition],
        facts: &[Known],
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
        for (at, (key, _)) in declared(fields).iter().enumerate().take(used.len()) {
            if !used[at] {
                let message = format!("no condition looks at the fact `{}`", key.text);
                let help = "it takes room in the state of every customer all the same";
                self.warning(key.place, message, Some(help));
            }
        }
    }

    /// A state that is too large could not be kept.
    pub(super) fn check_size(&mut self, model: &Model, fields: &Fields<'_>, place: Place) {
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
        let mut keys = declared(fields).iter();
        let key = keys.find(|(key, _)| largest.is_some_and(|fact| fact.name == key.text));
        let place = key.map_or(place, |(key, _)| key.place);
        let message = format!(
            "what is kept of a customer could take {bytes} bytes, more than {STATE_BYTES_MAX}, which fit into a record of Kafka"
        );
        self.error(place, message, help.as_deref());
    }
}

/// The facts that have a name, in file order: the first of the model's.
fn declared<'f>(fields: &Fields<'f>) -> &'f [(Key, Node)] {
    match fields.get("facts").map(|node| &node.value) {
        Some(Value::Map(entries)) => entries,
        _ => &[],
    }
}
