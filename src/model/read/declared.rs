//! A model as its file declares it, with conditions already in typed form.

use typed_index_collections::{TiSlice, TiVec};

use crate::event::{EventTime, Millis};
use crate::model::condition::Condition;
use crate::model::lower::FactSymbol;
use crate::model::model_test::ModelTest;
use crate::model::{FactId, Reentry, StageId, TransitionId};

/// [`crate::model::Model`] before its facts are resolved.
#[derive(Debug)]
pub(super) struct DeclaredModel {
    pub(super) name: String,
    pub(super) was: Option<String>,
    pub(super) version: u64,
    pub(super) description: Option<String>,
    pub(super) initial: StageId,
    pub(super) stages: TiVec<StageId, DeclaredStage>,
    pub(super) transitions: TiVec<TransitionId, DeclaredTransition>,
    /// The declared facts in file order, then those that only conditions name.
    pub(super) facts: TiVec<FactId, FactSymbol>,
    pub(super) corrections: Millis,
    pub(super) emit_from: Option<EventTime>,
    pub(super) shadow: bool,
    pub(super) tests: Vec<ModelTest>,
}

pub(super) type DeclaredStages = TiSlice<StageId, DeclaredStage>;

#[derive(Debug)]
pub(super) struct DeclaredStage {
    pub(super) name: String,
    pub(super) was: Vec<String>,
    pub(super) description: Option<String>,
    pub(super) min_dwell: Millis,
    pub(super) reentry: Reentry,
}

pub(super) type DeclaredTransitions = TiSlice<TransitionId, DeclaredTransition>;

#[derive(Debug)]
pub(super) struct DeclaredTransition {
    pub(super) from: Vec<StageId>,
    pub(super) to: StageId,
    pub(super) name: Option<String>,
    pub(super) when: Condition,
    /// The text of `when`.
    pub(super) text: String,
    pub(super) hold: Millis,
    pub(super) cooldown: Millis,
}
