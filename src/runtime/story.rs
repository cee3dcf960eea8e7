//! One customer out of a whole input: what a replay of all of it would do to this one, step by step.
//!
//! Customers do not influence one another when the input is in the order of time: of all others only the time
//! of their events counts.

use super::replay::Error;
use crate::customer::{CustomerState, Noticed, StageChange};
use crate::event::{CustomerId, EventTime, Millis, Position, Reason};
use crate::explanation::Step;
use crate::files::Merged;
use crate::model::Models;
use crate::partition::{Batch, Commit, Output, Progress, Record, TimerKey, View, apply};

/// Who is to be told of.
#[derive(Debug)]
pub struct Story<'s> {
    /// Under which models.
    pub models: &'s Models,
    /// Whom.
    pub customer: &'s CustomerId,
    /// Events later than this are ignored; without it, time ends at the last event.
    pub until: Option<EventTime>,
}

/// Where a story has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// The customer; `None` where no event is theirs.
    pub state: Option<CustomerState>,
    /// Where time has ended; `None` without any event.
    pub end: Option<EventTime>,
    /// How many rows were rejected, and of the first one why and where.
    pub rejected: Option<(u64, Reason, Position)>,
}

impl Story<'_> {
    /// Runs to the end; `tell` gets every step of the customer's.
    ///
    /// # Errors
    /// When an input cannot be read, or a step cannot be told.
    pub fn run(
        &self,
        mut inputs: Merged,
        mut tell: impl FnMut(&Step<'_>) -> std::io::Result<()>,
    ) -> Result<Ended, Error> {
        let mut told = Told {
            models: self.models,
            customer: self.customer,
            progress: Progress::new(self.models, inputs.files()),
            state: None,
        };
        let (mut last, mut rejected) = (None, None);
        while let Some(record) = inputs.next_record()? {
            let event = match &record.content {
                Ok(event) => event,
                Err(rejection) => {
                    let first = (0, rejection.reason, record.position);
                    rejected.get_or_insert(first).0 += 1;
                    continue;
                }
            };
            if self.until.is_some_and(|until| event.time > until) {
                break;
            }
            last = last.max(Some(event.time));
            if event.customer == *self.customer {
                told.wait(event.time, &mut tell).map_err(Error::Output)?;
                told.event(record, &mut tell).map_err(Error::Output)?;
            }
        }
        let end = self.until.or(last);
        if let Some(end) = end {
            // Timers due up to and including the end fire.
            let after = end.just_after();
            told.wait(after, &mut tell).map_err(Error::Output)?;
        }
        Ok(Ended {
            state: told.state,
            end,
            rejected,
        })
    }
}

struct Told<'t> {
    models: &'t Models,
    customer: &'t CustomerId,
    progress: Progress,
    state: Option<CustomerState>,
}

impl Told<'_> {
    /// Fires the customer's timers due before `end`, one instant after the other.
    fn wait(
        &mut self,
        end: EventTime,
        tell: &mut impl FnMut(&Step<'_>) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let due = |state: &CustomerState| state.next_due().filter(|due| *due < end);
        while let Some(due) = self.state.as_ref().and_then(due) {
            let advance = Some(due.just_after());
            let batch = Batch {
                advance,
                ..Batch::default()
            };
            self.step(due, batch, tell)?;
        }
        Ok(())
    }

    fn event(
        &mut self,
        record: Record,
        tell: &mut impl FnMut(&Step<'_>) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let at = record
            .content
            .as_ref()
            .map_or(EventTime::MIN, |event| event.time);
        let records = vec![record];
        let batch = Batch {
            records,
            ..Batch::default()
        };
        self.step(at, batch, tell)
    }

    fn step(
        &mut self,
        at: EventTime,
        batch: Batch,
        tell: &mut impl FnMut(&Step<'_>) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let record = batch.records.first().cloned();
        let before = self.state.take();
        let (changes, noticed) = self.apply(before.clone(), batch);
        let event = record.as_ref().and_then(|record| {
            let event = record.content.as_ref().ok()?;
            Some((event, record.position))
        });
        let Some(after) = &self.state else {
            unreachable!("who has a timer or an event has a state");
        };
        tell(&Step {
            at,
            event,
            before: before.as_ref(),
            after,
            changes: &changes,
            noticed,
        })
    }

    /// The same as for a whole partition, which has this one customer.
    fn apply(&mut self, state: Option<CustomerState>, batch: Batch) -> (Vec<StageChange>, Noticed) {
        let own = |state: &CustomerState| (self.customer.clone(), state.clone().into());
        let timer = |state: &CustomerState| {
            let customer = self.customer.clone();
            state.armed.map(|due| TimerKey { due, customer })
        };
        let view = View {
            states: state.iter().map(own).collect(),
            timers: state.iter().filter_map(timer).collect(),
            ..View::default()
        };
        let commit = apply(self.models, Millis(0), &self.progress, view, batch);
        let Commit {
            states,
            outputs,
            noticed,
            progress,
            ..
        } = commit;
        self.progress = progress;
        self.state = states.into_iter().next().map(|(_, state)| state).or(state);
        let change = |output| match output {
            Output::StageChanged { change, .. } => Some(change),
            Output::Rejected { .. } | Output::Restated { .. } | Output::InputLost(_) => None,
        };
        (outputs.into_iter().filter_map(change).collect(), noticed)
    }
}
