//! Layer 2: lifecycle models. Compiles the text of model files to valid models, or reports all their problems.
//!
//! `yaml` (text to a tree with locations) → `read` (tree to declarations) → `syntax` and `lower` (conditions
//! to typed form) → `slots` (the state that is stored per customer, shared by all models) → `change` (from
//! one version of the models to the next). Evaluation is the next layer. `schema` is a JSON schema for
//! editors; `graph` draws a model; `presets` are the models that ship with Tenure.

#![deny(clippy::disallowed_types)]

mod change;
mod condition;
mod drift;
mod fact;
mod graph;
mod lower;
mod model_test;
mod orders;
mod presets;
mod problem;
mod quiet;
mod read;
mod schema;
mod size;
mod slots;
mod syntax;
mod value_type;
mod yaml;

use crate::event::{CurrencyRates, EventTime, FieldId, Millis, Vocabulary};
use problem::ProblemList;

pub use change::{AcceptedLosses, ModelSuccession, ModelsChange};
pub use condition::{
    Arithmetic, Comparison, Condition, Operator, Term, TextComparison, TextTerm,
    TimeDependentSides, Unit,
};
pub use fact::{AGGREGATES, Aggregate, Bucket, FactDeclaration, Filter, Window};
pub use graph::{GraphFormat, render_graph};
pub use lower::{FUNCTIONS, STAGE_FACT_NAMES};
pub use model_test::{
    DEFAULT_CUSTOMER, EditError, Expectation, ExpectationChange, ModelFileEditor, ModelTest,
    TestEdit, TestEvent, format_instant,
};
pub use orders::{ORDERS_MAX, Orders};
pub use presets::{PRESETS, Preset};
pub use problem::{
    Location, PROBLEMS_SHOWN_MAX, Problem, ProblemReport, Severity, SourceFile, did_you_mean,
    sanitize_for_terminal,
};
pub use quiet::Quiet;
pub use read::name_fault;
pub use schema::model_schema;
pub use size::STATE_BYTES_MAX;
pub use slots::{Accumulator, FactAccessor, Slot, SlotKind, Slots, StageFact, ValueSource};
pub use yaml::MODEL_BYTES_MAX;

/// Most stages of a model: the stages that a chain has entered are the bits of a `u64`.
pub const STAGES_MAX: usize = 64;
/// Most transitions of a model.
pub const TRANSITIONS_MAX: usize = 256;
/// Most facts of a model.
pub const FACTS_MAX: usize = 128;
/// Most loaded models.
pub const MODELS_MAX: usize = 64;

/// One lifecycle: a customer is in exactly one of its stages.
#[derive(Clone, Debug)]
pub struct Model {
    pub name: String,
    /// The former name.
    pub was: Option<String>,
    /// The number that its author gives it.
    pub version: u64,
    pub description: Option<String>,
    /// The stage in which every customer begins.
    pub initial: usize,
    pub stages: Vec<Stage>,
    pub transitions: Vec<Transition>,
    /// Per stage, the transitions out of it, in file order.
    pub outgoing: Vec<Vec<usize>>,
    /// The declared facts in file order, then those that only conditions name (aggregates, stage facts).
    pub facts: Vec<Fact>,
    /// For how long after a transition a late event can retract it; 0: never.
    pub corrections: Millis,
    /// Transitions that take effect before this instant are quiet ([`Quiet::EmitFrom`]).
    pub emit_from: Option<EventTime>,
    /// Whether all transitions are quiet ([`Quiet::Shadow`]).
    pub shadow: bool,
    pub tests: Vec<ModelTest>,
    pub source: SourceFile,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    pub name: String,
    /// Former names; several stages may have been merged into one.
    pub was: Vec<String>,
    pub description: Option<String>,
    /// Shortest time in the stage before a customer can leave it.
    pub min_dwell: Millis,
    pub reentry: Reentry,
    /// Whether visits are stored, because `reentry` or some condition needs them.
    pub tracks_visits: bool,
}

/// When a customer who has left a stage may enter it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reentry {
    #[default]
    Always,
    /// This long after leaving it.
    After(Millis),
    Never,
}

/// A declared transition from one or more stages into another.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    pub from: Vec<usize>,
    pub to: usize,
    pub name: Option<String>,
    pub when: Condition,
    /// The text of `when`.
    pub text: String,
    /// How long the condition must be true without interruption.
    pub hold: Millis,
    /// For how long after it was taken it is not taken again.
    pub cooldown: Millis,
    /// The slots that its condition reads.
    pub slots: Vec<usize>,
    /// The parts of its condition whose value can change without an event.
    pub time_dependent_parts: Vec<Condition>,
    /// The facts of its condition in the order of the text; each accessor occurs once.
    pub facts: Vec<usize>,
}

/// A fact and how its value is read from a customer's state.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Its name, or the text of an aggregate in a condition.
    pub name: String,
    pub accessor: FactAccessor,
}

