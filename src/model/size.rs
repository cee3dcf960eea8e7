//! The largest possible state of a customer. A state is one record of the changelog, and a record that the broker
//! refuses would stop the partition forever. So models whose states could be too large are rejected.
//!
//! The sizes follow the encoding of states in `customer`; a test compares them with the largest states.

use typed_index_collections::TiSlice;

use super::builder::ModelsBuilder;
use super::orders::{ORDERS_MAX, Orders, Repeated};
use super::slots::{Accumulator, Slot, SlotKind, ValueSource};
use super::{DEDUPE_IDS_MAX, Dedupe, Fact, Model, Models, Reentry, Transition};
use crate::event::{FIELD_BYTES_MAX, FieldId, FieldKind, Millis, Vocabulary};
use crate::model::SlotId;

/// Most bytes of a customer's state. It is below the default limit of Kafka brokers for a record with its key and
/// headers, 1 MB.
pub const STATE_BYTES_MAX: usize = 900 << 10;

/// A quantity: a varint of 128 bits, seven bits per byte.
const NUMBER_BYTES: usize = 19;
/// A count: a varint of 64 bits.
const COUNT_BYTES: usize = 10;
/// An instant, as the difference from another.
const INSTANT_BYTES: usize = 8;
/// The number of a bucket, as the difference from another.
const BUCKET_BYTES: usize = 5;
/// An index or a length.
const INDEX_BYTES: usize = 3;
/// A variant, or whether an optional value is present.
const TAG_BYTES: usize = 1;
const HASH_BYTES: usize = 8;
/// The longest gaps, each with its two instants.
const GAPS_BYTES: usize = 16 * 2 * INSTANT_BYTES;
/// The part of a state that does not depend on models or facts.
const STATE_HEADER_BYTES: usize = 6 * COUNT_BYTES;
/// The fixed part of a customer's state in one model.
const MODEL_HEADER_BYTES: usize = 6 * COUNT_BYTES;

impl Models {
    /// Most bytes that the state of a customer can take.
    pub fn state_bytes_max(&self) -> usize {
        let parts = StateParts {
            slots: self.slots.list(),
            vocabulary: &self.vocabulary,
            dedupe: self.dedupe,
            orders: self.orders,
        };
        parts.bytes_max(self.list.iter())
    }
}

/// The parts of a customer's state that all models share.
pub(super) struct StateParts<'m> {
    slots: &'m TiSlice<SlotId, Slot>,
    vocabulary: &'m Vocabulary,
    dedupe: Option<Dedupe>,
    orders: Option<Orders>,
}

impl<'m> From<&'m ModelsBuilder> for StateParts<'m> {
    fn from(models: &'m ModelsBuilder) -> Self {
        StateParts {
            slots: models.slots.as_slice(),
            vocabulary: &models.vocabulary,
            dedupe: models.dedupe,
            orders: models.orders,
        }
    }
}

impl StateParts<'_> {
    /// Most bytes of a state under the models of `list`.
    pub(super) fn bytes_max<'m>(&self, list: impl Iterator<Item = &'m Model>) -> usize {
        let recent_ids = self.dedupe.map_or(0, |_| DEDUPE_IDS_MAX * (INSTANT_BYTES + HASH_BYTES));
        let facts: usize = self.slots.iter().map(|slot| slot_bytes(self, slot)).sum();
        let per_model: usize = list.map(|model| model_bytes(self, model)).sum();
        STATE_HEADER_BYTES + recent_ids + orders_bytes(self) + facts + per_model
    }

    /// Most bytes of the slots of a fact; several facts may share them.
    pub(super) fn fact_bytes(&self, fact: &Fact) -> usize {
        let slots = fact.accessor.source.slots().into_iter();
        slots.map(|slot| slot_bytes(self, &self.slots[slot])).sum()
    }
}

fn slot_bytes(parts: &StateParts<'_>, slot: &Slot) -> usize {
    let value = |field| value_bytes(parts, field);
    INDEX_BYTES
        + TAG_BYTES
        + match &slot.kind {
            SlotKind::Accumulator(Accumulator::Count | Accumulator::CountOf(_)) => COUNT_BYTES,
            SlotKind::Accumulator(Accumulator::First) | SlotKind::Last => TAG_BYTES + INSTANT_BYTES,
            SlotKind::Accumulator(
                Accumulator::Sum(_) | Accumulator::Min(_) | Accumulator::Max(_),
            ) => NUMBER_BYTES,
            SlotKind::FirstOf(field) | SlotKind::LatestOf(field) => INSTANT_BYTES + value(*field),
            SlotKind::Buckets { retained, .. } => {
                *retained as usize * (BUCKET_BYTES + NUMBER_BYTES)
            }
            SlotKind::Firsts { field, retained, .. } => {
                *retained as usize * (INSTANT_BYTES + value(*field))
            }
            SlotKind::Distinct { cap, .. } => *cap as usize * (HASH_BYTES + BUCKET_BYTES),
            SlotKind::Gaps => TAG_BYTES + 2 * INSTANT_BYTES + GAPS_BYTES,
        }
}

