//! Merges the inputs of one partition by (event time, capped by the record's timestamp; index of the input; offset).
//!
//! An input at its end is not waited for. One that has records on the broker is waited for, but with a limit: after that
//! it counts as idle until its next record. While old records are processed, the limit is longer: to wait then delays
//! little, and to continue would make all records of the input late, by more than corrections repair.

mod input_queue;

use std::time::Duration;

use super::mailbox::Reservation;
use crate::event::WallTime;
use crate::partition::Record;
pub(super) use input_queue::SuspectRecord;
use input_queue::{InputQueue, WaitStatus, wait_limit};

/// The fetched records of one partition, until they are taken into a batch.
#[derive(Debug)]
pub(super) struct Merge {
    inputs: Vec<InputQueue>,
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
        self.inputs[record.position.input as usize].push(record, reservation, suspect);
    }

    /// Resolves the suspect record at the head of an input.
    pub(super) fn resolve_suspect(&mut self, input: usize, is_right: bool) {
        self.inputs[input].resolve_suspect(is_right);
    }

    pub(super) fn mark_at_end(&mut self, input: u32) {
        self.inputs[input as usize].mark_at_end();
    }

    /// Blocks the merge at an input that cannot be read any further.
    pub(super) fn block(&mut self, input: u32) {
        self.inputs[input as usize].block();
    }

    pub(super) fn is_input_empty(&self, input: u32) -> bool {
        self.inputs[input as usize].is_empty()
    }

    /// Whether all inputs are at their end, and no record is queued.
    pub(super) fn is_idle(&self) -> bool {
        self.inputs.iter().all(InputQueue::is_idle)
    }

    /// The next record in merge order. `timed_out` is called with each input whose wait times out.
    pub(super) fn next(
        &mut self,
        uptime: Duration,
        clock: WallTime,
        timed_out: impl FnMut(usize),
    ) -> MergeOutput {
        if self.inputs.iter().all(InputQueue::is_empty) {
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
        if self.inputs.iter().any(InputQueue::has_more) && self.wait(uptime, clock, timed_out) {
            return MergeOutput::Waiting;
        }
        let heads = self.inputs.iter().enumerate();
        // A rejected record has no time: it is taken as soon as it is at the head.
        let first = heads.filter_map(|(rank, input)| Some((input.head()?.effective_time(), rank)));
        match first.min().and_then(|(_, rank)| self.inputs[rank].take_head()) {
            Some((record, bytes)) => MergeOutput::Record(record, bytes),
            None => MergeOutput::Empty,
        }
    }

    /// Whether an input has to be waited for.
    fn wait(
        &mut self,
        uptime: Duration,
        clock: WallTime,
        mut timed_out: impl FnMut(usize),
    ) -> bool {
        let heads = self.inputs.iter().filter_map(InputQueue::head);
        let oldest = heads.filter_map(Record::effective_time).min();
        let limit = wait_limit(oldest, clock);
        let mut is_waiting = false;
        for (rank, input) in self.inputs.iter_mut().enumerate() {
            match input.update_wait(uptime, limit) {
                WaitStatus::NotNeeded => {}
                WaitStatus::TimedOut => timed_out(rank),
                WaitStatus::Waiting => is_waiting = true,
            }
        }
        is_waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{
        CustomerId, Event, EventTime, EventType, Position, RejectReason, Rejection,
    };
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
            self.at(WallTime(seconds as i64 * 1000), seconds, timeouts)
        }

        fn at(
            &mut self,
            clock: WallTime,
            seconds: u64,
            timeouts: &mut u32,
        ) -> Result<i64, &'static str> {
            match self.next(Duration::from_secs(seconds), clock, |_| *timeouts += 1) {
                MergeOutput::Record(record, _) => Ok(record.position.offset),
                MergeOutput::Suspect { .. } => Err("suspect"),
                MergeOutput::Waiting => Err("waiting"),
                MergeOutput::Empty => Err("empty"),
            }
        }

        fn head(&mut self) -> MergeOutput {
            self.next(Duration::ZERO, WallTime(0), |_| {})
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
    fn an_input_is_waited_for_longer_while_the_records_of_the_others_are_old() {
        for (age, limit) in [(60, 10), (200, 20), (86_400, 600)] {
            let (mut merge, mut timeouts) = (Merge::new(2), 0);
            merge.add(record(0, 0, 0), None);
            let mut at = |waited| merge.at(WallTime(age * 1000), waited, &mut timeouts);
            assert_eq!([at(0), at(limit - 1)], [Err("waiting"); 2], "{age}");
            assert_eq!(at(limit), Ok(0), "{age}");
        }
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
            let MergeOutput::Suspect { is_outlier, .. } = merge.head() else {
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
            let MergeOutput::Suspect { is_outlier, .. } = merge.head() else {
                panic!("not suspect");
            };
            assert!(!is_outlier, "no record follows yet");
            merge.add(record(0, 6, 6), None);
            let MergeOutput::Suspect { input, timestamp, is_outlier } = merge.head() else {
                panic!("not suspect");
            };
            assert_eq!((input, timestamp, is_outlier), (0, 99, true));
            merge.resolve_suspect(input, is_right);
            let MergeOutput::Record(record, _) = merge.head() else {
                panic!("still suspect");
            };
            assert_eq!(record.content.is_ok(), accepted);
            if let Err(rejection) = record.content {
                assert_eq!(rejection.reason, reason.unwrap_or(RejectReason::TimestampInFuture));
            }
        }
    }
}
