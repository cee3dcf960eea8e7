//! From the tree of a file to a model. Goes on after every problem, to find them all.

mod conditions;
mod examples;
mod fields;

use std::collections::BTreeSet;

use super::fact::{Declaration, Fault};
use super::lower::Known;
use super::problem::{Place, Problem, Severity, Source, did_you_mean};
use super::yaml::{self, Node, Value};
use super::{FACTS_MAX, Fact, MODELS_MAX, Model, Models, STAGES_MAX, Stage, TRANSITIONS_MAX};
use crate::event::Millis;
use fields::Fields;

/// Reads one file. `None` when it has no usable model; then there is an error among the problems.
pub(super) fn model(
    source: &Source,
    models: &mut Models,
    problems: &mut Vec<Problem>,
) -> Option<Model> {
    let root = yaml::read(&source.text, problems)?;
    let mut reader = Reader {
        source,
        models,
        problems,
    };
    let model = reader.model(&root);
    let failed = reader
        .problems
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    model.filter(|_| !failed)
}

struct Reader<'r> {
    source: &'r Source,
    models: &'r mut Models,
    problems: &'r mut Vec<Problem>,
}

/// The keys of a file, and those of a later version.
const MODEL_KEYS: [&str; 8] = [
    "model",
    "version",
    "description",
    "initial",
    "facts",
    "stages",
    "transitions",
    "tests",
];
const MODEL_KEYS_LATER: [&str; 5] = ["dedupe", "corrections", "emit_from", "shadow", "measures"];

