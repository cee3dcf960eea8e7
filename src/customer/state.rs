//! The stored state of one customer.

use typed_index_collections::TiVec;

use super::model_state::ModelState;
use super::view::{ModelView, ModelViewMut};
use super::{FactState, Ledger, OpenOrder, RecentIds};
use crate::event::{Event, EventTime, Position};
use crate::model::{ModelId, Models, SlotId};

/// The whole state of one customer, for all models.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomerState {
    /// The generation of the models, as counted by its partition.
    pub generation: u32,
    /// The latest event time seen; earlier events are late.
    pub latest: EventTime,
    /// The last applied event.
    pub position: Position,
    /// The customer's entry in the timer index, never later than the next due instant. Events that only postpone
    /// deadlines leave the entry as it is (no write); when it fires too early it is armed again.
    pub armed: Option<EventTime>,
    /// Empty unless a model uses deduplication.
    pub recent: RecentIds,
    /// The orders that can be returned, if a model declares which events are orders.
    pub ledger: Option<Box<Ledger>>,
    pub facts: TiVec<SlotId, FactState>,
    pub models: TiVec<ModelId, ModelState>,
}

impl CustomerState {
    /// A customer whose first event is at `time`: in the initial stage of every model.
    pub fn new(models: &Models, time: EventTime, position: Position) -> CustomerState {
        let initial = |model| ModelState::new(model, time);
        CustomerState {
            generation: 0,
            latest: time,
            position,
            armed: None,
            recent: RecentIds::default(),
            ledger: models.orders.map(|_| Box::new(Ledger::new(&models.slots))),
            facts: models.slots.list().iter().map(FactState::new).collect(),
            models: models.list.iter().map(initial).collect(),
        }
    }

    /// The order that an applied event places or returns; `None` for other events, and for an order that cannot be
    /// returned or has not been received.
    pub(crate) fn order_for_event(&self, models: &Models, event: &Event) -> Option<OpenOrder> {
        let (ledger, orders) = (self.ledger.as_ref()?, models.orders.as_ref()?);
        ledger.order_for_event(orders, event, self.latest)
    }

    pub(super) fn view<'v>(&'v self, models: &'v Models, model: ModelId) -> ModelView<'v> {
        ModelView {
            models,
            model: &models.list[model],
            state: &self.models[model],
            facts: &self.facts,
        }
    }

    pub(super) fn view_mut<'v>(
        &'v mut self,
        models: &'v Models,
        model: ModelId,
    ) -> ModelViewMut<'v> {
        ModelViewMut {
            models,
            id: model,
            model: &models.list[model],
            state: &mut self.models[model],
            facts: &self.facts,
            ledger: self.ledger.as_deref(),
            position: self.position,
        }
    }
}
