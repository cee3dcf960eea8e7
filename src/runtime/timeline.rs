//! One customer out of a whole input: what a replay of all of it would do to this one, step by step.
//!
//! Customers do not influence one another when the input is in the order of time: of all others only the time
//! of their events counts.

use super::replay::Error;
use crate::customer::{CustomerState, EventAnomalies, StageChange};
use crate::event::{CustomerId, EventTime, Millis, Position, RejectReason};
use crate::explanation::TimelineStep;
use crate::files::MergedInputs;
use crate::model::Models;
use crate::partition::{Batch, Commit, Output, Progress, Record, StateView, TimerKey, apply};

/// Who is to be told of.
#[derive(Debug)]
pub struct TimelineReplay<'s> {
    /// Under which models.
    pub models: &'s Models,
    /// Whom.
    pub customer: &'s CustomerId,
    /// Events later than this are ignored; without it, time ends at the last event.
    pub until: Option<EventTime>,
}

/// Where a story has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct TimelineEnd {
    /// The customer; `None` where no event is theirs.
    pub state: Option<CustomerState>,
    /// Where time has ended; `None` without any event.
    pub end: Option<EventTime>,
    /// How many rows were rejected, and of the first one why and where.
    pub rejected: Option<(u64, RejectReason, Position)>,
}

impl TimelineReplay<'_> {
    /// Runs to the end; `tell` gets every step of the customer's.
    ///
    /// # Errors
    /// When an input cannot be read, or a step cannot be told.
    pub fn run(
        &self,
        mut inputs: MergedInputs,
        mut tell: impl FnMut(&TimelineStep<'_>) -> std::io::Result<()>,
    ) -> Result<TimelineEnd, Error> {
        let mut told = TimelineState {
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
                told.fire_timers(event.time, &mut tell)
                    .map_err(Error::Output)?;
                told.apply_event(record, &mut tell).map_err(Error::Output)?;
            }
        }
        let end = self.until.or(last);
        if let Some(end) = end {
            // Timers due up to and including the end fire.
            let after = end.just_after();
            told.fire_timers(after, &mut tell).map_err(Error::Output)?;
        }
        Ok(TimelineEnd {
            state: told.state,
            end,
            rejected,
        })
    }
}

struct TimelineState<'t> {
    models: &'t Models,
    customer: &'t CustomerId,
    progress: Progress,
    state: Option<CustomerState>,
}

impl TimelineState<'_> {
    /// Fires the customer's timers due before `end`, one instant after the other.
    fn fire_timers(
        &mut self,
        end: EventTime,
        tell: &mut impl FnMut(&TimelineStep<'_>) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let due = |state: &CustomerState| state.next_due().filter(|due| *due < end);
        while let Some(due) = self.state.as_ref().and_then(due) {
            let advance = Some(due.just_after());
            let batch = Batch {
                advance_to: advance,
                ..Batch::default()
            };
            self.step(due, batch, tell)?;
        }
        Ok(())
    }

    fn apply_event(
        &mut self,
        record: Record,
        tell: &mut impl FnMut(&TimelineStep<'_>) -> std::io::Result<()>,
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
        tell: &mut impl FnMut(&TimelineStep<'_>) -> std::io::Result<()>,
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
        tell(&TimelineStep {
            at,
            event,
            before: before.as_ref(),
            after,
            changes: &changes,
            anomalies: noticed,
        })
    }

    /// The same as for a whole partition, which has this one customer.
    fn apply(
        &mut self,
        state: Option<CustomerState>,
        batch: Batch,
    ) -> (Vec<StageChange>, EventAnomalies) {
        let own = |state: &CustomerState| (self.customer.clone(), state.clone().into());
        let timer = |state: &CustomerState| {
            let customer = self.customer.clone();
            state.armed.map(|due| TimerKey { due, customer })
        };
        let view = StateView {
            states: state.iter().map(own).collect(),
            timers: state.iter().filter_map(timer).collect(),
            ..StateView::default()
        };
        let commit = apply(self.models, Millis(0), &self.progress, view, batch);
        let Commit {
            states,
            outputs,
            anomalies: noticed,
            progress,
            ..
        } = commit;
        self.progress = progress;
        self.state = states.into_iter().next().map(|(_, state)| state).or(state);
        let change = |output| match output {
            Output::StageChanged { change, .. } => Some(change),
            Output::Rejected { .. } | Output::StageRenamed { .. } | Output::InputLost(_) => None,
        };
        (outputs.into_iter().filter_map(change).collect(), noticed)
    }
}
