//! Bounds the size of one transaction over all partitions of a worker. After an abort the next one is smaller, since a
//! broker that could not take a transaction in time would not take the same one again.

use crate::partition::Record;

/// Most input records of one transaction.
const RECORDS_MAX: usize = 32_768;
/// Most transitions of one transaction; the last customer of each partition may exceed it. With two outputs and a
/// state each, that is some 60,000 records and tens of megabytes, to be delivered within 12 seconds.
const TRANSITIONS_MAX: usize = 16_384;
/// Most bytes of a transaction's input records; one record of each partition may exceed it. The transaction
/// must be delivered well before its timeout, and dead letters contain the bytes of their records.
const BYTES_MAX: usize = 16 << 20;
/// The smallest transaction is the largest divided by this.
const DIVISOR_MAX: usize = 4096;
/// After an abort the size is divided by this.
const SHRINK_FACTOR: usize = 4;
/// Records and transitions that any broker takes in time. In the simulation all transactions are small.
const SHRINK_MIN: usize = if cfg!(test) { 2 } else { 64 };
/// Commits before the size doubles again.
const GROW_AFTER: u32 = 8;

/// The size of the next transaction, as a fraction of the largest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    divisor: usize,
    /// Commits since the size last changed.
    successes: u32,
}

/// One partition's share of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchLimit {
    pub(super) records: usize,
    pub(super) bytes: usize,
    pub(super) transitions: usize,
}

impl Budget {
    pub(super) fn full() -> Budget {
        Budget { divisor: 1, successes: 0 }
    }

    /// An equal share for each of `partitions`, at least 1 of everything.
    pub(super) fn per_partition(self, partitions: usize) -> BatchLimit {
        let share = |all: usize| (all / self.divisor / partitions.max(1)).max(1);
        BatchLimit {
            records: share(RECORDS_MAX),
            bytes: share(BYTES_MAX),
            transitions: share(TRANSITIONS_MAX),
        }
    }

    /// Shrinks the budget after the abort of a transaction of `records` and `transitions`; returns whether the next one
    /// can be smaller. A transaction of few records is aborted for another reason, which a smaller one
    /// would not avoid.
    pub(super) fn shrink(&mut self, records: usize, transitions: usize) -> bool {
        if records + transitions < SHRINK_MIN {
            return false;
        }
        self.successes = 0;
        let can_shrink = self.divisor < DIVISOR_MAX;
        // Relative to the aborted transaction, which may have been far smaller than the budget.
        let parts = (RECORDS_MAX / records.max(1)).min(TRANSITIONS_MAX / transitions.max(1));
        self.divisor = (self.divisor.max(parts) * SHRINK_FACTOR).min(DIVISOR_MAX);
        can_shrink
    }

    /// Counts a commit.
    pub(super) fn grow(&mut self) {
        self.successes += 1;
        if self.successes >= GROW_AFTER {
            self.successes = 0;
            self.divisor = (self.divisor / 2).max(1);
        }
    }

    /// The fraction of the largest transaction, rounded up.
    pub(super) fn ratio(self) -> f64 {
        1.0 / self.divisor as f64
    }
}

/// Takes the first `limit` records; the rest stays.
pub(super) fn take_records(records: &mut Vec<Record>, limit: usize) -> Vec<Record> {
    let rest = records.split_off(limit.min(records.len()));
    std::mem::replace(records, rest)
}

/// `records / all` of `bytes`: records are assumed to have the same size.
pub(super) fn proportional_bytes(bytes: usize, records: usize, all: usize) -> usize {
    bytes * records / all.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_partitions_share_a_transaction_which_is_smaller_for_a_while_after_an_abort() {
        let mut budget = Budget::full();
        let whole = budget.per_partition(1);
        assert_eq!((whole.records, whole.transitions), (RECORDS_MAX, TRANSITIONS_MAX));
        let share = budget.per_partition(24);
        assert!(share.transitions * 24 <= TRANSITIONS_MAX && share.bytes * 24 <= BYTES_MAX);
        assert!(budget.shrink(RECORDS_MAX, 10));
        assert_eq!(budget.per_partition(1).transitions, TRANSITIONS_MAX / 4);
        for _ in 0..5 {
            assert!(budget.shrink(1, TRANSITIONS_MAX / 4));
        }
        assert!(!budget.shrink(1, 1), "the size has a lower bound");
        assert_eq!(budget.per_partition(1000).transitions, 1);
        assert_eq!(budget.ratio(), 1.0 / 4096.0);
        for _ in 0..7 {
            budget.grow();
        }
        assert_eq!(budget.per_partition(1).transitions, TRANSITIONS_MAX / 4096);
        budget.grow();
        assert_eq!(budget.per_partition(1).transitions, TRANSITIONS_MAX / 2048);
        for _ in 0..100 {
            budget.grow();
        }
        assert_eq!(budget.per_partition(1), whole);
        assert_eq!((proportional_bytes(90, 1, 3), proportional_bytes(90, 0, 0)), (30, 0));
        // The aborted transaction was small already.
        assert!(budget.shrink(24, 2400));
        let share = budget.per_partition(24).transitions * 24;
        assert!((400..=700).contains(&share), "{share}");
    }
}
