//! The timeline of one customer: what a replay of the whole input does to this customer, step by step.
//!
//! Customers do not influence each other when the input is in time order: of other customers' events, only the time
//! matters.

use super::replay::Error;
use crate::customer::{CustomerState, EventAnomalies, StageChange};
use crate::event::{CustomerId, EventTime, Millis, Observations, Position, RejectReason};
use crate::explanation::TimelineStep;
use crate::files::MergedInputs;
use crate::model::Models;
use crate::partition::{Batch, Commit, Output, Progress, Record, StateView, TimerKey, apply};

#[derive(Debug)]
pub(crate) struct TimelineReplay<'s> {
    pub models: &'s Models,
    pub customer: &'s CustomerId,
    /// Events later than this are ignored; without it, time ends at the last event.
    pub until: Option<EventTime>,
}

/// The end of a timeline.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TimelineEnd {
    /// The customer; `None` without any event of the customer.
    pub state: Option<CustomerState>,
    /// The end of time; `None` without any event.
    pub end: Option<EventTime>,
    /// The number of rejected rows, with the reason and position of the first one.
    pub rejected: Option<(u64, RejectReason, Position)>,
    /// What was found in each input.
    pub observed: Vec<Observations>,
}

impl TimelineReplay<'_> {
    /// Runs to the end, and calls `show` with every step of the customer.
    ///
    /// # Errors
    /// When an input cannot be read, or `show` fails.
    pub(crate) fn run(
        &self,
        mut inputs: MergedInputs,
        mut show: impl FnMut(&TimelineStep<'_>) -> std::io::Result<()>,
    ) -> Result<TimelineEnd, Error> {
        let mut timeline = TimelineState {
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
                timeline.fire_timers(event.time, &mut show).map_err(Error::Output)?;
                timeline.apply_event(record, &mut show).map_err(Error::Output)?;
            }
        }
        let end = self.until.or(last);
        if let Some(end) = end {
            // Timers due up to and including the end fire.
            let after = end.just_after();
            timeline.fire_timers(after, &mut show).map_err(Error::Output)?;
        }
        Ok(TimelineEnd { state: timeline.state, end, rejected, observed: inputs.observed() })
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
        show: &mut impl FnMut(&TimelineStep<'_>) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let due = |state: &CustomerState| state.next_due().filter(|due| *due < end);
        while let Some(due) = self.state.as_ref().and_then(due) {
            let batch = Batch { advance_to: Some(due.just_after()), ..Batch::default() };
            self.step(due, batch, show)?;
        }
        Ok(())
    }

    fn apply_event(
        &mut self,
        record: Record,
        show: &mut impl FnMut(&TimelineStep<'_>) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let at = record.content.as_ref().map_or(EventTime::MIN, |event| event.time);
        let batch = Batch { records: vec![record], ..Batch::default() };
        self.step(at, batch, show)
    }

    fn step(
        &mut self,
        at: EventTime,
        batch: Batch,
        show: &mut impl FnMut(&TimelineStep<'_>) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let record = batch.records.first().cloned();
        let before = self.state.take();
        let (changes, anomalies) = self.apply(before.clone(), batch);
        let event = record.as_ref().and_then(|record| {
            let event = record.content.as_ref().ok()?;
            Some((event, record.position))
        });
        let Some(after) = &self.state else {
            unreachable!("a customer with a timer or an event has a state");
        };
        show(&TimelineStep {
            at,
            event,
            before: before.as_ref(),
            after,
            changes: &changes,
            anomalies,
        })
    }

    /// Applies a batch like that of a partition whose only customer this is.
    fn apply(
        &mut self,
        state: Option<CustomerState>,
        batch: Batch,
    ) -> (Vec<StageChange>, EventAnomalies) {
        let entry = |state: &CustomerState| (self.customer.clone(), state.clone().into());
        let timer = |state: &CustomerState| {
            let customer = self.customer.clone();
            state.armed.map(|due| TimerKey { due, customer })
        };
        let view = StateView {
            states: state.iter().map(entry).collect(),
            timers: state.iter().filter_map(timer).collect(),
            ..StateView::default()
        };
        let commit = apply(self.models, Millis(0), &self.progress, view, batch);
        let Commit { states, outputs, anomalies, progress, .. } = commit;
        self.progress = progress;
        self.state = states.into_iter().next().map(|(_, state)| state).or(state);
        let change = |output| match output {
            Output::StageChanged { change, .. } => Some(change),
            Output::Rejected { .. } | Output::StageRenamed { .. } | Output::InputLost(_) => None,
        };
        (outputs.into_iter().filter_map(change).collect(), anomalies)
    }
}
