//! The store of all partitions: prefetches for a batch, writes commits, catches up from the changelog.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::engine::{BatchWriter, Family, StorageEngine};
use super::key::Prefix;
use super::options::Config;
use super::partition_cache::PartitionCache;
use super::state_decoder::{StateDecoder, corrupt_customer};
use super::{DiskSpace, Error, Rocks, key};
use crate::customer::{self, StateDecodeError};
use crate::event::{CustomerId, EventTime, Millis};
use crate::partition::codec;
use crate::partition::codec::Identity;
use crate::partition::{
    Batch, Commit, Generation, LoadedCustomer, ModelGenerations, Progress, StateView, Sweep,
    TimerKey,
};

/// RocksDB properties of each column family that are exported as metrics: (label, property).
const FAMILY_PROPERTIES: [(&str, &str); 7] = [
    ("keys", "rocksdb.estimate-num-keys"),
    ("live_sst_bytes", "rocksdb.live-sst-files-size"),
    ("total_sst_bytes", "rocksdb.total-sst-files-size"),
    ("memtable_bytes", "rocksdb.cur-size-all-mem-tables"),
    ("table_readers_bytes", "rocksdb.estimate-table-readers-mem"),
    ("pending_compaction_bytes", "rocksdb.estimate-pending-compaction-bytes"),
    ("background_errors", "rocksdb.background-errors"),
];
/// The same for properties of the database as a whole, which every column family shows.
const DATABASE_PROPERTIES: [(&str, &str); 7] = [
    ("block_cache_bytes", "rocksdb.block-cache-usage"),
    ("block_cache_capacity_bytes", "rocksdb.block-cache-capacity"),
    ("block_cache_pinned_bytes", "rocksdb.block-cache-pinned-usage"),
    ("running_compactions", "rocksdb.num-running-compactions"),
    ("running_flushes", "rocksdb.num-running-flushes"),
    ("write_stopped", "rocksdb.is-write-stopped"),
    ("delayed_write_bytes_per_second", "rocksdb.actual-delayed-write-rate"),
];

/// A commit to write to disk.
#[derive(Clone, Copy, Debug)]
pub struct PartitionCommit<'w> {
    pub partition: u32,
    pub commit: &'w Commit,
    /// The changelog offset after this commit; `None` without a changelog.
    pub changelog_offset: Option<i64>,
    /// Set if this commit adopts a generation.
    pub generation: Option<&'w Generation>,
}

/// Timers that are fetched for one batch, and transitions before it is cut; due timers beyond them wait
/// for the next batch.
const TIMERS_PER_BATCH_MAX: usize = 16_384;

/// Bounds of one batch's part of the migration sweep: customers in addition to those of the batch, bytes of
/// their states, and entries that are scanned to find them.
const SWEEP_STATES_MAX: usize = 4096;
const SWEEP_BYTES_MAX: usize = 4 << 20;
const SWEEP_SCANNED_MAX: usize = 1 << 16;

/// Most customers of one step of a scan.
const SCAN_STEP_MAX: usize = 1 << 15;

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
    /// Opens the folder; creates it if it does not exist.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the folder must be rebuilt.
    pub fn open(path: &Path, config: &Config) -> Result<Store, Error> {
        Ok(Store::with_engine(Rocks::open(path, config)?, path))
    }

    /// Opens a snapshot of a folder without changing it; a running process may have it open.
    ///
    /// # Errors
    /// [`Rocks::open_read_only`]
    pub(crate) fn open_read_only(path: &Path, memory_bytes: usize) -> Result<Store, Error> {
        Ok(Store::with_engine(Rocks::open_read_only(path, memory_bytes)?, path))
    }

    /// Moves the files of a damaged store into its subfolder `set-aside`.
    pub(crate) fn set_aside(path: &Path) -> Result<(), Error> {
        Rocks::set_aside(path)
    }

    /// Deletes the files that were set aside, after all partitions have been rebuilt.
    pub(crate) fn delete_set_aside(path: &Path) -> std::io::Result<()> {
        Rocks::delete_set_aside(path)
    }

    /// RocksDB properties by label; those of column families as a sum.
    pub fn properties(&self) -> Vec<(&'static str, u64)> {
        let of_families = FAMILY_PROPERTIES.map(|(name, it)| (name, self.engine.property(it)));
        let shared =
            DATABASE_PROPERTIES.map(|(name, it)| (name, self.engine.database_property(it)));
        of_families.into_iter().chain(shared).collect()
    }

    /// Of the file system of the folder; `None` if it cannot be queried.
    pub fn disk_space(&self) -> Option<DiskSpace> {
        self.engine.disk_space()
    }

    /// Flushes the memtables: data that is not in the WAL becomes durable, too.
    pub fn flush(&self) -> Result<(), Error> {
        self.engine.flush()
    }
}

