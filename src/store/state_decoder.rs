//! Decodes customer states and converts outdated ones to the current generation of their partition.

use super::Error;
use crate::customer::{self, CustomerState, StateDecodeError};
use crate::model::Models;
use crate::partition::{LoadedCustomer, ModelGenerations, Progress};

/// Decodes states of one partition; migrates those of the previous generation.
#[derive(Clone, Copy)]
pub(super) struct StateDecoder<'r> {
    pub(super) generations: ModelGenerations<'r>,
    pub(super) progress: &'r Progress,
}

impl StateDecoder<'_> {
    pub(super) fn is_outdated(&self, bytes: &[u8]) -> Result<bool, Error> {
        Ok(customer::decode_generation(bytes).map_err(corrupt_customer)?
            != self.progress.generation)
    }

    pub(super) fn decode(&self, bytes: &[u8]) -> Result<LoadedCustomer, Error> {
        let generation = customer::decode_generation(bytes).map_err(corrupt_customer)?;
        if generation == self.progress.generation {
            return Ok(decode_state(bytes, self.generations.models)?.into());
        }
        match self.generations.migration(self.progress.adopted_at) {
            Some(migration) if generation + 1 == self.progress.generation => {
                let state = decode_state(bytes, migration.before)?;
                Ok(LoadedCustomer::outdated(migration.migrate(state)))
            }
            _ => Err(corrupt_customer(StateDecodeError::UnknownGeneration { generation })),
        }
    }
}

fn decode_state(bytes: &[u8], models: &Models) -> Result<CustomerState, Error> {
    customer::decode(bytes, models).map_err(corrupt_customer)
}

pub(super) fn corrupt_customer(source: StateDecodeError) -> Error {
    Error::Corrupt { value: "a customer", source }
}
