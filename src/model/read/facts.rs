//! Reads the facts of a model, warns of unused ones, and limits the size of a customer's state.

use std::collections::BTreeSet;

use typed_index_collections::{TiVec, ti_vec};

use super::declared::DeclaredTransitions;
use super::fields::Fields;
use super::model_reader::ModelReader;
use crate::model::condition::Condition;
use crate::model::fact::FactDeclaration;
use crate::model::lower::{FactSymbol, FactSymbols};
use crate::model::problem::Location;
use crate::model::size::StateParts;
use crate::model::yaml::{YamlKey, YamlNode, YamlValue};
use crate::model::{FACTS_MAX, Fact, FactId, Model, STATE_BYTES_MAX};

impl ModelReader<'_> {
    pub(super) fn read_facts(&mut self, fields: &Fields<'_>) -> TiVec<FactId, FactSymbol> {
        let Some(node) = fields.get("facts").filter(|node| !node.is_null()) else {
            // They may be under a misspelt key.
            self.has_invalid_facts = fields.is_misspelled("facts");
            return TiVec::new();
        };
        let Some(entries) =
            self.read_map(node, "`facts` is a map, for example `orders: count(order_completed)`")
        else {
            self.has_invalid_facts = true;
            return TiVec::new();
        };
        if entries.len() > FACTS_MAX {
            self.add_error(node.location, format!("more than {FACTS_MAX} facts"), None);
            self.has_invalid_facts = true;
        }
        let mut facts = TiVec::new();
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
        for (key, _) in entries.iter().filter(|(key, _)| events.contains(key.text.as_str())) {
            let help =
                "give the fact another name; in a condition the event type means the event itself";
            self.add_error(
                key.location,
                format!("`{}` is also an event type of this model", key.text),
                Some(help),
            );
        }
        facts
    }

    /// Warns of facts that no condition reads: they are stored for every customer all the same.
    pub(super) fn warn_of_unused(
        &mut self,
        fields: &Fields<'_>,
        transitions: &DeclaredTransitions,
        facts: &FactSymbols,
    ) {
        let mut used: TiVec<FactId, bool> = ti_vec![false; facts.len()];
        for transition in transitions {
            transition.when.visit(&mut |part: &Condition| {
                for fact in part.facts() {
                    used[fact] = true;
                }
            });
        }
        for (is_used, (key, _)) in used.iter().zip(declared_entries(fields)) {
            if !is_used {
                let message = format!("no condition uses the fact `{}`", key.text);
                let help = "it still takes space in the state of every customer";
                self.add_warning(key.location, message, Some(help));
            }
        }
    }

    /// Reports an error if a customer's state could be too large for a record of the changelog.
    pub(super) fn check_size(&mut self, model: &Model, fields: &Fields<'_>, location: Location) {
        let parts = StateParts::from(&*self.models);
        let bytes = parts.bytes_max(self.models.list.iter().chain([model]));
        if bytes <= STATE_BYTES_MAX {
            return;
        }
        let bytes_of = |fact: &&Fact| parts.fact_bytes(fact);
        let largest = model.facts.iter().max_by_key(bytes_of);
        let help = largest.map(|fact| {
            let (name, bytes) = (&fact.name, bytes_of(&fact));
            format!(
                "`{name}` alone could take {bytes} bytes: a shorter window or a smaller cap takes less"
            )
        });
        let mut keys = declared_entries(fields).iter();
        let key = keys.find(|(key, _)| largest.is_some_and(|fact| fact.name == key.text));
        let location = key.map_or(location, |(key, _)| key.location);
        let message = format!(
            "a customer's state could take {bytes} bytes; at most {STATE_BYTES_MAX} fit into a Kafka record"
        );
        self.add_error(location, message, help.as_deref());
    }
}

/// The declared facts, in file order; they are the first facts of the model.
fn declared_entries<'f>(fields: &Fields<'f>) -> &'f [(YamlKey, YamlNode)] {
    match fields.get("facts").map(|node| &node.value) {
        Some(YamlValue::Map(entries)) => entries,
        _ => &[],
    }
}
