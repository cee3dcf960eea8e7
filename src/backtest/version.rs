//! A version of a model that a backtest evaluates.

use crate::model::{Model, ModelId, Models, StageId};

/// A version of a model, evaluated without other models.
#[derive(Clone, Debug)]
pub struct Version {
    /// Contains one model.
    pub models: Models,
    /// The stages that predict that the outcome will not occur, as bits.
    pub flagged: u64,
}

impl Version {
    pub fn model(&self) -> &Model {
        &self.models.list[ModelId::from_index(0)]
    }

    /// Whether a stage flags a customer.
    pub(crate) fn is_flagged(&self, stage: StageId) -> bool {
        self.flagged & 1 << stage.index() != 0
    }
}
