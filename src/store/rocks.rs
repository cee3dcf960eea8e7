//! RocksDB as the storage engine.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rocksdb::{
    ColumnFamily, DB, ErrorKind, IngestExternalFileOptions, Range, ReadOptions, SstFileWriter,
    WriteBatch, WriteOptions,
};

use super::engine::{BatchWriter, EntryVisitor, Family, KeyValue, StorageEngine, ValueVisitor};
use super::options::{Config, database_options, ingest_options};
use super::{BoxError, Error, IoOperation};

/// Subfolder for SST files before they are ingested.
const INGEST_FOLDER: &str = "ingest";
/// Marks a folder that was found damaged; it is not opened again.
const DAMAGED_FILE: &str = "DAMAGED";
/// Subfolder for the files of a damaged database, until it is rebuilt.
const ASIDE_FOLDER: &str = "set-aside";
/// [`ASIDE_FOLDER`] while files are being moved into it.
const UNFINISHED_FOLDER: &str = "set-aside.tmp";

/// Bytes of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// What this process may still write.
    pub free: u64,
    pub size: u64,
}

impl DiskSpace {
    /// Of the file system of a folder, or of the nearest folder above it that exists; `None` if it cannot be queried.
    pub fn of(folder: &Path) -> Option<DiskSpace> {
        let above = folder.ancestors();
        let above = above.map(|it| if it.as_os_str().is_empty() { Path::new(".") } else { it });
        let stat = above.filter_map(|it| rustix::fs::statvfs(it).ok()).next()?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Some(DiskSpace { free: bytes(stat.f_bavail), size: bytes(stat.f_blocks) })
    }
}

/// An open database.
pub struct Rocks {
    db: DB,
    path: PathBuf,
    write_options: WriteOptions,
    ingest_count: AtomicU64,
    /// Another process may own the folder: nothing in it is changed.
    read_only: bool,
}

