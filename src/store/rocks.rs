//! RocksDB as the engine of the store.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rocksdb::{
    ColumnFamily, DB, ErrorKind, IngestExternalFileOptions, Range, ReadOptions, SstFileWriter,
    WriteBatch, WriteOptions,
};

use super::engine::{BatchWriter, EntryVisitor, Family, KeyValue, StorageEngine, ValueVisitor};
use super::options::{Config, database_options, ingest_options};
use super::{BoxError, Error, IoOperation};

/// Where files are made before RocksDB takes them in, inside its folder.
const INGEST_FOLDER: &str = "ingest";
/// In a folder with this file something was found damaged; it is not opened again.
const DAMAGED_FILE: &str = "DAMAGED";
/// Where the files of a damaged database are kept until it is rebuilt.
const ASIDE_FOLDER: &str = "set-aside";
/// Where they are moved before.
const UNFINISHED_FOLDER: &str = "set-aside.tmp";

/// An open database.
pub struct Rocks {
    db: DB,
    path: PathBuf,
    write_options: WriteOptions,
    ingest_count: AtomicU64,
    /// Whether it is somebody else's, or nobody's: nothing in its folder is changed.
    read_only: bool,
}

impl std::fmt::Debug for Rocks {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Rocks")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Rocks {
    /// Opens the folder, making it if it is not there.
    ///
    /// # Errors
    /// [`Error::Damaged`] where the files are not what was written.
    pub fn open(path: &Path, config: &Config) -> Result<Rocks, Error> {
        if path.join(DAMAGED_FILE).exists() {
            return Err(Error::Damaged {
                path: path.to_owned(),
                source: "found damaged when it was last used".into(),
            });
        }
        let families = database_options(config);
        let db = DB::open_cf_descriptors(&families.database, path, families.columns);
        let db = db.map_err(|source| match is_corruption(&source) {
            true => Error::Damaged {
                path: path.to_owned(),
                source: source.into(),
            },
            false => Error::Open {
                path: path.to_owned(),
                source: source.into(),
            },
        })?;
        let rocks = Rocks {
            db,
            path: path.to_owned(),
            write_options: WriteOptions::default(),
            ingest_count: AtomicU64::new(0),
            read_only: false,
        };
        // What a crash left there belongs to nothing.
        match std::fs::remove_dir_all(rocks.path.join(INGEST_FOLDER)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(rocks.io_error(IoOperation::Write, error.into()))
            }
            _ => Ok(rocks.with_wal(config.durable)),
        }
    }

    /// Opens a folder to read it as it is now, also while a process works on it. Nothing in it is changed.
    ///
    /// # Errors
    /// [`Error::Damaged`] also where that process has just thrown away a file: then it helps to open it again.
    pub fn open_read_only(path: &Path, memory_bytes: usize) -> Result<Rocks, Error> {
        let open = |source: BoxError| Error::Open {
            path: path.to_owned(),
            source,
        };
        // RocksDB would make a folder.
        if !path.join("CURRENT").is_file() {
            return Err(open("there is none in it".into()));
        }
        let families = database_options(&Config {
            memory_bytes,
            durable: true,
        });
        let mut database = families.database;
        database.create_if_missing(false);
        database.create_missing_column_families(false);
        database.set_skip_stats_update_on_db_open(true);
        let db = DB::open_cf_descriptors_read_only(&database, path, families.columns, false);
        let db = db.map_err(|source| match is_corruption(&source) {
            true => Error::Damaged {
                path: path.to_owned(),
                source: source.into(),
            },
            false => open(source.into()),
        })?;
        Ok(Rocks {
            db,
            path: path.to_owned(),
            write_options: WriteOptions::default(),
            ingest_count: AtomicU64::new(0),
            read_only: true,
        })
    }

    /// Moves the files of a damaged database out of the way, into a folder inside: they may be all that is left. Where
    /// some are there already, those of now are deleted, which were rebuilt since.
    pub(super) fn set_aside(path: &Path) -> Result<(), Error> {
        let failed = |source: std::io::Error| Error::Io {
            operation: IoOperation::Write,
            path: path.to_owned(),
            source: source.into(),
        };
        let (aside, unfinished) = (path.join(ASIDE_FOLDER), path.join(UNFINISHED_FOLDER));
        // As long as it is there nothing is opened, so that what a crash interrupts is gone on with.
        std::fs::write(path.join(DAMAGED_FILE), "set aside").map_err(failed)?;
        let is_first = !aside.exists();
        if is_first {
            std::fs::create_dir_all(&unfinished).map_err(failed)?;
        }
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let (from, name) = entry
                .map(|entry| (entry.path(), entry.file_name()))
                .map_err(failed)?;
            if name == DAMAGED_FILE || !is_database_file(&name.to_string_lossy()) {
                continue;
            }
            let moved = match is_first {
                true => std::fs::rename(&from, unfinished.join(&name)),
                false => std::fs::remove_file(&from),
            };
            moved.map_err(failed)?;
        }
        if is_first {
            std::fs::rename(&unfinished, &aside).map_err(failed)?;
        }
        std::fs::remove_file(path.join(DAMAGED_FILE)).map_err(failed)
    }

    /// Deletes what was set aside.
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

    /// The value of a property, summed over the families.
    pub(super) fn property(&self, name: &str) -> u64 {
        let value = |family: Family| self.db.property_int_value_cf(self.family(family), name);
        let values = Family::ALL
            .into_iter()
            .filter_map(|family| value(family).ok().flatten());
        values.sum()
    }

    pub(super) fn flush(&self) -> Result<(), Error> {
        let mut each = Family::ALL.into_iter();
        each.try_for_each(|family| self.db.flush_cf(self.family(family)))
            .map_err(|source| self.classify_error(IoOperation::Write, source))
    }

    fn family(&self, family: Family) -> &ColumnFamily {
        self.db
            .cf_handle(family.name())
            .expect("every column family is opened with the database")
    }

    /// Damage is remembered, so that the next start begins with another folder.
    fn classify_error(&self, step: IoOperation, source: rocksdb::Error) -> Error {
        if !is_corruption(&source) {
            return self.io_error(step, source.into());
        }
        if !self.read_only
            && let Err(error) = std::fs::write(self.path.join(DAMAGED_FILE), source.to_string())
        {
            return self.io_error(IoOperation::Write, error.into());
        }
        Error::Damaged {
            path: self.path.clone(),
            source: source.into(),
        }
    }

    fn io_error(
        &self,
        step: IoOperation,
        source: Box<dyn std::error::Error + Send + Sync>,
    ) -> Error {
        Error::Io {
            operation: step,
            path: self.path.clone(),
            source,
        }
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
        let mut any = false;
        for (key, value) in pairs {
            any = true;
            match value {
                Some(value) => writer.put(key, value)?,
                None => writer.delete(key)?,
            }
        }
        if any {
            writer.finish()?;
            let mut options = IngestExternalFileOptions::default();
            options.set_move_files(true);
            self.db
                .ingest_external_file_cf_opts(self.family(family), &options, vec![file])?;
        }
        Ok(())
    }
}

