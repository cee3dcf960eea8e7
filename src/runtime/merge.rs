//! The inputs of one partition as one, by (event time, no later than that of the record, rank of the topic, offset).
//!
//! A topic that is at its end holds nobody up; one that has records on the broker is waited for,
//! but not for ever.

use std::collections::VecDeque;
use std::time::Duration;

use super::mailbox::Load;
use crate::event::{Event, Reason};
use crate::partition::Record;

/// Longest wait for an input that is not at its end and sends nothing.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The records of one partition on their way into batches.
#[derive(Debug)]
pub(super) struct Merge {
    inputs: Vec<Input>,
    waiting_since: Option<Duration>,
}

#[derive(Debug, Default)]
struct Input {
    queue: VecDeque<Queued>,
    /// How many of them are in doubt.
    doubtful: usize,
    /// Nothing more is on the broker, as far as was heard.
    at_end: bool,
}

/// A record that waits for its turn.
#[derive(Debug)]
struct Queued {
    record: Record,
    load: Load,
    doubt: Option<Doubtful>,
}

/// A record whose own timestamp is of a time to come: rejected, unless that turns out to be right.
#[derive(Debug)]
pub(super) struct Doubtful {
    /// Its timestamp.
    pub(super) timestamp: i64,
    /// What it says.
    pub(super) content: Result<Event, Reason>,
}

/// What the merge can give.
#[derive(Debug)]
pub(super) enum Next {
    /// A record and its size.
    Record(Record, usize),
    /// A record that has to be decided about before anything else.
    Doubtful {
        /// Of which input.
        input: usize,
        /// Its timestamp.
        timestamp: i64,
        /// Whether most records behind it are in no doubt.
        is_outlier: bool,
    },
    /// An input has to be waited for.
    Waiting,
    /// All inputs are at their end.
    Empty,
}

impl Input {
    /// The timestamp of a doubtful record at the head, and whether most records behind it are in no doubt.
    fn doubt(&self) -> Option<(i64, bool)> {
        let timestamp = self.queue.front()?.doubt.as_ref()?.timestamp;
        let behind = self.queue.len() - 1;
        Some((timestamp, (self.doubtful - 1) * 2 < behind))
    }
}

impl Merge {
    pub(super) fn new(inputs: usize) -> Merge {
        Merge {
            inputs: (0..inputs).map(|_| Input::default()).collect(),
            waiting_since: None,
        }
    }

    pub(super) fn push(&mut self, record: Record, load: Load, doubt: Option<Doubtful>) {
        let input = &mut self.inputs[record.position.input as usize];
        input.at_end = false;
        input.doubtful += usize::from(doubt.is_some());
        input.queue.push_back(Queued {
            record,
            load,
            doubt,
        });
    }

    /// Decides about a doubtful record at the head of an input.
    pub(super) fn decide(&mut self, input: usize, is_right: bool) {
        let Some(queued) = self.inputs[input].queue.front_mut() else {
            return;
        };
        let content = queued.doubt.take().filter(|_| is_right);
        match (
            content.map(|doubt| doubt.content),
            &mut queued.record.content,
        ) {
            (Some(Ok(event)), content) => *content = Ok(event),
            (Some(Err(reason)), Err(rejection)) => rejection.reason = reason,
            _ => {}
        }
    }

    pub(super) fn end(&mut self, input: u32) {
        self.inputs[input as usize].at_end = true;
    }

    /// Whether all inputs are at their end, and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        let idle = |input: &Input| input.at_end && input.queue.is_empty();
        self.inputs.iter().all(idle)
    }

    /// The next record. `timed_out` is told when an input was waited for in vain.
    pub(super) fn next(&mut self, now: Duration, timed_out: impl FnOnce()) -> Next {
        if self.inputs.iter().all(|input| input.queue.is_empty()) {
            return if self.is_idle() {
                Next::Empty
            } else {
                Next::Waiting
            };
        }
        // Rejected records have no time, so that one at a head goes out before all others.
        let doubts = self.inputs.iter().map(Input::doubt);
        if let Some((input, (timestamp, is_outlier))) = doubts
            .enumerate()
            .find_map(|(at, doubt)| Some((at, doubt?)))
        {
            return Next::Doubtful {
                input,
                timestamp,
                is_outlier,
            };
        }
        if self
            .inputs
            .iter()
            .any(|input| input.queue.is_empty() && !input.at_end)
        {
            let since = *self.waiting_since.get_or_insert(now);
            if now.saturating_sub(since) < WAIT_MAX {
                return Next::Waiting;
            }
            timed_out();
        }
        self.waiting_since = None;
        let first = self.inputs.iter().enumerate().filter_map(|(rank, input)| {
            let Queued { record, .. } = input.queue.front()?;
            // A rejected record has no time: it goes out as soon as it is at the head.
            Some((record.time(), rank))
        });
        match first
            .min()
            .and_then(|(_, rank)| self.inputs[rank].queue.pop_front())
        {
            Some(Queued { record, load, .. }) => Next::Record(record, load.bytes()),
            None => Next::Empty,
        }
    }
}
