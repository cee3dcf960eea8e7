//! Merges the inputs of one partition by (event time, capped by the record's timestamp; index of the input; offset).
//!
//! An input at its end is not waited for. One that has records on the broker is waited for, but with a limit: after that
//! it counts as idle until its next record.

use std::collections::VecDeque;
use std::time::Duration;

use super::mailbox::Reservation;
use crate::event::{Event, RejectReason};
use crate::partition::Record;

/// Longest wait for an input that is not at its end and delivers nothing; once each time it falls idle.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The fetched records of one partition, until they are taken into a batch.
#[derive(Debug)]
pub(super) struct Merge {
    inputs: Vec<InputQueue>,
}

#[derive(Debug, Default)]
struct InputQueue {
    queue: VecDeque<Queued>,
    /// Number of suspect records in `queue`.
    suspects: usize,
    /// The last fetch reached the end of the input.
    at_end: bool,
    idleness: Idleness,
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

#[derive(Debug)]
struct Queued {
    record: Record,
    reservation: Reservation,
    suspect: Option<SuspectRecord>,
}

/// A record whose own timestamp is ahead of the clock: rejected, unless the timestamp proves right.
#[derive(Debug)]
pub(super) struct SuspectRecord {
    pub(super) timestamp: i64,
    /// The decoded record, which replaces the rejection if the timestamp is right.
    pub(super) content: Result<Event, RejectReason>,
}

/// The next step of the merge.
#[derive(Debug)]
pub(super) enum MergeOutput {
    /// A record and its size.
    Record(Record, usize),
    /// A suspect record at the head of an input, to be resolved before anything else.
    Suspect {
        input: usize,
        timestamp: i64,
        /// Whether most records after it are not suspect.
        is_outlier: bool,
    },
    /// An input has to be waited for.
    Waiting,
    /// All inputs are at their end.
    Empty,
}

/// Whether an input has to be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitStatus {
    NotNeeded,
    TimedOut,
    Waiting,
}

impl InputQueue {
    fn update_wait(&mut self, now: Duration) -> WaitStatus {
        if self.at_end || !self.queue.is_empty() {
            return WaitStatus::NotNeeded;
        }
        match self.idleness {
            Idleness::Idle => WaitStatus::NotNeeded,
            Idleness::Blocked => WaitStatus::Waiting,
            Idleness::None => {
                self.idleness = Idleness::Since(now);
                WaitStatus::Waiting
            }
            Idleness::Since(since) if now.saturating_sub(since) < WAIT_MAX => WaitStatus::Waiting,
            Idleness::Since(_) => {
                self.idleness = Idleness::Idle;
                WaitStatus::TimedOut
            }
        }
    }

    /// The timestamp of a suspect record at the head, and whether most records after it are not suspect.
    fn suspect(&self) -> Option<(i64, bool)> {
        let timestamp = self.queue.front()?.suspect.as_ref()?.timestamp;
        let following = self.queue.len() - 1;
        Some((timestamp, (self.suspects - 1) * 2 < following))
    }
}

impl Merge {
    pub(super) fn new(inputs: usize) -> Merge {
        Merge { inputs: (0..inputs).map(|_| InputQueue::default()).collect() }
    }

    pub(super) fn push(
        &mut self,
        record: Record,
        reservation: Reservation,
        suspect: Option<SuspectRecord>,
    ) {
        let input = &mut self.inputs[record.position.input as usize];
        input.at_end = false;
        input.idleness = Idleness::None;
        input.suspects += usize::from(suspect.is_some());
        input.queue.push_back(Queued { record, reservation, suspect });
    }

    /// Resolves the suspect record at the head of an input.
    pub(super) fn resolve_suspect(&mut self, input: usize, is_right: bool) {
        let InputQueue { queue, suspects, .. } = &mut self.inputs[input];
        let Some(queued) = queue.front_mut() else {
            return;
        };
        let Some(SuspectRecord { content, .. }) = queued.suspect.take() else {
            return;
        };
        *suspects -= 1;
        match (content, &mut queued.record.content) {
            (Ok(event), content) if is_right => *content = Ok(event),
            (Err(reason), Err(rejection)) if is_right => rejection.reason = reason,
            _ => {}
        }
    }

