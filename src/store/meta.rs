//! Metadata of the store and of each partition: progress, generations, changelog offset, origin.

use super::engine::{Family, StorageEngine};
use super::key::Prefix;
use super::{Error, Store, key};
use crate::event::WallTime;
use crate::partition::codec::{self, Identity, UnusableState};
use crate::partition::{Generation, Progress};

impl<E: StorageEngine> Store<E> {
    /// The progress of a partition; `None` before its first commit. `models` is the hash of the loaded models
    /// ([`codec::decode`]).
    pub fn progress(
        &self,
        partition: u32,
        identity: &Identity,
        models: &str,
    ) -> Result<Option<Progress>, Error> {
        let bytes = self.get_meta(key::progress(self.prefix(partition)?))?;
        let progress = bytes.map(|bytes| codec::decode(&bytes, identity, models));
        progress.transpose().map_err(|source| self.unusable(source))
    }

    /// A generation of a partition; only the last two are stored.
    pub fn generation(&self, partition: u32, number: u32) -> Result<Option<Generation>, Error> {
        let bytes = self.get_meta(key::generation(self.prefix(partition)?, number))?;
        let generation = bytes.map(|bytes| Generation::decode(&bytes)).transpose();
        let generation = generation.map_err(|source| self.unusable(source))?;
        Ok(generation.filter(|generation| generation.number == number))
    }

    /// Stores a generation from the changelog. A separate write is safe: the progress that refers to it follows.
    pub fn put_generation(&self, partition: u32, generation: &Generation) -> Result<(), Error> {
        self.put_generation_at(self.prefix(partition)?, generation)
    }

    pub(super) fn put_generation_at(
        &self,
        prefix: Prefix,
        generation: &Generation,
    ) -> Result<(), Error> {
        self.put_meta(&key::generation(prefix, generation.number), &generation.encode())
    }

    /// Adds this store's path to the error.
    pub fn unusable(&self, source: UnusableState) -> Error {
        Error::Unusable { path: self.path.clone(), source }
    }

    /// The offset of the changelog up to which a partition's state is complete.
    pub fn changelog_offset(&self, partition: u32) -> Result<Option<i64>, Error> {
        self.get_meta_number(key::changelog_offset(self.prefix(partition)?))
    }

    /// When a partition's state was last confirmed to be the latest of all processes.
    pub(crate) fn last_confirmed(&self, partition: u32) -> Result<Option<WallTime>, Error> {
        Ok(self.get_meta_number(key::last_confirmed(self.prefix(partition)?))?.map(WallTime))
    }

    /// Records that a partition's state is the latest of all processes.
    pub(crate) fn set_last_confirmed(&self, partition: u32, now: WallTime) -> Result<(), Error> {
        let key = key::last_confirmed(self.prefix(partition)?);
        self.put_meta(&key, &now.0.to_be_bytes())
    }

    pub(super) fn get_meta_number(&self, key: Vec<u8>) -> Result<Option<i64>, Error> {
        let bytes = self.get_meta(key)?;
        Ok(bytes.and_then(|bytes| bytes.try_into().ok().map(i64::from_be_bytes)))
    }

    /// Whether an earlier version wrote this store, which used other transactional ids.
    pub(crate) fn has_former_transactional_ids(&self) -> Result<bool, Error> {
        Ok(self.get_meta(key::transactional_ids())?.is_none() && !self.partitions()?.is_empty())
    }

    /// Records that the transactional ids of this version are used.
    pub(crate) fn mark_transactional_ids(&self) -> Result<(), Error> {
        self.put_meta(&key::transactional_ids(), &[])
    }

    /// The cluster and changelog that a partition's state belongs to.
    pub fn origin(&self, partition: u32) -> Result<Option<String>, Error> {
        let origin = match self.get_meta(key::partition_origin(self.prefix(partition)?))? {
            None => self.get_meta(key::former_origin())?,
            origin => origin,
        };
        Ok(origin.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    pub(crate) fn set_origin(&self, partition: u32, origin: &str) -> Result<(), Error> {
        let key = key::partition_origin(self.prefix(partition)?);
        self.put_meta(&key, origin.as_bytes())
    }

    pub(super) fn get_meta(&self, key: Vec<u8>) -> Result<Option<Vec<u8>>, Error> {
        let mut value = None;
        let mut take = |_, bytes: &[u8]| {
            value = Some(bytes.to_vec());
            Ok(())
        };
        self.engine.get(Family::Meta, &[key], &mut take)?;
        Ok(value)
    }

    fn put_meta(&self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.engine.write(&mut |batch| {
            batch.put(Family::Meta, key, value);
            Ok(())
        })
    }
}
