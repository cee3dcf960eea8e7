//! The state of all partitions: prefetching for a batch, writing a commit, catching up.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::current::PartitionCache;
use super::engine::{BatchWriter, Family, StorageEngine};
use super::key::Prefix;
use super::options::Config;
use super::reader::{StateLoader, corrupt_customer};
use super::scan::SCAN_STEP_MAX;
use super::{Error, Rocks, key};
use crate::customer::{self, StateDecodeError};
use crate::event::{CustomerId, EventTime, Millis};
use crate::partition::codec;
use crate::partition::codec::Identity;
use crate::partition::{
    Batch, Commit, Generation, LoadedCustomer, ModelGenerations, Progress, StateView, Sweep,
    TimerKey,
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
pub struct PartitionCommit<'w> {
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
const SWEEP_STATES_MAX: usize = 4096;
const SWEEP_BYTES_MAX: usize = 4 << 20;
const SWEEP_SCANNED_MAX: usize = 1 << 16;

/// The state of all partitions of this process.
#[derive(Debug)]
pub struct Store<E = Rocks> {
    pub(super) engine: E,
    pub(super) path: PathBuf,
    timers_max: usize,
    pub(super) scan_step_max: usize,
    pub(super) cache: Mutex<PartitionCache>,
}

impl Store {
    /// Opens the folder, making it if it is not there.
    ///
    /// # Errors
    /// [`Error::Damaged`] where the folder has to be rebuilt.
    pub fn open(path: &Path, config: &Config) -> Result<Store, Error> {
        Ok(Store::with_engine(Rocks::open(path, config)?, path))
    }

    /// Opens a folder to look into it, also while a process works on it: as it is now, and without changing
    /// anything.
    ///
    /// # Errors
    /// [`Rocks::open_to_read`]
    pub fn open_read_only(path: &Path, memory_bytes: usize) -> Result<Store, Error> {
        Ok(Store::with_engine(
            Rocks::open_read_only(path, memory_bytes)?,
            path,
        ))
    }

    /// Moves a damaged store out of the way, into the folder `set-aside` inside its own.
    pub fn set_aside(path: &Path) -> Result<(), Error> {
        Rocks::set_aside(path)
    }

    /// Deletes what was set aside: all of it has been rebuilt.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn delete_set_aside(path: &Path) -> std::io::Result<()> {
        Rocks::delete_set_aside(path)
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

impl<E: StorageEngine> Store<E> {
    /// A store over any engine; `path` is what errors name.
    pub fn with_engine(engine: E, path: &Path) -> Store<E> {
        Store {
            engine,
            path: path.to_owned(),
            timers_max: TIMERS_PER_BATCH_MAX,
            scan_step_max: SCAN_STEP_MAX,
            cache: Mutex::default(),
        }
    }

    /// Fetches fewer timers per batch, so that tests can have a batch cut between two of them.
    pub fn with_timers_per_batch(self, timers_max: usize) -> Store<E> {
        Store { timers_max, ..self }
    }

    /// Looks at fewer customers in one step, so that tests can have several.
    pub fn with_scan_step_max(self, step_max: usize) -> Store<E> {
        Store {
            scan_step_max: step_max,
            ..self
        }
    }

    /// All that applying the batch can need, in one sorted multi-get and one scan of timers; and while
    /// customers are left who have to be brought under other models, the next of them.
    pub fn prefetch<'m>(
        &self,
        lineage: impl Into<ModelGenerations<'m>>,
        partition: u32,
        lateness: Millis,
        progress: &Progress,
        batch: &Batch,
    ) -> Result<StateView, Error> {
        self.prefetch_limited(lineage, partition, lateness, progress, batch, usize::MAX)
    }

    /// The same for a batch that is cut after so many transitions.
    pub fn prefetch_limited<'m>(
        &self,
        lineage: impl Into<ModelGenerations<'m>>,
        partition: u32,
        lateness: Millis,
        progress: &Progress,
        batch: &Batch,
        transitions: usize,
    ) -> Result<StateView, Error> {
        let most = transitions.min(self.timers_max);
        let reader = StateLoader {
            generations: lineage.into(),
            progress,
        };
        let watermark = batch.watermark(progress.watermark, lateness);
        let end = EventTime(watermark.0);
        let prefix = self.prefix(partition)?;
        let (timers, loaded_to) = self.load_timers(prefix, progress, end, most)?;
        let mut wanted: BTreeSet<&CustomerId> =
            timers.iter().map(|timer| &timer.customer).collect();
        wanted.extend(
            batch
                .records
                .iter()
                .filter_map(|record| record.content.as_ref().ok())
                .map(|event| &event.customer),
        );
        let mut states = self.load_states(reader, prefix, &wanted)?;
        let sweep = match &progress.sweep {
            Some(from) => Some(self.load_sweep(reader, prefix, from, &mut states)?),
            None => None,
        };
        Ok(StateView {
            states,
            timers,
            loaded_to,
            sweep,
            transitions_max: Some(most),
        })
    }

    fn load_states(
        &self,
        reader: StateLoader<'_>,
        prefix: Prefix,
        wanted: &BTreeSet<&CustomerId>,
    ) -> Result<BTreeMap<CustomerId, LoadedCustomer>, Error> {
        let mut states = BTreeMap::new();
        let take = |id: &CustomerId, bytes: &[u8]| {
            states.insert(id.clone(), reader.decode(bytes)?);
            Ok(())
        };
        self.get_customers(prefix, wanted.iter().copied(), take)?;
        Ok(states)
    }

    /// Looks customers up, given in ascending order; `take` gets each that is there, with its bytes.
    fn get_customers<'c>(
        &self,
        prefix: Prefix,
        customers: impl Iterator<Item = &'c CustomerId>,
        mut take: impl FnMut(&'c CustomerId, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let ids: Vec<&CustomerId> = customers.collect();
        let keys: Vec<Vec<u8>> = ids.iter().map(|id| key::customer(prefix, id)).collect();
        let mut take = |place: usize, bytes: &[u8]| take(ids[place], bytes);
        self.engine.get(Family::Customers, &keys, &mut take)
    }

    /// The next customers, from `from` on, whose state is of the models before.
    fn load_sweep(
        &self,
        reader: StateLoader<'_>,
        prefix: Prefix,
        from: &CustomerId,
        states: &mut BTreeMap<CustomerId, LoadedCustomer>,
    ) -> Result<Sweep, Error> {
        let [_, to] = key::bounds(prefix);
        let (mut looked, mut found, mut bytes) = (0, 0, 0);
        let mut reached = Sweep::End;
        let mut take = |entry: &[u8], value: &[u8]| {
            let id = key::decode_customer(entry).ok_or(Error::Corrupt {
                value: "a customer's key",
                source: StateDecodeError::Damaged,
            })?;
            if found == SWEEP_STATES_MAX || bytes > SWEEP_BYTES_MAX || looked == SWEEP_SCANNED_MAX {
                reached = Sweep::UpTo(id);
                return Ok(ControlFlow::Break(()));
            }
            looked += 1;
            if !states.contains_key(&id) && reader.is_outdated(value)? {
                (found, bytes) = (found + 1, bytes + value.len());
                states.insert(id, reader.decode(value)?);
            }
            Ok(ControlFlow::Continue(()))
        };
        let from = key::customer(prefix, from);
        self.engine.scan(Family::Customers, &from, &to, &mut take)?;
        Ok(reached)
    }

    /// Timers from the fired cursor up to `end`. Starting at the cursor keeps the scan from walking
    /// over everything that was ever deleted before it.
    fn load_timers(
        &self,
        prefix: Prefix,
        progress: &Progress,
        end: EventTime,
        most: usize,
    ) -> Result<(BTreeSet<TimerKey>, Option<TimerKey>), Error> {
        let from = match &progress.fired_to {
            Some(cursor) => key::timer(prefix, cursor),
            None => key::due_bound(prefix, EventTime(i64::MIN)),
        };
        let mut timers = BTreeSet::new();
        let mut loaded_to = None;
        let mut take = |bytes: &[u8], _: &[u8]| {
            let timer = key::decode_timer(bytes).ok_or(Error::Corrupt {
                value: "a timer",
                source: StateDecodeError::Damaged,
            })?;
            if timers.len() == most {
                loaded_to = Some(timer);
                return Ok(ControlFlow::Break(()));
            }
            timers.insert(timer);
            Ok(ControlFlow::Continue(()))
        };
        self.engine.scan(
            Family::Timers,
            &from,
            &key::due_bound(prefix, end),
            &mut take,
        )?;
        Ok((timers, loaded_to))
    }

    /// Writes all of some commits, or nothing of them.
    pub fn write(&self, identity: &Identity, commits: &[PartitionCommit<'_>]) -> Result<(), Error> {
        let mut prefixes = Vec::with_capacity(commits.len());
        for written in commits {
            prefixes.push(self.prefix(written.partition)?);
        }
        self.engine.write(&mut |batch| {
            for (written, prefix) in commits.iter().zip(&prefixes) {
                put_commit(batch, identity, written, *prefix);
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
        let prefix = self.prefix(partition)?;
        let timer = |id: &CustomerId, due| {
            let customer = id.clone();
            key::timer(prefix, &TimerKey { due, customer })
        };
        let mut before = BTreeMap::new();
        self.get_customers(prefix, states.keys(), |id, bytes| {
            before.extend(
                customer::decode_armed(bytes)
                    .map_err(corrupt_customer)?
                    .map(|due| (id, due)),
            );
            Ok(())
        })?;
        self.engine.write(&mut |batch| {
            for (id, value) in states {
                if let Some(due) = before.get(id) {
                    batch.delete(Family::Timers, &timer(id, *due));
                }
                let key = key::customer(prefix, id);
                match value {
                    None => batch.delete(Family::Customers, &key),
                    Some(value) => {
                        let armed = customer::decode_armed(value).map_err(corrupt_customer)?;
                        batch.put(Family::Customers, &key, value);
                        if let Some(due) = armed {
                            batch.put(Family::Timers, &timer(id, due), &[]);
                        }
                    }
                }
            }
            put_progress(batch, prefix, progress);
            Ok(())
        })
    }
}

fn put_commit(
    batch: &mut dyn BatchWriter,
    identity: &Identity,
    written: &PartitionCommit<'_>,
    prefix: Prefix,
) {
    let commit = written.commit;
    let mut bytes = Vec::with_capacity(256);
    for (id, state) in &commit.states {
        bytes.clear();
        customer::encode(state, &mut bytes);
        batch.put(Family::Customers, &key::customer(prefix, id), &bytes);
    }
    for timer in &commit.disarm {
        batch.delete(Family::Timers, &key::timer(prefix, timer));
    }
    for timer in &commit.arm {
        batch.put(Family::Timers, &key::timer(prefix, timer), &[]);
    }
    if let Some(generation) = written.generation {
        let key = key::generation(prefix, generation.number);
        batch.put(Family::Meta, &key, &generation.encode());
    }
    let progress = codec::encode(&commit.progress, identity);
    batch.put(Family::Meta, &key::progress(prefix), &progress);
    if let Some(offset) = written.changelog_offset {
        let key = key::changelog_offset(prefix);
        batch.put(Family::Meta, &key, &offset.to_be_bytes());
    }
}

/// Notes where a partition has got to by its changelog.
pub(super) fn put_progress(
    batch: &mut dyn BatchWriter,
    prefix: Prefix,
    (progress, offset): (&[u8], i64),
) {
    batch.put(Family::Meta, &key::progress(prefix), progress);
    let key = key::changelog_offset(prefix);
    batch.put(Family::Meta, &key, &offset.to_be_bytes());
}
