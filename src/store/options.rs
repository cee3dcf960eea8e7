//! RocksDB options, with one memory bound for all partitions.

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, Options,
    WriteBufferManager,
};

use super::engine::Family;

/// Memory and durability of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Block cache plus write buffers.
    pub memory_bytes: usize,
    /// Whether a write survives a crash of the process: uses the WAL. Off for temporary state.
    pub durable: bool,
}

pub(super) struct DatabaseOptions {
    pub(super) database: Options,
    pub(super) columns: Vec<ColumnFamilyDescriptor>,
}

/// A third of the memory is for write buffers. They are charged to the block cache, so that the sum is
/// bounded for any number of column families.
pub(super) fn database_options(config: &Config) -> DatabaseOptions {
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
    // Keeps states, timers and progress of the same batch even if the end of the MANIFEST is lost.
    database.set_atomic_flush(true);
    database.set_max_open_files(512);
    // Allocated per file of a compaction, outside the memory bound; the default is 2 MB.
    database.set_compaction_readahead_size(256 << 10);
    database.set_keep_log_file_num(2);
    database.set_max_total_wal_size(config.memory_bytes as u64 / 2);
    let column = |family: Family| {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&cache);
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        if family == Family::Customers {
            blocks.set_bloom_filter(10.0, false);
        }
        let mut options = Options::default();
        options.set_block_based_table_factory(&blocks);
        options.set_write_buffer_size(config.memory_bytes / 8);
        options.set_compression_type(DBCompressionType::Lz4);
        options.set_bottommost_compression_type(DBCompressionType::Zstd);
        options.set_level_compaction_dynamic_level_bytes(true);
        ColumnFamilyDescriptor::new(family.name(), options)
    };
    let columns = Family::ALL.map(column).into();
    DatabaseOptions { database, columns }
}

/// Options of files to ingest; compaction rewrites them with the column family's options.
pub(super) fn ingest_options() -> Options {
    let mut options = Options::default();
    options.set_compression_type(DBCompressionType::Lz4);
    options
}
