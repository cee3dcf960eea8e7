//! What the group has given to this process.

use std::collections::{BTreeMap, BTreeSet};

/// Partitions of inputs. Work needs the same partition of every input: the group may give and take
/// them one after the other, where it moves only what has to move.
#[derive(Debug)]
pub(super) struct OwnedPartitions {
    inputs: usize,
    /// For each partition, the inputs of which it is held.
    partitions: BTreeMap<i32, BTreeSet<usize>>,
}

impl OwnedPartitions {
    pub(super) fn new(inputs: usize) -> OwnedPartitions {
        OwnedPartitions {
            inputs,
            partitions: BTreeMap::new(),
        }
    }

    /// Takes in (input, partition) pairs; the partitions that are complete by that.
    pub(super) fn add(&mut self, pairs: Vec<(usize, i32)>) -> Vec<i32> {
        let mut complete = Vec::new();
        for (input, partition) in pairs {
            let held = self.partitions.entry(partition).or_default();
            if held.insert(input) && held.len() == self.inputs {
                complete.push(partition);
            }
        }
        complete
    }

    /// Whether there are partitions, and none of some input.
    pub(super) fn lacks_input(&self) -> bool {
        let held = self.partitions.values().flatten();
        let inputs: BTreeSet<&usize> = held.collect();
        !inputs.is_empty() && inputs.len() < self.inputs
    }

    /// Gives away (input, partition) pairs; the partitions that are complete no longer.
    pub(super) fn remove(&mut self, pairs: Vec<(usize, i32)>) -> Vec<i32> {
        let mut broken = Vec::new();
        for (input, partition) in pairs {
            let held = self.partitions.entry(partition).or_default();
            let was_complete = held.len() == self.inputs;
            if held.remove(&input) && was_complete {
                broken.push(partition);
            }
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [i32; 0] = [];

    #[test]
    fn a_partition_is_held_from_its_last_input_to_the_first_that_goes() {
        let mut held = OwnedPartitions::new(2);
        assert_eq!(held.add(vec![(0, 1), (0, 2), (1, 1)]), [1]);
        assert_eq!(held.add(vec![(1, 2)]), [2]);
        assert_eq!(held.remove(vec![(1, 2)]), [2]);
        assert_eq!(held.remove(vec![(0, 2)]), NONE);
        assert_eq!(held.add(vec![(1, 2)]), NONE);
        assert_eq!(held.remove(vec![(0, 1), (1, 1), (1, 2)]), [1]);
        assert_eq!(held.add(vec![(0, 1), (1, 1)]), [1]);
    }

    #[test]
    fn an_input_is_lacking_of_which_there_is_nothing_although_there_is_something_of_others() {
        let mut held = OwnedPartitions::new(2);
        assert!(!held.lacks_input());
        held.add(vec![(0, 1), (0, 2)]);
        assert!(held.lacks_input());
        held.add(vec![(1, 3)]);
        assert!(!held.lacks_input());
        held.remove(vec![(0, 1), (0, 2), (1, 3)]);
        assert!(!held.lacks_input());
    }

    #[test]
    fn what_is_given_or_taken_twice_counts_once() {
        let mut held = OwnedPartitions::new(1);
        assert_eq!(held.add(vec![(0, 7), (0, 7)]), [7]);
        assert_eq!(held.add(vec![(0, 7)]), NONE);
        assert_eq!(held.remove(vec![(0, 7), (0, 7)]), [7]);
    }
}
