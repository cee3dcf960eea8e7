//! How much one transaction may hold, over all partitions of a worker: less after one was aborted, since a broker
//! that could not take it in time would not take the same again.

use crate::partition::Record;

/// Most records of inputs behind one transaction.
const RECORDS_MAX: usize = 32_768;
/// Most transitions of one transaction, give or take the last customer of each partition. With two outputs and a
/// state each they come to some 60,000 records and tens of megabytes, to be delivered within 12 seconds.
const TRANSITIONS_MAX: usize = 16_384;
/// Most bytes of the records behind one transaction, give or take a record of each partition: it
/// must be delivered well before its timeout, and dead letters carry their bytes on.
const BYTES_MAX: usize = 16 << 20;
/// The smallest part of all that.
const DIVISOR_MAX: usize = 4096;
/// A transaction that was aborted is followed by one of a part of its size.
const SHRINK_FACTOR: usize = 4;
/// Records and transitions that any broker takes in time. In the simulation all transactions are small.
const SHRINK_MIN: usize = if cfg!(test) { 2 } else { 64 };
/// Transactions that have to succeed before the next may be larger again.
const GROW_AFTER: u32 = 8;

/// A part of the largest transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// One of so many.
    divisor: usize,
    successes: u32,
}

/// What one partition may take of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchLimit {
    pub(super) records: usize,
    pub(super) bytes: usize,
    pub(super) transitions: usize,
}

impl Budget {
    pub(super) fn full() -> Budget {
        Budget {
            divisor: 1,
            successes: 0,
        }
    }

    /// For each of so many partitions; something always.
    pub(super) fn per_partition(self, partitions: usize) -> BatchLimit {
        let of = |all: usize| (all / self.divisor / partitions.max(1)).max(1);
        BatchLimit {
            records: of(RECORDS_MAX),
            bytes: of(BYTES_MAX),
            transitions: of(TRANSITIONS_MAX),
        }
    }

    /// After a transaction of so many records of inputs and transitions was aborted: whether the next can be
    /// smaller. One of few records is aborted for something else, which a smaller one would meet as well.
    pub(super) fn shrink(&mut self, records: usize, transitions: usize) -> bool {
        if records + transitions < SHRINK_MIN {
            return false;
        }
        self.successes = 0;
        let can = self.divisor < DIVISOR_MAX;
        // It may have been far from the largest.
        let parts = (RECORDS_MAX / records.max(1)).min(TRANSITIONS_MAX / transitions.max(1));
        self.divisor = (self.divisor.max(parts) * SHRINK_FACTOR).min(DIVISOR_MAX);
        can
    }

    /// After a transaction was committed.
    pub(super) fn grow(&mut self) {
        self.successes += 1;
        if self.successes >= GROW_AFTER {
            self.successes = 0;
            self.divisor = (self.divisor / 2).max(1);
        }
    }

    /// For a metric.
    pub(super) fn percent(self) -> i64 {
        i64::try_from(100_usize.div_ceil(self.divisor)).unwrap_or(100)
    }
}

/// The records that a batch takes; the rest stays.
pub(super) fn take_records(records: &mut Vec<Record>, most: usize) -> Vec<Record> {
    let rest = records.split_off(most.min(records.len()));
    std::mem::replace(records, rest)
}

/// The bytes of some records of all of these, which are taken to be of one size.
pub(super) fn proportional_bytes(bytes: usize, records: usize, all: usize) -> usize {
    bytes * records / all.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_for_all_partitions_and_smaller_for_a_while_after_one_was_aborted() {
        let mut budget = Budget::full();
        let whole = budget.per_partition(1);
        assert_eq!(
            (whole.records, whole.transitions),
            (RECORDS_MAX, TRANSITIONS_MAX)
        );
        let share = budget.per_partition(24);
        assert!(share.transitions * 24 <= TRANSITIONS_MAX && share.bytes * 24 <= BYTES_MAX);
        assert!(budget.shrink(RECORDS_MAX, 10));
        assert_eq!(budget.per_partition(1).transitions, TRANSITIONS_MAX / 4);
        for _ in 0..5 {
            assert!(budget.shrink(1, TRANSITIONS_MAX / 4));
        }
        assert!(!budget.shrink(1, 1), "there is an end");
        assert_eq!(budget.per_partition(1000).transitions, 1);
        assert_eq!(budget.percent(), 1);
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
        assert_eq!(
            (proportional_bytes(90, 1, 3), proportional_bytes(90, 0, 0)),
            (30, 0)
        );
        // One that was small already.
        assert!(budget.shrink(24, 2400));
        let share = budget.per_partition(24).transitions * 24;
        assert!((400..=700).contains(&share), "{share}");
    }
}
