//! One thing that is remembered of a customer's events.

use crate::event::{EventType, FieldId};
use crate::model::fact::{Bucket, Filter};

/// One thing that is remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Of which events; `None` is any.
    pub event: Option<EventType>,
    /// Of which of those only.
    pub filter: Option<Filter<FieldId>>,
    /// What of them.
    pub kind: SlotKind,
}

/// What is remembered of events.
#[derive(Clone, Debug, PartialEq)]
pub enum SlotKind {
    /// A tally over all time.
    Accumulator(Accumulator),
    /// The instant of the latest event.
    Last,
    /// The value of a field in the earliest event that carries it.
    FirstOf(FieldId),
    /// The value of a field in the latest event that carries it.
    LatestOf(FieldId),
    /// A tally per bucket, for windows that reach back up to `retained` buckets.
    Buckets {
        /// What a bucket is.
        bucket: Bucket,
        /// What is kept of each.
        accumulator: Accumulator,
        /// The longest reach of a window that reads it.
        retained: u32,
    },
    /// The first value of a field in each bucket.
    Firsts {
        /// What a bucket is.
        bucket: Bucket,
        /// The field.
        field: FieldId,
        /// The longest reach of a window that reads it.
        retained: u32,
    },
    /// The different values of a field: over all time, or each with the last bucket it was seen in.
    Distinct {
        /// The field.
        field: FieldId,
        /// What a bucket is, where windows read it, and the longest reach of one.
        buckets: Option<(Bucket, u32)>,
        /// Most values that are told apart.
        cap: u32,
    },
    /// The longest times from one event to the next.
    Gaps,
}

/// What events are put together to, in all time or in a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accumulator {
    /// How many.
    Count,
    /// How many that carry a number in the field.
    CountOf(FieldId),
    /// The total of a field.
    Sum(FieldId),
    /// The smallest value of a field.
    Min(FieldId),
    /// The largest value of a field.
    Max(FieldId),
    /// The instant of the earliest.
    First,
}

impl Slot {
    /// The fields that it looks at.
    pub(crate) fn fields(&self) -> Vec<FieldId> {
        let mut fields = Vec::new();
        if let Some(filter) = &self.filter {
            let _same = filter.map_fields(&mut |field, _| {
                fields.push(*field);
                *field
            });
        }
        match &self.kind {
            SlotKind::Accumulator(tally)
            | SlotKind::Buckets {
                accumulator: tally, ..
            } => fields.extend(tally.field()),
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
    /// Whether this, with a reach or cap that is large enough, is all that `wanted` needs.
    pub(super) fn covers(&self, wanted: &SlotKind) -> bool {
        match (self, wanted) {
            (
                SlotKind::Buckets {
                    bucket,
                    accumulator: tally,
                    ..
                },
                SlotKind::Buckets {
                    bucket: other_bucket,
                    accumulator: other_tally,
                    ..
                },
            ) => bucket == other_bucket && tally == other_tally,
            (
                SlotKind::Firsts { bucket, field, .. },
                SlotKind::Firsts {
                    bucket: other_bucket,
                    field: other_field,
                    ..
                },
            ) => bucket == other_bucket && field == other_field,
            (
                SlotKind::Distinct { field, buckets, .. },
                SlotKind::Distinct {
                    field: other_field,
                    buckets: other_buckets,
                    ..
                },
            ) => {
                field == other_field
                    && buckets.map(|(bucket, _)| bucket) == other_buckets.map(|(bucket, _)| bucket)
            }
            (own, other) => own == other,
        }
    }

    pub(super) fn widen(&mut self, wanted: &SlotKind) {
        match (self, wanted) {
            (
                SlotKind::Buckets { retained, .. },
                SlotKind::Buckets {
                    retained: other, ..
                },
            )
            | (
                SlotKind::Firsts { retained, .. },
                SlotKind::Firsts {
                    retained: other, ..
                },
            ) => {
                *retained = (*retained).max(*other);
            }
            (
                SlotKind::Distinct { buckets, cap, .. },
                SlotKind::Distinct {
                    buckets: other,
                    cap: other_cap,
                    ..
                },
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