    pub(super) fn mark_at_end(&mut self, input: u32) {
        let input = &mut self.inputs[input as usize];
        input.at_end = true;
        input.idleness = Idleness::None;
    }

    /// Blocks the merge at an input that cannot be read any further.
    pub(super) fn block(&mut self, input: u32) {
        let input = &mut self.inputs[input as usize];
        input.at_end = false;
        input.idleness = Idleness::Blocked;
    }

    pub(super) fn is_input_empty(&self, input: u32) -> bool {
        self.inputs[input as usize].queue.is_empty()
    }

    /// Whether all inputs are at their end, and no record is queued.
    pub(super) fn is_idle(&self) -> bool {
        let idle = |input: &InputQueue| input.at_end && input.queue.is_empty();
        self.inputs.iter().all(idle)
    }

    /// The next record in merge order. `timed_out` is called for each input whose wait times out.
    pub(super) fn next(&mut self, now: Duration, mut timed_out: impl FnMut()) -> MergeOutput {
        if self.inputs.iter().all(|input| input.queue.is_empty()) {
            return if self.is_idle() { MergeOutput::Empty } else { MergeOutput::Waiting };
        }
        // Suspect records count as rejected, which have no time and would be taken before all others: they are resolved
        // first.
        let suspects = self.inputs.iter().map(InputQueue::suspect);
        if let Some((input, (timestamp, is_outlier))) =
            suspects.enumerate().find_map(|(input, suspect)| Some((input, suspect?)))
        {
            return MergeOutput::Suspect { input, timestamp, is_outlier };
        }
        let mut is_waiting = false;
        for input in &mut self.inputs {
            match input.update_wait(now) {
                WaitStatus::NotNeeded => {}
                WaitStatus::TimedOut => timed_out(),
                WaitStatus::Waiting => is_waiting = true,
            }
        }
        if is_waiting {
            return MergeOutput::Waiting;
        }
        let first = self.inputs.iter().enumerate().filter_map(|(rank, input)| {
            let Queued { record, .. } = input.queue.front()?;
            // A rejected record has no time: it is taken as soon as it is at the head.
            Some((record.effective_time(), rank))
        });
        match first.min().and_then(|(_, rank)| self.inputs[rank].queue.pop_front()) {
            Some(Queued { record, reservation, .. }) => {
                MergeOutput::Record(record, reservation.bytes())
            }
            None => MergeOutput::Empty,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CustomerId, EventTime, EventType, Position, Rejection};
    use crate::kafka::Fetched;
    use crate::runtime::mailbox::BufferUsage;

    fn event(time: i64) -> Event {
        Event {
            customer: CustomerId::default(),
            event_type: EventType::UNNAMED,
            time: EventTime(time),
            fields: Default::default(),
        }
    }

    /// An event at `time` in a record of `timestamp`; its offset is its time.
    fn record(input: u32, time: i64, timestamp: i64) -> Record {
        Record {
            position: Position { input, offset: time },
            timestamp: Some(EventTime(timestamp)),
            content: Ok(event(time)),
        }
    }

    fn rejected(input: u32, offset: i64) -> Record {
        let rejection = Rejection {
            reason: RejectReason::TimestampInFuture,
            key: None,
            value: None,
            headers: Vec::new(),
        };
        Record { content: Err(rejection), ..record(input, offset, offset) }
    }

    impl Merge {
        fn add(&mut self, record: Record, suspect: Option<SuspectRecord>) {
            let reservation = BufferUsage::default().reserve(&Fetched::End);
            self.push(record, reservation, suspect);
        }

        /// The offset of the next record at `seconds`, or why there is none.
        fn after(&mut self, seconds: u64, timeouts: &mut u32) -> Result<i64, &'static str> {
            match self.next(Duration::from_secs(seconds), || *timeouts += 1) {
                MergeOutput::Record(record, _) => Ok(record.position.offset),
                MergeOutput::Suspect { .. } => Err("suspect"),
                MergeOutput::Waiting => Err("waiting"),
                MergeOutput::Empty => Err("empty"),
            }
        }
    }

