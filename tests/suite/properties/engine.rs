//! Runs the real engine over a history, in batches of any size, with its state in maps.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tenure::customer::{Cause, CustomerState, StageChange};
use tenure::event::{
    CurrencyRates, CustomerId, Decoder, EventTime, Mapping, Millis, Position, RecordLimits,
};
use tenure::model::{Models, SourceFile};
use tenure::partition::{Batch, Commit, Output, Progress, Record, StateView, TimerKey, apply};

use crate::histories::Case;
use crate::reference::{self, Change};

/// An error is a failed property, which proptest then shrinks.
pub(super) type Trial<T> = Result<T, TestCaseError>;

/// The inputs of a run, compiled and decoded from model files and JSON.
#[derive(Clone)]
pub(super) struct Engine {
    pub models: Models,
    pub records: Vec<Record>,
    pub lateness: Millis,
    /// Time advances to here, and timers due then still fire.
    pub end: EventTime,
}

/// How a history is split: the numbers of records per batch, repeated, and the number of timers per batch.
#[derive(Clone, Debug)]
pub(super) struct Cuts {
    pub records: Vec<usize>,
    pub timers: usize,
}

/// Far more than any history here needs.
const BATCHES_MAX: usize = 100_000;
/// Far more transitions than any batch here has: so a model that cycles by time alone fails, and is shown.
const CHANGES_MAX: usize = 100_000;

impl Cuts {
    pub(super) fn one_by_one() -> Cuts {
        Cuts { records: vec![1], timers: usize::MAX }
    }

    pub(super) fn none() -> Cuts {
        Cuts { records: vec![usize::MAX], timers: usize::MAX }
    }
}

impl Engine {
    /// Fails where a model or an event is refused: none of them should be.
    pub(super) fn of(case: &Case) -> Trial<Engine> {
        let sources =
            case.yaml().into_iter().map(|text| SourceFile { name: "model.yaml".to_owned(), text });
        let models = match Models::compile(sources.collect()) {
            Ok((models, _)) => models,
            Err(reports) => {
                let reports: Vec<_> = reports.iter().map(ToString::to_string).collect();
                return Err(TestCaseError::fail(reports.concat()));
            }
        };
        let decoder = Decoder::new(
            Mapping::default(),
            models.vocabulary.clone(),
            CurrencyRates::default(),
            RecordLimits::default(),
        );
        let end = EventTime(case.end());
        let mut records = Vec::new();
        for (line, event) in case.events.iter().enumerate() {
            if event.time > end.0 {
                continue;
            }
            let position = Position { input: 0, offset: line as i64 };
            let written = event.written.map(EventTime);
            let event = decoder.decode_json(event.json().as_bytes());
            let refused = |reason| TestCaseError::fail(format!("event {line}: {reason}"));
            let content = Ok(event.map_err(refused)?);
            records.push(Record { position, timestamp: written, content });
        }
        Ok(Engine { models, records, lateness: Millis(case.lateness_ms), end })
    }

    pub(super) fn only(&self, customer: &CustomerId) -> Engine {
        let own = |record: &&Record| event(record).customer == *customer;
        Engine { records: self.records.iter().filter(own).cloned().collect(), ..self.clone() }
    }

    /// As one batch, unless it is cut; the state is in memory.
    pub(super) fn run(&self, cuts: &Cuts) -> Trial<Run> {
        let mut memory = Memory::default();
        let (outputs, progress) =
            self.drive(cuts, |progress, batch| memory.step(self, cuts.timers, progress, batch))?;
        Ok(Run { outputs, progress, memory })
    }

    /// The loop of a replay: unused records go into the next batch. The first batch that cannot be filled advances time
    /// to the end.
    pub(super) fn drive(
        &self,
        cuts: &Cuts,
        mut step: impl FnMut(&Progress, Batch) -> Trial<Commit>,
    ) -> Trial<(Vec<Output>, Progress)> {
        let mut progress = Progress::new(&self.models, 1);
        let mut outputs = Vec::new();
        let mut remaining = self.records.iter().cloned();
        let mut waiting = Vec::new();
        for size in cuts.records.iter().cycle().take(BATCHES_MAX) {
            waiting.extend(remaining.by_ref().take(size.saturating_sub(waiting.len())));
            let open = waiting.len() >= *size;
            let batch = Batch {
                records: std::mem::take(&mut waiting),
                advance_to: (!open).then_some(EventTime(self.end.0 + 1)),
                ..Batch::default()
            };
            let commit = step(&progress, batch)?;
            let all_timers_loaded = cuts.timers == usize::MAX;
            prop_assert!(commit.finished || !all_timers_loaded, "not finished");
            outputs.extend(commit.outputs);
            waiting = commit.unused;
            progress = commit.progress;
            if commit.finished && !open && waiting.is_empty() {
                return Ok((outputs, progress));
            }
        }
        Err(TestCaseError::fail("the run does not end"))
    }

