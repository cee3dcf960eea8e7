//! Lifecycle models. Compiles the text of model files to valid models, or reports all their problems.
//!
//! `yaml` (text to a tree with locations) → `read` (tree to declarations) → `syntax` and `lower` (conditions
//! to typed form) → `slots` (the state that is stored per customer, shared by all models) → `change` (from
//! one version of the models to the next). Evaluation is the next layer.
//!
//! Models, stages, transitions, facts and slots are named by their number in a list; each kind has a type for it (`ids`),
//! which alone indexes the lists of that kind.

#![deny(clippy::disallowed_types)]

mod analysis;
mod builder;
mod change;
mod compile;
mod condition;
mod definition;
mod fact;
mod ids;
mod lower;
mod model_test;
mod orders;
mod problem;
mod quiet;
mod read;
mod size;
mod slots;
mod syntax;
mod value_type;
mod yaml;

pub(crate) use analysis::{AnalyzedFact, can_become_true_by_time};
pub(crate) use change::ModelSuccession;
pub use change::{AcceptedLosses, ModelsChange};
pub(crate) use condition::{Comparison, Operator, TextComparison, TimeDependentSides};
pub use condition::{Condition, Term, TextTerm, Unit};
pub(crate) use definition::Dedupe;
pub use definition::{
    DEDUPE_IDS_MAX, FACTS_MAX, Fact, MODELS_MAX, Model, Models, Reentry, STAGES_MAX, Stage,
    TRANSITIONS_MAX, Transition,
};
pub(crate) use fact::Bucket;
pub use fact::{AGGREGATES, Aggregate, FactDeclaration, Filter, Window};
pub(crate) use ids::SlotId;
pub(crate) use ids::define_id;
pub use ids::{FactId, ModelId, StageId, TransitionId};
pub use lower::{FUNCTIONS, STAGE_FACT_NAMES};
pub(crate) use model_test::{DEFAULT_CUSTOMER, ModelTest, TestEvent, TestTransition};
pub(crate) use orders::ORDERS_MAX;
pub use orders::{Orders, Refunds, Repeated};
pub(crate) use problem::{Location, ProblemList, did_you_mean, normalize_line_ends};
pub use problem::{
    PROBLEMS_SHOWN_MAX, Problem, ProblemReport, Severity, SourceFile, sanitize_for_terminal,
};
pub(crate) use quiet::Quiet;
pub(crate) use read::{
    CAUSES, DEDUPE_KEYS, EVENT_KEYS, EXPECT_KEYS, MODEL_KEYS, NAME_BYTES_MAX, ORDER_KEYS,
    RESERVED_NAMES, STAGE_KEYS, TEST_KEYS, TRANSITION_KEYS, name_fault,
};
pub use size::STATE_BYTES_MAX;
pub(crate) use slots::Slot;
pub(crate) use slots::{Accumulator, FactAccessor, SlotKind, Slots};
pub use slots::{StageFact, ValueSource};
pub use yaml::MODEL_BYTES_MAX;
pub(crate) use yaml::{YamlNode, YamlValue, parse as parse_yaml};
