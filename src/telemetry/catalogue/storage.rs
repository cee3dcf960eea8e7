//! Metrics of the state directory and of RocksDB.

use super::definition::{Definition, gauge};

/// What begins the names of the properties of RocksDB.
pub(in crate::telemetry) const ROCKSDB: &str = "tenure_rocksdb_";

pub(super) const STORAGE: &[Definition] = &[
    gauge(
        "tenure_state_disk_free_bytes",
        &[],
        "Free bytes of the file system of the state directory.",
    )
    .once_known(),
    gauge("tenure_state_disk_size_bytes", &[], "Size of the file system of the state directory.")
        .once_known(),
    gauge(
        "tenure_memory_limit_bytes",
        &[],
        "The memory limit of the process's control group, or of one that contains it. Absent without a limit.",
    )
    .once_known(),
    gauge("tenure_rocksdb_keys", &[], "Estimated number of keys."),
    gauge("tenure_rocksdb_live_sst_bytes", &[], "Bytes of the live files."),
    gauge(
        "tenure_rocksdb_total_sst_bytes",
        &[],
        "Bytes of all files, also of those that are deleted once their last reader ends.",
    ),
    gauge(
        "tenure_rocksdb_memtable_bytes",
        &[],
        "Bytes in memory that are not flushed to files yet; a part of the block cache's.",
    ),
    gauge(
        "tenure_rocksdb_block_cache_bytes",
        &[],
        "Bytes of the block cache in use, the memtables included.",
    ),
    gauge(
        "tenure_rocksdb_block_cache_capacity_bytes",
        &[],
        "Largest size of the block cache (setting store.memory).",
    ),
    gauge(
        "tenure_rocksdb_block_cache_pinned_bytes",
        &[],
        "Bytes of the block cache that cannot be evicted.",
    ),
    gauge(
        "tenure_rocksdb_table_readers_bytes",
        &[],
        "Estimated bytes of open files in memory, outside of the block cache.",
    ),
    gauge(
        "tenure_rocksdb_pending_compaction_bytes",
        &[],
        "Estimated bytes that compaction still has to rewrite.",
    ),
    gauge("tenure_rocksdb_running_compactions", &[], "Compactions that run."),
    gauge("tenure_rocksdb_running_flushes", &[], "Flushes of memtables that run."),
    gauge(
        "tenure_rocksdb_write_stopped",
        &[],
        "1 while writes are stopped until compaction catches up.",
    ),
    gauge(
        "tenure_rocksdb_delayed_write_bytes_per_second",
        &[],
        "The rate that writes are slowed to until compaction catches up; 0 if they are not.",
    ),
    gauge("tenure_rocksdb_background_errors", &[], "Errors of background work."),
];
