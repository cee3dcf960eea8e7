//! Recency, the baseline for predictions: it flags the customers that have been silent longest.

use std::collections::BTreeMap;

use crate::event::{EventTime, Millis};

/// The expected hits that count as one customer.
pub(super) const HIT_SCALE: u64 = 1_000_000;

/// The customers at one date, by whole days of silence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Recency {
    /// All customers, and those of them that stopped.
    days: BTreeMap<i64, (u64, u64)>,
}

impl Recency {
    /// Adds a customer whose last outcome is at `last`.
    pub(super) fn add(&mut self, date: EventTime, last: EventTime, stopped: bool) {
        let days = date.duration_since(last).0 / Millis::DAY.0;
        let (all, all_stopped) = self.days.entry(days).or_default();
        *all += 1;
        *all_stopped += u64::from(stopped);
    }

    /// The customers that stopped among the `flagged` that have been silent longest, in units of 1 / [`HIT_SCALE`]; of the
    /// last day, which may be flagged in part, the expected share.
    pub(super) fn hits(&self, flagged: u64) -> u64 {
        let (mut remaining, mut hits) = (flagged, 0_u128);
        for (all, stopped) in self.days.values().rev() {
            let taken = remaining.min(*all);
            let scaled = u128::from(*stopped) * u128::from(taken) * u128::from(HIT_SCALE);
            hits += scaled / u128::from(*all);
            remaining -= taken;
            if remaining == 0 {
                break;
            }
        }
        u64::try_from(hits).unwrap_or(u64::MAX)
    }
}
