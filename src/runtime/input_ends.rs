//! What workers and the observer of the inputs exchange: how far the inputs are read, and where they end.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::event::EventTime;
use crate::kafka::EndOffsets;

#[derive(Debug, Default)]
pub(super) struct InputEnds(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    /// Of each input, by partition, of the partitions that the workers process.
    positions: BTreeMap<i32, Vec<InputPosition>>,
    /// By input and partition, with the time before which records are counted.
    ends: BTreeMap<(usize, i32), (EndOffsets, Instant)>,
}

/// How far an input of a partition is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InputPosition {
    /// The next offset.
    pub(super) offset: i64,
    /// The timestamp of the last record before it; `None` if this process has read none.
    pub(super) last_timestamp: Option<EventTime>,
}

impl InputEnds {
    pub(super) fn set_positions(
        &self,
        partition: i32,
        offsets: &[i64],
        timestamps: &[Option<EventTime>],
    ) {
        let positions = offsets.iter().zip(timestamps);
        let positions = positions
            .map(|(offset, last)| InputPosition { offset: *offset, last_timestamp: *last })
            .collect();
        self.lock().positions.insert(partition, positions);
    }

    /// All records up to these ends have been read: only markers of transactions, and aborted records, lie before them.
    pub(super) fn confirm(&self, partition: i32, ends: &[EndOffsets]) {
        if let Some(positions) = self.lock().positions.get_mut(&partition) {
            for (position, ends) in positions.iter_mut().zip(ends) {
                position.offset = position.offset.max(ends.end);
            }
        }
    }

    pub(super) fn remove_positions(&self, partition: i32) {
        self.lock().positions.remove(&partition);
    }

    /// The ends as last observed, and how long ago that was.
    pub(super) fn find(&self, input: usize, partition: i32) -> Option<(EndOffsets, Duration)> {
        let table = self.lock();
        table.ends.get(&(input, partition)).map(|(ends, at)| (*ends, at.elapsed()))
    }

    /// Returns the position in a partition that a worker processes.
    pub(super) fn set_ends(
        &self,
        input: usize,
        partition: i32,
        ends: EndOffsets,
        at: Instant,
    ) -> Option<InputPosition> {
        let mut table = self.lock();
        table.ends.insert((input, partition), (ends, at));
        table.positions.get(&partition).and_then(|positions| positions.get(input)).copied()
    }

    pub(super) fn has_positions(&self, partition: i32) -> bool {
        self.lock().positions.contains_key(&partition)
    }

    /// Forgets the ends of all other partitions.
    pub(super) fn retain(&self, partitions: &[i32]) {
        self.lock().ends.retain(|(_, partition), _| partitions.contains(partition));
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // A panic while the lock is taken leaves the maps consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
