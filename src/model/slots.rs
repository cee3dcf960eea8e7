//! Slots: the aggregates that each customer's state stores. Facts of all models that need the same aggregate share
//! one slot.

mod accessor;
mod slot;
mod table;

use typed_index_collections::{TiSlice, TiVec};

use super::ids::SlotId;
use crate::event::{EventType, FieldId};

pub(crate) use accessor::FactAccessor;
pub use accessor::{StageFact, ValueSource};
pub(crate) use slot::Slot;
pub(crate) use slot::{Accumulator, SlotKind};
pub(super) use table::SlotTable;

/// All slots, with indexes.
#[derive(Clone, Debug)]
pub struct Slots {
    list: TiVec<SlotId, Slot>,
    slots_by_type: Vec<Vec<SlotId>>,
    /// Sorted.
    order_slots: Vec<SlotId>,
    order_fields: Vec<FieldId>,
}

impl Slots {
    pub fn list(&self) -> &TiSlice<SlotId, Slot> {
        &self.list
    }

    pub fn get(&self, slot: SlotId) -> &Slot {
        &self.list[slot]
    }

    /// The slots that an event of this type may change.
    pub(crate) fn changed_by(&self, event_type: EventType) -> &[SlotId] {
        self.slots_by_type.get(event_type.index()).map_or(&[], Vec::as_slice)
    }

    /// The slots that aggregate orders. Orders are stored apart from them as long as they can be refunded or
    /// cancelled.
    pub(crate) fn order_slots(&self) -> &[SlotId] {
        &self.order_slots
    }

    /// The index of a slot in [`Self::order_slots`].
    pub fn order_slot_index(&self, slot: SlotId) -> Option<usize> {
        self.order_slots.binary_search(&slot).ok()
    }

    /// The fields that slots of orders read.
    pub(crate) fn order_fields(&self) -> &[FieldId] {
        &self.order_fields
    }
}
