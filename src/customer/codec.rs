//! A customer's state as bytes: compact, versioned, and validated when decoded.
//!
//! Layout: version byte; generation of the models (since version 3); latest event time; position; armed timer;
//! ids of recent events and the order ledger with its final facts (since 2); facts by slot, each with a tag;
//! models. A model has, since version 2, its latest `effective_at`, the previous stage and the history that the
//! model asks for, whose correction basis contains an earlier state of the model; since 4 the last transition with
//! the facts of its condition; since 5 the numbers of orders, which events of its own instant a basis saw, and when
//! the condition of a retracted transition was evaluated. Numbers are variable-length (LEB128, signed ones zigzag);
//! instants are differences from the latest event time. A version byte is never reused, and every version can be
//! decoded.

mod error;
mod last_transition;
mod orders;
mod read;
mod write;

use std::mem::discriminant;

use super::{CustomerState, FactState, Ledger, ModelState};
use crate::event::{EventTime, EventType};
use crate::model::{Model, Models, Slot, SlotId, SlotKind, StageId, TransitionId};
use error::VERSION;
use read::StateReader;

pub(crate) use error::StateDecodeError;

/// Appends the state to `bytes`.
pub fn encode(state: &CustomerState, bytes: &mut Vec<u8>) {
    bytes.push(VERSION);
    write::write_state(state, bytes);
}

/// Decodes a state of [`encode`]. All bytes must be used, and the state must be one of these models.
pub fn decode(bytes: &[u8], models: &Models) -> Result<CustomerState, StateDecodeError> {
    let mut reader = StateReader::new(bytes)?;
    let state = reader.read_state().ok_or(StateDecodeError::Damaged)?;
    if reader.is_at_end() && matches_models(&state, models) {
        Ok(state)
    } else {
        Err(StateDecodeError::Damaged)
    }
}

/// The generation of the models that [`decode`] needs for this state. Reads the header only.
pub fn decode_generation(bytes: &[u8]) -> Result<u32, StateDecodeError> {
    let header = StateReader::new(bytes)?.read_header().ok_or(StateDecodeError::Damaged)?;
    Ok(header.generation)
}

/// The armed timer. Reads the header only, which precedes everything that is expensive to decode.
pub fn decode_armed(bytes: &[u8]) -> Result<Option<EventTime>, StateDecodeError> {
    let header = StateReader::new(bytes)?.read_header().ok_or(StateDecodeError::Damaged)?;
    Ok(header.armed)
}

/// The latest event time. Reads the header only.
pub(crate) fn decode_latest(bytes: &[u8]) -> Result<EventTime, StateDecodeError> {
    let header = StateReader::new(bytes)?.read_header().ok_or(StateDecodeError::Damaged)?;
    Ok(header.latest)
}

/// Whether the models can have produced the state: no index in it is out of range.
fn matches_models(state: &CustomerState, models: &Models) -> bool {
    state.facts.len() == models.slots.list().len()
        && state.facts.iter().zip(models.slots.list()).all(matches_slot)
        && state.ledger.is_some() == models.orders.is_some()
        && state.ledger.iter().all(|ledger| ledger_matches_models(ledger, models))
        && state.models.len() == models.list.len()
        && state
            .models
            .iter()
            .zip(&models.list)
            .all(|(model_state, model)| matches_model(model_state, model, models))
        && state.models.iter().all(|model| basis_matches_models(model, models))
}

/// Whether the ledger has the order slots and the fields of the models.
fn ledger_matches_models(ledger: &Ledger, models: &Models) -> bool {
    let order_slots = models.slots.order_slots();
    let mut final_facts = ledger.final_facts.iter().zip(order_slots);
    let fields = models.vocabulary.fields().count();
    let mut orders = ledger.orders.iter().flat_map(|order| &order.placed);
    ledger.final_facts.len() == order_slots.len()
        && final_facts.all(|(fact, slot)| matches_slot((fact, models.slots.get(*slot))))
        && orders.all(|order| order.fields.iter().all(|(field, _)| field.index() < fields))
}

fn matches_slot((fact, slot): (&FactState, &Slot)) -> bool {
    let is_bounded = match (fact, &slot.kind) {
        (FactState::Distinct(distinct), SlotKind::Distinct { cap, .. }) => {
            distinct.0.len() <= *cap as usize
        }
        _ => true,
    };
    is_bounded && discriminant(fact) == discriminant(&FactState::new(slot))
}

fn matches_model(state: &ModelState, model: &Model, models: &Models) -> bool {
    let stage = |stage: &StageId| model.stages.get(*stage).is_some();
    let transition = |at: &TransitionId| model.transitions.get(*at).is_some();
    let mut history = state.history.iter();
    stage(&state.stage)
        && state.previous.iter().all(stage)
        && state.active_holds.iter().all(|(at, _)| transition(at))
        && state.last_transition.iter().all(|last| {
            state.sequence > 0
                && last.record.iter().all(|record| record.matches_model(model, models))
        })
        && history.all(|history| {
            history.last_taken.iter().all(|(at, _)| transition(at))
                && history.visits.iter().all(|(at, _)| stage(at))
                && history.basis.iter().all(|basis| {
                    transition(&basis.transition)
                        && matches_model(&basis.state_before, model, models)
                })
        })
}

/// Whether a correction basis, if there is one, has the slots of the models.
fn basis_matches_models(state: &ModelState, models: &Models) -> bool {
    let slots = models.slots.list();
    let mut bases = state.history.iter().filter_map(|history| history.basis.as_ref());
    bases.all(|basis| {
        let is_known = |kind: EventType| kind.index() < models.vocabulary.type_count();
        let is_valid_slot = |(slot, fact): &(SlotId, FactState)| {
            slots.get(*slot).is_some_and(|slot| matches_slot((fact, slot)))
        };
        basis.event.is_none_or(is_known) && basis.slots.iter().all(is_valid_slot)
    })
}
