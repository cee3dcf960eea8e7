//! What a batch results in.

use super::{Record, TimerKey};
use crate::customer::{CustomerState, Noticed, StageChange};
use crate::event::{CustomerId, EventTime, Millis, Position, Rejection, Watermark};
use crate::model::Models;

/// Everything that one batch changes. Nothing of it is visible before it is committed.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// The new state of every touched customer, in the order of the ids.
    pub states: Vec<(CustomerId, CustomerState)>,
    /// Entries to put into the timer index.
    pub arm: Vec<TimerKey>,
    /// Entries to take out of it.
    pub disarm: Vec<TimerKey>,
    /// What to tell the world, in order.
    pub outputs: Vec<Output>,
    /// What is worth counting about the events.
    pub noticed: Noticed,
    /// Records of the batch that were not used: they go into the next one. There are some only
    /// when more timers came due than were loaded.
    pub unused: Vec<Record>,
    /// Whether every timer that came due has fired, those of the step after the records included.
    pub finished: bool,
    /// Where the partition stands now.
    pub progress: Progress,
}

/// Something to tell the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A customer moved.
    StageChanged {
        /// Who.
        customer: CustomerId,
        /// From where to where, and why.
        change: StageChange,
    },
    /// A record was not accepted.
    Rejected {
        /// Where it was read.
        position: Position,
        /// Its bytes, and why.
        rejection: Rejection,
    },
}

/// Where a partition stands: with the states, all that is needed to go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Batches committed so far.
    pub batch: u64,
    /// The next offset of every input, by the input's order: the authority on where to go on.
    pub offsets: Vec<i64>,
    /// All timers due before it fire.
    pub watermark: Watermark,
    /// The highest event time accepted.
    pub highest: Option<EventTime>,
    /// How long the newest event was on its way to Kafka; `None` while nobody knows. Where it is
    /// long, history is being loaded, and the wall clock says nothing about silence.
    pub delay: Option<Millis>,
    /// All timers before this one have fired. It is behind the watermark only where a batch was
    /// cut between two timers.
    pub fired_to: Option<TimerKey>,
    /// How many customers have an entry in the timer index.
    pub timers: u64,
    /// How many customers are in which stage.
    pub population: Population,
}

/// Customers by model and stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Population(pub Vec<Vec<u64>>);

impl Progress {
    /// Before the first record of so many inputs.
    pub fn new(models: &Models, inputs: usize) -> Progress {
        let population = models
            .list
            .iter()
            .map(|model| vec![0; model.stages.len()])
            .collect();
        Progress {
            batch: 0,
            offsets: vec![0; inputs],
            watermark: Watermark::NONE,
            highest: None,
            delay: None,
            fired_to: None,
            timers: 0,
            population: Population(population),
        }
    }
}

impl Progress {
    /// How many customers there are: everybody is in one stage of each model.
    pub fn customers(&self) -> u64 {
        let stages = self.population.0.first();
        stages.map_or(0, |stages| stages.iter().sum())
    }
}

impl Population {
    pub(super) fn enter(&mut self, model: usize, stage: usize) {
        self.0[model][stage] += 1;
    }

    pub(super) fn leave(&mut self, model: usize, stage: usize) {
        self.0[model][stage] = self.0[model][stage].saturating_sub(1);
    }
}
