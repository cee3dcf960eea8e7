//! Model changes: what continues, what restarts, and that the order of migration does not matter.

mod command;
mod explained;
mod laws;
mod names;

use std::collections::BTreeMap;

use tempfile::TempDir;
use tenure::customer::{Cause, CustomerState, StageChange};
use tenure::event::{
    CurrencyRates, CustomerId, Decoder, EventTime, Mapping, Millis, Position, RecordLimits,
};
use tenure::model::{AcceptedLosses, Models, ModelsChange, SourceFile};
use tenure::partition::codec::Identity;
use tenure::partition::{
    Batch, Commit, Generation, ModelGenerations, Output, Progress, Record, VersionOrdering, apply,
};
use tenure::store::{Config, PartitionCommit, Store};

const PARTITION: u32 = 5;
const DAY: i64 = Millis::DAY.0;
/// 2026-01-01
const BEGIN: i64 = 1_767_225_600_000;

fn models(texts: &[&str]) -> Models {
    let source =
        |text: &&str| SourceFile { name: "model.yaml".to_owned(), text: (*text).to_owned() };
    let compiled = Models::compile(texts.iter().map(source).collect());
    compiled.unwrap_or_else(|reports| panic!("{}", reports[0])).0
}

/// A partition on disk whose models can be changed.
struct Shop {
    store: Store,
    _folder: TempDir,
    models: Models,
    before: Option<(Models, ModelsChange)>,
    generation: Generation,
    progress: Progress,
    offset: i64,
    /// As they were last written.
    states: BTreeMap<CustomerId, CustomerState>,
}

/// An event, `at` milliseconds after `BEGIN`, with further fields as JSON.
struct TestEvent<'d> {
    customer: &'d str,
    kind: &'d str,
    at: i64,
    more: &'d str,
}

fn event<'d>(customer: &'d str, kind: &'d str, day: i64) -> TestEvent<'d> {
    TestEvent { customer, kind, at: day * DAY, more: "" }
}

impl Shop {
    fn open(models: Models) -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { memory_bytes: 8 << 20, durable: false };
        Shop {
            store: Store::open(folder.path(), &config).unwrap(),
            _folder: folder,
            progress: Progress::new(&models, 1),
            generation: Generation::first(&models),
            before: None,
            models,
            offset: 0,
            states: BTreeMap::new(),
        }
    }

    /// Processes events in this order.
    fn receive(&mut self, events: &[TestEvent<'_>]) -> Vec<Output> {
        let decoder = Decoder::new(
            Mapping::default(),
            self.models.vocabulary.clone(),
            CurrencyRates::default(),
            RecordLimits::default(),
        );
        let records = events.iter().map(|event| {
            self.offset += 1;
            let TestEvent { customer, kind, at, more } = event;
            let time = BEGIN + at;
            let json =
                format!(r#"{{"type":"{kind}","customer_id":"{customer}","time":{time}{more}}}"#);
            Record {
                position: Position { input: 0, offset: self.offset },
                timestamp: None,
                content: Ok(decoder.decode_json(json.as_bytes()).unwrap()),
            }
        });
        let records = records.collect();
        self.step(Batch { records, ..Batch::default() }).outputs
    }

    /// Advances time to a day, and fires all timers that are due.
    fn advance(&mut self, day: i64) -> Vec<Output> {
        let mut outputs = Vec::new();
        loop {
            let commit = self.step(Batch {
                advance_to: Some(EventTime(BEGIN + day * DAY + 1)),
                ..Batch::default()
            });
            outputs.extend(commit.outputs);
            if commit.finished {
                return outputs;
            }
        }
    }

    fn step(&mut self, batch: Batch) -> Commit {
        let before = self.before.as_ref();
        let generations = ModelGenerations {
            models: &self.models,
            before: before.map(|(models, change)| (models, change)),
        };
        let progress = &self.progress;
        let view = self.store.prefetch(generations, PARTITION, Millis(0), progress, &batch);
        let commit = apply(generations, Millis(0), progress, view.unwrap(), batch);
        assert!(commit.unused.is_empty());
        let written = PartitionCommit {
            partition: PARTITION,
            commit: &commit,
            changelog_offset: None,
            generation: None,
        };
        self.store.write(&Identity::default(), &[written]).unwrap();
        self.progress = commit.progress.clone();
        self.states.extend(commit.states.iter().cloned());
        commit
    }

    /// Adopts other models; no customer is migrated yet.
    fn change(&mut self, after: Models) -> ModelsChange {
        assert_eq!(self.progress.sweep, None, "one after the other");
        assert_eq!(self.generation.compare_models(&after), VersionOrdering::Newer);
        let change = ModelsChange::between(&self.models, &after);
        self.generation = self.generation.next(&after, &change);
        self.progress.adopt(&self.generation, &after, &change);
        let before = std::mem::replace(&mut self.models, after);
        self.before = Some((before, change.clone()));
        change
    }

    /// Migrates all customers; time does not advance.
    fn sweep(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while self.progress.sweep.is_some() {
            outputs.extend(self.step(Batch::default()).outputs);
        }
        self.before = None;
        outputs
    }

    /// The transitions of a sweep.
    fn sweep_transitions(&mut self) -> Vec<String> {
        let outputs = self.sweep();
        self.transitions(&outputs)
    }

    /// The transitions by time alone until a day.
    fn advance_transitions(&mut self, day: i64) -> Vec<String> {
        let outputs = self.advance(day);
        self.transitions(&outputs)
    }

    /// `anna: a->b event 3d`, for each transition, in order.
    fn transitions(&self, outputs: &[Output]) -> Vec<String> {
        let transitions = outputs.iter().filter_map(|output| match output {
            Output::StageChanged { customer, change } => {
                Some(format!("{}: {}", customer.as_str(), self.describe(change)))
            }
            Output::StageRenamed { .. } | Output::InputLost(_) => None,
            Output::Rejected { position, .. } => panic!("{position:?}"),
        });
        transitions.collect()
    }

    fn describe(&self, change: &StageChange) -> String {
        let model = &self.models.list[change.model];
        let [from, to] = [change.from, change.to].map(|stage| &model.stages[stage].name);
        let since = Millis(change.effective_at.0 - BEGIN);
        format!("{from}->{to} {} {since}", change.cause.name())
    }

    fn population(&self, model: &str) -> Vec<(String, u64)> {
        let mut models = self.models.list.iter().zip(&self.progress.population.0);
        let (model, counts) = models.find(|(own, _)| own.name == model).unwrap();
        let stages = model.stages.iter().zip(counts);
        stages
            .filter(|(_, count)| **count > 0)
            .map(|(stage, count)| (stage.name.clone(), *count))
            .collect()
    }
}

fn renamed(outputs: &[Output]) -> Vec<&str> {
    let renamed = outputs.iter().filter_map(|output| match output {
        Output::StageRenamed { customer } => Some(customer.as_str()),
        _ => None,
    });
    renamed.collect()
}

fn is_by_model_change(output: &Output) -> bool {
    matches!(output, Output::StageChanged { change, .. } if change.cause == Cause::ModelChange)
}
