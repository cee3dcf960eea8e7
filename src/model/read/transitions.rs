//! Transitions, and the stages they lead out of and into.

use std::collections::BTreeSet;

use super::{Fields, Reader};
use crate::event::Millis;
use crate::model::lower::Known;
use crate::model::problem::{Place, did_you_mean};
use crate::model::yaml::{Node, Value};
use crate::model::{Stage, TRANSITIONS_MAX, Transition};

/// The keys of a transition.
pub(in crate::model) const TRANSITION_KEYS: [&str; 7] = [
    "from",
    "to",
    "when",
    "hold",
    "cooldown",
    "name",
    "description",
];

impl Reader<'_> {
    /// The transitions without a mistake, each with where it stands.
    pub(super) fn transitions<'n>(
        &mut self,
        fields: &Fields<'n>,
        place: Place,
        stages: &[&str],
        facts: &mut Vec<Known>,
    ) -> Vec<(&'n Node, Transition)> {
        let Some(node) = self.required(fields, "transitions", place) else {
            return Vec::new();
        };
        let Value::List(items) = &node.value else {
            self.error(
                node.place,
                format!("`transitions` is a list, not {}", node.what()),
                Some("write `- { from: a, to: b, when: condition }`"),
            );
            return Vec::new();
        };
        if items.len() > TRANSITIONS_MAX {
            self.error(
                node.place,
                format!("more than {TRANSITIONS_MAX} transitions"),
                None,
            );
        }
        let items = items.iter().take(TRANSITIONS_MAX);
        let read = |item| Some((item, self.transition(item, stages, facts)?));
        items.filter_map(read).collect()
    }

    fn transition(
        &mut self,
        item: &Node,
        stages: &[&str],
        facts: &mut Vec<Known>,
    ) -> Option<Transition> {
        let fields = self.fields(item, "a transition", &TRANSITION_KEYS, &[])?;
        let from = self
            .required(&fields, "from", item.place)
            .map(|node| self.origins(node, stages));
        let to = self
            .required(&fields, "to", item.place)
            .and_then(|node| self.stage(node, stages));
        let name = fields
            .get("name")
            .and_then(|node| self.text(node))
            .map(str::to_owned);
        let hold = fields
            .get("hold")
            .map_or(Some(Millis(0)), |node| self.duration(node));
        let cooldown = fields
            .get("cooldown")
            .map_or(Some(Millis(0)), |node| self.duration(node));
        let when = self.required(&fields, "when", item.place);
        let text = when.and_then(|node| self.text(node));
        let condition = text.and_then(|text| {
            let held = hold.is_some_and(|hold| hold.0 > 0);
            let condition = self.condition(when?, text, stages, facts, held);
            if let Some(condition) = &condition {
                self.warn_of_condition(when?, condition, facts);
            }
            condition
        });
        let (from, to) = (from?, to?);
        if from.contains(&to) {
            let help = "a customer who is there already cannot enter it; leave it out of `from`";
            self.error(
                fields.get("to").map_or(item.place, |node| node.place),
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
            clocks: Vec::new(),
            facts: Vec::new(),
        })
    }

    fn origins(&mut self, node: &Node, stages: &[&str]) -> Vec<usize> {
        let nodes = Self::one_or_many(node);
        if nodes.is_empty() {
            self.error(
                node.place,
                "a transition begins in at least one stage".to_owned(),
                None,
            );
        }
        let mut from = Vec::new();
        for node in nodes {
            if let Some(stage) = self.stage(node, stages) {
                if from.contains(&stage) {
                    self.error(
                        node.place,
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

    pub(super) fn stage(&mut self, node: &Node, stages: &[&str]) -> Option<usize> {
        let name = self.text(node)?;
        if stages.is_empty() {
            return None; // Why there are none is reported already.
        }
        let found = stages.iter().position(|stage| *stage == name);
        if found.is_none() && !self.problems.is_full() {
            let help = did_you_mean(name, stages.iter().copied())
                .unwrap_or_else(|| format!("the stages are {}", stages.join(", ")));
            self.error(node.place, format!("unknown stage `{name}`"), Some(&help));
        } else if found.is_none() {
            self.error(node.place, format!("unknown stage `{name}`"), None);
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
        let Some(Value::Map(entries)) = fields.get("stages").map(|node| &node.value) else {
            return;
        };
        for (at, (key, _)) in entries.iter().enumerate().take(stages.len()) {
            if !reached.contains(&at) {
                self.warning(
                    key.place,
                    format!("no transition leads to the stage `{}`", key.text),
                    None,
                );
            }
        }
    }
}
