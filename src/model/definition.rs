//! A compiled model: its stages, transitions and facts.

use typed_index_collections::TiVec;

use super::condition::Condition;
use super::ids::{FactId, ModelId, SlotId, StageId, TransitionId};
use super::model_test::ModelTest;
use super::orders::Orders;
use super::problem::SourceFile;
use super::slots::{FactAccessor, Slots};
use crate::event::{CurrencyRates, EventTime, FieldId, Millis, Vocabulary};

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
    pub initial: StageId,
    pub stages: TiVec<StageId, Stage>,
    pub transitions: TiVec<TransitionId, Transition>,
    /// Per stage, the transitions out of it, in file order.
    pub outgoing: TiVec<StageId, Vec<TransitionId>>,
    /// The declared facts in file order, then those that only conditions name (aggregates, stage facts).
    pub facts: TiVec<FactId, Fact>,
    /// For how long after a transition a late event can retract it; 0: never.
    pub corrections: Millis,
    /// Transitions that take effect before this instant are quiet ([`super::quiet::Quiet::EmitFrom`]).
    pub emit_from: Option<EventTime>,
    /// Whether all transitions are quiet ([`super::quiet::Quiet::Shadow`]).
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
    pub from: Vec<StageId>,
    pub to: StageId,
    pub name: Option<String>,
    pub when: Condition,
    /// The text of `when`.
    pub text: String,
    /// How long the condition must be true without interruption.
    pub hold: Millis,
    /// For how long after it was taken it is not taken again.
    pub cooldown: Millis,
    /// The slots that its condition reads.
    pub slots: Vec<SlotId>,
    /// The parts of its condition whose value can change without an event.
    pub time_dependent_parts: Vec<Condition>,
    /// The facts of its condition in the order of the text; each accessor occurs once.
    pub facts: Vec<FactId>,
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
    pub list: TiVec<ModelId, Model>,
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
    /// Whether events of different types never are duplicates of each other.
    pub by_type: bool,
    /// The field of the event id.
    pub id: FieldId,
}

/// Most event ids that are stored per customer; beyond it the oldest is evicted.
pub const DEDUPE_IDS_MAX: usize = 1024;

impl Models {
    /// For how long at most a transition can be retracted, or an order refunded or cancelled; `None`: never.
    pub(crate) fn correction_horizon(&self) -> Option<Millis> {
        let corrections = self.list.iter().map(|model| model.corrections);
        let orders = self.orders.map(|orders| orders.within);
        let spans = corrections.chain(orders).filter(|span| span.0 > 0);
        spans.max()
    }

    /// Currency rates if none are configured: amounts in the models' currency are accepted, and no others.
    pub(crate) fn currency_rates(&self) -> CurrencyRates {
        let mut currency_rates = CurrencyRates::default();
        if let Some(currency) = &self.currency {
            currency_rates.currency.clone_from(currency);
        }
        currency_rates
    }
}

impl Model {
    /// The name of a transition when it is taken from stage `from`: its declared name, or `from->to`.
    pub fn transition_name(&self, transition: TransitionId, from: StageId) -> String {
        let transition = &self.transitions[transition];
        match &transition.name {
            Some(name) => name.clone(),
            None => format!("{}->{}", self.stages[from].name, self.stages[transition.to].name),
        }
    }
}
