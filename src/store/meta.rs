//! What is known of the store and of each partition in it, beside states and timers.

use super::engine::{Engine, Family};
use super::{Error, Store, key};
use crate::event::WallTime;
use crate::model::Models;
use crate::partition::{Progress, codec};

impl<E: Engine> Store<E> {
    /// Where a partition stands; `None` if nothing was committed yet.
    pub fn progress(
        &self,
        models: &Models,
        partition: u32,
        identity: &str,
    ) -> Result<Option<Progress>, Error> {
        let mut found = None;
        let mut take = |_, bytes: &[u8]| {
            found = Some(self.read_progress(models, bytes, identity)?);
            Ok(())
        };
        self.engine
            .get(Family::Meta, &[key::progress(partition)], &mut take)?;
        Ok(found)
    }

    pub(super) fn read_progress(
        &self,
        models: &Models,
        bytes: &[u8],
        identity: &str,
    ) -> Result<Progress, Error> {
        let progress = codec::decode(bytes, models, identity);
        progress.map_err(|source| Error::Progress {
            path: self.path.clone(),
            source,
        })
    }

    /// The offset of the changelog up to which a partition's state is complete.
    pub fn changelog_offset(&self, partition: u32) -> Result<Option<i64>, Error> {
        self.number(&key::changelog_offset(partition))
    }

    /// When a partition's state was last known to be the last one, of all.
    pub fn seen(&self, partition: u32) -> Result<Option<WallTime>, Error> {
        Ok(self.number(&key::seen(partition))?.map(WallTime))
    }

    /// Notes that a partition's state is the last one.
    pub fn set_seen(&self, partition: u32, now: WallTime) -> Result<(), Error> {
        self.engine.write(&mut |batch| {
            batch.put(Family::Meta, &key::seen(partition), &now.0.to_be_bytes());
            Ok(())
        })
    }

    fn number(&self, key: &[u8]) -> Result<Option<i64>, Error> {
        let mut found = None;
        let mut take = |_, bytes: &[u8]| {
            found = bytes.try_into().ok().map(i64::from_be_bytes);
            Ok(())
        };
        self.engine.get(Family::Meta, &[key.to_vec()], &mut take)?;
        Ok(found)
    }

    /// What the store was made from, as it was noted.
    pub fn origin(&self) -> Result<Option<String>, Error> {
        let mut found = None;
        let mut take = |_, bytes: &[u8]| {
            found = Some(String::from_utf8_lossy(bytes).into_owned());
            Ok(())
        };
        self.engine.get(Family::Meta, &[key::origin()], &mut take)?;
        Ok(found)
    }

    /// Notes what the store is made from.
    pub fn set_origin(&self, origin: &str) -> Result<(), Error> {
        self.engine.write(&mut |batch| {
            batch.put(Family::Meta, &key::origin(), origin.as_bytes());
            Ok(())
        })
    }
}
