//! How many transitions subscribers were told of lately, what is about to be told, and whether both
//! together are a burst. Knows no lock, no log and no clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::event::{Quantity, WallTime};

/// What counts as a burst, and what is done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BurstSettings {
    /// So many told transitions, as a part of the customers of this process,
    pub share: Quantity,
    /// but at least so many,
    pub minimum: u64,
    /// within so long.
    pub within: Duration,
    /// Whether one waits for an operator before anybody is told.
    pub fuse: bool,
}

impl BurstSettings {
    /// The number of told transitions with which a burst begins.
    pub(super) fn threshold(&self, customers: u64) -> u64 {
        let customers = Quantity::from_whole(i64::try_from(customers).unwrap_or(i64::MAX));
        let share = self
            .share
            .checked_mul(customers)
            .and_then(Quantity::whole_part);
        let share = share.map_or(u64::MAX, i64::unsigned_abs);
        share.max(self.minimum).max(1)
    }
}

/// Told transitions, by the name of their model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::runtime) struct TransitionCounts(BTreeMap<String, u64>);

impl TransitionCounts {
    pub(in crate::runtime) fn increment(&mut self, model: &str) {
        match self.0.get_mut(model) {
            Some(count) => *count += 1,
            None => drop(self.0.insert(model.to_owned(), 1)),
        }
    }

    pub(in crate::runtime) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    fn add(&mut self, other: &TransitionCounts) {
        for (model, count) in &other.0 {
            *self.0.entry(model.clone()).or_default() += count;
        }
    }
}

/// Parts that the time of a burst is counted in: it is met to within one of them.
const BUCKETS: u32 = 60;

/// What was told within the last so long.
#[derive(Debug, Default)]
struct BurstWindow {
    /// Of each part of time in which anything was told, oldest first; never more than [`PARTS`].
    buckets: VecDeque<(u128, TransitionCounts)>,
    /// The latest that was heard of: the clocks of workers are not quite the same.
    now: u128,
}

impl BurstWindow {
    fn advance(&mut self, at: Duration, within: Duration) {
        let part = (within / BUCKETS).as_nanos().max(1);
        self.now = self.now.max(at.as_nanos() / part);
        let oldest = self.now.saturating_sub(u128::from(BUCKETS) - 1);
        while self.buckets.front().is_some_and(|(part, _)| *part < oldest) {
            self.buckets.pop_front();
        }
    }

    fn total(&self) -> u64 {
        self.buckets.iter().map(|(_, moved)| moved.total()).sum()
    }

    fn add(&mut self, moved: &TransitionCounts) {
        match self
            .buckets
            .back_mut()
            .filter(|(part, _)| *part == self.now)
        {
            Some((_, known)) => known.add(moved),
            None => self.buckets.push_back((self.now, moved.clone())),
        }
    }
}

/// What a worker is about to tell.
#[derive(Debug)]
struct PendingTransitions {
    counts: TransitionCounts,
    /// Whether it waits for an operator.
    is_suspended: bool,
}

/// All that is counted in a process.
#[derive(Debug, Default)]
pub(super) struct BurstCounter {
    window: BurstWindow,
    /// The customers of each worker, and what it is about to tell.
    customers: BTreeMap<usize, u64>,
    pending: BTreeMap<usize, PendingTransitions>,
    /// Whether a burst goes on.
    is_bursting: bool,
    /// Whether an operator has said to go on with this one.
    is_resumed: bool,
    /// Since when anything is held.
    tripped_since: Option<WallTime>,
}

/// Where the process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BurstTotals {
    /// Transitions told lately and about to be told.
    pub(super) transitions: u64,
    /// Of them those that are held.
    pub(super) suspended: u64,
    pub(super) customers: u64,
    pub(super) tripped_since: Option<WallTime>,
}