    #[test]
    fn an_input_is_waited_for_once_each_time_it_falls_idle() {
        let (mut merge, mut timeouts) = (Merge::new(2), 0);
        for time in 1..=5 {
            merge.add(record(0, time, time), None);
        }
        assert_eq!(merge.after(0, &mut timeouts), Err("waiting"));
        assert_eq!(merge.after(9, &mut timeouts), Err("waiting"));
        // All records of the other input follow, not one every ten seconds.
        let taken: Vec<_> = (1..=3).map(|_| merge.after(10, &mut timeouts)).collect();
        assert_eq!((taken, timeouts), (vec![Ok(1), Ok(2), Ok(3)], 1));
        // The input delivers a record, and falls idle again.
        merge.add(record(1, 2, 2), None);
        assert_eq!(merge.after(11, &mut timeouts), Ok(2));
        assert_eq!(merge.after(12, &mut timeouts), Err("waiting"));
        assert_eq!(merge.after(22, &mut timeouts), Ok(4));
        assert_eq!(timeouts, 2);
        merge.mark_at_end(1);
        assert_eq!(merge.after(22, &mut timeouts), Ok(5));
        assert_eq!(merge.after(22, &mut timeouts), Err("waiting"));
        merge.mark_at_end(0);
        assert_eq!(merge.after(22, &mut timeouts), Err("empty"));
    }

    #[test]
    fn a_producer_clock_that_is_ahead_delays_neither_its_own_input_nor_another() {
        let (mut merge, mut timeouts) = (Merge::new(2), 0);
        merge.add(record(0, 1000, 1), None);
        merge.add(record(0, 3, 3), None);
        merge.add(record(1, 2, 2), None);
        merge.mark_at_end(1);
        let order: Vec<_> = (0..3).map(|_| merge.after(0, &mut timeouts)).collect();
        assert_eq!(order, [Ok(1000), Ok(2), Ok(3)]);
    }

    #[test]
    fn many_suspect_records_are_each_resolved_by_the_valid_one_after_them() {
        let mut merge = Merge::new(1);
        for offset in 0..20 {
            let suspect = SuspectRecord { timestamp: 99, content: Ok(event(offset)) };
            merge.add(rejected(0, offset), Some(suspect));
            merge.add(record(0, offset, offset), None);
            let MergeOutput::Suspect { is_outlier, .. } = merge.next(Duration::ZERO, || {}) else {
                panic!("not suspect");
            };
            assert!(is_outlier, "{offset}");
            merge.resolve_suspect(0, false);
            for _ in 0..2 {
                assert_eq!(merge.after(0, &mut 0), Ok(offset));
            }
        }
    }

    #[test]
    fn a_suspect_record_is_resolved_at_the_head_and_is_then_accepted_or_rejected() {
        let suspect = |content| Some(SuspectRecord { timestamp: 99, content });
        for (is_right, content, accepted) in [
            (true, Ok(event(5)), true),
            (false, Ok(event(5)), false),
            (true, Err(RejectReason::NotJson), false),
        ] {
            let mut merge = Merge::new(1);
            let reason = content.as_ref().err().copied();
            merge.add(rejected(0, 5), suspect(content));
            let MergeOutput::Suspect { is_outlier, .. } = merge.next(Duration::ZERO, || {}) else {
                panic!("not suspect");
            };
            assert!(!is_outlier, "no record follows yet");
            merge.add(record(0, 6, 6), None);
            let MergeOutput::Suspect { input, timestamp, is_outlier } =
                merge.next(Duration::ZERO, || {})
            else {
                panic!("not suspect");
            };
            assert_eq!((input, timestamp, is_outlier), (0, 99, true));
            merge.resolve_suspect(input, is_right);
            let MergeOutput::Record(record, _) = merge.next(Duration::ZERO, || {}) else {
                panic!("still suspect");
            };
            assert_eq!(record.content.is_ok(), accepted);
            if let Err(rejection) = record.content {
                assert_eq!(rejection.reason, reason.unwrap_or(RejectReason::TimestampInFuture));
            }
        }
    }
}
