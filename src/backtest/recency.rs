//! Plain recency, to compare with: whoever has been silent longest.

use std::collections::BTreeMap;

use crate::event::{EventTime, Millis};

/// Parts of a customer in which expected hits are counted.
pub(super) const HIT_SCALE: u64 = 1_000_000;

/// At one date: how many customers have been silent for how many whole days, and how many of them stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Recency {
    days: BTreeMap<i64, (u64, u64)>,
}

impl Recency {
    /// A customer with the outcome last at `last`.
    pub(super) fn add(&mut self, date: EventTime, last: EventTime, stopped: bool) {
        let days = date.duration_since(last).0 / Millis::DAY.0;
        let (all, gone) = self.days.entry(days).or_default();
        *all += 1;
        *gone += u64::from(stopped);
    }

    /// How many have stopped of the `flagged` who have been silent longest, in millionths; of those who tie
    /// at the cut, the share that is to be expected.
    pub(super) fn hits(&self, flagged: u64) -> u64 {
        let (mut left, mut hits) = (flagged, 0_u128);
        for (all, gone) in self.days.values().rev() {
            let taken = left.min(*all);
            let share = u128::from(*gone) * u128::from(taken) * u128::from(HIT_SCALE);
            hits += share / u128::from(*all);
            left -= taken;
            if left == 0 {
                break;
            }
        }
        u64::try_from(hits).unwrap_or(u64::MAX)
    }
}