impl Reader<'_> {
    fn model(&mut self, root: &Node) -> Option<Model> {
        let fields = self.fields(root, "a model", &MODEL_KEYS, &MODEL_KEYS_LATER)?;
        let name = self.model_name(&fields, root.place);
        let version = fields
            .get("version")
            .map_or(Some(1), |node| self.whole_number(node));
        if let Some(description) = fields.get("description") {
            self.text(description);
        }
        let stages = self.stages(&fields, root.place);
        let mut facts = self.facts(&fields);
        let names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
        let initial = self
            .required(&fields, "initial", root.place)
            .and_then(|node| self.stage(node, &names));
        let transitions = self.transitions(&fields, root.place, &names, &mut facts);
        let examples = self.examples(&fields, &names);
        let (name, version, initial) = (name?, version?, initial?);
        // A transition with a mistake of its own is not among them.
        if !self.has_errors() {
            self.warn_of_unreachable(&fields, &stages, initial, &transitions);
        }
        let outgoing = (0..stages.len())
            .map(|stage| {
                (0..transitions.len())
                    .filter(|at| transitions[*at].from.contains(&stage))
                    .collect()
            })
            .collect();
        let facts = facts.into_iter().map(|known| self.link(known)).collect();
        let source = self.source.clone();
        Some(Model {
            name,
            version,
            initial,
            stages,
            transitions,
            outgoing,
            facts,
            examples,
            source,
        })
    }

    fn model_name(&mut self, fields: &Fields<'_>, place: Place) -> Option<String> {
        let node = self.required(fields, "model", place)?;
        let name = self.name(node)?;
        if self.models.list.iter().any(|model| model.name == name) {
            self.error(
                node.place,
                format!("another loaded model is called `{name}` too"),
                None,
            );
        }
        if self.models.list.len() == MODELS_MAX {
            self.error(node.place, format!("more than {MODELS_MAX} models"), None);
        }
        Some(name)
    }

    fn stages(&mut self, fields: &Fields<'_>, place: Place) -> Vec<Stage> {
        let Some(node) = self.required(fields, "stages", place) else {
            return Vec::new();
        };
        let Some(entries) = self.map(
            node,
            "`stages` is a map of stage names, for example `loyalty: {}`",
        ) else {
            return Vec::new();
        };
        if entries.is_empty() || entries.len() > STAGES_MAX {
            self.error(
                node.place,
                format!(
                    "a model has 1 to {STAGES_MAX} stages, this one {}",
                    entries.len()
                ),
                None,
            );
        }
        let mut stages = Vec::new();
        for (key, value) in entries.iter().take(STAGES_MAX) {
            self.check_name(&key.text, key.place);
            let mut min_dwell = Millis(0);
            if !value.is_null()
                && let Some(own) = self.fields(
                    value,
                    "a stage",
                    &["min_dwell", "description"],
                    &["reentry"],
                )
                && let Some(node) = own.get("min_dwell")
            {
                min_dwell = self.duration(node).unwrap_or_default();
            }
            stages.push(Stage {
                name: key.text.clone(),
                min_dwell,
            });
        }
        stages
    }

    fn facts(&mut self, fields: &Fields<'_>) -> Vec<Known> {
        let Some(node) = fields.get("facts") else {
            return Vec::new();
        };
        let Some(entries) = self.map(
            node,
            "`facts` is a map, for example `orders: count(order_completed)`",
        ) else {
            return Vec::new();
        };
        if entries.len() > FACTS_MAX {
            self.error(node.place, format!("more than {FACTS_MAX} facts"), None);
        }
        let mut facts: Vec<Known> = Vec::new();
        for (key, value) in entries.iter().take(FACTS_MAX) {
            self.check_fact_name(&key.text, key.place);
            let Some(text) = self.text(value) else {
                continue;
            };
            match Declaration::parse(text) {
                Ok(declaration) => {
                    let value_type = declaration.value_type();
                    facts.push(Known {
                        name: key.text.clone(),
                        declaration,
                        value_type,
                        broken: false,
                    });
                }
                Err(fault) => {
                    self.fault(value, fault);
                    facts.push(Known::broken(&key.text));
                }
            }
        }
        let events: BTreeSet<&str> = facts
            .iter()
            .filter_map(|fact| fact.declaration.event.as_deref())
            .collect();
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

    fn link(&mut self, known: Known) -> Fact {
        let Models {
            slots, vocabulary, ..
        } = &mut *self.models;
        let reading = slots.reading(&known.declaration, known.value_type, vocabulary);
        Fact {
            name: known.name,
            declaration: known.declaration,
            reading,
        }
    }

    fn transitions(
        &mut self,
        fields: &Fields<'_>,
        place: Place,
        stages: &[&str],
        facts: &mut Vec<Known>,
    ) -> Vec<super::Transition> {
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
        items
            .filter_map(|item| self.transition(item, stages, facts))
            .collect()
    }

    fn transition(
        &mut self,
        item: &Node,
        stages: &[&str],
        facts: &mut Vec<Known>,
    ) -> Option<super::Transition> {
        let keys = ["from", "to", "when", "hold", "name", "description"];
        let fields = self.fields(item, "a transition", &keys, &["cooldown"])?;
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
        let when = self.required(&fields, "when", item.place);
        let text = when.and_then(|node| self.text(node));
        let condition = text.and_then(|text| {
            self.condition(when?, text, facts, hold.is_some_and(|hold| hold.0 > 0))
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
        Some(super::Transition {
            from,
            to,
            name,
            when: condition?,
            text: text?.to_owned(),
            hold: hold?,
        })
    }

    fn origins(&mut self, node: &Node, stages: &[&str]) -> Vec<usize> {
        let single = std::slice::from_ref(node);
        let nodes = if let Value::List(items) = &node.value {
            items.as_slice()
        } else {
            single
        };
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
                }
                from.push(stage);
            }
        }
        from
    }

    fn stage(&mut self, node: &Node, stages: &[&str]) -> Option<usize> {
        let name = self.text(node)?;
        let found = stages.iter().position(|stage| *stage == name);
        if found.is_none() {
            let help = did_you_mean(name, stages.iter().copied())
                .unwrap_or_else(|| format!("the stages are {}", stages.join(", ")));
            self.error(node.place, format!("unknown stage `{name}`"), Some(&help));
        }
        found
    }

    fn warn_of_unreachable(
        &mut self,
        fields: &Fields<'_>,
        stages: &[Stage],
        initial: usize,
        transitions: &[super::Transition],
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

    fn has_errors(&self) -> bool {
        let error = |problem: &Problem| problem.severity == Severity::Error;
        self.problems.iter().any(error)
    }

    fn fault(&mut self, node: &Node, fault: Fault) {
        let place = self.place_within(node, fault.span);
        self.error(place, fault.message, fault.help.as_deref());
    }

    fn error(&mut self, place: Place, message: String, help: Option<&str>) {
        self.problem(place, Severity::Error, message, help);
    }

    fn warning(&mut self, place: Place, message: String, help: Option<&str>) {
        self.problem(place, Severity::Warning, message, help);
    }

    fn problem(&mut self, place: Place, severity: Severity, message: String, help: Option<&str>) {
        self.problems.push(Problem {
            place,
            severity,
            message,
            help: help.map(str::to_owned),
        });
    }
}