    /// In the form of the reference.
    pub(super) fn changes(&self, outputs: &[Output]) -> Vec<Change> {
        let changed = outputs.iter().map(|output| {
            let (customer, change) = stage_change(output);
            let model = &self.models.list[change.model];
            Change {
                customer: customer.as_str().to_owned(),
                model: model.name.clone(),
                sequence: change.sequence,
                from: model.stages[change.from].name.clone(),
                to: model.stages[change.to].name.clone(),
                transition: change.transition_name(model),
                effective_at: change.effective_at.0,
                cause: match change.cause {
                    Cause::Event => reference::Cause::Event,
                    Cause::Timer => reference::Cause::Timer,
                    Cause::Correction => reference::Cause::Correction,
                    Cause::ModelChange => panic!("the models stay the same"),
                },
                corrects: change
                    .corrects
                    .map(|corrected| (corrected.sequence, corrected.effective_at.0)),
                entered_previous_at: change.entered.0,
            }
        });
        changed.collect()
    }
}

/// The result of a run. It does not depend on the cuts, except for the number of batches.
pub(super) struct Run {
    pub outputs: Vec<Output>,
    pub progress: Progress,
    pub memory: Memory,
}

pub(super) fn event(record: &Record) -> &tenure::event::Event {
    record.content.as_ref().unwrap()
}

pub(super) fn stage_change(output: &Output) -> (&CustomerId, &StageChange) {
    match output {
        Output::StageChanged { customer, change } => (customer, change),
        Output::Rejected { position, .. } => panic!("rejected: {position:?}"),
        Output::StageRenamed { .. } => panic!("the models stay the same"),
        Output::InputLost(lost) => panic!("{lost:?}"),
    }
}

/// A minimal store. It gives a batch only what the contract of `StateView` requires.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Memory {
    pub states: BTreeMap<CustomerId, CustomerState>,
    pub timers: BTreeSet<TimerKey>,
}

impl Memory {
    pub(super) fn step(
        &mut self,
        engine: &Engine,
        timers_max: usize,
        progress: &Progress,
        batch: Batch,
    ) -> Trial<Commit> {
        let watermark = batch.watermark(progress.watermark, engine.lateness);
        let view = self.view(timers_max, progress, EventTime(watermark.0), &batch);
        let commit = apply(&engine.models, engine.lateness, progress, view, batch);
        self.write(&commit)?;
        Ok(commit)
    }

    fn view(
        &self,
        timers_max: usize,
        progress: &Progress,
        before: EventTime,
        batch: &Batch,
    ) -> StateView {
        let fired_to = progress.fired_to.as_ref();
        let due = |timer: &&TimerKey| {
            timer.due < before && fired_to.is_none_or(|fired_to| *timer >= fired_to)
        };
        let mut due = self.timers.iter().filter(due).cloned();
        let timers: BTreeSet<_> = due.by_ref().take(timers_max).collect();
        let loaded_to = due.next();
        let of_timers = timers.iter().map(|timer| &timer.customer);
        let of_batch = batch.records.iter().map(|record| &event(record).customer);
        let known = |id: &CustomerId| Some((id.clone(), self.states.get(id)?.clone().into()));
        StateView {
            states: of_timers.chain(of_batch).filter_map(known).collect(),
            timers,
            loaded_to,
            sweep: None,
            transitions_max: Some(timers_max.min(CHANGES_MAX)),
        }
    }

    fn write(&mut self, commit: &Commit) -> Trial<()> {
        for timer in &commit.removed_timers {
            prop_assert!(self.timers.remove(timer), "{timer:?} was not armed");
        }
        for timer in &commit.added_timers {
            prop_assert!(self.timers.insert(timer.clone()), "{timer:?} was armed");
        }
        self.states.extend(commit.states.iter().cloned());
        Ok(())
    }
}
