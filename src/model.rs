//! Layer 2: what a lifecycle is. Text in; a model that cannot be wrong, or every problem at once, out.
//!
//! `yaml` (text to a tree with places) → `read` (tree to declarations) → `syntax` and `lower`
//! (conditions to typed form) → `slots` (what must be remembered of each customer, shared by all
//! models) → `change` (from one version of them to the next). Nothing here is evaluated: that is the next
//! layer. `schema` says for editors what `read` takes; `graph` draws a model; `presets` are those that ship.

#![deny(clippy::disallowed_types)]

mod change;
mod condition;
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

/// Most stages of a model: a chain remembers the stages it has been in as bits.
pub const STAGES_MAX: usize = 64;
/// Most transitions of a model.
pub const TRANSITIONS_MAX: usize = 256;
/// Most facts of a model.
pub const FACTS_MAX: usize = 128;
/// Most models side by side.
pub const MODELS_MAX: usize = 64;

/// One lifecycle: a customer is in exactly one of its stages.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// What it was called before.
    pub was: Option<String>,
    /// The number its author gave it.
    pub version: u64,
    /// What it is, for people.
    pub description: Option<String>,
    /// Where every customer begins.
    pub initial: usize,
    /// The stages, in file order.
    pub stages: Vec<Stage>,
    /// The transitions, in file order.
    pub transitions: Vec<Transition>,
    /// Per stage, the transitions out of it, in file order.
    pub outgoing: Vec<Vec<usize>>,
    /// What is remembered of a customer, by name.
    pub facts: Vec<Fact>,
    /// For how long a transition can be corrected by what comes late; 0: never.
    pub corrections: Millis,
    /// Transitions that took effect before it are history: subscribers are not told.
    pub emit_from: Option<EventTime>,
    /// Whether it is only tried: subscribers are told nothing.
    pub shadow: bool,
    /// The model's own tests.
    pub tests: Vec<ModelTest>,
    /// The file it was read from.
    pub source: SourceFile,
}

/// A stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// What it was called before; several stages may have become one.
    pub was: Vec<String>,
    /// What it is, for people.
    pub description: Option<String>,
    /// How long a customer stays at least.
    pub min_dwell: Millis,
    /// When a customer who has left may come back.
    pub reentry: Reentry,
    /// Whether visits to it are remembered: its own `reentry` or some condition asks for them.
    pub tracks_visits: bool,
}

/// When a customer who has left a stage may enter it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reentry {
    /// At any time.
    #[default]
    Always,
    /// So long after leaving it.
    After(Millis),
    /// Not any more.
    Never,
}

/// A way from one or more stages into another.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// Out of these.
    pub from: Vec<usize>,
    /// Into this one.
    pub to: usize,
    /// The name it was given.
    pub name: Option<String>,
    /// When.
    pub when: Condition,
    /// As written.
    pub text: String,
    /// How long the condition must have been true without a break.
    pub hold: Millis,
    /// How long after it was taken it is not taken again.
    pub cooldown: Millis,
    /// What must be remembered for its condition.
    pub slots: Vec<usize>,
    /// The parts of its condition that time alone can change.
    pub time_dependent_parts: Vec<Condition>,
    /// The facts of its condition in the order of the text, each reading once.
    pub facts: Vec<usize>,
}

/// A fact and where its value is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Its name, or the text by which it stands in a condition.
    pub name: String,
    /// Where.
    pub accessor: FactAccessor,
}

/// All loaded models, in the order they were given, with what they share.
#[derive(Clone, Debug)]
pub struct Models {
    /// The models.
    pub list: Vec<Model>,
    /// What must be remembered of each customer.
    pub slots: Slots,
    /// What must be read of each event.
    pub vocabulary: Vocabulary,
    /// How events that come twice are recognised, where a model asks for it.
    pub dedupe: Option<Dedupe>,
    /// Which events are orders, and which take them back, where a model says so.
    pub orders: Option<Orders>,
    /// The currency that amounts of money in the models are in, where one says so: an ISO 4217 code.
    pub currency: Option<String>,
}

/// How events that come twice are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dedupe {
    /// For how long after an event, by event time, its id is remembered.
    pub horizon: Millis,
    /// The ids.
    pub id: FieldId,
}

/// Most ids that are remembered of one customer: beyond it the oldest goes.
pub const DEDUPE_IDS_MAX: usize = 256;

impl Models {
    /// Reads all files. `Err` has a report for each file that has any problem, warnings included;
    /// warnings of files that are all good are returned beside the models.
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

    /// The longest time after which anything can be taken back, if anything ever can.
    pub fn correction_horizon(&self) -> Option<Millis> {
        let corrections = self.list.iter().map(|model| model.corrections);
        let orders = self.orders.map(|orders| orders.within);
        let spans = corrections.chain(orders).filter(|span| span.0 > 0);
        spans.max()
    }

    /// What values are read as where no settings say: money in the models' currency, and in no other.
    pub fn currency_rates(&self) -> CurrencyRates {
        let mut money = CurrencyRates::default();
        if let Some(currency) = &self.currency {
            money.currency.clone_from(currency);
        }
        money
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

/// The slots that a condition looks at, each once.
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

/// The parts of a condition with a window in them, and those that move with every millisecond.
fn time_dependent_parts(when: &Condition, facts: &[Fact]) -> Vec<Condition> {
    let mut clocks = Vec::new();
    when.visit(&mut |part| {
        let moves = matches!(part, Condition::Compare(it) if it.time_dependent != TimeDependentSides::Neither);
        let is_windowed = |fact: &usize| facts[*fact].accessor.window.is_some();
        if moves || part.facts().iter().any(is_windowed) {
            clocks.push(part.clone());
        }
    });
    clocks
}

/// The facts that a condition looks at, in the order of the text, each reading once: another name for the same
/// changes nothing.
fn condition_facts(when: &Condition, facts: &[Fact]) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    when.visit(&mut |part| {
        for fact in part.facts() {
            let is_new = |known: &usize| facts[*known].accessor != facts[fact].accessor;
            if found.iter().all(is_new) {
                found.push(fact);
            }
        }
    });
    found
}

impl SourceFile {
    /// YAML ends a line at a carriage return too, alone or before a line feed. What counts and shows
    /// lines here does so at line feeds only.
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
    /// What a transition is called when it is taken from a stage: its name, or `from->to`.
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
