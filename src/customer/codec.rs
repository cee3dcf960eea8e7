//! A customer's state as bytes: compact, versioned, and never trusted when read.
//!
//! The version byte; since version 3 the generation of the models; the latest event time; the position; the
//! armed timer; since version 2 the ids of recent events, and the orders with what all before them came to; the facts by slot, each with a tag;
//! the models, since version 2 each with its latest `effective_at`, the stage before, and the past that the
//! model asks for, in which the ground holds the model's state of before once more; since version 4 the last
//! transition with the facts of its condition; since version 5 the numbers of orders, what a ground saw of its own
//! instant, and when the condition of what was taken back was looked at. Numbers are variable-length (LEB128,
//! signed ones zigzag); instants are differences from the latest event time. A version byte is never
//! used again, and every version is read.

mod last_transition;
mod orders;
mod read;
mod write;

use std::mem::discriminant;

use super::{CustomerState, FactState, Ledger, ModelState};
use crate::event::{EventTime, EventType};
use crate::model::{Model, Models, Slot, SlotKind};
use read::StateReader;

const VERSION: u8 = 5;

/// Bytes that are no state of the loaded models.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateDecodeError {
    /// They end early, go on too long, or contain what cannot be.
    #[error("the bytes of a customer's state are damaged, or of other models")]
    Damaged,
    /// They were written by a later version of Tenure.
    #[error(
        "a customer's state has format {found}, and this version reads up to {VERSION}; run the version that wrote it"
    )]
    NewerFormat {
        /// The format found.
        found: u8,
    },
    /// They are of models that nobody has any more.
    #[error(
        "a customer's state is of the models of generation {generation}, which are neither the last ones nor those before"
    )]
    UnknownGeneration {
        /// Of which.
        generation: u32,
    },
}

/// Appends the state to `bytes`.
pub fn encode(state: &CustomerState, bytes: &mut Vec<u8>) {
    bytes.push(VERSION);
    write::write_state(state, bytes);
}

/// Reads what [`encode`] wrote; all bytes must be used, and the state must be one of these models.
pub fn decode(bytes: &[u8], models: &Models) -> Result<CustomerState, StateDecodeError> {
    let mut from = StateReader::new(bytes)?;
    let state = from.read_state().ok_or(StateDecodeError::Damaged)?;
    if from.is_at_end() && matches_models(&state, models) {
        Ok(state)
    } else {
        Err(StateDecodeError::Damaged)
    }
}

/// The version of the models that a state is of, which [`decode`] has to be given. The rest is not looked at.
pub fn decode_generation(bytes: &[u8]) -> Result<u32, StateDecodeError> {
    let head = StateReader::new(bytes)?
        .read_header()
        .ok_or(StateDecodeError::Damaged)?;
    Ok(head.generation)
}

/// The armed timer alone, which stands before all that takes long to read. The rest is not looked at.
pub fn decode_armed(bytes: &[u8]) -> Result<Option<EventTime>, StateDecodeError> {
    let head = StateReader::new(bytes)?
        .read_header()
        .ok_or(StateDecodeError::Damaged)?;
    Ok(head.armed)
}

/// The latest event time alone. The rest is not looked at.
pub fn decode_latest(bytes: &[u8]) -> Result<EventTime, StateDecodeError> {
    let head = StateReader::new(bytes)?
        .read_header()
        .ok_or(StateDecodeError::Damaged)?;
    Ok(head.latest)
}

/// Whether the state is one that the models could have made, so that no index in it can be wrong.
fn matches_models(state: &CustomerState, models: &Models) -> bool {
    state.facts.len() == models.slots.iter().len()
        && state
            .facts
            .iter()
            .zip(models.slots.iter())
            .all(matches_slot)
        && state.ledger.is_some() == models.orders.is_some()
        && state
            .ledger
            .iter()
            .all(|ledger| ledger_matches_models(ledger, models))
        && state.models.len() == models.list.len()
        && state
            .models
            .iter()
            .zip(&models.list)
            .all(|(own, model)| matches_model(own, model, models))
        && state
            .models
            .iter()
            .all(|model| basis_matches_models(model, models))
}

/// Whether what is known of orders is about the slots and fields of the models.
fn ledger_matches_models(ledger: &Ledger, models: &Models) -> bool {
    let of_orders = models.slots.order_slots();
    let mut base = ledger.final_facts.iter().zip(of_orders);
    let fields = models.vocabulary.fields().count();
    let mut orders = ledger.orders.iter().flat_map(|order| &order.placed);
    ledger.final_facts.len() == of_orders.len()
        && base.all(|(fact, slot)| matches_slot((fact, models.slots.get(*slot))))
        && orders.all(|order| order.fields.iter().all(|(field, _)| field.index() < fields))
}

fn matches_slot((fact, slot): (&FactState, &Slot)) -> bool {
    let bounded = match (fact, &slot.kind) {
        (FactState::Distinct(distinct), SlotKind::Distinct { cap, .. }) => {
            distinct.0.len() <= *cap as usize
        }
        _ => true,
    };
    bounded && discriminant(fact) == discriminant(&FactState::new(slot))
}

fn matches_model(state: &ModelState, model: &Model, models: &Models) -> bool {
    let stage = |stage: &usize| *stage < model.stages.len();
    let transition = |at: &usize| *at < model.transitions.len();
    let past = state.history.iter();
    stage(&state.stage)
        && state.previous.iter().all(stage)
        && state.active_holds.iter().all(|(at, _)| transition(at))
        && state.last_transition.iter().all(|last| {
            state.sequence > 0 && last.record.iter().all(|by| by.matches_model(model, models))
        })
        && past.into_iter().all(|past| {
            past.last_taken.iter().all(|(at, _)| transition(at))
                && past.visits.iter().all(|(at, _)| stage(at))
                && past.basis.iter().all(|ground| {
                    transition(&ground.transition)
                        && matches_model(&ground.state_before, model, models)
                })
        })
}

/// Whether a ground, if there is one, has the slots of the models.
fn basis_matches_models(state: &ModelState, models: &Models) -> bool {
    let slots = models.slots.iter().len();
    let mut grounds = state.history.iter().filter_map(|past| past.basis.as_ref());
    grounds.all(|ground| {
        let known = |kind: EventType| kind.index() < models.vocabulary.type_count();
        let of_slot = |(slot, fact): &(usize, FactState)| {
            *slot < slots && matches_slot((fact, models.slots.get(*slot)))
        };
        ground.event.is_none_or(known) && ground.slots.iter().all(of_slot)
    })
}
