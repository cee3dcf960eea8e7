//! How many transitions subscribers were told of lately, what is about to be told, and whether both
//! together are a burst. Knows no lock, no log and no clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::event::{Quantity, WallTime};

/// What counts as a burst, and what is done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burst {
    /// So many told transitions, as a part of the customers of this process,
    pub share: Quantity,
    /// but at least so many,
    pub least: u64,
    /// within so long.
    pub within: Duration,
    /// Whether one waits for an operator before anybody is told.
    pub fuse: bool,
}

impl Burst {
    /// The number of told transitions with which a burst begins.
    pub(super) fn bound(&self, customers: u64) -> u64 {
        let customers = Quantity::whole(i64::try_from(customers).unwrap_or(i64::MAX));
        let share = self.share.times(customers).and_then(Quantity::whole_part);
        let share = share.map_or(u64::MAX, i64::unsigned_abs);
        share.max(self.least).max(1)
    }
}

/// Told transitions, by the name of their model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::runtime) struct Moved(BTreeMap<String, u64>);

impl Moved {
    pub(in crate::runtime) fn one(&mut self, model: &str) {
        match self.0.get_mut(model) {
            Some(count) => *count += 1,
            None => drop(self.0.insert(model.to_owned(), 1)),
        }
    }

    pub(in crate::runtime) fn count(&self) -> u64 {
        self.0.values().sum()
    }

    fn add(&mut self, other: &Moved) {
        for (model, count) in &other.0 {
            *self.0.entry(model.clone()).or_default() += count;
        }
    }
}

/// Parts that the time of a burst is counted in: it is met to within one of them.
const PARTS: u32 = 60;

/// What was told within the last so long.
#[derive(Debug, Default)]
struct Window {
    /// Of each part of time in which anything was told, oldest first; never more than [`PARTS`].
    parts: VecDeque<(u128, Moved)>,
    /// The latest that was heard of: the clocks of workers are not quite the same.
    now: u128,
}

impl Window {
    fn reach(&mut self, at: Duration, within: Duration) {
        let part = (within / PARTS).as_nanos().max(1);
        self.now = self.now.max(at.as_nanos() / part);
        let oldest = self.now.saturating_sub(u128::from(PARTS) - 1);
        while self.parts.front().is_some_and(|(part, _)| *part < oldest) {
            self.parts.pop_front();
        }
    }

    fn count(&self) -> u64 {
        self.parts.iter().map(|(_, moved)| moved.count()).sum()
    }

    fn add(&mut self, moved: &Moved) {
        match self.parts.back_mut().filter(|(part, _)| *part == self.now) {
            Some((_, known)) => known.add(moved),
            None => self.parts.push_back((self.now, moved.clone())),
        }
    }
}

/// What a worker is about to tell.
#[derive(Debug)]
struct Pending {
    moved: Moved,
    /// Whether it waits for an operator.
    held: bool,
}

/// All that is counted in a process.
#[derive(Debug, Default)]
pub(super) struct Counting {
    window: Window,
    /// The customers of each worker, and what it is about to tell.
    customers: BTreeMap<usize, u64>,
    pending: BTreeMap<usize, Pending>,
    /// Whether a burst goes on.
    bursting: bool,
    /// Whether an operator has said to go on with this one.
    let_through: bool,
    /// Since when anything is held.
    blown: Option<WallTime>,
}

/// Where the process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// Transitions told lately and about to be told.
    pub(super) transitions: u64,
    /// Of them those that are held.
    pub(super) held: u64,
    pub(super) customers: u64,
    pub(super) blown: Option<WallTime>,
}

impl Counting {
    /// A worker has so many customers, and time goes on.
    pub(super) fn reach(&mut self, worker: usize, customers: u64, at: Duration, burst: &Burst) {
        self.customers.insert(worker, customers);
        self.window.reach(at, burst.within);
        self.end(burst);
    }

    /// A worker is about to tell this, after [`Counting::reach`]; whether it has to wait.
    pub(super) fn holds(
        &mut self,
        worker: usize,
        moved: Moved,
        wall: WallTime,
        burst: &Burst,
    ) -> bool {
        let concerns = moved.count() > 0 && burst.fuse && !self.let_through;
        self.pending.insert(worker, Pending { moved, held: false });
        let held = concerns && self.is_reached(burst);
        if let Some(pending) = self.pending.get_mut(&worker).filter(|_| held) {
            pending.held = true;
            self.blown.get_or_insert(wall);
        }
        held
    }

    /// What a worker holds is only this any more: the rest goes by whoever its partitions went to.
    /// Whether it still has to wait.
    pub(super) fn still_holds(&mut self, worker: usize, moved: Moved) -> bool {
        let Some(pending) = self.pending.get_mut(&worker) else {
            return false;
        };
        pending.held &= moved.count() > 0;
        pending.moved = moved;
        let held = pending.held;
        if !self.is_holding() {
            self.blown = None;
        }
        held
    }

    /// A worker has told this of what it was about to.
    pub(super) fn told(&mut self, worker: usize, moved: &Moved, burst: &Burst) {
        self.pending.remove(&worker);
        self.window.add(moved);
        self.end(burst);
    }

    /// Whether a burst has begun since this was asked last.
    pub(super) fn begins(&mut self, burst: &Burst) -> bool {
        let is_told = self.window.count() >= burst.bound(self.all_customers());
        let begins = !self.bursting && (self.is_holding() || is_told);
        self.bursting |= begins;
        begins
    }

    /// What is held may be told, and all that comes until the burst is over; how many those are.
    pub(super) fn go_on(&mut self) -> Option<u64> {
        let held = self.standing().held;
        self.blown.take()?;
        self.let_through = true;
        self.pending.values_mut().for_each(|it| it.held = false);
        Some(held)
    }

    pub(super) fn standing(&self) -> Standing {
        let count = |it: &Pending| it.moved.count();
        let pending: u64 = self.pending.values().map(count).sum();
        let held = self.pending.values().filter(|it| it.held);
        Standing {
            transitions: self.window.count() + pending,
            held: held.map(count).sum(),
            customers: self.all_customers(),
            blown: self.blown,
        }
    }

    /// The model that moved most.
    pub(super) fn model(&self) -> Option<String> {
        let mut moved = Moved::default();
        self.window.parts.iter().for_each(|(_, it)| moved.add(it));
        self.pending.values().for_each(|it| moved.add(&it.moved));
        let most = moved.0.into_iter().max_by_key(|(_, count)| *count);
        most.map(|(model, _)| model)
    }

    fn all_customers(&self) -> u64 {
        self.customers.values().sum()
    }

    fn is_holding(&self) -> bool {
        self.pending.values().any(|it| it.held)
    }

    fn is_reached(&self, burst: &Burst) -> bool {
        self.standing().transitions >= burst.bound(self.all_customers())
    }

    /// A burst is over once less is told, and nothing waits; the fuse is there again then.
    fn end(&mut self, burst: &Burst) {
        if !self.is_holding() && !self.is_reached(burst) {
            self.bursting = false;
            self.let_through = false;
        }
    }
}

#[cfg(test)]
mod tests;
