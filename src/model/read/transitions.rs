//! Transitions, and the stages they lead out of and into.

use std::collections::BTreeSet;

use super::{Fields, ModelReader};
use crate::event::Millis;
use crate::model::lower::FactSymbol;
use crate::model::problem::{Location, did_you_mean};
use crate::model::yaml::{YamlNode, YamlValue};
use crate::model::{Stage, TRANSITIONS_MAX, Transition};

/// The keys of a transition.
pub(crate) const TRANSITION_KEYS: [&str; 7] = [
    "from",
    "to",
    "when",
    "hold",
    "cooldown",
    "name",
    "description",
];

impl ModelReader<'_> {
    /// The transitions without a mistake, each with where it stands.
    pub(super) fn read_transitions<'n>(
        &mut self,
        fields: &Fields<'n>,
        place: Location,
        stages: &[&str],
        facts: &mut Vec<FactSymbol>,
    ) -> Vec<(&'n YamlNode, Transition)> {
        let Some(node) = self.required_field(fields, "transitions", place) else {
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
            self.add_error(
                node.location,
                format!("more than {TRANSITIONS_MAX} transitions"),
                None,
            );
        }
        let items = items.iter().take(TRANSITIONS_MAX);
        let read = |item| Some((item, self.read_transition(item, stages, facts)?));
        items.filter_map(read).collect()
    }

    fn read_transition(
        &mut self,
        item: &YamlNode,
        stages: &[&str],
        facts: &mut Vec<FactSymbol>,
    ) -> Option<Transition> {
        let fields = self.read_fields(item, "a transition", &TRANSITION_KEYS, &[])?;
        let from = self
            .required_field(&fields, "from", item.location)
            .map(|node| self.read_origins(node, stages));
        let to = self
            .required_field(&fields, "to", item.location)
            .and_then(|node| self.read_stage(node, stages));
        let name = fields
            .get("name")
            .and_then(|node| self.read_text(node))
            .map(str::to_owned);
        let hold = fields
            .get("hold")
            .map_or(Some(Millis(0)), |node| self.read_duration(node));
        let cooldown = fields
            .get("cooldown")
            .map_or(Some(Millis(0)), |node| self.read_duration(node));
        let when = self.required_field(&fields, "when", item.location);
        let text = when.and_then(|node| self.read_text(node));
        let condition = text.and_then(|text| {
            let held = hold.is_some_and(|hold| hold.0 > 0);
            let condition = self.read_condition(when?, text, stages, facts, held);
            if let Some(condition) = &condition {
                self.warn_of_condition(when?, condition, facts);
            }
            condition
        });
        let (from, to) = (from?, to?);
        if from.contains(&to) {
            let help = "a customer who is there already cannot enter it; leave it out of `from`";
            self.add_error(
                fields.get("to").map_or(item.location, |node| node.location),
                format!("`{}` leads to itself", stages[to]),
                Some(help),
            );
        }
        Some(Transition {
            from,
            to,
            name,
            when: condition?,
            text: text?.to_owned(),
            hold: hold?,
            cooldown: cooldown?,
            // Known when all facts are.
            slots: Vec::new(),
            time_dependent_parts: Vec::new(),
            facts: Vec::new(),
        })
    }

    fn read_origins(&mut self, node: &YamlNode, stages: &[&str]) -> Vec<usize> {
        let nodes = Self::items(node);
        if nodes.is_empty() {
            self.add_error(
                node.location,
                "a transition begins in at least one stage".to_owned(),
                None,
            );
        }
        let mut from = Vec::new();
        for node in nodes {
            if let Some(stage) = self.read_stage(node, stages) {
                if from.contains(&stage) {
                    self.add_error(
                        node.location,
                        format!("`{}` stands here twice", stages[stage]),
                        None,
                    );
                } else {
                    from.push(stage);
                }
            }
        }
        from
    }

    pub(super) fn read_stage(&mut self, node: &YamlNode, stages: &[&str]) -> Option<usize> {
        let name = self.read_text(node)?;
        if stages.is_empty() {
            return None; // Why there are none is reported already.
        }
        let found = stages.iter().position(|stage| *stage == name);
        if found.is_none() && !self.problems.is_full() {
            let help = did_you_mean(name, stages.iter().copied())
                .unwrap_or_else(|| format!("the stages are {}", stages.join(", ")));
            self.add_error(
                node.location,
                format!("unknown stage `{name}`"),
                Some(&help),
            );
        } else if found.is_none() {
            self.add_error(node.location, format!("unknown stage `{name}`"), None);
        }
        found
    }

    pub(super) fn warn_of_unreachable(
        &mut self,
        fields: &Fields<'_>,
        stages: &[Stage],
        initial: usize,
        transitions: &[Transition],
    ) {
        let mut reached = BTreeSet::from([initial]);
        while transitions
            .iter()
            .any(|t| t.from.iter().any(|from| reached.contains(from)) && reached.insert(t.to))
        {
        }
        let Some(YamlValue::Map(entries)) = fields.get("stages").map(|node| &node.value) else {
            return;
        };
        for (at, (key, _)) in entries.iter().enumerate().take(stages.len()) {
            if !reached.contains(&at) {
                self.add_warning(
                    key.location,
                    format!("no transition leads to the stage `{}`", key.text),
                    None,
                );
            }
        }
    }
}
