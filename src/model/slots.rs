//! Slots: the aggregates that each customer's state stores. Facts of all models that need the same aggregate share
//! one slot.

mod accessor;
mod slot;
mod table;

use crate::event::{EventType, FieldId};

pub(crate) use accessor::FactAccessor;
pub use accessor::{StageFact, ValueSource};
pub use slot::Slot;
pub(crate) use slot::{Accumulator, SlotKind};
pub(super) use table::SlotTable;

/// All slots, with indexes.
#[derive(Clone, Debug)]
pub struct Slots {
    list: Vec<Slot>,
    slots_by_type: Vec<Vec<usize>>,
    /// Sorted.
    order_slots: Vec<usize>,
    order_fields: Vec<FieldId>,
}

impl Slots {
    pub(super) fn as_slice(&self) -> &[Slot] {
        &self.list
    }

    /// The slots, in the order of a customer's state.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Slot> {
        self.list.iter()
    }

    pub fn get(&self, slot: usize) -> &Slot {
        &self.list[slot]
    }

    /// The slots that an event of this type may change.
    pub fn changed_by(&self, event_type: EventType) -> &[usize] {
        self.slots_by_type.get(event_type.index()).map_or(&[], Vec::as_slice)
    }

    /// The slots that aggregate orders. Orders are stored apart from them as long as they can be refunded or
    /// cancelled.
    pub fn order_slots(&self) -> &[usize] {
        &self.order_slots
    }

    /// The index of a slot in [`Self::order_slots`].
    pub fn order_slot_index(&self, slot: usize) -> Option<usize> {
        self.order_slots.binary_search(&slot).ok()
    }

    /// The fields that slots of orders read.
    pub fn order_fields(&self) -> &[FieldId] {
        &self.order_fields
    }
}
