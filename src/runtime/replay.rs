//! `replay`: the core over files, with the state on disk so that memory stays bounded.
//!
//! The loop is the daemon's without Kafka: read a batch, prefetch, apply, tell, write.

use std::collections::BTreeMap;

use crate::customer::EventAnomalies;
use crate::event::{EventTime, Millis, RejectReason};
use crate::files::{self, HistoryRange, MergedInputs};
use crate::model::Models;
use crate::partition::codec::Identity;
use crate::partition::{Batch, Generation, Output, Population, Progress, Record, apply};
use crate::store::{self, PartitionCommit, Store};

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An input cannot be read.
    #[error(transparent)]
    Input(#[from] files::Error),
    /// The state cannot be kept.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The outputs cannot be written.
    #[error("cannot write the output")]
    Output(#[source] std::io::Error),
}

/// What a replay came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplaySummary {
    /// Records read, rejected ones included.
    pub records: u64,
    /// Transitions made.
    pub transitions: u64,
    /// Those of them of which subscribers would not be told.
    pub quiet: u64,
    /// What is worth counting about the events.
    pub noticed: EventAnomalies,
    /// Records rejected, by reason.
    pub rejected: BTreeMap<RejectReason, u64>,
    /// Which of the models' event types there were, by index.
    pub seen_event_types: Vec<bool>,
    /// Customers in each stage at the end.
    pub population: Population,
    /// Where the events begin and end; `None` without any.
    pub event_range: Option<HistoryRange>,
    /// Where time ended; `None` without any event.
    pub end: Option<EventTime>,
}

/// What is to be replayed.
#[derive(Debug)]
pub struct Replay<'r> {
    /// Under which models.
    pub models: &'r Models,
    /// With the state where.
    pub store: &'r Store,
    /// Events later than this are ignored; without it, time ends at the last event.
    pub until: Option<EventTime>,
    /// Records per batch.
    pub batch_records: usize,
}

/// Files have no partitions.
const PARTITION: u32 = 0;

impl Replay<'_> {
    /// Runs to the end; `tell` gets every output in order, and `report` the count of records after
    /// every batch.
    pub fn run(
        &self,
        mut inputs: MergedInputs,
        mut tell: impl FnMut(&Output) -> std::io::Result<()>,
        mut report: impl FnMut(u64),
    ) -> Result<ReplaySummary, Error> {
        let mut progress = Progress::new(self.models, inputs.files());
        let mut summary = ReplaySummary {
            seen_event_types: vec![false; self.models.vocabulary.type_count()],
            ..ReplaySummary::default()
        };
        let mut records = Vec::new();
        let mut open = true;
        loop {
            while open && records.len() < self.batch_records {
                match inputs.next_record()? {
                    Some(record) if self.is_after_end(&record) => open = false,
                    Some(record) => {
                        summary.records += 1;
                        if let Ok(event) = &record.content {
                            summary.seen_event_types[event.event_type.index()] = true;
                            HistoryRange::add(
                                &mut summary.event_range,
                                event.time,
                                record.position,
                            );
                        }
                        records.push(record);
                    }
                    None => open = false,
                }
            }
            // The end is one more step of time: timers due up to and including it fire.
            let end = self.until.or_else(|| last_event_time(&records, &progress));
            let advance = end.filter(|_| !open).map(EventTime::just_after);
            let batch = Batch {
                records: std::mem::take(&mut records),
                advance_to: advance,
                ..Batch::default()
            };
            let (finished, rest) = self.step(&mut progress, batch, &mut summary, &mut tell)?;
            records = rest;
            report(summary.records - records.len() as u64);
            if finished && !open && records.is_empty() {
                summary.population = progress.population;
                summary.end = end;
                return Ok(summary);
            }
        }
    }

    fn step(
        &self,
        progress: &mut Progress,
        batch: Batch,
        summary: &mut ReplaySummary,
        tell: &mut impl FnMut(&Output) -> std::io::Result<()>,
    ) -> Result<(bool, Vec<Record>), Error> {
        let lateness = Millis(0);
        let view = self
            .store
            .prefetch(self.models, PARTITION, lateness, progress, &batch)?;
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
            tell(output).map_err(Error::Output)?;
        }
        // Whoever looks into the folder later has to know what the states are of.
        let first = (progress.batch == 0).then(|| Generation::first(self.models));
        self.store.write(
            &Identity::default(),
            &[PartitionCommit {
                partition: PARTITION,
                commit: &commit,
                changelog_offset: None,
                generation: first.as_ref(),
            }],
        )?;
        let rest = std::mem::take(&mut commit.unused);
        *progress = commit.progress;
        Ok((commit.finished, rest))
    }

    fn is_after_end(&self, record: &Record) -> bool {
        match (&record.content, self.until) {
            (Ok(event), Some(until)) => event.time > until,
            _ => false,
        }
    }
}

/// The last event time, of these records or before them.
fn last_event_time(records: &[Record], progress: &Progress) -> Option<EventTime> {
    let times = records
        .iter()
        .filter_map(|record| record.content.as_ref().ok())
        .map(|event| event.time);
    times.max().max(progress.max_event_time)
}
