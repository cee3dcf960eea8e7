//! The state of all partitions: prefetching for a batch, writing a commit, catching up.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::engine::{Changes, Engine, Family};
use super::options::Config;
use super::reader::{Reader, corrupt};
use super::walk::STEP_MAX;
use super::{Error, Rocks, key};
use crate::customer::{self, Corrupt};
use crate::event::{CustomerId, EventTime, Millis};
use crate::partition::codec;
use crate::partition::codec::Identity;
use crate::partition::{
    Batch, Commit, Generation, Known, Lineage, Progress, Sweep, TimerKey, View,
};

/// Properties that are reported, by the name they are reported under.
const PROPERTIES: [(&str, &str); 6] = [
    ("keys", "rocksdb.estimate-num-keys"),
    ("live_sst_bytes", "rocksdb.live-sst-files-size"),
    ("memtable_bytes", "rocksdb.cur-size-all-mem-tables"),
    (
        "pending_compaction_bytes",
        "rocksdb.estimate-pending-compaction-bytes",
    ),
    ("background_errors", "rocksdb.background-errors"),
    ("write_stopped", "rocksdb.is-write-stopped"),
];

/// A commit of one partition on its way to disk.
#[derive(Clone, Copy, Debug)]
pub struct Written<'w> {
    /// The partition.
    pub partition: u32,
    /// What changes.
    pub commit: &'w Commit,
    /// The offset of the changelog after this commit, where there is a changelog.
    pub changelog_offset: Option<i64>,
    /// The models that the partition is worked on with from here on, where they are new to it.
    pub generation: Option<&'w Generation>,
}

/// Most timers that are fetched for one batch, and most transitions before it is cut; what is due
/// beyond them waits for the next one.
const TIMERS_PER_BATCH_MAX: usize = 16_384;

/// Most customers that a batch brings under other models beside those whom it concerns anyway, most bytes of
/// their states, and most entries that are looked at to find them.
const SWEPT_PER_BATCH_MAX: usize = 4096;
const SWEPT_BYTES_MAX: usize = 4 << 20;
const SWEPT_OVER_MAX: usize = 1 << 16;

/// The state of all partitions of this process.
#[derive(Debug)]
pub struct Store<E = Rocks> {
    pub(super) engine: E,
    pub(super) path: PathBuf,
    timers_max: usize,
    pub(super) step_max: usize,
    whole: Mutex<BTreeSet<u32>>,
}

impl Store {
    /// Opens the folder, making it if it is not there.
    ///
    /// # Errors
    /// [`Error::Damaged`] where the folder has to be rebuilt.
    pub fn open(path: &Path, config: &Config) -> Result<Store, Error> {
        Ok(Store::over(Rocks::open(path, config)?, path))
    }

    /// Opens a folder to look into it, also while a process works on it: as it is now, and without changing
    /// anything.
    ///
    /// # Errors
    /// [`Rocks::open_to_read`]
    pub fn open_to_read(path: &Path, memory_bytes: usize) -> Result<Store, Error> {
        Ok(Store::over(Rocks::open_to_read(path, memory_bytes)?, path))
    }

    /// Deletes what a store has in a folder, and nothing else; it may be damaged. RocksDB's log is
    /// kept beside, for whoever looks for the cause.
    pub fn delete(path: &Path) -> Result<(), Error> {
        Rocks::delete(path)
    }

    /// What RocksDB says of itself: a name and a number, summed over the column families.
    pub fn properties(&self) -> Vec<(&'static str, u64)> {
        let value =
            |(name, property): &(&'static str, &str)| (*name, self.engine.property(property));
        PROPERTIES.iter().map(value).collect()
    }

    /// Makes everything written so far survive, also what no log holds.
    pub fn flush(&self) -> Result<(), Error> {
        self.engine.flush()
    }
}

impl<E: Engine> Store<E> {
    /// A store over any engine; `path` is what errors name.
    pub fn over(engine: E, path: &Path) -> Store<E> {
        Store {
            engine,
            path: path.to_owned(),
            timers_max: TIMERS_PER_BATCH_MAX,
            step_max: STEP_MAX,
            whole: Mutex::default(),
        }
    }

    /// Fetches fewer timers per batch, so that tests can have a batch cut between two of them.
    pub fn with_timers_per_batch(self, timers_max: usize) -> Store<E> {
        Store { timers_max, ..self }
    }

    /// Looks at fewer customers in one step, so that tests can have several.
    pub fn with_steps_of(self, step_max: usize) -> Store<E> {
        Store { step_max, ..self }
    }

