//! From the tree of a file to a model. Goes on after every problem, to find them all.

mod conditions;
mod endless;
mod examples;
mod facts;
mod fields;
mod never;
mod occurrence;
mod shared;
mod stages;
mod transitions;

use super::fact::Fault;
use super::problem::{Place, Problem, Problems, Severity, Source};
use super::yaml::{self, Node};
use super::{Fact, MODELS_MAX, Model, Models};
use crate::event::parse_instant;
use fields::Fields;

pub(super) use examples::{CAUSES, EXPECT_KEYS, TEST_KEYS};
pub use fields::name_fault;
pub(super) use fields::{NAME_BYTES_MAX, RESERVED};
pub(super) use occurrence::EVENT_KEYS;
pub(super) use shared::ORDER_KEYS;
pub(super) use stages::STAGE_KEYS;
pub(super) use transitions::TRANSITION_KEYS;

/// Reads one file. `None` when it has no usable model; then there is an error among the problems.
pub(super) fn model(
    source: &Source,
    models: &mut Models,
    problems: &mut Problems,
) -> Option<Model> {
    let root = yaml::read(&source.text, problems)?;
    let mut reader = Reader {
        source,
        lines: source.text.lines().collect(),
        models,
        problems,
        incomplete: false,
    };
    let model = reader.model(&root);
    model.filter(|_| !problems.has_errors())
}

struct Reader<'r> {
    source: &'r Source,
    lines: Vec<&'r str>,
    models: &'r mut Models,
    problems: &'r mut Problems,
    /// Whether there are facts that could not be read, so that an unknown name is no mistake.
    incomplete: bool,
}

/// The keys of a file, and those of a later version.
pub(super) const MODEL_KEYS: [&str; 15] = [
    "model",
    "was",
    "version",
    "description",
    "initial",
    "currency",
    "dedupe",
    "orders",
    "corrections",
    "emit_from",
    "shadow",
    "facts",
    "stages",
    "transitions",
    "tests",
];
const MODEL_KEYS_LATER: [&str; 1] = ["measures"];

impl Reader<'_> {
    fn model(&mut self, root: &Node) -> Option<Model> {
        let fields = self.fields(root, "a model", &MODEL_KEYS, &MODEL_KEYS_LATER)?;
        let name = self.model_name(&fields, root.place);
        let was = fields.get("was").and_then(|node| self.name(node));
        let version = fields
            .get("version")
            .map_or(Some(1), |node| self.whole_number(node));
        let description = self.description(&fields);
        self.currency(&fields);
        self.dedupe(&fields);
        self.orders(&fields);
        let corrections = self.corrections(&fields).unwrap_or_default();
        let emit_from = fields.get("emit_from");
        let emit_from = emit_from.and_then(|node| self.instant(node, parse_instant));
        let shadow = fields.get("shadow").and_then(|node| self.truth(node));
        let mut stages = self.stages(&fields, root.place);
        let mut facts = self.facts(&fields);
        let names: Vec<String> = stages.iter().map(|stage| stage.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let initial = self
            .required(&fields, "initial", root.place)
            .and_then(|node| self.stage(node, &names));
        let transitions = self.transitions(&fields, root.place, &names, &mut facts);
        let examples = self.examples(&fields, &names);
        let (name, version, initial) = (name?, version?, initial?);
        let (nodes, transitions): (Vec<_>, Vec<_>) = transitions.into_iter().unzip();
        // A transition with a mistake of its own is not among them.
        if !self.problems.has_errors() {
            self.warn_of_unreachable(&fields, &stages, initial, &transitions);
            self.warn_of_endless(&nodes, &stages, &transitions, &facts);
            for (at, node) in nodes.into_iter().enumerate() {
                let (earlier, own) = (&transitions[..at], &transitions[at]);
                self.warn_of_hidden(node, &stages, initial, earlier, own);
            }
            self.warn_of_unused(&fields, &transitions, &facts);
        }
        let outgoing = (0..stages.len())
            .map(|stage| {
                (0..transitions.len())
                    .filter(|at| transitions[*at].from.contains(&stage))
                    .collect()
            })
            .collect();
        let facts: Vec<Fact> = facts.into_iter().map(|known| self.link(known)).collect();
        for stage in facts.iter().filter_map(|fact| fact.reading.stage()) {
            stages[stage].remembered = true;
        }
        let source = self.source.clone();
        let model = Model {
            name,
            was,
            version,
            description,
            initial,
            stages,
            transitions,
            outgoing,
            facts,
            corrections,
            emit_from,
            shadow: shadow.unwrap_or_default(),
            examples,
            source,
        };
        self.check_size(&model, &fields, root.place);
        Some(model)
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
