//! The database: opening, prefetching for a batch, writing a commit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType,
    Direction, IteratorMode, Options, ReadOptions, WriteBatch, WriteBufferManager, WriteOptions,
};

use super::{Error, key, progress};
use crate::customer::{self, Corrupt};
use crate::event::{CustomerId, EventTime, Millis};
use crate::model::Models;
use crate::partition::{Batch, Commit, Known, Progress, TimerKey, View};

/// How much memory the store may use, and how it treats crashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Block cache and write buffers together, in bytes.
    pub memory_bytes: usize,
    /// Whether a write survives a crash of the process. Off for throw-away state.
    pub durable: bool,
}

/// Most timers that are fetched for one batch; what is due beyond them waits for the next one.
const TIMERS_PER_BATCH_MAX: usize = 16_384;

/// The state of all partitions of this process.
pub struct Store {
    db: DB,
    path: PathBuf,
    writes: WriteOptions,
    timers_max: usize,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Store")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the folder, making it if it is not there.
    pub fn open(path: &Path, config: &Config) -> Result<Store, Error> {
        let families = families(config);
        let db = DB::open_cf_descriptors(&families.database, path, families.columns).map_err(
            |source| Error::Open {
                path: path.to_owned(),
                source,
            },
        )?;
        let mut writes = WriteOptions::default();
        writes.disable_wal(!config.durable);
        Ok(Store {
            db,
            path: path.to_owned(),
            writes,
            timers_max: TIMERS_PER_BATCH_MAX,
        })
    }

    /// Fetches fewer timers per batch, so that tests can have a batch cut between two of them.
    pub fn with_timers_per_batch(self, timers_max: usize) -> Store {
        Store { timers_max, ..self }
    }

    /// Where a partition stands; `None` if nothing was committed yet.
    pub fn progress(&self, models: &Models, partition: u32) -> Result<Option<Progress>, Error> {
        let bytes = self
            .db
            .get_pinned_cf(self.family(key::META), key::partition(partition))
            .map_err(reading)?;
        let Some(bytes) = bytes else { return Ok(None) };
        let foreign = || Error::Foreign {
            path: self.path.clone(),
            what: "is of other models".to_owned(),
        };
        progress::decode(&bytes, models)
            .map(Some)
            .ok_or_else(foreign)
    }

    /// All that applying the batch can need, in one sorted multi-get and one scan of timers.
    pub fn prefetch(
        &self,
        models: &Models,
        partition: u32,
        lateness: Millis,
        progress: &Progress,
        batch: &Batch,
    ) -> Result<View, Error> {
        let watermark = batch.watermark(progress.watermark, lateness);
        let (timers, loaded_to) = self.timers(partition, progress, EventTime(watermark.0))?;
        let mut wanted: BTreeSet<&CustomerId> =
            timers.iter().map(|timer| &timer.customer).collect();
        wanted.extend(
            batch
                .records
                .iter()
                .filter_map(|record| record.content.as_ref().ok())
                .map(|event| &event.customer),
        );
        let states = self.states(models, partition, &wanted)?;
        Ok(View {
            states,
            timers,
            loaded_to,
        })
    }

    fn states(
        &self,
        models: &Models,
        partition: u32,
        wanted: &BTreeSet<&CustomerId>,
    ) -> Result<BTreeMap<CustomerId, Known>, Error> {
        let keys: Vec<Vec<u8>> = wanted
            .iter()
            .map(|id| key::customer(partition, id))
            .collect();
        let sorted = true;
        let found = self
            .db
            .batched_multi_get_cf(self.family(key::CUSTOMERS), &keys, sorted);
        let mut states = BTreeMap::new();
        for (id, value) in wanted.iter().zip(found) {
            if let Some(bytes) = value.map_err(reading)? {
                let state = customer::decode(&bytes, models).map_err(|source| Error::Corrupt {
                    what: "a customer",
                    source,
                })?;
                states.insert((*id).clone(), state.into());
            }
        }
        Ok(states)
    }

