//! Distinct values, counted exactly up to a cap.

use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use crate::event::Scalar;

/// The distinct values, each as a hash with the bucket in which it was last seen (0 without windows), ascending by
/// hash. Beyond the cap the least recently seen values are dropped: the others still decide for every window that
/// ends now whether its count is below the cap. Two values of one customer have the same hash with a probability
/// below 10⁻¹³.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distinct(pub(super) Vec<(u64, i64)>);

impl Distinct {
    pub(super) fn add(&mut self, value: &Scalar, bucket: i64, cap: u32) {
        let hash = stable_hash(value);
        match self.0.binary_search_by_key(&hash, |(known, _)| *known) {
            Ok(at) => self.0[at].1 = self.0[at].1.max(bucket),
            Err(at) => {
                self.0.insert(at, (hash, bucket));
                self.enforce_cap(cap);
            }
        }
    }

    pub(super) fn enforce_cap(&mut self, cap: u32) {
        while self.0.len() > cap as usize {
            self.remove_oldest();
        }
    }

    fn remove_oldest(&mut self) {
        let by_bucket = |(_, (hash, bucket)): &(usize, &(u64, i64))| (*bucket, *hash);
        let oldest = self.0.iter().enumerate().min_by_key(by_bucket);
        if let Some(at) = oldest.map(|(at, _)| at) {
            self.0.remove(at);
        }
    }

    pub(super) fn remove_before(&mut self, oldest: i64) {
        self.0.retain(|(_, bucket)| *bucket >= oldest);
    }

    /// Number of values that were last seen in bucket `from` or later.
    pub(super) fn count_since(&self, from: i64) -> usize {
        self.0.iter().filter(|(_, bucket)| *bucket >= from).count()
    }

    /// The first bucket, not before `from`, in which a value was last seen. Only the `cap` most recently seen values
    /// count.
    pub(super) fn oldest_bucket(&self, from: i64, cap: u32) -> Option<i64> {
        let buckets = self.0.iter().map(|(_, bucket)| *bucket);
        let buckets = buckets.filter(|bucket| *bucket >= from);
        if self.count_since(from) <= cap as usize {
            return buckets.min();
        }
        let mut buckets: SmallVec<[i64; 16]> = buckets.collect();
        buckets.sort_unstable();
        let excess = buckets.len().saturating_sub(cap as usize);
        buckets.get(excess).copied()
    }
}

/// The first eight bytes of a digest of a value or of an event's id. It is stored, so it must be the same on every
/// machine and in every version.
pub(super) fn stable_hash(value: &Scalar) -> u64 {
    finish_hash(Sha256::new(), value)
}

/// As [`stable_hash`], different for each scope, such as a type of events.
pub(super) fn stable_hash_within(scope: &str, value: &Scalar) -> u64 {
    let length = scope.len() as u64;
    let scope =
        Sha256::new().chain_update([3]).chain_update(length.to_be_bytes()).chain_update(scope);
    finish_hash(scope, value)
}

fn finish_hash(begun: Sha256, value: &Scalar) -> u64 {
    let digest = match value {
        Scalar::Number(number) => {
            begun.chain_update([0]).chain_update(number.nanos().to_be_bytes())
        }
        Scalar::Text(text) => begun.chain_update([1]).chain_update(text),
        Scalar::Bool(flag) => begun.chain_update([2, u8::from(*flag)]),
    };
    let digest = digest.finalize();
    let first = digest.iter().take(8);
    first.fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Quantity;

    fn text(text: &str) -> Scalar {
        Scalar::Text(text.into())
    }

    #[test]
    fn values_of_different_types_are_different_and_numbers_equal_as_decimals() {
        let mut distinct = Distinct::default();
        for value in ["1", "1.0", "01"] {
            distinct.add(&Scalar::Number(Quantity::parse(value).unwrap()), 0, 9);
        }
        distinct.add(&text("1"), 0, 9);
        distinct.add(&Scalar::Bool(true), 0, 9);
        assert_eq!(distinct.count_since(0), 3);
    }

    #[test]
    fn beyond_the_cap_the_least_recently_seen_value_is_dropped() {
        let mut distinct = Distinct::default();
        for (bucket, value) in ["a", "b", "c", "a", "d"].into_iter().enumerate() {
            distinct.add(&text(value), bucket as i64, 3);
        }
        // b was seen longest ago.
        let counts = [0, 2, 3, 4, 5].map(|from| distinct.count_since(from));
        assert_eq!(counts, [3, 3, 2, 1, 0]);
        assert_eq!(distinct.oldest_bucket(3, 3), Some(3));
        assert_eq!(distinct.oldest_bucket(0, 1), Some(4));
        distinct.add(&text("late"), 1, 3);
        assert_eq!(distinct.count_since(2), 3);
        distinct.remove_before(4);
        assert_eq!(distinct.count_since(0), 1);
    }
}