impl BurstCounter {
    /// A worker has so many customers, and time goes on.
    pub(super) fn advance(
        &mut self,
        worker: usize,
        customers: u64,
        at: Duration,
        burst: &BurstSettings,
    ) {
        self.customers.insert(worker, customers);
        self.window.advance(at, burst.within);
        self.end_if_over(burst);
    }

    /// A worker is about to tell this, after [`Counting::reach`]; whether it has to wait.
    pub(super) fn should_suspend(
        &mut self,
        worker: usize,
        moved: TransitionCounts,
        wall: WallTime,
        burst: &BurstSettings,
    ) -> bool {
        let concerns = moved.total() > 0 && burst.fuse && !self.is_resumed;
        self.pending.insert(
            worker,
            PendingTransitions {
                counts: moved,
                is_suspended: false,
            },
        );
        let held = concerns && self.is_reached(burst);
        if let Some(pending) = self.pending.get_mut(&worker).filter(|_| held) {
            pending.is_suspended = true;
            self.tripped_since.get_or_insert(wall);
        }
        held
    }

    /// What a worker holds is only this any more: the rest goes by whoever its partitions went to.
    /// Whether it still has to wait.
    pub(super) fn update_suspended(&mut self, worker: usize, moved: TransitionCounts) -> bool {
        let Some(pending) = self.pending.get_mut(&worker) else {
            return false;
        };
        pending.is_suspended &= moved.total() > 0;
        pending.counts = moved;
        let held = pending.is_suspended;
        if !self.has_suspended() {
            self.tripped_since = None;
        }
        held
    }

    /// A worker has told this of what it was about to.
    pub(super) fn record_published(
        &mut self,
        worker: usize,
        moved: &TransitionCounts,
        burst: &BurstSettings,
    ) {
        self.pending.remove(&worker);
        self.window.add(moved);
        self.end_if_over(burst);
    }

    /// Whether a burst has begun since this was asked last.
    pub(super) fn detect_burst(&mut self, burst: &BurstSettings) -> bool {
        let is_told = self.window.total() >= burst.threshold(self.all_customers());
        let begins = !self.is_bursting && (self.has_suspended() || is_told);
        self.is_bursting |= begins;
        begins
    }

    /// What is held may be told, and all that comes until the burst is over; how many those are.
    pub(super) fn resume(&mut self) -> Option<u64> {
        let held = self.totals().suspended;
        self.tripped_since.take()?;
        self.is_resumed = true;
        self.pending
            .values_mut()
            .for_each(|it| it.is_suspended = false);
        Some(held)
    }

    pub(super) fn totals(&self) -> BurstTotals {
        let count = |it: &PendingTransitions| it.counts.total();
        let pending: u64 = self.pending.values().map(count).sum();
        let held = self.pending.values().filter(|it| it.is_suspended);
        BurstTotals {
            transitions: self.window.total() + pending,
            suspended: held.map(count).sum(),
            customers: self.all_customers(),
            tripped_since: self.tripped_since,
        }
    }

    /// The model that moved most.
    pub(super) fn top_model(&self) -> Option<String> {
        let mut moved = TransitionCounts::default();
        self.window.buckets.iter().for_each(|(_, it)| moved.add(it));
        self.pending.values().for_each(|it| moved.add(&it.counts));
        let most = moved.0.into_iter().max_by_key(|(_, count)| *count);
        most.map(|(model, _)| model)
    }

    fn all_customers(&self) -> u64 {
        self.customers.values().sum()
    }

    fn has_suspended(&self) -> bool {
        self.pending.values().any(|it| it.is_suspended)
    }

    fn is_reached(&self, burst: &BurstSettings) -> bool {
        self.totals().transitions >= burst.threshold(self.all_customers())
    }

    /// A burst is over once less is told, and nothing waits; the fuse is there again then.
    fn end_if_over(&mut self, burst: &BurstSettings) {
        if !self.has_suspended() && !self.is_reached(burst) {
            self.is_bursting = false;
            self.is_resumed = false;
        }
    }
}

#[cfg(test)]
mod tests;