fn value_bytes(parts: &StateParts<'_>, field: FieldId) -> usize {
    let kind = parts.vocabulary.fields().nth(field.index());
    TAG_BYTES
        + match kind {
            Some((_, _, FieldKind::Number)) => NUMBER_BYTES,
            Some((_, _, FieldKind::Bool)) => 0,
            _ => INDEX_BYTES + FIELD_BYTES_MAX,
        }
}

/// Most bytes of a fact's value in the evidence of a transition.
fn evidence_bytes(parts: &StateParts<'_>, fact: &Fact) -> usize {
    let ValueSource::FieldValue(slot) = fact.accessor.source else {
        return TAG_BYTES + NUMBER_BYTES;
    };
    match parts.slots[slot].kind {
        SlotKind::FirstOf(field) | SlotKind::LatestOf(field) | SlotKind::Firsts { field, .. } => {
            value_bytes(parts, field)
        }
        _ => TAG_BYTES + NUMBER_BYTES,
    }
}

/// Most bytes of the orders that can be refunded or cancelled, and of the slots that summarise all earlier ones.
fn orders_bytes(parts: &StateParts<'_>) -> usize {
    let Some(orders) = &parts.orders else {
        return 0;
    };
    let order_slots = || {
        let slots = parts.slots.iter();
        slots.filter(|slot| slot.event == Some(orders.placed))
    };
    let mut fields: Vec<FieldId> = order_slots().flat_map(Slot::fields).collect();
    fields.push(orders.value);
    fields.sort_unstable();
    fields.dedup();
    let field_bytes = fields.into_iter().map(|field| INDEX_BYTES + value_bytes(parts, field));
    let returned = 2 * (TAG_BYTES + NUMBER_BYTES);
    let edited = if orders.repeated == Repeated::Replace { INSTANT_BYTES } else { 0 };
    let order = TAG_BYTES
        + HASH_BYTES
        + INSTANT_BYTES
        + TAG_BYTES
        + COUNT_BYTES
        + INDEX_BYTES
        + edited
        + field_bytes.sum::<usize>()
        + returned;
    let summary = order_slots().map(|slot| slot_bytes(parts, slot));
    COUNT_BYTES + ORDERS_MAX * order + summary.sum::<usize>()
}

fn model_bytes(parts: &StateParts<'_>, model: &Model) -> usize {
    let count = |filter: fn(&&Transition) -> bool| model.transitions.iter().filter(filter).count();
    let with_hold = count(|transition| transition.hold > Millis(0));
    let with_cooldown = count(|transition| transition.cooldown > Millis(0));
    let visited =
        model.stages.iter().filter(|stage| stage.tracks_visits || stage.reentry != Reentry::Always);
    let visits = visited.count() * (INDEX_BYTES + 2 * COUNT_BYTES + TAG_BYTES + 2 * INSTANT_BYTES);
    let timed = (with_hold + with_cooldown) * (INDEX_BYTES + INSTANT_BYTES);
    let slots = |transition: &Transition| {
        let slots = transition.slots.iter();
        let bytes = slots.map(|slot| slot_bytes(parts, &parts.slots[*slot]));
        bytes.sum::<usize>()
    };
    let evidence = |transition: &Transition| {
        let facts = transition.facts.iter();
        let bytes = facts.map(|fact| evidence_bytes(parts, &model.facts[*fact]));
        bytes.sum::<usize>()
    };
    let evidence = model.transitions.iter().map(evidence).max().unwrap_or(0);
    // The last transition and its evidence.
    let current = MODEL_HEADER_BYTES
        + timed
        + visits
        + TAG_BYTES
        + 3 * INDEX_BYTES
        + 2 * (TAG_BYTES + INSTANT_BYTES)
        + INSTANT_BYTES
        + INDEX_BYTES
        + evidence;
    let correction_basis = match model.corrections {
        Millis(0) => 0,
        // The state before the last transition, and all slots that its condition reads.
        _ => current + COUNT_BYTES + model.transitions.iter().map(slots).max().unwrap_or(0),
    };
    current + correction_basis
}
