//! The fetched records of one input of a partition, and how long the merge waits for more.

use std::collections::VecDeque;
use std::time::Duration;

use crate::event::{Event, EventTime, RejectReason, WallTime};
use crate::partition::Record;
use crate::runtime::mailbox::Reservation;

/// Longest wait for an input that is not at its end and delivers nothing, while the other inputs deliver recent records;
/// once each time it falls idle.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// Longest wait while the others deliver old records.
const WAIT_MAX_OF_OLD: Duration = Duration::from_secs(600);
/// The longest wait as a part of the age of the others' next record. The age grows during the wait, but more slowly.
const WAIT_PER_AGE: u32 = 10;

#[derive(Debug, Default)]
pub(super) struct InputQueue {
    records: VecDeque<Queued>,
    /// Number of suspect records.
    suspects: usize,
    /// The last fetch reached the end of the input.
    at_end: bool,
    idleness: Idleness,
}

#[derive(Debug)]
struct Queued {
    record: Record,
    reservation: Reservation,
    suspect: Option<SuspectRecord>,
}

/// A record whose own timestamp is ahead of the clock: rejected, unless the timestamp proves right.
#[derive(Debug)]
pub(in crate::runtime) struct SuspectRecord {
    pub(in crate::runtime) timestamp: i64,
    /// The decoded record, which replaces the rejection if the timestamp is right.
    pub(in crate::runtime) content: Result<Event, RejectReason>,
}

/// The wait for an input that is not at its end.
#[derive(Clone, Copy, Debug, Default)]
enum Idleness {
    #[default]
    None,
    Since(Duration),
    /// Timed out: it is no longer waited for.
    Idle,
    /// It is waited for without a limit: it cannot be read any further, and its next records are unknown.
    Blocked,
}

/// Whether an input has to be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitStatus {
    NotNeeded,
    TimedOut,
    Waiting,
}

/// The longest wait for an input while the next record of the others has this time.
pub(super) fn wait_limit(time: Option<EventTime>, clock: WallTime) -> Duration {
    let age = time.map_or(0, |time| clock.0.saturating_sub(time.0));
    let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
    (age / WAIT_PER_AGE).clamp(WAIT_MAX, WAIT_MAX_OF_OLD)
}

impl InputQueue {
    pub(super) fn push(
        &mut self,
        record: Record,
        reservation: Reservation,
        suspect: Option<SuspectRecord>,
    ) {
        self.at_end = false;
        self.idleness = Idleness::None;
        self.suspects += usize::from(suspect.is_some());
        self.records.push_back(Queued { record, reservation, suspect });
    }

    pub(super) fn mark_at_end(&mut self) {
        self.at_end = true;
        self.idleness = Idleness::None;
    }

    /// It cannot be read any further.
    pub(super) fn block(&mut self) {
        self.at_end = false;
        self.idleness = Idleness::Blocked;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// At its end, and no record is queued.
    pub(super) fn is_idle(&self) -> bool {
        self.at_end && self.is_empty()
    }

    /// Empty, and not at its end.
    pub(super) fn has_more(&self) -> bool {
        !self.at_end && self.is_empty()
    }

    pub(super) fn head(&self) -> Option<&Record> {
        Some(&self.records.front()?.record)
    }

    /// The next record and its size.
    pub(super) fn take_head(&mut self) -> Option<(Record, usize)> {
        let Queued { record, reservation, .. } = self.records.pop_front()?;
        Some((record, reservation.bytes()))
    }

    pub(super) fn update_wait(&mut self, uptime: Duration, limit: Duration) -> WaitStatus {
        if !self.has_more() {
            return WaitStatus::NotNeeded;
        }
        match self.idleness {
            Idleness::Idle => WaitStatus::NotNeeded,
            Idleness::Blocked => WaitStatus::Waiting,
            Idleness::None => {
                self.idleness = Idleness::Since(uptime);
                WaitStatus::Waiting
            }
            Idleness::Since(since) if uptime.saturating_sub(since) < limit => WaitStatus::Waiting,
            Idleness::Since(_) => {
                self.idleness = Idleness::Idle;
                WaitStatus::TimedOut
            }
        }
    }

    /// The timestamp of a suspect record at the head, and whether most records after it are not suspect.
    pub(super) fn suspect(&self) -> Option<(i64, bool)> {
        let timestamp = self.records.front()?.suspect.as_ref()?.timestamp;
        let following = self.records.len() - 1;
        Some((timestamp, (self.suspects - 1) * 2 < following))
    }

    /// Resolves the suspect record at the head.
    pub(super) fn resolve_suspect(&mut self, is_right: bool) {
        let Some(queued) = self.records.front_mut() else {
            return;
        };
        let Some(SuspectRecord { content, .. }) = queued.suspect.take() else {
            return;
        };
        self.suspects -= 1;
        match (content, &mut queued.record.content) {
            (Ok(event), content) if is_right => *content = Ok(event),
            (Err(reason), Err(rejection)) if is_right => rejection.reason = reason,
            _ => {}
        }
    }
}
