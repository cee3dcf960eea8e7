//! The models that are resolved so far, and what they share.

use typed_index_collections::TiVec;

use super::definition::{Dedupe, Model, Models};
use super::orders::Orders;
use super::slots::SlotTable;
use crate::event::Vocabulary;
use crate::model::ModelId;

/// [`Models`] before all files are read.
#[derive(Debug, Default)]
pub(super) struct ModelsBuilder {
    pub(super) list: TiVec<ModelId, Model>,
    pub(super) slots: SlotTable,
    pub(super) vocabulary: Vocabulary,
    pub(super) dedupe: Option<Dedupe>,
    pub(super) orders: Option<Orders>,
    pub(super) currency: Option<String>,
}

impl ModelsBuilder {
    pub(super) fn finish(self) -> Models {
        let placed = self.orders.map(|orders| orders.placed);
        Models {
            slots: self.slots.finish(self.vocabulary.type_count(), placed),
            list: self.list,
            vocabulary: self.vocabulary,
            dedupe: self.dedupe,
            orders: self.orders,
            currency: self.currency,
        }
    }
}
