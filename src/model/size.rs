//! The largest possible state of a customer: each is one record of the changelog, and a record that the
//! broker does not take would stop a partition for ever. So models that could make one are refused.
//!
//! The numbers follow how `customer` keeps states as bytes; a test holds them against the largest states.

use super::orders::ORDERS_MAX;
use super::slots::{Accumulator, Slot, SlotKind, ValueSource};
use super::{
    DEDUPE_IDS_MAX, Fact, Model, Models, Reentry, Transition, condition_facts, condition_slots,
};
use crate::event::{FIELD_BYTES_MAX, FieldId, FieldKind, Millis};

/// Most bytes of a customer's state: below the largest record that Kafka takes where nobody has said
/// otherwise, 1 MB with its key and headers.
pub const STATE_BYTES_MAX: usize = 900 << 10;

/// A quantity: 128 bits, seven in a byte.
const NUMBER_BYTES: usize = 19;
/// A count of 64 bits.
const COUNT_BYTES: usize = 10;
/// The distance of one instant from another.
const INSTANT_BYTES: usize = 8;
/// The number of a bucket, as a distance.
const BUCKET_BYTES: usize = 5;
/// How many there are of something, or which.
const INDEX_BYTES: usize = 3;
/// What the thing is, or whether it is there.
const TAG_BYTES: usize = 1;
/// A hash.
const HASH_BYTES: usize = 8;
/// The longest gaps that are kept, each with both ends.
const GAPS_BYTES: usize = 16 * 2 * INSTANT_BYTES;
/// Of a state, what is about no model and no fact.
const STATE_HEADER_BYTES: usize = 6 * COUNT_BYTES;
/// Of a state, where the customer is in a model.
const MODEL_HEADER_BYTES: usize = 6 * COUNT_BYTES;

impl Models {
    /// Most bytes that the state of a customer can take.
    pub fn state_bytes_max(&self) -> usize {
        bytes_max(self, self.list.iter())
    }
}

/// The same with these models; of `models` what they share is looked at.
pub(super) fn bytes_max<'m>(models: &Models, list: impl Iterator<Item = &'m Model>) -> usize {
    let recent = models
        .dedupe
        .map_or(0, |_| DEDUPE_IDS_MAX * (INSTANT_BYTES + HASH_BYTES));
    let facts: usize = models
        .slots
        .iter()
        .map(|slot| slot_bytes(models, slot))
        .sum();
    let own: usize = list.map(|model| model_bytes(models, model)).sum();
    STATE_HEADER_BYTES + recent + orders_bytes(models) + facts + own
}

/// Most bytes of what is kept for a fact; facts may share it.
pub(super) fn fact_bytes(models: &Models, fact: &Fact) -> usize {
    let slots = fact.accessor.source.slots();
    let bytes = |slot: usize| slot_bytes(models, models.slots.get(slot));
    slots.into_iter().map(bytes).sum()
}

fn slot_bytes(models: &Models, slot: &Slot) -> usize {
    let value = |field| value_bytes(models, field);
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
            SlotKind::Firsts {
                field, retained, ..
            } => *retained as usize * (INSTANT_BYTES + value(*field)),
            SlotKind::Distinct { cap, .. } => *cap as usize * (HASH_BYTES + BUCKET_BYTES),
            SlotKind::Gaps => TAG_BYTES + 2 * INSTANT_BYTES + GAPS_BYTES,
        }
}

fn value_bytes(models: &Models, field: FieldId) -> usize {
    let kind = models.vocabulary.fields().nth(field.index());
    TAG_BYTES
        + match kind {
            Some((_, _, FieldKind::Number)) => NUMBER_BYTES,
            Some((_, _, FieldKind::Bool)) => 0,
            _ => INDEX_BYTES + FIELD_BYTES_MAX,
        }
}

/// What a fact was when a transition was taken.
fn evidence_bytes(models: &Models, fact: &Fact) -> usize {
    let ValueSource::FieldValue(slot) = fact.accessor.source else {
        return TAG_BYTES + NUMBER_BYTES;
    };
    match models.slots.get(slot).kind {
        SlotKind::FirstOf(field) | SlotKind::LatestOf(field) | SlotKind::Firsts { field, .. } => {
            value_bytes(models, field)
        }
        _ => TAG_BYTES + NUMBER_BYTES,
    }
}

/// The orders that can be taken back, and what all before them came to.
fn orders_bytes(models: &Models) -> usize {
    let Some(orders) = &models.orders else {
        return 0;
    };
    let about = || {
        let slots = models.slots.iter();
        slots.filter(|slot| slot.event == Some(orders.placed))
    };
    let mut fields: Vec<FieldId> = about().flat_map(Slot::fields).collect();
    fields.push(orders.value);
    fields.sort_unstable();
    fields.dedup();
    let fields = fields
        .into_iter()
        .map(|field| INDEX_BYTES + value_bytes(models, field));
    let returned = 2 * (TAG_BYTES + NUMBER_BYTES);
    let order = TAG_BYTES
        + HASH_BYTES
        + INSTANT_BYTES
        + TAG_BYTES
        + COUNT_BYTES
        + INDEX_BYTES
        + fields.sum::<usize>()
        + returned;
    COUNT_BYTES + ORDERS_MAX * order + about().map(|slot| slot_bytes(models, slot)).sum::<usize>()
}

fn model_bytes(models: &Models, model: &Model) -> usize {
    let count = |wanted: fn(&&Transition) -> bool| model.transitions.iter().filter(wanted).count();
    let held = count(|transition| transition.hold > Millis(0));
    let cooled = count(|transition| transition.cooldown > Millis(0));
    let visited = model
        .stages
        .iter()
        .filter(|stage| stage.tracks_visits || stage.reentry != Reentry::Always);
    let visits = visited.count() * (INDEX_BYTES + 2 * COUNT_BYTES + TAG_BYTES + 2 * INSTANT_BYTES);
    let known = MODEL_HEADER_BYTES + (held + cooled) * (INDEX_BYTES + INSTANT_BYTES) + visits;
    let condition = |transition: &Transition| {
        let slots = condition_slots(&transition.when, &model.facts).into_iter();
        let slots = slots.map(|slot| slot_bytes(models, models.slots.get(slot)));
        slots.sum::<usize>()
    };
    let seen = |transition: &Transition| {
        let facts = condition_facts(&transition.when, &model.facts).into_iter();
        let values = facts.map(|fact| evidence_bytes(models, &model.facts[fact]));
        values.sum::<usize>()
    };
    let seen = model.transitions.iter().map(seen).max().unwrap_or(0);
    // By which transition the customer came, and what its condition saw.
    let known = known
        + TAG_BYTES
        + 3 * INDEX_BYTES
        + 2 * (TAG_BYTES + INSTANT_BYTES)
        + INSTANT_BYTES
        + INDEX_BYTES
        + seen;
    let ground = match model.corrections {
        Millis(0) => 0,
        // Where the customer was before, what it saw of its instant, and all that the condition looked at.
        _ => known + COUNT_BYTES + model.transitions.iter().map(condition).max().unwrap_or(0),
    };
    known + ground
}