/// All loaded models, and what they share.
#[derive(Clone, Debug)]
pub struct Models {
    /// In the order of the files.
    pub list: Vec<Model>,
    /// What is stored per customer.
    pub slots: Slots,
    /// The event types and fields that must be decoded.
    pub vocabulary: Vocabulary,
    /// How duplicate events are detected, if a model declares it.
    pub dedupe: Option<Dedupe>,
    /// Which events place, refund and cancel orders, if a model declares it.
    pub orders: Option<Orders>,
    /// The currency of the amounts of money in the models (ISO 4217 code), if a model declares it.
    pub currency: Option<String>,
}

/// How duplicate events are detected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dedupe {
    /// For how long after an event, in event time, its id is stored.
    pub horizon: Millis,
    /// The field of the event id.
    pub id: FieldId,
}

/// Most event ids that are stored per customer; beyond it the oldest is evicted.
pub const DEDUPE_IDS_MAX: usize = 256;

impl Models {
    /// Compiles all files. `Err` has a report for each file with any problem, warnings included; if no file has
    /// an error, the warnings are returned with the models.
    pub fn compile(
        sources: Vec<SourceFile>,
    ) -> Result<(Models, Vec<ProblemReport>), Vec<ProblemReport>> {
        let mut models = Models {
            list: Vec::new(),
            slots: Slots::default(),
            vocabulary: Vocabulary::default(),
            dedupe: None,
            orders: None,
            currency: None,
        };
        let mut reports = Vec::new();
        for source in sources {
            let source = source.with_normalized_line_ends();
            let mut problems = ProblemList::default();
            let model = read::read_model(&source, &mut models, &mut problems);
            if let Some(model) = model {
                models.list.push(model);
            }
            reports.extend(problems.into_report(source));
        }
        if reports.iter().any(ProblemReport::has_errors) {
            Err(reports)
        } else {
            Ok((models.link(), reports))
        }
    }

    /// For how long at most a transition can be retracted, or an order refunded or cancelled; `None`: never.
    pub fn correction_horizon(&self) -> Option<Millis> {
        let corrections = self.list.iter().map(|model| model.corrections);
        let orders = self.orders.map(|orders| orders.within);
        let spans = corrections.chain(orders).filter(|span| span.0 > 0);
        spans.max()
    }

    /// Currency rates if none are configured: amounts in the models' currency are accepted, and no others.
    pub fn currency_rates(&self) -> CurrencyRates {
        let mut currency_rates = CurrencyRates::default();
        if let Some(currency) = &self.currency {
            currency_rates.currency.clone_from(currency);
        }
        currency_rates
    }

    fn link(mut self) -> Models {
        let placed = self.orders.map(|orders| orders.placed);
        self.slots
            .build_indexes(self.vocabulary.type_count(), placed);
        for model in &mut self.list {
            for transition in &mut model.transitions {
                transition.slots = condition_slots(&transition.when, &model.facts);
                transition.time_dependent_parts =
                    time_dependent_parts(&transition.when, &model.facts);
                transition.facts = condition_facts(&transition.when, &model.facts);
            }
        }
        self
    }
}

/// The slots that a condition reads, each once.
fn condition_slots(when: &Condition, facts: &[Fact]) -> Vec<usize> {
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
fn time_dependent_parts(when: &Condition, facts: &[Fact]) -> Vec<Condition> {
    let mut time_dependent = Vec::new();
    when.visit(&mut |part| {
        let is_continuous = matches!(
            part,
            Condition::Compare(comparison) if comparison.time_dependent != TimeDependentSides::Neither
        );
        let is_windowed = |fact: &usize| facts[*fact].accessor.window.is_some();
        if is_continuous || part.facts().iter().any(is_windowed) {
            time_dependent.push(part.clone());
        }
    });
    time_dependent
}

/// The facts that a condition reads, in the order of the text. Of facts with the same accessor only the first
/// is listed.
fn condition_facts(when: &Condition, facts: &[Fact]) -> Vec<usize> {
    let mut distinct: Vec<usize> = Vec::new();
    when.visit(&mut |part| {
        for fact in part.facts() {
            let differs = |other: &usize| facts[*other].accessor != facts[fact].accessor;
            if distinct.iter().all(differs) {
                distinct.push(fact);
            }
        }
    });
    distinct
}

impl SourceFile {
    /// Replaces carriage returns, which end a line in YAML too, by line feeds: the code that counts and prints
    /// lines splits at line feeds only.
    pub fn with_normalized_line_ends(&self) -> SourceFile {
        SourceFile {
            name: self.name.clone(),
            text: normalize_line_ends(&self.text),
        }
    }
}

fn normalize_line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

impl Model {
    /// The name of a transition when it is taken from stage `from`: its declared name, or `from->to`.
    pub fn transition_name(&self, transition: usize, from: usize) -> String {
        let transition = &self.transitions[transition];
        match &transition.name {
            Some(name) => name.clone(),
            None => format!(
                "{}->{}",
                self.stages[from].name, self.stages[transition.to].name
            ),
        }
    }
}
