//! A histogram of durations: exact sums, and quantiles within 1/512 in bounded memory.

use std::collections::BTreeMap;

use crate::event::Millis;

/// Durations in one bucket differ by less than one part in this number.
const BUCKETS_PER_DOUBLING: u32 = 512;

/// Non-negative durations. Each bucket stores its longest duration: a quantile is one of the added durations, too long by
/// less than 1/512, and exact where no two durations are that close.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DurationHistogram {
    pub count: u64,
    sum: i128,
    /// The count and the longest duration of each bucket.
    buckets: BTreeMap<u32, (u64, Millis)>,
}

impl DurationHistogram {
    /// Adds a duration; a negative one counts as zero.
    pub fn add(&mut self, duration: Millis) {
        let duration = Millis(duration.0.max(0));
        self.count += 1;
        self.sum += i128::from(duration.0);
        let (count, longest) = self.buckets.entry(bucket(duration)).or_default();
        *count += 1;
        *longest = duration.max(*longest);
    }

    /// The mean, rounded down.
    pub fn mean(&self) -> Option<Millis> {
        let mean = self.sum.checked_div(self.count.into())?;
        i64::try_from(mean).ok().map(Millis)
    }

    /// The shortest duration that at least `percent` of the durations do not exceed (nearest rank).
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

/// Every duration below [`BUCKETS_PER_DOUBLING`] has its own bucket; above, each doubling has that many buckets.
fn bucket(Millis(duration): Millis) -> u32 {
    let (duration, per_doubling) = (duration.unsigned_abs(), u64::from(BUCKETS_PER_DOUBLING));
    let doublings = (duration / per_doubling).checked_ilog2().map_or(0, |it| it + 1);
    let shift = doublings.saturating_sub(1);
    doublings * BUCKETS_PER_DOUBLING + ((duration >> shift) % per_doubling) as u32
}