    /// Whether a partition was found to have everybody since the store was opened. Only a start can find less than
    /// was written: what goes missing later is an error where it is read.
    pub fn is_known_whole(&self, partition: u32) -> bool {
        self.whole().contains(&partition)
    }

    /// Notes that a partition has everybody.
    pub fn set_whole(&self, partition: u32) {
        self.whole().insert(partition);
    }

    fn whole(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        // A set is whole whoever panicked while holding it.
        self.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that applying the batch can need, in one sorted multi-get and one scan of timers; and while
    /// customers are left who have to be brought under other models, the next of them.
    pub fn prefetch<'m>(
        &self,
        lineage: impl Into<Lineage<'m>>,
        partition: u32,
        lateness: Millis,
        progress: &Progress,
        batch: &Batch,
    ) -> Result<View, Error> {
        self.prefetch_for(lineage, partition, lateness, progress, batch, usize::MAX)
    }

    /// The same for a batch that is cut after so many transitions.
    pub fn prefetch_for<'m>(
        &self,
        lineage: impl Into<Lineage<'m>>,
        partition: u32,
        lateness: Millis,
        progress: &Progress,
        batch: &Batch,
        transitions: usize,
    ) -> Result<View, Error> {
        let most = transitions.min(self.timers_max);
        let reader = Reader {
            lineage: lineage.into(),
            progress,
        };
        let watermark = batch.watermark(progress.watermark, lateness);
        let end = EventTime(watermark.0);
        let (timers, loaded_to) = self.timers(partition, progress, end, most)?;
        let mut wanted: BTreeSet<&CustomerId> =
            timers.iter().map(|timer| &timer.customer).collect();
        wanted.extend(
            batch
                .records
                .iter()
                .filter_map(|record| record.content.as_ref().ok())
                .map(|event| &event.customer),
        );
        let mut states = self.states(reader, partition, &wanted)?;
        let sweep = match &progress.sweep {
            Some(from) => Some(self.sweep(reader, partition, from, &mut states)?),
            None => None,
        };
        Ok(View {
            states,
            timers,
            loaded_to,
            sweep,
            changes_max: Some(most),
        })
    }

    fn states(
        &self,
        reader: Reader<'_>,
        partition: u32,
        wanted: &BTreeSet<&CustomerId>,
    ) -> Result<BTreeMap<CustomerId, Known>, Error> {
        let mut states = BTreeMap::new();
        let take = |id: &CustomerId, bytes: &[u8]| {
            states.insert(id.clone(), reader.read(bytes)?);
            Ok(())
        };
        self.each(partition, wanted.iter().copied(), take)?;
        Ok(states)
    }

    /// Looks customers up, given in ascending order; `take` gets each that is there, with its bytes.
    fn each<'c>(
        &self,
        partition: u32,
        customers: impl Iterator<Item = &'c CustomerId>,
        mut take: impl FnMut(&'c CustomerId, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let ids: Vec<&CustomerId> = customers.collect();
        let keys: Vec<Vec<u8>> = ids.iter().map(|id| key::customer(partition, id)).collect();
        let mut take = |place: usize, bytes: &[u8]| take(ids[place], bytes);
        self.engine.get(Family::Customers, &keys, &mut take)
    }

    /// The next customers, from `from` on, whose state is of the models before.
    fn sweep(
        &self,
        reader: Reader<'_>,
        partition: u32,
        from: &CustomerId,
        states: &mut BTreeMap<CustomerId, Known>,
    ) -> Result<Sweep, Error> {
        let [_, to] = key::bounds(partition);
        let (mut looked, mut found, mut bytes) = (0, 0, 0);
        let mut reached = Sweep::End;
        let mut take = |entry: &[u8], value: &[u8]| {
            let id = key::read_customer(entry).ok_or(Error::Corrupt {
                what: "a customer's key",
                source: Corrupt::Damaged,
            })?;
            if found == SWEPT_PER_BATCH_MAX || bytes > SWEPT_BYTES_MAX || looked == SWEPT_OVER_MAX {
                reached = Sweep::UpTo(id);
                return Ok(ControlFlow::Break(()));
            }
            looked += 1;
            if !states.contains_key(&id) && reader.is_outdated(value)? {
                (found, bytes) = (found + 1, bytes + value.len());
                states.insert(id, reader.read(value)?);
            }
            Ok(ControlFlow::Continue(()))
        };
        let from = key::customer(partition, from);
        self.engine.scan(Family::Customers, &from, &to, &mut take)?;
        Ok(reached)
    }

