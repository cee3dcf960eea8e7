//! What must be remembered of each customer: facts of all models, each thing once.

use super::fact::{Aggregate, Bucket, Declaration};
use super::lower::Type;
use crate::event::{EventType, FieldId, FieldKind, Vocabulary};

/// One thing that is remembered.
#[derive(Clone, Debug, PartialEq)]
pub enum Slot {
    /// How many events.
    Count,
    /// The total of a field.
    Sum(FieldId),
    /// The instant of the earliest event.
    First,
    /// The instant of the latest event.
    Last,
    /// The value of a field in the earliest event that carries it.
    FirstOf(FieldId),
    /// The value of a field in the latest event that carries it.
    LatestOf(FieldId),
    /// Counts (or totals of a field) per bucket, for windows of up to `retained` buckets.
    Buckets {
        /// What a bucket is.
        bucket: Bucket,
        /// The field that is summed; without one, events are counted.
        field: Option<FieldId>,
        /// The longest window that reads it.
        retained: u32,
    },
}

/// How a fact is read from its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A count or total.
    Number(usize),
    /// The sum of the current bucket and those before it.
    Window {
        /// The slot.
        slot: usize,
        /// How many buckets.
        buckets: u32,
    },
    /// An instant.
    Instant(usize),
    /// A kept value.
    Kept(usize),
}

/// All slots, and which of them an event of a type changes.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    list: Vec<(Option<EventType>, Slot)>,
    by_type: Vec<Vec<usize>>,
}

impl Slots {
    /// The slots, in the order of a customer's state.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Slot> {
        self.list.iter().map(|(_, slot)| slot)
    }

    /// One slot.
    pub fn get(&self, slot: usize) -> &Slot {
        &self.list[slot].1
    }

    /// The slots that an event of this type changes.
    pub fn changed_by(&self, kind: EventType) -> &[usize] {
        self.by_type.get(kind.index()).map_or(&[], Vec::as_slice)
    }

    /// The reading of a declared fact; its slot is shared with every fact that needs the same.
    pub(super) fn reading(
        &mut self,
        fact: &Declaration,
        value_type: Option<Type>,
        vocabulary: &mut Vocabulary,
    ) -> Reading {
        let event = fact
            .event
            .as_deref()
            .map(|name| vocabulary.intern_type(name));
        let kind = match value_type {
            Some(Type::Number | Type::Duration | Type::Instant) => FieldKind::Number,
            Some(Type::Text) => FieldKind::Text,
            Some(Type::Flag) => FieldKind::Flag,
            None => FieldKind::Any,
        };
        let field = fact
            .field
            .clone()
            .map(|field| vocabulary.intern_field(field, kind));
        if let Some(window) = fact.window {
            return Reading::Window {
                slot: self.buckets(event, window.bucket, field, window.buckets),
                buckets: window.buckets,
            };
        }
        match (fact.aggregate, field) {
            (Aggregate::Sum, Some(field)) => Reading::Number(self.slot(event, Slot::Sum(field))),
            (Aggregate::Count | Aggregate::Sum, _) => {
                Reading::Number(self.slot(event, Slot::Count))
            }
            (Aggregate::First, None) => Reading::Instant(self.slot(event, Slot::First)),
            (Aggregate::Last, _) | (Aggregate::Latest, None) => {
                Reading::Instant(self.slot(event, Slot::Last))
            }
            (Aggregate::First, Some(field)) => {
                Reading::Kept(self.slot(event, Slot::FirstOf(field)))
            }
            (Aggregate::Latest, Some(field)) => {
                Reading::Kept(self.slot(event, Slot::LatestOf(field)))
            }
        }
    }

    fn slot(&mut self, event: Option<EventType>, slot: Slot) -> usize {
        let wanted = (event, slot);
        self.list
            .iter()
            .position(|known| *known == wanted)
            .unwrap_or_else(|| {
                self.list.push(wanted);
                self.list.len() - 1
            })
    }

    /// One series of buckets serves every window over the same events, however long.
    fn buckets(
        &mut self,
        event: Option<EventType>,
        bucket: Bucket,
        field: Option<FieldId>,
        buckets: u32,
    ) -> usize {
        for (at, (known, slot)) in self.list.iter_mut().enumerate() {
            match slot {
                Slot::Buckets {
                    bucket: b,
                    field: f,
                    retained,
                } if *known == event && *b == bucket && *f == field => {
                    *retained = buckets.max(*retained);
                    return at;
                }
                _ => {}
            }
        }
        self.list.push((
            event,
            Slot::Buckets {
                bucket,
                field,
                retained: buckets,
            },
        ));
        self.list.len() - 1
    }

    pub(super) fn link(&mut self, types: usize) {
        let changed_by = |kind: usize| {
            let concerned =
                |event: &Option<EventType>| event.is_none_or(|event| event.index() == kind);
            self.list
                .iter()
                .enumerate()
                .filter(|(_, (event, _))| concerned(event))
                .map(|(at, _)| at)
                .collect()
        };
        self.by_type = (0..types).map(changed_by).collect();
    }
}