/// Whether a file is one of RocksDB's, by its name.
fn is_database_file(name: &str) -> bool {
    let begins = [
        "CURRENT",
        "IDENTITY",
        "LOCK",
        "LOG",
        "MANIFEST-",
        "OPTIONS-",
    ];
    let ends = [".sst", ".log", ".blob", ".dbtmp"];
    begins.iter().any(|start| name.starts_with(start)) || ends.iter().any(|end| name.ends_with(end))
}

/// Whether the files are not what was written, rather than out of reach.
fn is_corruption(error: &rocksdb::Error) -> bool {
    match error.kind() {
        ErrorKind::Corruption => true,
        // A file that others name is gone.
        ErrorKind::IOError => error.as_ref().contains("No such file"),
        _ => false,
    }
}

/// Changes of which each knows its column family.
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
        let found = self
            .db
            .batched_multi_get_cf(self.family(family), keys, sorted);
        for (place, value) in found.into_iter().enumerate() {
            if let Some(bytes) =
                value.map_err(|source| self.classify_error(IoOperation::Read, source))?
            {
                take(place, &bytes)?;
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
        // Customers are read all together once, when their partition begins: in the cache they would
        // take the place of those who are active.
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
        let mut batch = RocksWriteBatch {
            rocks: self,
            batch: WriteBatch::default(),
        };
        fill(&mut batch)?;
        let written = self.db.write_opt(batch.batch, &self.write_options);
        written.map_err(|source| self.classify_error(IoOperation::Write, source))
    }

    fn bytes_on_disk(&self, from: &[u8], to: &[u8]) -> u64 {
        let bytes = |family| {
            let range = [Range::new(from, to)];
            let found = self
                .db
                .get_approximate_sizes_cf(self.family(family), &range);
            found.into_iter().sum::<u64>()
        };
        Family::ALL.into_iter().map(bytes).sum()
    }

    fn free_bytes(&self) -> Option<u64> {
        let found = rustix::fs::statvfs(&self.path).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
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