    /// Timers from the fired cursor up to `end`. Starting at the cursor keeps the scan from walking
    /// over everything that was ever deleted before it.
    fn timers(
        &self,
        partition: u32,
        progress: &Progress,
        end: EventTime,
        most: usize,
    ) -> Result<(BTreeSet<TimerKey>, Option<TimerKey>), Error> {
        let from = match &progress.fired_to {
            Some(cursor) => key::timer(partition, cursor),
            None => key::due(partition, EventTime(i64::MIN)),
        };
        let mut timers = BTreeSet::new();
        let mut loaded_to = None;
        let mut take = |bytes: &[u8], _: &[u8]| {
            let timer = key::read_timer(bytes).ok_or(Error::Corrupt {
                what: "a timer",
                source: Corrupt::Damaged,
            })?;
            if timers.len() == most {
                loaded_to = Some(timer);
                return Ok(ControlFlow::Break(()));
            }
            timers.insert(timer);
            Ok(ControlFlow::Continue(()))
        };
        self.engine
            .scan(Family::Timers, &from, &key::due(partition, end), &mut take)?;
        Ok((timers, loaded_to))
    }

    /// Writes all of some commits, or nothing of them.
    pub fn write(&self, identity: &Identity, commits: &[Written<'_>]) -> Result<(), Error> {
        self.engine.write(&mut |batch| {
            commits
                .iter()
                .for_each(|written| fill(batch, identity, written));
            Ok(())
        })
    }

    /// Forgets everything of a partition, to rebuild it.
    pub fn clear(&self, partition: u32) -> Result<(), Error> {
        let [from, to] = key::bounds(partition);
        self.whole().remove(&partition);
        self.engine.write(&mut |batch| {
            for family in Family::ALL {
                batch.delete_range(family, &from, &to);
            }
            Ok(())
        })
    }

    /// Overwrites states with what one batch in the changelog says; `None` is a tombstone. Timers
    /// follow from the states. `progress`, the bytes of the progress record and the offset after
    /// it, ends the batch.
    pub fn catch_up(
        &self,
        partition: u32,
        states: &BTreeMap<CustomerId, Option<Vec<u8>>>,
        progress: (&[u8], i64),
    ) -> Result<(), Error> {
        let timer = |id: &CustomerId, due| {
            let customer = id.clone();
            key::timer(partition, &TimerKey { due, customer })
        };
        let mut before = BTreeMap::new();
        self.each(partition, states.keys(), |id, bytes| {
            before.extend(
                customer::armed(bytes)
                    .map_err(corrupt)?
                    .map(|due| (id, due)),
            );
            Ok(())
        })?;
        self.engine.write(&mut |batch| {
            for (id, value) in states {
                if let Some(due) = before.get(id) {
                    batch.delete(Family::Timers, &timer(id, *due));
                }
                let key = key::customer(partition, id);
                match value {
                    None => batch.delete(Family::Customers, &key),
                    Some(value) => {
                        let armed = customer::armed(value).map_err(corrupt)?;
                        batch.put(Family::Customers, &key, value);
                        if let Some(due) = armed {
                            batch.put(Family::Timers, &timer(id, due), &[]);
                        }
                    }
                }
            }
            arrive(batch, partition, progress);
            Ok(())
        })
    }
}

fn fill(batch: &mut dyn Changes, identity: &Identity, written: &Written<'_>) {
    let (partition, commit) = (written.partition, written.commit);
    let mut bytes = Vec::with_capacity(256);
    for (id, state) in &commit.states {
        bytes.clear();
        customer::encode(state, &mut bytes);
        batch.put(Family::Customers, &key::customer(partition, id), &bytes);
    }
    for timer in &commit.disarm {
        batch.delete(Family::Timers, &key::timer(partition, timer));
    }
    for timer in &commit.arm {
        batch.put(Family::Timers, &key::timer(partition, timer), &[]);
    }
    if let Some(generation) = written.generation {
        let key = key::generation(partition, generation.number);
        batch.put(Family::Meta, &key, &generation.encode());
    }
    let progress = codec::encode(&commit.progress, identity);
    batch.put(Family::Meta, &key::progress(partition), &progress);
    if let Some(offset) = written.changelog_offset {
        let key = key::changelog_offset(partition);
        batch.put(Family::Meta, &key, &offset.to_be_bytes());
    }
}

/// Notes where a partition has got to by its changelog.
pub(super) fn arrive(batch: &mut dyn Changes, partition: u32, (progress, offset): (&[u8], i64)) {
    batch.put(Family::Meta, &key::progress(partition), progress);
    let key = key::changelog_offset(partition);
    batch.put(Family::Meta, &key, &offset.to_be_bytes());
}
