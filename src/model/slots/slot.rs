//! A slot: one aggregate of a customer's events that the state stores.

use crate::event::{EventType, FieldId};
use crate::model::fact::{Bucket, Filter};

#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// The type of the aggregated events; `None`: any.
    pub event: Option<EventType>,
    /// Only events for which it is true count.
    pub filter: Option<Filter<FieldId>>,
    pub kind: SlotKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SlotKind {
    /// An accumulator over all time.
    Accumulator(Accumulator),
    /// The instant of the latest event.
    Last,
    /// The value of a field in the earliest event that has it.
    FirstOf(FieldId),
    /// The value of a field in the latest event that has it.
    LatestOf(FieldId),
    /// An accumulator per bucket.
    Buckets {
        bucket: Bucket,
        accumulator: Accumulator,
        /// The number of buckets that the windows need.
        retained: u32,
    },
    /// The first value of a field in each bucket.
    Firsts {
        bucket: Bucket,
        field: FieldId,
        /// The number of buckets that the windows need.
        retained: u32,
    },
    /// The distinct values of a field.
    Distinct {
        field: FieldId,
        /// `None`: over all time. Otherwise each value is stored with its latest bucket; the number is that of the
        /// buckets that the windows need.
        buckets: Option<(Bucket, u32)>,
        /// The most values that are stored.
        cap: u32,
    },
    /// The longest times between successive events.
    Gaps,
}

/// How the events of all time, or of a bucket, are accumulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accumulator {
    /// The number of events.
    Count,
    /// The number of events that have a number in the field.
    CountOf(FieldId),
    /// The total of a field.
    Sum(FieldId),
    /// The smallest value of a field.
    Min(FieldId),
    /// The largest value of a field.
    Max(FieldId),
    /// The instant of the earliest event.
    First,
}

impl Slot {
    /// Whether it adds up a field.
    pub(crate) fn is_sum_of(&self, field: FieldId) -> bool {
        match self.kind {
            SlotKind::Accumulator(accumulator) | SlotKind::Buckets { accumulator, .. } => {
                accumulator == Accumulator::Sum(field)
            }
            _ => false,
        }
    }

    /// The fields that the slot reads.
    pub(crate) fn fields(&self) -> Vec<FieldId> {
        let mut fields = Vec::new();
        if let Some(filter) = &self.filter {
            // Used only to visit the fields.
            let _unchanged = filter.map_fields(&mut |field, _| {
                fields.push(*field);
                *field
            });
        }
        match &self.kind {
            SlotKind::Accumulator(accumulator) | SlotKind::Buckets { accumulator, .. } => {
                fields.extend(accumulator.field());
            }
            SlotKind::FirstOf(field)
            | SlotKind::LatestOf(field)
            | SlotKind::Firsts { field, .. }
            | SlotKind::Distinct { field, .. } => fields.push(*field),
            SlotKind::Last | SlotKind::Gaps => {}
        }
        fields
    }
}

impl Accumulator {
    fn field(self) -> Option<FieldId> {
        match self {
            Accumulator::CountOf(field)
            | Accumulator::Sum(field)
            | Accumulator::Min(field)
            | Accumulator::Max(field) => Some(field),
            Accumulator::Count | Accumulator::First => None,
        }
    }
}

impl SlotKind {
    /// Whether the two differ at most in retention and cap, so that a widened slot serves both.
    pub(super) fn covers(&self, wanted: &SlotKind) -> bool {
        match (self, wanted) {
            (
                SlotKind::Buckets { bucket, accumulator, .. },
                SlotKind::Buckets { bucket: other_bucket, accumulator: other_accumulator, .. },
            ) => bucket == other_bucket && accumulator == other_accumulator,
            (
                SlotKind::Firsts { bucket, field, .. },
                SlotKind::Firsts { bucket: other_bucket, field: other_field, .. },
            ) => bucket == other_bucket && field == other_field,
            (
                SlotKind::Distinct { field, buckets, .. },
                SlotKind::Distinct { field: other_field, buckets: other_buckets, .. },
            ) => {
                field == other_field
                    && buckets.map(|(bucket, _)| bucket) == other_buckets.map(|(bucket, _)| bucket)
            }
            (kind, other) => kind == other,
        }
    }

    /// Raises retention and cap to those of `wanted`.
    pub(super) fn widen(&mut self, wanted: &SlotKind) {
        match (self, wanted) {
            (SlotKind::Buckets { retained, .. }, SlotKind::Buckets { retained: other, .. })
            | (SlotKind::Firsts { retained, .. }, SlotKind::Firsts { retained: other, .. }) => {
                *retained = (*retained).max(*other);
            }
            (
                SlotKind::Distinct { buckets, cap, .. },
                SlotKind::Distinct { buckets: other, cap: other_cap, .. },
            ) => {
                *cap = (*cap).max(*other_cap);
                if let (Some((_, retained)), Some((_, other))) = (buckets, other) {
                    *retained = (*retained).max(*other);
                }
            }
            _ => {}
        }
    }
}
