//! How long things took: exact sums, and quantiles within a five-hundredth in bounded memory.

use std::collections::BTreeMap;

use crate::event::Millis;

/// Lengths that differ by less than one part in so many share a bucket.
const BUCKETS_PER_DOUBLING: u32 = 512;

/// Lengths of time, none of them negative. Of each bucket the longest is kept: a quantile is a length that
/// was there, too long by less than a five-hundredth, and exact where no two lengths are that close.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DurationHistogram {
    /// How many.
    pub count: u64,
    sum: i128,
    buckets: BTreeMap<u32, (u64, Millis)>,
}

impl DurationHistogram {
    /// Adds one.
    pub fn add(&mut self, length: Millis) {
        let length = Millis(length.0.max(0));
        self.count += 1;
        self.sum += i128::from(length.0);
        let (count, longest) = self.buckets.entry(bucket(length)).or_default();
        *count += 1;
        *longest = length.max(*longest);
    }

    /// The mean, rounded down.
    pub fn mean(&self) -> Option<Millis> {
        let mean = self.sum.checked_div(self.count.into())?;
        i64::try_from(mean).ok().map(Millis)
    }

    /// The length that so many of a hundred do not exceed: the least for which that is so (nearest rank).
    pub fn percentile(&self, percent: u64) -> Option<Millis> {
        let rank = u128::from(self.count) * u128::from(percent);
        let rank = rank.div_ceil(100).max(1);
        let mut seen = 0_u128;
        self.buckets.values().find_map(|(count, longest)| {
            seen += u128::from(*count);
            (seen >= rank).then_some(*longest)
        })
    }
}

/// Every length below `PARTS` has a bucket of its own; above, each doubling has `PARTS` of them.
fn bucket(Millis(length): Millis) -> u32 {
    let length = length.unsigned_abs();
    let doublings = (length / u64::from(BUCKETS_PER_DOUBLING))
        .checked_ilog2()
        .map_or(0, |it| it + 1);
    let shift = doublings.saturating_sub(1);
    doublings * BUCKETS_PER_DOUBLING + ((length >> shift) % u64::from(BUCKETS_PER_DOUBLING)) as u32
}
