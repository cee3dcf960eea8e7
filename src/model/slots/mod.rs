//! What must be remembered of each customer: facts of all models, each thing once.

mod keep;
mod reading;

use super::fact::{Aggregate, Declaration, Filter, Window};
use super::value_type::Type;
use crate::event::{EventType, Field, FieldId, Vocabulary};

pub use keep::{Keep, Slot, Tally};
pub use reading::{Reading, StageFact, What};

/// All slots, and which of them an event of a type changes.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    list: Vec<Slot>,
    by_type: Vec<Vec<usize>>,
    /// Those about orders.
    of_orders: Vec<usize>,
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
        self.by_type.get(kind.index()).map_or(&[], Vec::as_slice)
    }

    /// The slots about orders, which are kept apart as long as an order can be taken back.
    pub fn of_orders(&self) -> &[usize] {
        &self.of_orders
    }

    /// Where a slot stands among those about orders, if it is one.
    pub fn order_slot(&self, slot: usize) -> Option<usize> {
        self.of_orders.binary_search(&slot).ok()
    }

    /// The fields that slots about orders look at.
    pub fn order_fields(&self) -> &[FieldId] {
        &self.order_fields
    }

    /// The reading of a declared fact; its slots are shared with every fact that needs the same.
    pub(super) fn reading(
        &mut self,
        fact: &Declaration,
        value_type: Option<Type>,
        vocabulary: &mut Vocabulary,
    ) -> Reading {
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
        let filter = fact.filter.as_ref().map(|filter| filter.map(&mut intern));
        let mut of = Of {
            slots: self,
            event,
            filter,
            window: fact.window,
        };
        let what = match field {
            Some(field) => of.field(fact.aggregate, field),
            None => of.events(fact.aggregate),
        };
        Reading {
            what,
            window: fact.window,
        }
    }

    /// The slot that keeps this; one of another reach or cap is widened.
    fn slot(&mut self, wanted: Slot) -> usize {
        let same = |known: &Slot| {
            known.event == wanted.event
                && known.filter == wanted.filter
                && known.keep.serves_as(&wanted.keep)
        };
        match self.list.iter().position(same) {
            Some(at) => {
                self.list[at].keep.widen(&wanted.keep);
                at
            }
            None => {
                self.list.push(wanted);
                self.list.len() - 1
            }
        }
    }

    pub(super) fn link(&mut self, types: usize, placed: Option<EventType>) {
        let about = |slot: &Slot| placed.is_some() && slot.event == placed;
        let slots = self.list.iter().enumerate();
        self.of_orders = slots
            .filter(|(_, slot)| about(slot))
            .map(|(at, _)| at)
            .collect();
        let slots = self.of_orders.iter().map(|slot| &self.list[*slot]);
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
        self.by_type = (0..types).map(changed_by).collect();
    }
}

/// The events of a fact, while its slots are found.
struct Of<'s> {
    slots: &'s mut Slots,
    event: Option<EventType>,
    filter: Option<Filter<FieldId>>,
    window: Option<Window>,
}

impl Of<'_> {
    fn slot(&mut self, keep: Keep) -> usize {
        self.slots.slot(Slot {
            event: self.event,
            filter: self.filter.clone(),
            keep,
        })
    }

    /// A tally over all time, or per bucket for a window.
    fn tally(&mut self, tally: Tally) -> usize {
        self.slot(match self.window {
            None => Keep::Tally(tally),
            Some(window) => Keep::Buckets {
                bucket: window.bucket,
                tally,
                retained: window.reach(),
            },
        })
    }

    fn field(&mut self, aggregate: Aggregate, field: FieldId) -> What {
        match aggregate {
            Aggregate::Min => What::Number(self.tally(Tally::Min(field))),
            Aggregate::Max => What::Number(self.tally(Tally::Max(field))),
            Aggregate::Avg => What::Mean {
                sum: self.tally(Tally::Sum(field)),
                count: self.tally(Tally::CountOf(field)),
            },
            Aggregate::CountDistinct(cap) => What::Distinct {
                slot: self.slot(Keep::Distinct {
                    field,
                    buckets: self.window.map(|window| (window.bucket, window.reach())),
                    cap,
                }),
                cap,
            },
            Aggregate::First => What::Kept(self.slot(match self.window {
                None => Keep::FirstOf(field),
                Some(window) => Keep::Firsts {
                    bucket: window.bucket,
                    field,
                    retained: window.reach(),
                },
            })),
            Aggregate::Latest => What::Kept(self.slot(Keep::LatestOf(field))),
            // The others take no field, which is checked where they are read.
            Aggregate::Sum
            | Aggregate::Count
            | Aggregate::Last
            | Aggregate::MeanGap
            | Aggregate::MaxGap => What::Number(self.tally(Tally::Sum(field))),
        }
    }

    fn events(&mut self, aggregate: Aggregate) -> What {
        match aggregate {
            Aggregate::First => What::Instant(self.tally(Tally::First)),
            Aggregate::Last | Aggregate::Latest => What::Instant(self.slot(Keep::Last)),
            Aggregate::MeanGap => What::MeanGap {
                first: self.slot(Keep::Tally(Tally::First)),
                last: self.slot(Keep::Last),
                count: self.slot(Keep::Tally(Tally::Count)),
            },
            Aggregate::MaxGap => What::MaxGap(self.slot(Keep::Gaps)),
            // The others take a field, which is checked where they are read.
            Aggregate::Count
            | Aggregate::CountDistinct(_)
            | Aggregate::Sum
            | Aggregate::Min
            | Aggregate::Max
            | Aggregate::Avg => What::Number(self.tally(Tally::Count)),
        }
    }
}
