//! Read-only lookup of one customer by key, decoded with the models that are stored with the state.

use std::ops::ControlFlow;

use super::engine::{Family, StorageEngine};
use super::key::Prefix;
use super::state_decoder::corrupt_customer;
use super::{Error, Store, key};
use crate::customer::{self, CustomerState, Migration, StateDecodeError};
use crate::event::CustomerId;
use crate::model::{Models, ModelsChange};
use crate::partition::Progress;
use crate::partition::codec::{self, UnusableState};

/// A customer, and the progress of its partition.
#[derive(Debug)]
pub struct FoundCustomer {
    /// The current models of the partition.
    pub models: Models,
    /// The state under these models.
    pub state: CustomerState,
    pub progress: Progress,
    /// The state on disk has the previous generation; `state` is its migration.
    pub is_migrated: bool,
}

/// Attempts to read a customer between two commits of its partition.
const LOOKUPS_MAX: usize = 5;

impl<E: StorageEngine> Store<E> {
    /// The partitions that have progress in this store.
    pub fn partitions(&self) -> Result<Vec<u32>, Error> {
        let (mut partitions, mut from) = (Vec::new(), Vec::new());
        let [_, end] = key::bounds(Prefix::new(u32::MAX, true));
        loop {
            // Reads one key per prefix, then skips to the next prefix.
            let mut next = None;
            let mut take = |key: &[u8], _: &[u8]| {
                next = Prefix::from_key(key);
                Ok(ControlFlow::Break(()))
            };
            self.engine.scan(Family::Meta, &from, &end, &mut take)?;
            let Some(prefix) = next else {
                partitions.sort_unstable();
                return Ok(partitions);
            };
            let partition = prefix.partition();
            // Progress is not decoded: its format may be unknown.
            if self.prefix(partition)? == prefix && self.get_meta(key::progress(prefix))?.is_some()
            {
                partitions.push(partition);
            }
            let [_, after] = key::bounds(prefix);
            from = after;
        }
    }

    /// Finds a customer in these partitions.
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
        for attempt in 1..=LOOKUPS_MAX {
            let Some((partition, bytes)) = self.find_latest(&partitions, &keys)? else {
                return Ok(None);
            };
            let progress = self.progress_unchecked(partition)?;
            let mut reread = None;
            let mut take = |_, bytes: &[u8]| {
                reread = Some(bytes.to_vec());
                Ok(())
            };
            let key = key::customer(self.prefix(partition)?, customer);
            self.engine.get(Family::Customers, &[key], &mut take)?;
            // If the state is the same before and after reading the progress, both are of one commit. The
            // last attempt accepts a pair of neighbouring commits.
            let is_unchanged = reread.as_ref() == Some(&bytes);
            if let Some(progress) = progress.filter(|_| is_unchanged || attempt == LOOKUPS_MAX) {
                return self.decode_found(partition, progress, &bytes).map(Some);
            }
        }
        Ok(None)
    }

    /// Finds the latest state: partitions that moved between processes may have left older states in others.
    fn find_latest(
        &self,
        partitions: &[u32],
        keys: &[Vec<u8>],
    ) -> Result<Option<(u32, Vec<u8>)>, Error> {
        let mut states = Vec::new();
        let mut take = |index: usize, bytes: &[u8]| {
            let latest = customer::decode_latest(bytes).map_err(corrupt_customer)?;
            states.push((latest, partitions[index], bytes.to_vec()));
            Ok(())
        };
        self.engine.get(Family::Customers, keys, &mut take)?;
        let last = states.into_iter().max_by_key(|(latest, ..)| *latest);
        Ok(last.map(|(_, partition, bytes)| (partition, bytes)))
    }

    fn decode_found(
        &self,
        partition: u32,
        progress: Progress,
        bytes: &[u8],
    ) -> Result<FoundCustomer, Error> {
        let decode = |models: &Models| customer::decode(bytes, models).map_err(corrupt_customer);
        let models = self.load_models(partition, progress.generation)?;
        let generation = customer::decode_generation(bytes).map_err(corrupt_customer)?;
        let is_migrated = generation != progress.generation;
        let state = if !is_migrated {
            decode(&models)?
        } else if generation.checked_add(1) == Some(progress.generation) {
            let before = self.load_models(partition, generation)?;
            let change = ModelsChange::between(&before, &models);
            let (change, at) = (&change, progress.adopted_at);
            let migration = Migration { change, before: &before, after: &models, at };
            let mut state = migration.migrate(decode(&before)?);
            state.reevaluate(&models, change, at, &mut Vec::new());
            state
        } else {
            return Err(corrupt_customer(StateDecodeError::UnknownGeneration { generation }));
        };
        Ok(FoundCustomer { models, state, progress, is_migrated })
    }

    fn load_models(&self, partition: u32, generation: u32) -> Result<Models, Error> {
        let generation = self.generation(partition, generation)?;
        let generation = generation.ok_or_else(|| self.unusable(UnusableState::OtherModels))?;
        generation.models().map_err(|source| self.unusable(source))
    }

    fn progress_unchecked(&self, partition: u32) -> Result<Option<Progress>, Error> {
        let bytes = self.get_meta(key::progress(self.prefix(partition)?))?;
        let progress = bytes.map(|bytes| codec::decode_unchecked(&bytes));
        progress.transpose().map_err(|source| self.unusable(source))
    }
}