impl std::fmt::Debug for Rocks {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Rocks").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Rocks {
    /// Opens the folder; creates it if it does not exist.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the files are corrupt, now or when the folder was last used.
    pub fn open(path: &Path, config: &Config) -> Result<Rocks, Error> {
        if path.join(DAMAGED_FILE).exists() {
            return Err(Error::Damaged {
                path: path.to_owned(),
                source: "damage was found when it was last used".into(),
            });
        }
        let families = database_options(config);
        let db = DB::open_cf_descriptors(&families.database, path, families.columns);
        let db = db.map_err(|source| open_error(path, source))?;
        let rocks = Rocks {
            db,
            path: path.to_owned(),
            write_options: WriteOptions::default(),
            ingest_count: AtomicU64::new(0),
            read_only: false,
        };
        // A crash may have left files there that were not ingested.
        match std::fs::remove_dir_all(rocks.path.join(INGEST_FOLDER)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(rocks.io_error(IoOperation::Write, error.into()))
            }
            _ => Ok(rocks.with_wal(config.durable)),
        }
    }

    /// Opens a snapshot of a folder without changing it; a running process may have it open.
    ///
    /// # Errors
    /// [`Error::Damaged`] also if that process has just deleted a file; opening again then succeeds.
    pub(crate) fn open_read_only(path: &Path, memory_bytes: usize) -> Result<Rocks, Error> {
        // Checked first, because RocksDB would create the folder.
        if !path.join("CURRENT").is_file() {
            return Err(Error::Open {
                path: path.to_owned(),
                source: "the folder contains no database".into(),
            });
        }
        let families = database_options(&Config { memory_bytes, durable: true });
        let mut database = families.database;
        database.create_if_missing(false);
        database.create_missing_column_families(false);
        database.set_skip_stats_update_on_db_open(true);
        let db = DB::open_cf_descriptors_read_only(&database, path, families.columns, false);
        let db = db.map_err(|source| open_error(path, source))?;
        Ok(Rocks {
            db,
            path: path.to_owned(),
            write_options: WriteOptions::default(),
            ingest_count: AtomicU64::new(0),
            read_only: true,
        })
    }

    /// Moves the files of a damaged database into a subfolder: they may be the only copy. If the subfolder exists
    /// already, the files are deleted instead, because they were rebuilt after the first damage.
    pub(super) fn set_aside(path: &Path) -> Result<(), Error> {
        let io_error = |source: std::io::Error| Error::Io {
            operation: IoOperation::Write,
            path: path.to_owned(),
            source: source.into(),
        };
        let (aside, unfinished) = (path.join(ASIDE_FOLDER), path.join(UNFINISHED_FOLDER));
        // While this file exists, no database is opened, so that the next start continues after a crash here.
        std::fs::write(path.join(DAMAGED_FILE), "set aside").map_err(io_error)?;
        let is_first = !aside.exists();
        if is_first {
            std::fs::create_dir_all(&unfinished).map_err(io_error)?;
        }
        for entry in std::fs::read_dir(path).map_err(io_error)? {
            let (from, name) =
                entry.map(|entry| (entry.path(), entry.file_name())).map_err(io_error)?;
            if name == DAMAGED_FILE || !is_database_file(&name.to_string_lossy()) {
                continue;
            }
            let result = if is_first {
                std::fs::rename(&from, unfinished.join(&name))
            } else {
                std::fs::remove_file(&from)
            };
            result.map_err(io_error)?;
        }
        if is_first {
            std::fs::rename(&unfinished, &aside).map_err(io_error)?;
        }
        std::fs::remove_file(path.join(DAMAGED_FILE)).map_err(io_error)
    }

    pub(super) fn delete_set_aside(path: &Path) -> std::io::Result<()> {
        match std::fs::remove_dir_all(path.join(ASIDE_FOLDER)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn with_wal(mut self, durable: bool) -> Rocks {
        self.write_options.disable_wal(!durable);
        self
    }

    /// A property, summed over the families; 0 if RocksDB does not know it.
    pub(super) fn property(&self, name: &str) -> u64 {
        let value = |family: Family| self.db.property_int_value_cf(self.family(family), name);
        let values = Family::ALL.into_iter().filter_map(|family| value(family).ok().flatten());
        values.sum()
    }

    /// A property that is the same for all families; 0 if RocksDB does not know it.
    pub(super) fn database_property(&self, name: &str) -> u64 {
        // Of one of these families: RocksDB's default one has a cache of its own.
        let value = self.db.property_int_value_cf(self.family(Family::Customers), name);
        value.ok().flatten().unwrap_or(0)
    }

    pub(super) fn disk_space(&self) -> Option<DiskSpace> {
        DiskSpace::of(&self.path)
    }

    pub(super) fn flush(&self) -> Result<(), Error> {
        let mut families = Family::ALL.into_iter();
        families
            .try_for_each(|family| self.db.flush_cf(self.family(family)))
            .map_err(|source| self.classify_error(IoOperation::Write, source))
    }

    fn family(&self, family: Family) -> &ColumnFamily {
        self.db.cf_handle(family.name()).expect("every column family is opened with the database")
    }

    /// Marks the folder if it is damaged, so that the next start sets its files aside.
    fn classify_error(&self, operation: IoOperation, source: rocksdb::Error) -> Error {
        if !is_corruption(&source) {
            return self.io_error(operation, source.into());
        }
        if !self.read_only
            && let Err(error) = std::fs::write(self.path.join(DAMAGED_FILE), source.to_string())
        {
            return self.io_error(IoOperation::Write, error.into());
        }
        Error::Damaged { path: self.path.clone(), source: source.into() }
    }

    fn io_error(&self, operation: IoOperation, source: BoxError) -> Error {
        Error::Io { operation, path: self.path.clone(), source }
    }

    fn ingest_file(
        &self,
        family: Family,
        file: &Path,
        pairs: &mut dyn Iterator<Item = KeyValue>,
    ) -> Result<(), rocksdb::Error> {
        let options = ingest_options();
        let mut writer = SstFileWriter::create(&options);
        writer.open(file)?;
        let mut is_empty = true;
        for (key, value) in pairs {
            is_empty = false;
            match value {
                Some(value) => writer.put(key, value)?,
                None => writer.delete(key)?,
            }
        }
        // RocksDB refuses to finish an empty file.
        if !is_empty {
            writer.finish()?;
            let mut options = IngestExternalFileOptions::default();
            options.set_move_files(true);
            self.db.ingest_external_file_cf_opts(self.family(family), &options, vec![file])?;
        }
        Ok(())
    }
}

fn open_error(path: &Path, source: rocksdb::Error) -> Error {
    let path = path.to_owned();
    if is_corruption(&source) {
        Error::Damaged { path, source: source.into() }
    } else {
        Error::Open { path, source: source.into() }
    }
}

/// Whether RocksDB uses this file name.
fn is_database_file(name: &str) -> bool {
    let prefixes = ["CURRENT", "IDENTITY", "LOCK", "LOG", "MANIFEST-", "OPTIONS-"];
    let suffixes = [".sst", ".log", ".blob", ".dbtmp"];
    prefixes.iter().any(|prefix| name.starts_with(prefix))
        || suffixes.iter().any(|suffix| name.ends_with(suffix))
}

/// Whether the files are corrupt, as opposed to inaccessible.
fn is_corruption(error: &rocksdb::Error) -> bool {
    match error.kind() {
        ErrorKind::Corruption => true,
        // A file is missing that the MANIFEST refers to.
        ErrorKind::IOError => error.as_ref().contains("No such file"),
        _ => false,
    }
}

struct RocksWriteBatch<'b> {
    rocks: &'b Rocks,
    batch: WriteBatch,
}

