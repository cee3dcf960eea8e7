//! A model as its file declares it, with conditions already in typed form.

use crate::event::{EventTime, Millis};
use crate::model::Reentry;
use crate::model::condition::Condition;
use crate::model::lower::FactSymbol;
use crate::model::model_test::ModelTest;

/// [`crate::model::Model`] before its facts are resolved.
#[derive(Debug)]
pub(super) struct DeclaredModel {
    pub(super) name: String,
    pub(super) was: Option<String>,
    pub(super) version: u64,
    pub(super) description: Option<String>,
    pub(super) initial: usize,
    pub(super) stages: Vec<DeclaredStage>,
    pub(super) transitions: Vec<DeclaredTransition>,
    /// The declared facts in file order, then those that only conditions name.
    pub(super) facts: Vec<FactSymbol>,
    pub(super) corrections: Millis,
    pub(super) emit_from: Option<EventTime>,
    pub(super) shadow: bool,
    pub(super) tests: Vec<ModelTest>,
}

#[derive(Debug)]
pub(super) struct DeclaredStage {
    pub(super) name: String,
    pub(super) was: Vec<String>,
    pub(super) description: Option<String>,
    pub(super) min_dwell: Millis,
    pub(super) reentry: Reentry,
}

#[derive(Debug)]
pub(super) struct DeclaredTransition {
    pub(super) from: Vec<usize>,
    pub(super) to: usize,
    pub(super) name: Option<String>,
    pub(super) when: Condition,
    /// The text of `when`.
    pub(super) text: String,
    pub(super) hold: Millis,
    pub(super) cooldown: Millis,
}
