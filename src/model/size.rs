//! The largest possible state of a customer: each is one record of the changelog, and a record that the
//! broker does not take would stop a partition for ever. So models that could make one are refused.
//!
//! The numbers follow how `customer` keeps states as bytes; a test holds them against the largest states.

use super::orders::ORDERS_MAX;
use super::slots::{Keep, Slot, Tally, What};
use super::{Fact, IDS_MAX, Model, Models, Reentry, Transition, facts_of, slots_of};
use crate::event::{FIELD_BYTES_MAX, FieldId, FieldKind, Millis};

/// Most bytes of a customer's state: below the largest record that Kafka takes where nobody has said
/// otherwise, 1 MB with its key and headers.
pub const STATE_BYTES_MAX: usize = 900 << 10;

/// A quantity: 128 bits, seven in a byte.
const NUMBER: usize = 19;
/// A count of 64 bits.
const COUNT: usize = 10;
/// The distance of one instant from another.
const INSTANT: usize = 8;
/// The number of a bucket, as a distance.
const BUCKET: usize = 5;
/// How many there are of something, or which.
const INDEX: usize = 3;
/// What the thing is, or whether it is there.
const TAG: usize = 1;
/// A hash.
const HASH: usize = 8;
/// The longest gaps that are kept, each with both ends.
const GAPS: usize = 16 * 2 * INSTANT;
/// Of a state, what is about no model and no fact.
const HEAD: usize = 6 * COUNT;
/// Of a state, where the customer is in a model.
const PLACE: usize = 6 * COUNT;

impl Models {
    /// Most bytes that the state of a customer can take.
    pub fn state_bytes_max(&self) -> usize {
        bytes_max(self, self.list.iter())
    }
}

/// The same with these models; of `models` what they share is looked at.
pub(super) fn bytes_max<'m>(models: &Models, list: impl Iterator<Item = &'m Model>) -> usize {
    let recent = models.dedupe.map_or(0, |_| IDS_MAX * (INSTANT + HASH));
    let facts: usize = models
        .slots
        .iter()
        .map(|slot| slot_bytes(models, slot))
        .sum();
    let own: usize = list.map(|model| model_bytes(models, model)).sum();
    HEAD + recent + orders_bytes(models) + facts + own
}

/// Most bytes of what is kept for a fact; facts may share it.
pub(super) fn fact_bytes(models: &Models, fact: &Fact) -> usize {
    let slots = fact.reading.what.slots();
    let bytes = |slot: usize| slot_bytes(models, models.slots.get(slot));
    slots.into_iter().map(bytes).sum()
}

fn slot_bytes(models: &Models, slot: &Slot) -> usize {
    let value = |field| value_bytes(models, field);
    INDEX
        + TAG
        + match &slot.keep {
            Keep::Tally(Tally::Count | Tally::CountOf(_)) => COUNT,
            Keep::Tally(Tally::First) | Keep::Last => TAG + INSTANT,
            Keep::Tally(Tally::Sum(_) | Tally::Min(_) | Tally::Max(_)) => NUMBER,
            Keep::FirstOf(field) | Keep::LatestOf(field) => INSTANT + value(*field),
            Keep::Buckets { retained, .. } => *retained as usize * (BUCKET + NUMBER),
            Keep::Firsts {
                field, retained, ..
            } => *retained as usize * (INSTANT + value(*field)),
            Keep::Distinct { cap, .. } => *cap as usize * (HASH + BUCKET),
            Keep::Gaps => TAG + 2 * INSTANT + GAPS,
        }
}

fn value_bytes(models: &Models, field: FieldId) -> usize {
    let kind = models.vocabulary.fields().nth(field.index());
    TAG + match kind {
        Some((_, _, FieldKind::Number)) => NUMBER,
        Some((_, _, FieldKind::Flag)) => 0,
        _ => INDEX + FIELD_BYTES_MAX,
    }
}

/// What a fact was when a transition was taken.
fn seen_bytes(models: &Models, fact: &Fact) -> usize {
    let What::Kept(slot) = fact.reading.what else {
        return TAG + NUMBER;
    };
    match models.slots.get(slot).keep {
        Keep::FirstOf(field) | Keep::LatestOf(field) | Keep::Firsts { field, .. } => {
            value_bytes(models, field)
        }
        _ => TAG + NUMBER,
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
        .map(|field| INDEX + value_bytes(models, field));
    let returned = 2 * (TAG + NUMBER);
    let order = TAG + HASH + INSTANT + TAG + COUNT + INDEX + fields.sum::<usize>() + returned;
    COUNT + ORDERS_MAX * order + about().map(|slot| slot_bytes(models, slot)).sum::<usize>()
}

fn model_bytes(models: &Models, model: &Model) -> usize {
    let count = |wanted: fn(&&Transition) -> bool| model.transitions.iter().filter(wanted).count();
    let held = count(|transition| transition.hold > Millis(0));
    let cooled = count(|transition| transition.cooldown > Millis(0));
    let visited = model
        .stages
        .iter()
        .filter(|stage| stage.remembered || stage.reentry != Reentry::Always);
    let visits = visited.count() * (INDEX + 2 * COUNT + TAG + 2 * INSTANT);
    let known = PLACE + (held + cooled) * (INDEX + INSTANT) + visits;
    let condition = |transition: &Transition| {
        let slots = slots_of(&transition.when, &model.facts).into_iter();
        let slots = slots.map(|slot| slot_bytes(models, models.slots.get(slot)));
        slots.sum::<usize>()
    };
    let seen = |transition: &Transition| {
        let facts = facts_of(&transition.when, &model.facts).into_iter();
        let values = facts.map(|fact| seen_bytes(models, &model.facts[fact]));
        values.sum::<usize>()
    };
    let seen = model.transitions.iter().map(seen).max().unwrap_or(0);
    // By which transition the customer came, and what its condition saw.
    let known = known + TAG + 3 * INDEX + 2 * (TAG + INSTANT) + INSTANT + INDEX + seen;
    let ground = match model.corrections {
        Millis(0) => 0,
        // Where the customer was before, what it saw of its instant, and all that the condition looked at.
        _ => known + COUNT + model.transitions.iter().map(condition).max().unwrap_or(0),
    };
    known + ground
}