impl<E: StorageEngine> Store<E> {
    /// A store over any engine; `path` appears in errors only.
    pub fn with_engine(engine: E, path: &Path) -> Store<E> {
        Store {
            engine,
            path: path.to_owned(),
            timers_max: TIMERS_PER_BATCH_MAX,
            scan_step_max: SCAN_STEP_MAX,
            cache: Mutex::default(),
        }
    }

    /// Limits the timers per batch, so that tests can cut a batch between two timers.
    pub fn with_timers_per_batch(self, timers_max: usize) -> Store<E> {
        Store { timers_max, ..self }
    }

    /// Limits the customers per scan step, so that tests can have several steps.
    pub fn with_scan_step_max(self, step_max: usize) -> Store<E> {
        Store { scan_step_max: step_max, ..self }
    }

    /// Loads everything that applying the batch can need, with one sorted multi-get and one scan of timers.
    /// During a migration sweep, also loads the next outdated customers.
    pub fn prefetch<'m>(
        &self,
        generations: impl Into<ModelGenerations<'m>>,
        partition: u32,
        lateness: Millis,
        progress: &Progress,
        batch: &Batch,
    ) -> Result<StateView, Error> {
        self.prefetch_limited(generations, partition, lateness, progress, batch, usize::MAX)
    }

    /// [`Store::prefetch`] for a batch that is cut after `transitions_max` transitions.
    pub(crate) fn prefetch_limited<'m>(
        &self,
        generations: impl Into<ModelGenerations<'m>>,
        partition: u32,
        lateness: Millis,
        progress: &Progress,
        batch: &Batch,
        transitions_max: usize,
    ) -> Result<StateView, Error> {
        let timers_max = transitions_max.min(self.timers_max);
        let decoder = StateDecoder { generations: generations.into(), progress };
        let watermark = batch.watermark(progress.watermark, lateness);
        let end = EventTime(watermark.0);
        let prefix = self.prefix(partition)?;
        let (timers, loaded_to) = self.load_timers(prefix, progress, end, timers_max)?;
        let mut customers: BTreeSet<&CustomerId> =
            timers.iter().map(|timer| &timer.customer).collect();
        customers.extend(
            batch
                .records
                .iter()
                .filter_map(|record| record.content.as_ref().ok())
                .map(|event| &event.customer),
        );
        let mut states = self.load_states(decoder, prefix, &customers)?;
        let sweep = match &progress.sweep {
            Some(from) => Some(self.load_sweep(decoder, prefix, from, &mut states)?),
            None => None,
        };
        Ok(StateView { states, timers, loaded_to, sweep, transitions_max: Some(timers_max) })
    }

    fn load_states(
        &self,
        decoder: StateDecoder<'_>,
        prefix: Prefix,
        customers: &BTreeSet<&CustomerId>,
    ) -> Result<BTreeMap<CustomerId, LoadedCustomer>, Error> {
        let mut states = BTreeMap::new();
        let take = |id: &CustomerId, bytes: &[u8]| {
            states.insert(id.clone(), decoder.decode(bytes)?);
            Ok(())
        };
        self.get_customers(prefix, customers.iter().copied(), take)?;
        Ok(states)
    }

    /// Reads customers, which are given in ascending order; calls `take` for each that exists.
    fn get_customers<'c>(
        &self,
        prefix: Prefix,
        customers: impl Iterator<Item = &'c CustomerId>,
        mut take: impl FnMut(&'c CustomerId, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let ids: Vec<&CustomerId> = customers.collect();
        let keys: Vec<Vec<u8>> = ids.iter().map(|id| key::customer(prefix, id)).collect();
        let mut take = |index: usize, bytes: &[u8]| take(ids[index], bytes);
        self.engine.get(Family::Customers, &keys, &mut take)
    }

    /// Adds the next outdated customers, starting at `from`.
    fn load_sweep(
        &self,
        decoder: StateDecoder<'_>,
        prefix: Prefix,
        from: &CustomerId,
        states: &mut BTreeMap<CustomerId, LoadedCustomer>,
    ) -> Result<Sweep, Error> {
        let [_, to] = key::bounds(prefix);
        let (mut scanned, mut loaded, mut bytes) = (0, 0, 0);
        let mut end = Sweep::End;
        let mut take = |entry: &[u8], value: &[u8]| {
            let id = key::decode_customer(entry).ok_or(Error::Corrupt {
                value: "a customer's key",
                source: StateDecodeError::Damaged,
            })?;
            if loaded == SWEEP_STATES_MAX || bytes > SWEEP_BYTES_MAX || scanned == SWEEP_SCANNED_MAX
            {
                end = Sweep::UpTo(id);
                return Ok(ControlFlow::Break(()));
            }
            scanned += 1;
            if !states.contains_key(&id) && decoder.is_outdated(value)? {
                (loaded, bytes) = (loaded + 1, bytes + value.len());
                states.insert(id, decoder.decode(value)?);
            }
            Ok(ControlFlow::Continue(()))
        };
        let from = key::customer(prefix, from);
        self.engine.scan(Family::Customers, &from, &to, &mut take)?;
        Ok(end)
    }

    /// Timers from the fired cursor to `end`, and where loading stopped at the limit. The scan starts at the
    /// cursor so that it does not step over the tombstones of all fired timers.
    fn load_timers(
        &self,
        prefix: Prefix,
        progress: &Progress,
        end: EventTime,
        timers_max: usize,
    ) -> Result<(BTreeSet<TimerKey>, Option<TimerKey>), Error> {
        let from = match &progress.fired_to {
            Some(cursor) => key::timer(prefix, cursor),
            None => key::due_bound(prefix, EventTime(i64::MIN)),
        };
        let mut timers = BTreeSet::new();
        let mut loaded_to = None;
        let mut take = |bytes: &[u8], _: &[u8]| {
            let timer = key::decode_timer(bytes)
                .ok_or(Error::Corrupt { value: "a timer", source: StateDecodeError::Damaged })?;
            if timers.len() == timers_max {
                loaded_to = Some(timer);
                return Ok(ControlFlow::Break(()));
            }
            timers.insert(timer);
            Ok(ControlFlow::Continue(()))
        };
        self.engine.scan(Family::Timers, &from, &key::due_bound(prefix, end), &mut take)?;
        Ok((timers, loaded_to))
    }

    /// When the oldest timer that has not fired was due, if that is before `end`.
    pub fn oldest_timer(
        &self,
        partition: u32,
        progress: &Progress,
        end: EventTime,
    ) -> Result<Option<EventTime>, Error> {
        let (timers, _) = self.load_timers(self.prefix(partition)?, progress, end, 1)?;
        Ok(timers.first().map(|timer| timer.due))
    }

    /// Writes all commits atomically.
    pub fn write(&self, identity: &Identity, commits: &[PartitionCommit<'_>]) -> Result<(), Error> {
        let mut prefixes = Vec::with_capacity(commits.len());
        for commit in commits {
            prefixes.push(self.prefix(commit.partition)?);
        }
        self.engine.write(&mut |batch| {
            for (commit, prefix) in commits.iter().zip(&prefixes) {
                put_commit(batch, identity, commit, *prefix);
            }
            Ok(())
        })
    }

    /// Applies one batch of the changelog atomically: encoded states, where `None` is a tombstone, and the
    /// batch's progress record with the offset after it. Timers are derived from the states.
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
                customer::decode_armed(bytes).map_err(corrupt_customer)?.map(|due| (id, due)),
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
    partition_commit: &PartitionCommit<'_>,
    prefix: Prefix,
) {
    let commit = partition_commit.commit;
    let mut bytes = Vec::with_capacity(256);
    for (id, state) in &commit.states {
        bytes.clear();
        customer::encode(state, &mut bytes);
        batch.put(Family::Customers, &key::customer(prefix, id), &bytes);
    }
    for timer in &commit.removed_timers {
        batch.delete(Family::Timers, &key::timer(prefix, timer));
    }
    for timer in &commit.added_timers {
        batch.put(Family::Timers, &key::timer(prefix, timer), &[]);
    }
    if let Some(generation) = partition_commit.generation {
        let key = key::generation(prefix, generation.number);
        batch.put(Family::Meta, &key, &generation.encode());
    }
    let progress = codec::encode(&commit.progress, identity);
    batch.put(Family::Meta, &key::progress(prefix), &progress);
    if let Some(offset) = partition_commit.changelog_offset {
        let key = key::changelog_offset(prefix);
        batch.put(Family::Meta, &key, &offset.to_be_bytes());
    }
}

/// Stores encoded progress and the changelog offset after it.
pub(super) fn put_progress(
    batch: &mut dyn BatchWriter,
    prefix: Prefix,
    (progress, offset): (&[u8], i64),
) {
    batch.put(Family::Meta, &key::progress(prefix), progress);
    let key = key::changelog_offset(prefix);
    batch.put(Family::Meta, &key, &offset.to_be_bytes());
}
