//! The simulated disk: an ordered map with atomic writes, which may end the process before or after
//! a write.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

use super::scheduler::{Process, Simulation};
use crate::store::{
    BatchWriter, EntryVisitor, Error, Family, IoOperation, KeyValue, StorageEngine, ValueVisitor,
};

type Map = BTreeMap<(Family, Vec<u8>), Vec<u8>>;

/// The contents, which survive a crash.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(pub(super) Rc<RefCell<Map>>);

/// The disk as used by a process.
#[derive(Clone)]
pub(super) struct Mounted {
    pub(super) disk: Disk,
    pub(super) simulation: Rc<Simulation>,
    pub(super) process: Process,
}

#[derive(Default)]
struct PendingWrites(Vec<Change>);

enum Change {
    Put(Family, Vec<u8>, Vec<u8>),
    Delete(Family, Vec<u8>),
    DeleteRange(Family, Vec<u8>, Vec<u8>),
}

impl BatchWriter for PendingWrites {
    fn put(&mut self, family: Family, key: &[u8], value: &[u8]) {
        self.0.push(Change::Put(family, key.to_vec(), value.to_vec()));
    }

    fn delete(&mut self, family: Family, key: &[u8]) {
        self.0.push(Change::Delete(family, key.to_vec()));
    }

    fn delete_range(&mut self, family: Family, from: &[u8], to: &[u8]) {
        let (from, to) = (from.to_vec(), to.to_vec());
        self.0.push(Change::DeleteRange(family, from, to));
    }
}

impl Disk {
    fn apply(&self, change: Change) {
        let mut map = self.0.borrow_mut();
        match change {
            Change::Put(family, key, value) => drop(map.insert((family, key), value)),
            Change::Delete(family, key) => drop(map.remove(&(family, key))),
            Change::DeleteRange(family, from, to) => {
                map.retain(|(own, key), _| *own != family || *key < from || *key >= to);
            }
        }
    }
}

impl Mounted {
    fn may_fail(&self, step: IoOperation) -> Result<(), Error> {
        match self.simulation.inject("disk error", 1_000) {
            false => Ok(()),
            true => Err(Error::Io {
                operation: step,
                path: "simulated".into(),
                source: "no space left on device".into(),
            }),
        }
    }
}

impl StorageEngine for Mounted {
    fn bytes_on_disk(&self, _: &[u8], _: &[u8]) -> u64 {
        0
    }

    fn free_bytes(&self) -> Option<u64> {
        None
    }

    fn get(
        &self,
        family: Family,
        keys: &[Vec<u8>],
        take: &mut ValueVisitor<'_>,
    ) -> Result<(), Error> {
        self.may_fail(IoOperation::Read)?;
        let found: Vec<Option<Vec<u8>>> = {
            let map = self.disk.0.borrow();
            let value = |key: &Vec<u8>| map.get(&(family, key.clone())).cloned();
            keys.iter().map(value).collect()
        };
        for (index, value) in found.iter().enumerate() {
            if let Some(value) = value {
                take(index, value)?;
            }
        }
        Ok(())
    }

    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        take: &mut EntryVisitor<'_>,
    ) -> Result<(), Error> {
        if from >= to {
            return Ok(());
        }
        let range =
            (Bound::Included((family, from.to_vec())), Bound::Excluded((family, to.to_vec())));
        let map = self.disk.0.borrow();
        let found: Vec<_> =
            map.range(range).map(|((_, key), value)| (key.clone(), value.clone())).collect();
        drop(map);
        for (key, value) in found {
            if take(&key, &value)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn write(
        &self,
        fill: &mut dyn FnMut(&mut dyn BatchWriter) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut pending = PendingWrites::default();
        fill(&mut pending)?;
        self.may_fail(IoOperation::Write)?;
        self.simulation.effect(self.process, "before the write");
        pending.0.into_iter().for_each(|change| self.disk.apply(change));
        self.simulation.effect(self.process, "after the write");
        Ok(())
    }

    fn ingest(
        &self,
        family: Family,
        pairs: &mut dyn Iterator<Item = KeyValue>,
    ) -> Result<(), Error> {
        let mut before = None;
        for (key, value) in pairs {
            assert!(before < Some(key.clone()), "keys come in ascending order");
            before = Some(key.clone());
            self.disk.apply(match value {
                Some(value) => Change::Put(family, key, value),
                None => Change::Delete(family, key),
            });
        }
        self.simulation.effect(self.process, "after an ingestion");
        Ok(())
    }
}
