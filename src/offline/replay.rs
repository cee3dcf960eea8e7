//! `replay`: processes files with the state on disk, so that memory stays bounded.
//!
//! The loop is the daemon's without Kafka: read a batch, prefetch, apply, emit the outputs, write.

use std::collections::BTreeMap;

use crate::customer::EventAnomalies;
use crate::event::{EventTime, Field, Millis, Observations, Quantity, RejectReason};
use crate::files::{self, HistoryRange, MergedInputs};
use crate::model::Models;
use crate::partition::codec::Identity;
use crate::partition::{Batch, Generation, Output, Population, Progress, Record, apply};
use crate::store::{self, PartitionCommit, Store};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Input(#[from] files::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("cannot write the output")]
    Output(#[source] std::io::Error),
}

/// The result of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReplaySummary {
    /// Records read, rejected ones included.
    pub records: u64,
    /// Transitions taken.
    pub transitions: u64,
    /// Those of them that would not be published.
    pub quiet: u64,
    pub noticed: EventAnomalies,
    /// Events with a negative value, if no model declares `orders`.
    pub negative_values: u64,
    /// Records rejected, by reason.
    pub rejected: BTreeMap<RejectReason, u64>,
    /// Which of the models' event types occurred, by index.
    pub seen_event_types: Vec<bool>,
    /// Customers in each stage at the end.
    pub population: Population,
    /// The first and last event; `None` without any.
    pub event_range: Option<HistoryRange>,
    /// The end of time; `None` without any event.
    pub end: Option<EventTime>,
    /// What was found in each input.
    pub observed: Vec<Observations>,
}

#[derive(Debug)]
pub(crate) struct Replay<'r> {
    pub models: &'r Models,
    pub store: &'r Store,
    /// Events later than this are ignored; without it, time ends at the last event.
    pub until: Option<EventTime>,
    /// Records per batch.
    pub batch_records: usize,
}

/// Files have no partitions; all state is in this one.
const PARTITION: u32 = 0;

impl Replay<'_> {
    /// Runs to the end; calls `emit` with every output in order, and `report` with the number of
    /// processed records after every batch.
    pub(crate) fn run(
        &self,
        mut inputs: MergedInputs,
        mut emit: impl FnMut(&Output) -> std::io::Result<()>,
        mut report: impl FnMut(u64),
    ) -> Result<ReplaySummary, Error> {
        let mut progress = Progress::new(self.models, inputs.files());
        let mut summary = ReplaySummary {
            seen_event_types: vec![false; self.models.vocabulary.type_count()],
            ..ReplaySummary::default()
        };
        let value = self.models.vocabulary.fields().find(|(_, field, _)| **field == Field::Value);
        let value = value.filter(|_| self.models.orders.is_none()).map(|(id, ..)| id);
        let mut records = Vec::new();
        let mut has_more = true;
        loop {
            while has_more && records.len() < self.batch_records {
                match inputs.next_record()? {
                    Some(record) if self.is_after_end(&record) => has_more = false,
                    Some(record) => {
                        summary.records += 1;
                        if let Ok(event) = &record.content {
                            summary.seen_event_types[event.event_type.index()] = true;
                            let value = value.and_then(|value| event.number(value));
                            summary.negative_values +=
                                u64::from(value.is_some_and(|value| value < Quantity::ZERO));
                            HistoryRange::add(
                                &mut summary.event_range,
                                event.time,
                                record.position,
                            );
                        }
                        records.push(record);
                    }
                    None => has_more = false,
                }
            }
            // Time advances just past the end, so that timers due up to and including it fire.
            let end = self.until.or_else(|| last_event_time(&records, &progress));
            let advance_to = end.filter(|_| !has_more).map(EventTime::just_after);
            let batch =
                Batch { records: std::mem::take(&mut records), advance_to, ..Batch::default() };
            let (finished, unused) = self.step(&mut progress, batch, &mut summary, &mut emit)?;
            records = unused;
            report(summary.records - records.len() as u64);
            if finished && !has_more && records.is_empty() {
                summary.population = progress.population;
                summary.end = end;
                summary.observed = inputs.observed();
                return Ok(summary);
            }
        }
    }

    /// Applies a batch. Returns whether all of its time has passed, and the records that were not applied.
    fn step(
        &self,
        progress: &mut Progress,
        batch: Batch,
        summary: &mut ReplaySummary,
        emit: &mut impl FnMut(&Output) -> std::io::Result<()>,
    ) -> Result<(bool, Vec<Record>), Error> {
        let lateness = Millis(0);
        let view = self.store.prefetch(self.models, PARTITION, lateness, progress, &batch)?;
        let mut commit = apply(self.models, lateness, progress, view, batch);
        summary.noticed += commit.anomalies;
        for output in &commit.outputs {
            match output {
                Output::StageRenamed { .. } | Output::InputLost(_) => {}
                Output::StageChanged { change, .. } => {
                    let model = &self.models.list[change.model];
                    summary.transitions += 1;
                    summary.quiet += u64::from(model.quiet(change.effective_at).is_some());
                }
                Output::Rejected { rejection, .. } => {
                    *summary.rejected.entry(rejection.reason).or_default() += 1
                }
            }
            emit(output).map_err(Error::Output)?;
        }
        // `explain` can read the store later, and needs the models of the states.
        let generation = (progress.batch == 0).then(|| Generation::first(self.models));
        self.store.write(
            &Identity::default(),
            &[PartitionCommit {
                partition: PARTITION,
                commit: &commit,
                changelog_offset: None,
                generation: generation.as_ref(),
            }],
        )?;
        let unused = std::mem::take(&mut commit.unused);
        *progress = commit.progress;
        Ok((commit.finished, unused))
    }

    fn is_after_end(&self, record: &Record) -> bool {
        match (&record.content, self.until) {
            (Ok(event), Some(until)) => event.time > until,
            _ => false,
        }
    }
}

/// The latest event time of `records` and of all records before them.
fn last_event_time(records: &[Record], progress: &Progress) -> Option<EventTime> {
    let times =
        records.iter().filter_map(|record| record.content.as_ref().ok()).map(|event| event.time);
    times.max().max(progress.max_event_time)
}
