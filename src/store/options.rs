//! How RocksDB is set up: memory bounded once, for all partitions.

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, Options,
    WriteBufferManager,
};

use super::engine::Family;

/// How much memory the store may use, and how it treats crashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Block cache and write buffers together, in bytes.
    pub memory_bytes: usize,
    /// Whether a write survives a crash of the process. Off for throw-away state.
    pub durable: bool,
}

pub(super) struct DatabaseOptions {
    pub(super) database: Options,
    pub(super) columns: Vec<ColumnFamilyDescriptor>,
}

/// A third of the memory for write buffers, charged to the same cache as the blocks, so that the
/// sum is bounded whatever the number of column families.
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
    // States, timers and progress are of the same batch, also where damage costs the end of RocksDB's
    // own records of what was flushed.
    database.set_atomic_flush(true);
    database.set_max_open_files(512);
    // For each file of a compaction: the default of 2 MB is beside the bound.
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

/// Of files that RocksDB takes in as they are; compaction rewrites them like the others.
pub(super) fn ingest_options() -> Options {
    let mut options = Options::default();
    options.set_compression_type(DBCompressionType::Lz4);
    options
}
