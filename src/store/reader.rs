//! States as they are read: in the form of the models that a partition stands at.

use super::Error;
use crate::customer::{self, Corrupt, CustomerState};
use crate::model::Models;
use crate::partition::{Known, Lineage, Progress};

/// How states of a partition are read: those of the models before are brought over at once.
#[derive(Clone, Copy)]
pub(super) struct Reader<'r> {
    pub(super) lineage: Lineage<'r>,
    pub(super) progress: &'r Progress,
}

impl Reader<'_> {
    pub(super) fn is_outdated(&self, bytes: &[u8]) -> Result<bool, Error> {
        Ok(customer::generation(bytes).map_err(corrupt)? != self.progress.generation)
    }

    pub(super) fn read(&self, bytes: &[u8]) -> Result<Known, Error> {
        let generation = customer::generation(bytes).map_err(corrupt)?;
        if generation == self.progress.generation {
            return Ok(read_state(bytes, self.lineage.models)?.into());
        }
        match self.lineage.migration(self.progress.adopted_at) {
            Some(migration) if generation + 1 == self.progress.generation => {
                let state = read_state(bytes, migration.before)?;
                Ok(Known::outdated(migration.of(state)))
            }
            _ => Err(corrupt(Corrupt::Generation { generation })),
        }
    }
}

fn read_state(bytes: &[u8], models: &Models) -> Result<CustomerState, Error> {
    customer::decode(bytes, models).map_err(corrupt)
}

pub(super) fn corrupt(source: Corrupt) -> Error {
    Error::Corrupt {
        what: "a customer",
        source,
    }
}
