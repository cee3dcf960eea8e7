//! Reads the YAML tree of a file into a model. It continues after every problem, to report all of them.

mod conditions;
mod cycles;
mod declared;
mod event_settings;
mod facts;
mod fields;
mod model_reader;
mod model_tests;
mod resolve;
mod stages;
mod test_events;
mod transitions;
mod unsatisfiable;

use typed_index_collections::TiVec;

use super::builder::ModelsBuilder;
use super::problem::{Location, ProblemList, SourceFile};
use super::yaml;
use super::{MODELS_MAX, Model, StageId, TransitionId};
use crate::event::parse_instant;
use declared::DeclaredModel;
use fields::Fields;
use model_reader::ModelReader;

pub(crate) use event_settings::{DEDUPE_KEYS, ORDER_KEYS};
pub(crate) use fields::name_fault;
pub(crate) use fields::{NAME_BYTES_MAX, RESERVED_NAMES};
pub(crate) use model_tests::{CAUSES, EXPECT_KEYS, TEST_KEYS};
pub(crate) use stages::STAGE_KEYS;
pub(crate) use test_events::EVENT_KEYS;
pub(crate) use transitions::TRANSITION_KEYS;

/// Reads one file. `None` if it has no usable model; then `problems` has at least one error.
pub(super) fn read_model(
    source: &SourceFile,
    models: &mut ModelsBuilder,
    problems: &mut ProblemList,
) -> Option<Model> {
    let root = yaml::parse(&source.text, problems)?;
    let mut reader = ModelReader {
        source,
        lines: source.text.lines().collect(),
        models,
        problems,
        has_invalid_facts: false,
    };
    let fields = reader.read_fields(&root, "a model", &MODEL_KEYS, &MODEL_KEYS_LATER)?;
    let declared = reader.read_declarations(&fields, root.location)?;
    let model = reader.resolve(declared);
    reader.check_size(&model, &fields, root.location);
    (!problems.has_errors()).then_some(model)
}

/// The keys of a file; [`MODEL_KEYS_LATER`] are reserved for later versions.
pub(crate) const MODEL_KEYS: [&str; 15] = [
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

impl ModelReader<'_> {
    fn read_declarations(
        &mut self,
        fields: &Fields<'_>,
        location: Location,
    ) -> Option<DeclaredModel> {
        let name = self.read_model_name(fields, location);
        let was = fields.get("was").and_then(|node| self.read_name(node));
        let version = fields.get("version").map_or(Some(1), |node| self.read_whole_number(node));
        let description = self.read_description(fields);
        self.read_currency(fields);
        self.read_dedupe(fields);
        self.read_orders(fields);
        let corrections = self.read_corrections(fields).unwrap_or_default();
        let emit_from = fields.get("emit_from");
        let emit_from = emit_from.and_then(|node| self.read_instant(node, parse_instant));
        let shadow = fields.get("shadow").and_then(|node| self.read_bool(node));
        let stages = self.read_stages(fields, location);
        let mut facts = self.read_facts(fields);
        let names: Vec<String> = stages.iter().map(|stage| stage.name.clone()).collect();
        let names: TiVec<StageId, &str> = names.iter().map(String::as_str).collect();
        let initial = self
            .required_field(fields, "initial", location)
            .and_then(|node| self.read_stage(node, &names));
        let transitions = self.read_transitions(fields, location, &names, &mut facts);
        let tests = self.read_tests(fields, &names);
        let (name, version, initial) = (name?, version?, initial?);
        let (nodes, transitions): (TiVec<_, _>, TiVec<TransitionId, _>) =
            transitions.into_iter().unzip();
        // Transitions with an error are left out of the list, so these checks would give false warnings.
        if !self.problems.has_errors() {
            self.warn_of_unreachable(fields, &stages, initial, &transitions);
            self.warn_of_cycle(&nodes, &stages, &transitions, &facts);
            for (at, node) in nodes.into_iter_enumerated() {
                let (earlier, transition) = (&transitions[..at], &transitions[at]);
                self.warn_of_hidden(node, &stages, initial, earlier, transition);
            }
            self.warn_of_unused(fields, &transitions, &facts);
        }
        Some(DeclaredModel {
            name,
            was,
            version,
            description,
            initial,
            stages,
            transitions,
            facts,
            corrections,
            emit_from,
            shadow: shadow.unwrap_or_default(),
            tests,
        })
    }

    fn read_model_name(&mut self, fields: &Fields<'_>, location: Location) -> Option<String> {
        let node = self.required_field(fields, "model", location)?;
        let name = self.read_name(node)?;
        if self.models.list.iter().any(|model| model.name == name) {
            self.add_error(
                node.location,
                format!("another loaded model is also named `{name}`"),
                None,
            );
        }
        if self.models.list.len() == MODELS_MAX {
            self.add_error(node.location, format!("more than {MODELS_MAX} models"), None);
        }
        Some(name)
    }
}
