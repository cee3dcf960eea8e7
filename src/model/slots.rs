//! Slots: the aggregates that each customer's state stores. Facts of all models that need the same aggregate share
//! one slot.

mod accessor;
mod slot;

use super::fact::{Aggregate, FactDeclaration, Filter, Window};
use super::value_type::ValueType;
use crate::event::{EventType, Field, FieldId, Vocabulary};

pub use accessor::{FactAccessor, StageFact, ValueSource};
pub use slot::{Accumulator, Slot, SlotKind};

/// All slots, with indexes.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    list: Vec<Slot>,
    slots_by_type: Vec<Vec<usize>>,
    /// Sorted.
    order_slots: Vec<usize>,
    order_fields: Vec<FieldId>,
}

impl Slots {
    /// The slots, in the order of a customer's state.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Slot> {
        self.list.iter()
    }

    pub fn get(&self, slot: usize) -> &Slot {
        &self.list[slot]
    }

    /// The slots that an event of this type may change.
    pub fn changed_by(&self, event_type: EventType) -> &[usize] {
        self.slots_by_type
            .get(event_type.index())
            .map_or(&[], Vec::as_slice)
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

    /// The accessor of a declared fact, whose slots are found or added.
    pub(super) fn accessor(
        &mut self,
        fact: &FactDeclaration,
        value_type: Option<ValueType>,
        vocabulary: &mut Vocabulary,
    ) -> FactAccessor {
        let kind = fact.field_kind(value_type);
        let event = fact
            .event
            .as_deref()
            .map(|name| vocabulary.intern_type(name));
        let mut intern = |field: &Field, kind| {
            // A standard field has a kind of its own, however it is used.
            vocabulary.intern_field(field.clone(), field.kind().unwrap_or(kind))
        };
        let field = fact.field.as_ref().map(|field| intern(field, kind));
        let filter = fact
            .filter
            .as_ref()
            .map(|filter| filter.map_fields(&mut intern));
        let mut allocator = SlotAllocator {
            slots: self,
            event,
            filter,
            window: fact.window,
        };
        let source = match field {
            Some(field) => allocator.field_source(fact.aggregate, field),
            None => allocator.event_source(fact.aggregate),
        };
        FactAccessor {
            source,
            window: fact.window,
        }
    }

    /// An existing slot with the same meaning, widened to the wanted retention and cap, or a new one.
    fn find_or_add_slot(&mut self, wanted: Slot) -> usize {
        let is_shareable = |slot: &Slot| {
            slot.event == wanted.event
                && slot.filter == wanted.filter
                && slot.kind.covers(&wanted.kind)
        };
        match self.list.iter().position(is_shareable) {
            Some(at) => {
                self.list[at].kind.widen(&wanted.kind);
                at
            }
            None => {
                self.list.push(wanted);
                self.list.len() - 1
            }
        }
    }

    /// Fills the indexes once all slots are known. `types` is the number of event types, `placed` that of orders.
    pub(super) fn build_indexes(&mut self, types: usize, placed: Option<EventType>) {
        let is_of_orders = |slot: &Slot| placed.is_some() && slot.event == placed;
        let slots = self.list.iter().enumerate();
        self.order_slots = slots
            .filter(|(_, slot)| is_of_orders(slot))
            .map(|(at, _)| at)
            .collect();
        let slots = self.order_slots.iter().map(|slot| &self.list[*slot]);
        self.order_fields = slots.flat_map(Slot::fields).collect();
        self.order_fields.sort_unstable();
        self.order_fields.dedup();
        let changed_by = |event_type: usize| {
            let changes = |slot: &Slot| slot.event.is_none_or(|event| event.index() == event_type);
            let slots = self.list.iter().enumerate();
            slots
                .filter(|(_, slot)| changes(slot))
                .map(|(at, _)| at)
                .collect()
        };
        self.slots_by_type = (0..types).map(changed_by).collect();
    }
}

/// Finds or adds the slots of one fact.
struct SlotAllocator<'s> {
    slots: &'s mut Slots,
    event: Option<EventType>,
    filter: Option<Filter<FieldId>>,
    window: Option<Window>,
}

impl SlotAllocator<'_> {
    fn slot(&mut self, kind: SlotKind) -> usize {
        self.slots.find_or_add_slot(Slot {
            event: self.event,
            filter: self.filter.clone(),
            kind,
        })
    }

    /// An accumulator over all time, or per bucket for a window.
    fn accumulator_slot(&mut self, accumulator: Accumulator) -> usize {
        self.slot(match self.window {
            None => SlotKind::Accumulator(accumulator),
            Some(window) => SlotKind::Buckets {
                bucket: window.bucket,
                accumulator,
                retained: window.retained_buckets(),
            },
        })
    }

    fn field_source(&mut self, aggregate: Aggregate, field: FieldId) -> ValueSource {
        match aggregate {
            Aggregate::Min => ValueSource::Number(self.accumulator_slot(Accumulator::Min(field))),
            Aggregate::Max => ValueSource::Number(self.accumulator_slot(Accumulator::Max(field))),
            Aggregate::Avg => ValueSource::Mean {
                sum: self.accumulator_slot(Accumulator::Sum(field)),
                count: self.accumulator_slot(Accumulator::CountOf(field)),
            },
            Aggregate::CountDistinct(cap) => ValueSource::Distinct {
                slot: self.slot(SlotKind::Distinct {
                    field,
                    buckets: self
                        .window
                        .map(|window| (window.bucket, window.retained_buckets())),
                    cap,
                }),
                cap,
            },
            Aggregate::First => ValueSource::FieldValue(self.slot(match self.window {
                None => SlotKind::FirstOf(field),
                Some(window) => SlotKind::Firsts {
                    bucket: window.bucket,
                    field,
                    retained: window.retained_buckets(),
                },
            })),
            Aggregate::Latest => ValueSource::FieldValue(self.slot(SlotKind::LatestOf(field))),
            // `sum`; the others have no field, which the declaration's check ensures.
            Aggregate::Sum
            | Aggregate::Count
            | Aggregate::Last
            | Aggregate::MeanGap
            | Aggregate::MaxGap => {
                ValueSource::Number(self.accumulator_slot(Accumulator::Sum(field)))
            }
        }
    }

    fn event_source(&mut self, aggregate: Aggregate) -> ValueSource {
        match aggregate {
            Aggregate::First => ValueSource::Instant(self.accumulator_slot(Accumulator::First)),
            Aggregate::Last | Aggregate::Latest => ValueSource::Instant(self.slot(SlotKind::Last)),
            Aggregate::MeanGap => ValueSource::MeanGap {
                first: self.slot(SlotKind::Accumulator(Accumulator::First)),
                last: self.slot(SlotKind::Last),
                count: self.slot(SlotKind::Accumulator(Accumulator::Count)),
            },
            Aggregate::MaxGap => ValueSource::MaxGap(self.slot(SlotKind::Gaps)),
            // `count`; the others have a field, which the declaration's check ensures.
            Aggregate::Count
            | Aggregate::CountDistinct(_)
            | Aggregate::Sum
            | Aggregate::Min
            | Aggregate::Max
            | Aggregate::Avg => ValueSource::Number(self.accumulator_slot(Accumulator::Count)),
        }
    }
}
