//! Finds or adds the slots of facts, until those of all models are known.

use typed_index_collections::{TiSlice, TiVec};

use super::Slots;
use super::accessor::{FactAccessor, ValueSource};
use super::slot::{Accumulator, Slot, SlotKind};
use crate::event::{EventType, Field, FieldId, Vocabulary};
use crate::model::SlotId;
use crate::model::fact::{Aggregate, FactDeclaration, Filter, Window};
use crate::model::value_type::ValueType;

/// The slots of the facts that are resolved so far.
#[derive(Debug, Default)]
pub(in super::super) struct SlotTable(TiVec<SlotId, Slot>);

impl SlotTable {
    pub(in super::super) fn as_slice(&self) -> &TiSlice<SlotId, Slot> {
        &self.0
    }

    /// The accessor of a declared fact, whose slots are found or added.
    pub(in super::super) fn accessor(
        &mut self,
        fact: &FactDeclaration,
        value_type: Option<ValueType>,
        vocabulary: &mut Vocabulary,
    ) -> FactAccessor {
        let kind = fact.field_kind(value_type);
        let event = fact.event.as_deref().map(|name| vocabulary.intern_type(name));
        let mut intern = |field: &Field, kind| {
            // A standard field has a kind of its own, however it is used.
            vocabulary.intern_field(field.clone(), field.kind().unwrap_or(kind))
        };
        let field = fact.field.as_ref().map(|field| intern(field, kind));
        let filter = fact.filter.as_ref().map(|filter| filter.map_fields(&mut intern));
        let mut allocator = SlotAllocator { slots: self, event, filter, window: fact.window };
        let source = match field {
            Some(field) => allocator.field_source(fact.aggregate, field),
            None => allocator.event_source(fact.aggregate),
        };
        FactAccessor { source, window: fact.window }
    }

    /// An existing slot with the same meaning, widened to the wanted retention and cap, or a new one.
    fn find_or_add_slot(&mut self, wanted: Slot) -> SlotId {
        let is_shareable = |slot: &Slot| {
            slot.event == wanted.event
                && slot.filter == wanted.filter
                && slot.kind.covers(&wanted.kind)
        };
        match self.0.position(is_shareable) {
            Some(at) => {
                self.0[at].kind.widen(&wanted.kind);
                at
            }
            None => self.0.push_and_get_key(wanted),
        }
    }

    /// All slots are known. `types` is the number of event types, `placed` that of orders.
    pub(in super::super) fn finish(self, types: usize, placed: Option<EventType>) -> Slots {
        let list = self.0;
        let is_of_orders = |slot: &Slot| placed.is_some() && slot.event == placed;
        let ids = |includes: &dyn Fn(&Slot) -> bool| -> Vec<SlotId> {
            let slots = list.iter_enumerated();
            slots.filter(|(_, slot)| includes(slot)).map(|(id, _)| id).collect()
        };
        let order_slots = ids(&is_of_orders);
        let slots = order_slots.iter().map(|slot| &list[*slot]);
        let mut order_fields: Vec<FieldId> = slots.flat_map(Slot::fields).collect();
        order_fields.sort_unstable();
        order_fields.dedup();
        let changed_by = |event_type: usize| {
            ids(&|slot| slot.event.is_none_or(|event| event.index() == event_type))
        };
        Slots {
            slots_by_type: (0..types).map(changed_by).collect(),
            order_slots,
            order_fields,
            list,
        }
    }
}

/// Finds or adds the slots of one fact.
struct SlotAllocator<'s> {
    slots: &'s mut SlotTable,
    event: Option<EventType>,
    filter: Option<Filter<FieldId>>,
    window: Option<Window>,
}

impl SlotAllocator<'_> {
    fn slot(&mut self, kind: SlotKind) -> SlotId {
        self.slots.find_or_add_slot(Slot { event: self.event, filter: self.filter.clone(), kind })
    }

    /// An accumulator over all time, or per bucket for a window.
    fn accumulator_slot(&mut self, accumulator: Accumulator) -> SlotId {
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
                    buckets: self.window.map(|window| (window.bucket, window.retained_buckets())),
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