impl BatchWriter for RocksWriteBatch<'_> {
    fn put(&mut self, family: Family, key: &[u8], value: &[u8]) {
        self.batch.put_cf(self.rocks.family(family), key, value);
    }

    fn delete(&mut self, family: Family, key: &[u8]) {
        self.batch.delete_cf(self.rocks.family(family), key);
    }

    fn delete_range(&mut self, family: Family, from: &[u8], to: &[u8]) {
        let family = self.rocks.family(family);
        self.batch.delete_range_cf(family, from, to);
    }
}

impl StorageEngine for Rocks {
    fn get(
        &self,
        family: Family,
        keys: &[Vec<u8>],
        take: &mut ValueVisitor<'_>,
    ) -> Result<(), Error> {
        let sorted = true;
        let values = self.db.batched_multi_get_cf(self.family(family), keys, sorted);
        for (index, value) in values.into_iter().enumerate() {
            if let Some(bytes) =
                value.map_err(|source| self.classify_error(IoOperation::Read, source))?
            {
                take(index, &bytes)?;
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
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(to);
        // Scans of customers read whole partitions once; cached, they would evict the active customers.
        options.fill_cache(family != Family::Customers);
        let mut entries = self.db.raw_iterator_cf_opt(self.family(family), options);
        entries.seek(from);
        while let Some((key, value)) = entries.item() {
            if take(key, value)?.is_break() {
                break;
            }
            entries.next();
        }
        let status = entries.status();
        status.map_err(|source| self.classify_error(IoOperation::Read, source))
    }

    fn write(
        &self,
        fill: &mut dyn FnMut(&mut dyn BatchWriter) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut batch = RocksWriteBatch { rocks: self, batch: WriteBatch::default() };
        fill(&mut batch)?;
        let result = self.db.write_opt(batch.batch, &self.write_options);
        result.map_err(|source| self.classify_error(IoOperation::Write, source))
    }

    fn bytes_on_disk(&self, from: &[u8], to: &[u8]) -> u64 {
        let bytes = |family| {
            let range = [Range::new(from, to)];
            let sizes = self.db.get_approximate_sizes_cf(self.family(family), &range);
            sizes.into_iter().sum::<u64>()
        };
        Family::ALL.into_iter().map(bytes).sum()
    }

    fn free_bytes(&self) -> Option<u64> {
        self.disk_space().map(|disk| disk.free)
    }

    fn ingest(
        &self,
        family: Family,
        pairs: &mut dyn Iterator<Item = KeyValue>,
    ) -> Result<(), Error> {
        let folder = self.path.join(INGEST_FOLDER);
        std::fs::create_dir_all(&folder)
            .map_err(|error| self.io_error(IoOperation::Write, error.into()))?;
        let number = self.ingest_count.fetch_add(1, Ordering::Relaxed);
        let file = folder.join(format!("{number}.sst"));
        self.ingest_file(family, &file, pairs)
            .map_err(|source| self.classify_error(IoOperation::Write, source))
    }
}