    /// Timers from the fired cursor up to `end`. Starting at the cursor keeps the scan from walking
    /// over everything that was ever deleted before it.
    fn timers(
        &self,
        partition: u32,
        progress: &Progress,
        end: EventTime,
    ) -> Result<(BTreeSet<TimerKey>, Option<TimerKey>), Error> {
        let bound = |due| {
            key::timer(
                partition,
                &TimerKey {
                    due,
                    customer: CustomerId::default(),
                },
            )
        };
        let start = match &progress.fired_to {
            Some(cursor) => key::timer(partition, cursor),
            None => bound(EventTime(i64::MIN)),
        };
        let upper = bound(end);
        let mut timers = BTreeSet::new();
        if start >= upper {
            return Ok((timers, None));
        }
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(upper);
        let mode = IteratorMode::From(&start, Direction::Forward);
        for entry in self
            .db
            .iterator_cf_opt(self.family(key::TIMERS), options, mode)
        {
            let (bytes, _) = entry.map_err(reading)?;
            let timer = key::read_timer(&bytes).ok_or(Error::Corrupt {
                what: "a timer",
                source: Corrupt::Damaged,
            })?;
            if timers.len() == self.timers_max {
                return Ok((timers, Some(timer)));
            }
            timers.insert(timer);
        }
        Ok((timers, None))
    }

    /// Writes all of a commit, or nothing of it.
    pub fn write(&self, partition: u32, commit: &Commit) -> Result<(), Error> {
        let (customers, timers, meta) = (
            self.family(key::CUSTOMERS),
            self.family(key::TIMERS),
            self.family(key::META),
        );
        let mut batch = WriteBatch::default();
        let mut bytes = Vec::with_capacity(256);
        for (id, state) in &commit.states {
            bytes.clear();
            customer::encode(state, &mut bytes);
            batch.put_cf(customers, key::customer(partition, id), &bytes);
        }
        for timer in &commit.disarm {
            batch.delete_cf(timers, key::timer(partition, timer));
        }
        for timer in &commit.arm {
            batch.put_cf(timers, key::timer(partition, timer), []);
        }
        batch.put_cf(
            meta,
            key::partition(partition),
            progress::encode(&commit.progress),
        );
        self.db
            .write_opt(batch, &self.writes)
            .map_err(|source| Error::Io {
                action: "written",
                source,
            })
    }

    /// Makes everything written so far survive, also what no log holds.
    pub fn flush(&self) -> Result<(), Error> {
        let names = [key::CUSTOMERS, key::TIMERS, key::META];
        let flushed = names
            .iter()
            .try_for_each(|name| self.db.flush_cf(self.family(name)));
        flushed.map_err(|source| Error::Io {
            action: "written",
            source,
        })
    }

    fn family(&self, name: &str) -> &ColumnFamily {
        self.db
            .cf_handle(name)
            .expect("every column family is opened with the database")
    }
}

fn reading(source: rocksdb::Error) -> Error {
    Error::Io {
        action: "read",
        source,
    }
}

struct Families {
    database: Options,
    columns: Vec<ColumnFamilyDescriptor>,
}

/// A third of the memory for write buffers, charged to the same cache as the blocks, so that the
/// sum is bounded whatever the number of column families.
fn families(config: &Config) -> Families {
    let cache = Cache::new_lru_cache(config.memory_bytes);
    let buffers = WriteBufferManager::new_write_buffer_manager_with_cache(
        config.memory_bytes / 3,
        false,
        cache.clone(),
    );
    let mut database = Options::default();
    database.create_if_missing(true);
    database.create_missing_column_families(true);
    database.set_write_buffer_manager(&buffers);
    database.set_max_background_jobs(2);
    database.set_max_open_files(512);
    database.set_keep_log_file_num(2);
    database.set_max_total_wal_size(config.memory_bytes as u64 / 2);
    let column = |name| {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&cache);
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        if name == key::CUSTOMERS {
            blocks.set_bloom_filter(10.0, false);
        }
        let mut options = Options::default();
        options.set_block_based_table_factory(&blocks);
        options.set_write_buffer_size(config.memory_bytes / 8);
        options.set_compression_type(DBCompressionType::Lz4);
        options.set_bottommost_compression_type(DBCompressionType::Zstd);
        options.set_level_compaction_dynamic_level_bytes(true);
        ColumnFamilyDescriptor::new(name, options)
    };
    let columns = [key::CUSTOMERS, key::TIMERS, key::META].map(column).into();
    Families { database, columns }
}
