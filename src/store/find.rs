//! One customer, for whoever only looks: found by key, read by the models that are kept beside them.

use std::ops::ControlFlow;

use super::engine::{Family, StorageEngine};
use super::key::Prefix;
use super::reader::corrupt_customer;
use super::{Error, Store, key};
use crate::customer::{self, CustomerState, Migration, StateDecodeError};
use crate::event::CustomerId;
use crate::model::{Models, ModelsChange};
use crate::partition::Progress;
use crate::partition::codec::{self, UnusableState};

/// A customer, and where their partition stands.
#[derive(Debug)]
pub struct FoundCustomer {
    /// The models that the partition is worked on with.
    pub models: Models,
    /// Who they are under these models.
    pub state: CustomerState,
    /// Where the partition stands.
    pub progress: Progress,
    /// The state on disk is of the models before; this is what it comes to under those of today.
    pub is_migrated: bool,
}

/// Times that a customer is looked up again because their partition went on meanwhile.
const LOOKUPS_MAX: usize = 5;

impl<E: StorageEngine> Store<E> {
    /// The partitions that something is known of.
    pub fn partitions(&self) -> Result<Vec<u32>, Error> {
        let (mut found, mut from) = (Vec::new(), Vec::new());
        let [_, end] = key::bounds(Prefix::new(u32::MAX, true));
        loop {
            // One key of each tells: what else is kept of a partition may be long.
            let mut next = None;
            let mut take = |key: &[u8], _: &[u8]| {
                next = Prefix::from_key(key);
                Ok(ControlFlow::Break(()))
            };
            self.engine.scan(Family::Meta, &from, &end, &mut take)?;
            let Some(prefix) = next else {
                found.sort_unstable();
                return Ok(found);
            };
            let partition = prefix.partition();
            // Of whatever format its progress is.
            if self.prefix(partition)? == prefix && self.get_meta(key::progress(prefix))?.is_some()
            {
                found.push(partition);
            }
            let [_, after] = key::bounds(prefix);
            from = after;
        }
    }

    /// Looks a customer up in these partitions.
    pub fn find_customer(
        &self,
        partitions: &[u32],
        customer: &CustomerId,
    ) -> Result<Option<FoundCustomer>, Error> {
        let mut partitions = partitions.to_vec();
        partitions.sort_unstable();
        let mut keys = Vec::with_capacity(partitions.len());
        for partition in &partitions {
            keys.push(key::customer(self.prefix(*partition)?, customer));
        }
        for look in 1..=LOOKUPS_MAX {
            let Some((partition, bytes)) = self.find_latest(&partitions, &keys)? else {
                return Ok(None);
            };
            let before = self.progress_unchecked(partition)?;
            let mut again = None;
            let mut take = |_, bytes: &[u8]| {
                again = Some(bytes.to_vec());
                Ok(())
            };
            let key = key::customer(self.prefix(partition)?, customer);
            self.engine.get(Family::Customers, &[key], &mut take)?;
            // State and progress are of one commit, or nearly so where commits are very close.
            let same = again.as_ref() == Some(&bytes);
            if let Some(progress) = before.filter(|_| same || look == LOOKUPS_MAX) {
                return self.decode_found(partition, progress, &bytes).map(Some);
            }
        }
        Ok(None)
    }

    /// Where partitions have been handed to and fro, what is left of somebody may be in several.
    fn find_latest(
        &self,
        partitions: &[u32],
        keys: &[Vec<u8>],
    ) -> Result<Option<(u32, Vec<u8>)>, Error> {
        let mut found = Vec::new();
        let mut take = |place: usize, bytes: &[u8]| {
            let latest = customer::decode_latest(bytes).map_err(corrupt_customer)?;
            found.push((latest, partitions[place], bytes.to_vec()));
            Ok(())
        };
        self.engine.get(Family::Customers, keys, &mut take)?;
        let last = found.into_iter().max_by_key(|(latest, ..)| *latest);
        Ok(last.map(|(_, partition, bytes)| (partition, bytes)))
    }

    fn decode_found(
        &self,
        partition: u32,
        progress: Progress,
        bytes: &[u8],
    ) -> Result<FoundCustomer, Error> {
        let read = |models: &Models| customer::decode(bytes, models).map_err(corrupt_customer);
        let models = self.load_models(partition, progress.generation)?;
        let generation = customer::decode_generation(bytes).map_err(corrupt_customer)?;
        let is_brought_over = generation != progress.generation;
        let state = match is_brought_over {
            false => read(&models)?,
            true if generation.checked_add(1) == Some(progress.generation) => {
                let before = self.load_models(partition, generation)?;
                let change = ModelsChange::between(&before, &models);
                let (change, at) = (&change, progress.adopted_at);
                let migration = Migration {
                    change,
                    before: &before,
                    after: &models,
                    at,
                };
                let mut state = migration.migrate(read(&before)?);
                state.reevaluate(&models, change, at, &mut Vec::new());
                state
            }
            true => {
                return Err(corrupt_customer(StateDecodeError::UnknownGeneration {
                    generation,
                }));
            }
        };
        Ok(FoundCustomer {
            models,
            state,
            progress,
            is_migrated: is_brought_over,
        })
    }

    fn load_models(&self, partition: u32, generation: u32) -> Result<Models, Error> {
        let known = self.generation(partition, generation)?;
        let known = known.ok_or_else(|| self.unusable(UnusableState::OtherModels))?;
        known.models().map_err(|source| self.unusable(source))
    }

    fn progress_unchecked(&self, partition: u32) -> Result<Option<Progress>, Error> {
        let found = self.get_meta(key::progress(self.prefix(partition)?))?;
        let progress = found
            .map(|bytes| codec::decode_unchecked(&bytes))
            .transpose();
        progress.map_err(|source| self.unusable(source))
    }
}
