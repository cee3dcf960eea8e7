//! The partitions that this process owns.

use std::collections::{BTreeMap, BTreeSet};

/// Owned partitions by input. A worker needs the same partition of every input (it is then complete);
/// an incremental rebalance may assign and revoke them one by one.
#[derive(Debug)]
pub(super) struct OwnedPartitions {
    /// Number of inputs.
    inputs: usize,
    /// For each partition, the inputs of which it is owned.
    partitions: BTreeMap<i32, BTreeSet<usize>>,
}

impl OwnedPartitions {
    pub(super) fn new(inputs: usize) -> OwnedPartitions {
        OwnedPartitions { inputs, partitions: BTreeMap::new() }
    }

    /// Adds (input, partition) pairs; returns the partitions that this completes.
    pub(super) fn add(&mut self, pairs: Vec<(usize, i32)>) -> Vec<i32> {
        let mut complete = Vec::new();
        for (input, partition) in pairs {
            let owned = self.partitions.entry(partition).or_default();
            if owned.insert(input) && owned.len() == self.inputs {
                complete.push(partition);
            }
        }
        complete
    }

    /// Whether partitions are owned, but none of some input.
    pub(super) fn lacks_input(&self) -> bool {
        let inputs: BTreeSet<&usize> = self.partitions.values().flatten().collect();
        !inputs.is_empty() && inputs.len() < self.inputs
    }

    /// Removes (input, partition) pairs; returns the partitions that are no longer complete.
    pub(super) fn remove(&mut self, pairs: Vec<(usize, i32)>) -> Vec<i32> {
        let mut incomplete = Vec::new();
        for (input, partition) in pairs {
            let owned = self.partitions.entry(partition).or_default();
            let was_complete = owned.len() == self.inputs;
            if owned.remove(&input) && was_complete {
                incomplete.push(partition);
            }
        }
        incomplete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [i32; 0] = [];

    #[test]
    fn a_partition_is_complete_from_its_last_added_input_to_its_first_removed_one() {
        let mut owned = OwnedPartitions::new(2);
        assert_eq!(owned.add(vec![(0, 1), (0, 2), (1, 1)]), [1]);
        assert_eq!(owned.add(vec![(1, 2)]), [2]);
        assert_eq!(owned.remove(vec![(1, 2)]), [2]);
        assert_eq!(owned.remove(vec![(0, 2)]), NONE);
        assert_eq!(owned.add(vec![(1, 2)]), NONE);
        assert_eq!(owned.remove(vec![(0, 1), (1, 1), (1, 2)]), [1]);
        assert_eq!(owned.add(vec![(0, 1), (1, 1)]), [1]);
    }

    #[test]
    fn an_input_is_lacking_if_only_other_inputs_have_partitions() {
        let mut owned = OwnedPartitions::new(2);
        assert!(!owned.lacks_input());
        owned.add(vec![(0, 1), (0, 2)]);
        assert!(owned.lacks_input());
        owned.add(vec![(1, 3)]);
        assert!(!owned.lacks_input());
        owned.remove(vec![(0, 1), (0, 2), (1, 3)]);
        assert!(!owned.lacks_input());
    }

    #[test]
    fn a_pair_that_is_added_or_removed_twice_counts_once() {
        let mut owned = OwnedPartitions::new(1);
        assert_eq!(owned.add(vec![(0, 7), (0, 7)]), [7]);
        assert_eq!(owned.add(vec![(0, 7)]), NONE);
        assert_eq!(owned.remove(vec![(0, 7), (0, 7)]), [7]);
    }
}
