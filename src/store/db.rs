//! The database: opening, prefetching for a batch, writing a commit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rocksdb::{ColumnFamily, DB, Direction, IteratorMode, ReadOptions, WriteBatch, WriteOptions};

use super::options::{Config, families};
use super::{Error, key};
use crate::customer::{self, Corrupt};
use crate::event::{CustomerId, EventTime, Millis};
use crate::model::Models;
use crate::partition::codec;
use crate::partition::{Batch, Commit, Known, Progress, TimerKey, View};

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
    pub fn progress(
        &self,
        models: &Models,
        partition: u32,
        identity: &str,
    ) -> Result<Option<Progress>, Error> {
        let key = key::progress(partition);
        let found = self.db.get_pinned_cf(self.family(key::META), key);
        let Some(bytes) = found.map_err(reading)? else {
            return Ok(None);
        };
        let progress = codec::decode(&bytes, models, identity);
        progress.map(Some).map_err(|source| Error::Progress {
            path: self.path.clone(),
            source,
        })
    }

    /// The offset of the changelog up to which a partition's state is complete.
    pub fn changelog_offset(&self, partition: u32) -> Result<Option<i64>, Error> {
        let key = key::changelog_offset(partition);
        let found = self.db.get_pinned_cf(self.family(key::META), key);
        let bytes = found.map_err(reading)?;
        Ok(bytes.and_then(|bytes| Some(i64::from_be_bytes(bytes.as_ref().try_into().ok()?))))
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

    /// Writes all of some commits, or nothing of them.
    pub fn write(&self, identity: &str, commits: &[Written<'_>]) -> Result<(), Error> {
        let (customers, timers, meta) = (
            self.family(key::CUSTOMERS),
            self.family(key::TIMERS),
            self.family(key::META),
        );
        let mut batch = WriteBatch::default();
        let mut bytes = Vec::with_capacity(256);
        for written in commits {
            let (partition, commit) = (written.partition, written.commit);
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
            let progress = codec::encode(&commit.progress, identity);
            batch.put_cf(meta, key::progress(partition), progress);
            if let Some(offset) = written.changelog_offset {
                batch.put_cf(meta, key::changelog_offset(partition), offset.to_be_bytes());
            }
        }
        let written = self.db.write_opt(batch, &self.writes);
        written.map_err(writing)
    }

    /// Forgets everything of a partition, to rebuild it.
    pub fn clear(&self, partition: u32) -> Result<(), Error> {
        let [from, to] = key::bounds(partition);
        let mut batch = WriteBatch::default();
        for name in [key::CUSTOMERS, key::TIMERS, key::META] {
            batch.delete_range_cf(self.family(name), &from, &to);
        }
        self.db.write_opt(batch, &self.writes).map_err(writing)
    }

    /// Overwrites states with what the changelog says; `None` is a tombstone. Timers follow from
    /// the states. With `progress`, the bytes of a progress record and the offset after it, which
    /// end a batch, everything up to here is complete.
    pub fn restore(
        &self,
        models: &Models,
        partition: u32,
        identity: &str,
        states: &BTreeMap<CustomerId, Option<Vec<u8>>>,
        progress: (&[u8], i64),
    ) -> Result<(), Error> {
        // States of other models cannot be read: say so before trying.
        codec::decode(progress.0, models, identity).map_err(|source| Error::Progress {
            path: self.path.clone(),
            source,
        })?;
        let corrupt = |source| Error::Corrupt {
            what: "a customer",
            source,
        };
        let (customers, timers, meta) = (
            self.family(key::CUSTOMERS),
            self.family(key::TIMERS),
            self.family(key::META),
        );
        let timer = |id: &CustomerId, due| {
            key::timer(
                partition,
                &TimerKey {
                    due,
                    customer: id.clone(),
                },
            )
        };
        let before = self.states(models, partition, &states.keys().collect())?;
        let mut batch = WriteBatch::default();
        for (id, value) in states {
            if let Some(due) = before.get(id).and_then(|known| known.state.armed) {
                batch.delete_cf(timers, timer(id, due));
            }
            let key = key::customer(partition, id);
            match value {
                None => batch.delete_cf(customers, key),
                Some(value) => {
                    let state = customer::decode(value, models).map_err(corrupt)?;
                    batch.put_cf(customers, key, value);
                    if let Some(due) = state.armed {
                        batch.put_cf(timers, timer(id, due), []);
                    }
                }
            }
        }
        batch.put_cf(meta, key::progress(partition), progress.0);
        let offset = progress.1.to_be_bytes();
        batch.put_cf(meta, key::changelog_offset(partition), offset);
        self.db.write_opt(batch, &self.writes).map_err(writing)
    }

    /// What RocksDB says of itself: a name and a number, summed over the column families.
    pub fn properties(&self) -> Vec<(&'static str, u64)> {
        let names = [key::CUSTOMERS, key::TIMERS, key::META];
        let sum = |property| {
            let each = names.iter().filter_map(|name| {
                self.db
                    .property_int_value_cf(self.family(name), property)
                    .ok()
                    .flatten()
            });
            each.sum()
        };
        PROPERTIES
            .iter()
            .map(|(name, property)| (*name, sum(*property)))
            .collect()
    }

    /// Makes everything written so far survive, also what no log holds.
    pub fn flush(&self) -> Result<(), Error> {
        let names = [key::CUSTOMERS, key::TIMERS, key::META];
        let flushed = names
            .iter()
            .try_for_each(|name| self.db.flush_cf(self.family(name)));
        flushed.map_err(writing)
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

fn writing(source: rocksdb::Error) -> Error {
    Error::Io {
        action: "written",
        source,
    }
}
