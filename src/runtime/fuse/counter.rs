//! Counts published transitions in a sliding window, and pending ones, and detects bursts of both together. Pure: no
//! locks, no logging, no clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::event::{Quantity, WallTime};

/// A burst is `max(share * customers, minimum)` published transitions within `within`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BurstSettings {
    /// A share of the customers of this process.
    pub share: Quantity,
    pub minimum: u64,
    pub within: Duration,
    /// Whether a burst is suspended until an operator resumes it.
    pub fuse: bool,
}

impl BurstSettings {
    /// The number of transitions with which a burst begins.
    pub(super) fn threshold(&self, customers: u64) -> u64 {
        let customers = Quantity::from_whole(i64::try_from(customers).unwrap_or(i64::MAX));
        let share = self.share.checked_mul(customers).and_then(Quantity::whole_part);
        let share = share.map_or(u64::MAX, i64::unsigned_abs);
        share.max(self.minimum).max(1)
    }
}

/// Published or pending transitions, by the name of their model.
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

/// Buckets of the sliding window, which is exact to within one bucket.
const BUCKETS: u32 = 60;

/// The transitions published within the last `within`.
#[derive(Debug, Default)]
struct BurstWindow {
    /// The buckets that have transitions, by number, oldest first; at most [`BUCKETS`].
    buckets: VecDeque<(u128, TransitionCounts)>,
    /// The latest bucket that any worker has reported: the clocks of workers differ slightly.
    now: u128,
}

impl BurstWindow {
    fn advance(&mut self, at: Duration, within: Duration) {
        let bucket_nanos = (within / BUCKETS).as_nanos().max(1);
        self.now = self.now.max(at.as_nanos() / bucket_nanos);
        let oldest = self.now.saturating_sub(u128::from(BUCKETS) - 1);
        let is_expired = |(bucket, _): &(u128, TransitionCounts)| *bucket < oldest;
        while self.buckets.front().is_some_and(is_expired) {
            self.buckets.pop_front();
        }
    }

    fn total(&self) -> u64 {
        self.buckets.iter().map(|(_, counts)| counts.total()).sum()
    }

    fn add(&mut self, transitions: &TransitionCounts) {
        match self.buckets.back_mut() {
            Some((bucket, counts)) if *bucket == self.now => counts.add(transitions),
            _ => self.buckets.push_back((self.now, transitions.clone())),
        }
    }
}

/// The transitions that a worker is about to publish.
#[derive(Debug)]
struct PendingTransitions {
    counts: TransitionCounts,
    /// Whether they wait for an operator.
    is_suspended: bool,
}

/// All counts of a process.
#[derive(Debug, Default)]
pub(super) struct BurstCounter {
    window: BurstWindow,
    /// By worker.
    customers: BTreeMap<usize, u64>,
    /// By worker.
    pending: BTreeMap<usize, PendingTransitions>,
    is_bursting: bool,
    /// Whether an operator has resumed the current burst.
    is_resumed: bool,
    /// Since when any transitions are suspended.
    tripped_since: Option<WallTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BurstTotals {
    /// Published within the window, and pending.
    pub(super) transitions: u64,
    /// Pending and suspended.
    pub(super) suspended: u64,
    pub(super) customers: u64,
    pub(super) tripped_since: Option<WallTime>,
}

impl BurstCounter {
    /// Sets the customers of a worker, and advances the window to `at`.
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

    /// Sets the pending transitions of a worker, after [`BurstCounter::advance`]. Whether they have to wait.
    pub(super) fn should_suspend(
        &mut self,
        worker: usize,
        transitions: TransitionCounts,
        wall: WallTime,
        burst: &BurstSettings,
    ) -> bool {
        let can_suspend = transitions.total() > 0 && burst.fuse && !self.is_resumed;
        self.pending
            .insert(worker, PendingTransitions { counts: transitions, is_suspended: false });
        // Includes the transitions just inserted.
        let is_suspended = can_suspend && self.is_reached(burst);
        if let Some(pending) = self.pending.get_mut(&worker).filter(|_| is_suspended) {
            pending.is_suspended = true;
            self.tripped_since.get_or_insert(wall);
        }
        is_suspended
    }

    /// Reduces the suspended transitions of a worker to those that remain: partitions of the others were revoked.
    /// Whether the rest still has to wait.
    pub(super) fn update_suspended(
        &mut self,
        worker: usize,
        transitions: TransitionCounts,
    ) -> bool {
        let Some(pending) = self.pending.get_mut(&worker) else {
            return false;
        };
        pending.is_suspended &= transitions.total() > 0;
        pending.counts = transitions;
        let is_suspended = pending.is_suspended;
        if !self.has_suspended() {
            self.tripped_since = None;
        }
        is_suspended
    }

    /// Moves the transitions that a worker has published from the pending ones to the window.
    pub(super) fn record_published(
        &mut self,
        worker: usize,
        transitions: &TransitionCounts,
        burst: &BurstSettings,
    ) {
        self.pending.remove(&worker);
        self.window.add(transitions);
        self.end_if_over(burst);
    }

    /// Whether a burst has begun since the last call.
    pub(super) fn detect_burst(&mut self, burst: &BurstSettings) -> bool {
        let is_published = self.window.total() >= burst.threshold(self.all_customers());
        let begins = !self.is_bursting && (self.has_suspended() || is_published);
        self.is_bursting |= begins;
        begins
    }

    /// Resumes the suspended transitions, and suspends none until the burst is over. Returns how many were suspended.
    pub(super) fn resume(&mut self) -> Option<u64> {
        let suspended = self.totals().suspended;
        self.tripped_since.take()?;
        self.is_resumed = true;
        self.pending.values_mut().for_each(|it| it.is_suspended = false);
        Some(suspended)
    }

    pub(super) fn totals(&self) -> BurstTotals {
        let count = |it: &PendingTransitions| it.counts.total();
        let pending: u64 = self.pending.values().map(count).sum();
        let suspended = self.pending.values().filter(|it| it.is_suspended);
        BurstTotals {
            transitions: self.window.total() + pending,
            suspended: suspended.map(count).sum(),
            customers: self.all_customers(),
            tripped_since: self.tripped_since,
        }
    }

    /// The model with the most transitions.
    pub(super) fn top_model(&self) -> Option<String> {
        let mut counts = TransitionCounts::default();
        self.window.buckets.iter().for_each(|(_, it)| counts.add(it));
        self.pending.values().for_each(|it| counts.add(&it.counts));
        let top = counts.0.into_iter().max_by_key(|(_, count)| *count);
        top.map(|(model, _)| model)
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

    /// A burst is over once the transitions are below the threshold and none are suspended; then the fuse is reset.
    fn end_if_over(&mut self, burst: &BurstSettings) {
        if !self.has_suspended() && !self.is_reached(burst) {
            self.is_bursting = false;
            self.is_resumed = false;
        }
    }
}

#[cfg(test)]
mod tests;
