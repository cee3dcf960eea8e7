//! Reads the transitions of a model, and warns of stages that none of them reaches.

use std::collections::BTreeSet;

use typed_index_collections::TiVec;

use super::declared::{DeclaredStages, DeclaredTransition, DeclaredTransitions};
use super::fields::Fields;
use super::model_reader::ModelReader;
use crate::event::Millis;
use crate::model::lower::{FactSymbol, StageNames};
use crate::model::problem::{Location, did_you_mean};
use crate::model::yaml::{YamlNode, YamlValue};
use crate::model::{FactId, StageId, TRANSITIONS_MAX};

pub(crate) const TRANSITION_KEYS: [&str; 7] =
    ["from", "to", "when", "hold", "cooldown", "name", "description"];

impl ModelReader<'_> {
    /// Reads the transitions; those with an error are left out. Each has its node, for later warnings.
    pub(super) fn read_transitions<'n>(
        &mut self,
        fields: &Fields<'n>,
        location: Location,
        stages: &StageNames<'_>,
        facts: &mut TiVec<FactId, FactSymbol>,
    ) -> Vec<(&'n YamlNode, DeclaredTransition)> {
        let Some(node) = self.required_field(fields, "transitions", location) else {
            return Vec::new();
        };
        let YamlValue::List(items) = &node.value else {
            self.add_error(
                node.location,
                format!("`transitions` is a list, not {}", node.kind_name()),
                Some("write `- { from: a, to: b, when: condition }`"),
            );
            return Vec::new();
        };
        if items.len() > TRANSITIONS_MAX {
            self.add_error(node.location, format!("more than {TRANSITIONS_MAX} transitions"), None);
        }
        let items = items.iter().take(TRANSITIONS_MAX);
        let read = |item| Some((item, self.read_transition(item, stages, facts)?));
        items.filter_map(read).collect()
    }

    fn read_transition(
        &mut self,
        item: &YamlNode,
        stages: &StageNames<'_>,
        facts: &mut TiVec<FactId, FactSymbol>,
    ) -> Option<DeclaredTransition> {
        let fields = self.read_fields(item, "a transition", &TRANSITION_KEYS, &[])?;
        let from = self
            .required_field(&fields, "from", item.location)
            .map(|node| self.read_origins(node, stages));
        let to = self
            .required_field(&fields, "to", item.location)
            .and_then(|node| self.read_stage(node, stages));
        let name = fields.get("name").and_then(|node| self.read_text(node)).map(str::to_owned);
        let hold = fields.get("hold").map_or(Some(Millis(0)), |node| self.read_duration(node));
        let cooldown =
            fields.get("cooldown").map_or(Some(Millis(0)), |node| self.read_duration(node));
        let when = self.required_field(&fields, "when", item.location);
        let text = when.and_then(|node| self.read_text(node));
        let condition = text.and_then(|text| {
            let has_hold = hold.is_some_and(|hold| hold.0 > 0);
            let condition = self.read_condition(when?, text, stages, facts, has_hold);
            if let Some(condition) = &condition {
                self.warn_of_condition(when?, condition, facts);
            }
            condition
        });
        let (from, to) = (from?, to?);
        if from.contains(&to) {
            let help = "a customer cannot enter the stage it is in; leave it out of `from`";
            self.add_error(
                fields.get("to").map_or(item.location, |node| node.location),
                format!("`{}` leads to itself", stages[to]),
                Some(help),
            );
        }
        Some(DeclaredTransition {
            from,
            to,
            name,
            when: condition?,
            text: text?.to_owned(),
            hold: hold?,
            cooldown: cooldown?,
        })
    }

    fn read_origins(&mut self, node: &YamlNode, stages: &StageNames<'_>) -> Vec<StageId> {
        let nodes = Self::items(node);
        if nodes.is_empty() {
            self.add_error(node.location, "`from` needs at least one stage".to_owned(), None);
        }
        let mut from = Vec::new();
        for node in nodes {
            if let Some(stage) = self.read_stage(node, stages) {
                if from.contains(&stage) {
                    self.add_error(
                        node.location,
                        format!("`{}` is listed twice", stages[stage]),
                        None,
                    );
                } else {
                    from.push(stage);
                }
            }
        }
        from
    }

    pub(super) fn read_stage(
        &mut self,
        node: &YamlNode,
        stages: &StageNames<'_>,
    ) -> Option<StageId> {
        let name = self.read_text(node)?;
        if stages.is_empty() {
            return None; // The reason is already reported by `read_stages`.
        }
        let stage = stages.position(|stage| *stage == name);
        if stage.is_none() {
            // The help is not computed for problems that are not shown: it compares all names.
            let help = (!self.problems.is_full()).then(|| {
                did_you_mean(name, stages.iter().copied())
                    .unwrap_or_else(|| format!("the stages are {}", stages.join(", ")))
            });
            let message = format!("unknown stage `{name}`");
            self.add_error(node.location, message, help.as_deref());
        }
        stage
    }

    pub(super) fn warn_of_unreachable(
        &mut self,
        fields: &Fields<'_>,
        stages: &DeclaredStages,
        initial: StageId,
        transitions: &DeclaredTransitions,
    ) {
        // Each pass of the loop adds a stage; it ends when no transition leads to a new one.
        let mut reached = BTreeSet::from([initial]);
        while transitions
            .iter()
            .any(|t| t.from.iter().any(|from| reached.contains(from)) && reached.insert(t.to))
        {
        }
        let Some(YamlValue::Map(entries)) = fields.get("stages").map(|node| &node.value) else {
            return;
        };
        for (stage, (key, _)) in stages.keys().zip(entries) {
            if !reached.contains(&stage) {
                self.add_warning(
                    key.location,
                    format!("no transition leads to the stage `{}`", key.text),
                    None,
                );
            }
        }
    }
}
