//! Facts about partitions that need not be read from disk again.

use std::collections::{BTreeMap, BTreeSet};

use super::key::Prefix;

/// Facts about partitions that are cached in memory.
#[derive(Debug, Default)]
pub(super) struct PartitionCache {
    /// Partitions that were found to have all customers.
    pub(super) complete: BTreeSet<u32>,
    pub(super) active_prefixes: BTreeMap<u32, Prefix>,
}
