//! What must be remembered of each customer: facts of all models, each thing once.

mod accessor;
mod slot;

use super::fact::{Aggregate, FactDeclaration, Filter, Window};
use super::value_type::ValueType;
use crate::event::{EventType, Field, FieldId, Vocabulary};

pub use accessor::{FactAccessor, StageFact, ValueSource};
pub use slot::{Accumulator, Slot, SlotKind};

/// All slots, and which of them an event of a type changes.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    list: Vec<Slot>,
    slots_by_type: Vec<Vec<usize>>,
    /// Those about orders.
    order_slots: Vec<usize>,
    /// The fields of orders that they look at.
    order_fields: Vec<FieldId>,
}

impl Slots {
    /// The slots, in the order of a customer's state.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Slot> {
        self.list.iter()
    }

    /// One slot.
    pub fn get(&self, slot: usize) -> &Slot {
        &self.list[slot]
    }

    /// The slots that an event of this type may change.
    pub fn changed_by(&self, kind: EventType) -> &[usize] {
        self.slots_by_type
            .get(kind.index())
            .map_or(&[], Vec::as_slice)
    }

    /// The slots about orders, which are kept apart as long as an order can be taken back.
    pub fn order_slots(&self) -> &[usize] {
        &self.order_slots
    }

    /// Where a slot stands among those about orders, if it is one.
    pub fn order_slot_index(&self, slot: usize) -> Option<usize> {
        self.order_slots.binary_search(&slot).ok()
    }

    /// The fields that slots about orders look at.
    pub fn order_fields(&self) -> &[FieldId] {
        &self.order_fields
    }

    /// The reading of a declared fact; its slots are shared with every fact that needs the same.
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
            // One that always is of a kind is read as that, whatever looks at it.
            vocabulary.intern_field(field.clone(), field.kind().unwrap_or(kind))
        };
        let field = fact.field.as_ref().map(|field| intern(field, kind));
        let filter = fact
            .filter
            .as_ref()
            .map(|filter| filter.map_fields(&mut intern));
        let mut of = SlotAllocator {
            slots: self,
            event,
            filter,
            window: fact.window,
        };
        let what = match field {
            Some(field) => of.field_source(fact.aggregate, field),
            None => of.event_source(fact.aggregate),
        };
        FactAccessor {
            source: what,
            window: fact.window,
        }
    }

    /// The slot that keeps this; one of another reach or cap is widened.
    fn find_or_add_slot(&mut self, wanted: Slot) -> usize {
        let same = |known: &Slot| {
            known.event == wanted.event
                && known.filter == wanted.filter
                && known.kind.covers(&wanted.kind)
        };
        match self.list.iter().position(same) {
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

    pub(super) fn build_indexes(&mut self, types: usize, placed: Option<EventType>) {
        let about = |slot: &Slot| placed.is_some() && slot.event == placed;
        let slots = self.list.iter().enumerate();
        self.order_slots = slots
            .filter(|(_, slot)| about(slot))
            .map(|(at, _)| at)
            .collect();
        let slots = self.order_slots.iter().map(|slot| &self.list[*slot]);
        self.order_fields = slots.flat_map(Slot::fields).collect();
        self.order_fields.sort_unstable();
        self.order_fields.dedup();
        let changed_by = |kind: usize| {
            let concerned = |slot: &Slot| slot.event.is_none_or(|event| event.index() == kind);
            let slots = self.list.iter().enumerate();
            slots
                .filter(|(_, slot)| concerned(slot))
                .map(|(at, _)| at)
                .collect()
        };
        self.slots_by_type = (0..types).map(changed_by).collect();
    }
}

/// The events of a fact, while its slots are found.
struct SlotAllocator<'s> {
    slots: &'s mut Slots,
    event: Option<EventType>,
    filter: Option<Filter<FieldId>>,
    window: Option<Window>,
}

impl SlotAllocator<'_> {
    fn slot(&mut self, keep: SlotKind) -> usize {
        self.slots.find_or_add_slot(Slot {
            event: self.event,
            filter: self.filter.clone(),
            kind: keep,
        })
    }

    /// A tally over all time, or per bucket for a window.
    fn accumulator_slot(&mut self, tally: Accumulator) -> usize {
        self.slot(match self.window {
            None => SlotKind::Accumulator(tally),
            Some(window) => SlotKind::Buckets {
                bucket: window.bucket,
                accumulator: tally,
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
            // The others take no field, which is checked where they are read.
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
            // The others take a field, which is checked where they are read.
            Aggregate::Count
            | Aggregate::CountDistinct(_)
            | Aggregate::Sum
            | Aggregate::Min
            | Aggregate::Max
            | Aggregate::Avg => ValueSource::Number(self.accumulator_slot(Accumulator::Count)),
        }
    }
}
