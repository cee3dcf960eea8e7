//! The result of a batch, and the progress and population of a partition.

use typed_index_collections::{TiVec, ti_vec};

use super::{Generation, LostRange, Record, TimerKey};
use crate::customer::{CustomerState, EventAnomalies, StageChange};
use crate::event::{CustomerId, EventTime, Millis, Position, Rejection, Watermark};
use crate::model::{Model, ModelId, ModelSuccession, Models, ModelsChange, StageId};

/// Everything that one batch changes. Nothing of it is visible before the commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// The new state of every touched customer, in the order of the ids.
    pub states: Vec<(CustomerId, CustomerState)>,
    /// Entries to insert into the timer index.
    pub added_timers: Vec<TimerKey>,
    /// Entries to delete from the timer index.
    pub removed_timers: Vec<TimerKey>,
    /// In the order in which they are published.
    pub outputs: Vec<Output>,
    pub anomalies: EventAnomalies,
    /// Records of the batch that were applied. They are applied again if the commit is aborted.
    pub applied: Vec<Record>,
    /// Records for the next batch. Not empty only if more timers were due than were loaded, or more
    /// transitions were taken than a commit may contain.
    pub unused: Vec<Record>,
    /// Whether all due timers have fired, the final watermark advance included, and no sweep is left.
    pub finished: bool,
    /// The partition's progress after this commit.
    pub progress: Progress,
}

/// An output record of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A transition was taken or retracted.
    StageChanged { customer: CustomerId, change: StageChange },
    /// A record was rejected; it becomes a dead letter.
    Rejected { position: Position, rejection: Rejection },
    /// A migration renamed the customer's stage, model or both; no transition was taken.
    StageRenamed { customer: CustomerId },
    /// Records of an input are lost; the next offset has moved without them.
    InputLost(LostRange),
}

/// The progress of a partition: together with the states, everything that is needed to resume.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Batches committed so far.
    pub batch: u64,
    /// The next offset of every input, by index of the input. The authority on where to resume.
    pub offsets: Vec<i64>,
    /// All timers due before it fire.
    pub watermark: Watermark,
    /// The highest accepted event time; each event counts with its record's timestamp at most.
    pub max_event_time: Option<EventTime>,
    /// The smallest delay of recent events; `None` before the first event. If even the smallest one is long,
    /// history is being loaded, and the wall clock does not show whether an input is idle.
    pub min_delay: Option<MinDelay>,
    /// All timers before this one have fired. It is behind the watermark only if a batch was
    /// cut between two timers.
    pub fired_to: Option<TimerKey>,
    /// Number of the generation of the partition's models.
    pub generation: u32,
    pub models_hash: String,
    /// Event time at which the generation took effect.
    pub adopted_at: EventTime,
    /// The migration sweep continues at this customer; `None` if all customers are migrated.
    pub sweep: Option<CustomerId>,
    /// Customers with an entry in the timer index.
    pub timers: u64,
    pub population: Population,
}

/// The delay between an event and its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinDelay {
    /// Record timestamp minus event time, at least `DELAY_FLOOR`.
    pub delay: Millis,
    /// The timestamp of the record.
    pub received_at: EventTime,
}

/// How long a minimum delay counts: a single slow event does not raise it in a partition with live events.
const DELAY_WINDOW: Millis = Millis::DAY;
/// Smaller delays count as this one, so that the newest of all live events is stored.
const DELAY_FLOOR: Millis = Millis(60_000);

/// Number of customers by model and stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Population(pub TiVec<ModelId, TiVec<StageId, u64>>);

impl Progress {
    /// The progress before the first record; `inputs` is the number of inputs.
    pub fn new(models: &Models, inputs: usize) -> Progress {
        let population = models.list.iter().map(|model| ti_vec![0; model.stages.len()]).collect();
        Progress {
            batch: 0,
            offsets: vec![0; inputs],
            watermark: Watermark::NONE,
            max_event_time: None,
            min_delay: None,
            fired_to: None,
            generation: 0,
            models_hash: super::hash_models(models),
            adopted_at: EventTime(i64::MIN),
            sweep: None,
            timers: 0,
            population: Population(population),
        }
    }
}

impl Progress {
    /// Updates the minimum delay with an accepted event.
    pub(super) fn record_delay(&mut self, received_at: EventTime, event_time: EventTime) {
        let delay = received_at.duration_since(event_time).max(DELAY_FLOOR);
        let stays = self.min_delay.is_some_and(|current| {
            current.delay < delay && received_at.duration_since(current.received_at) <= DELAY_WINDOW
        });
        if !stays {
            self.min_delay = Some(MinDelay { delay, received_at });
        }
    }

    /// Whether the population has the shape of these models.
    pub(crate) fn has_stages_of(&self, models: &Models) -> bool {
        let shape = models.list.iter().map(|model| model.stages.len());
        self.population.0.iter().map(TiVec::len).eq(shape)
    }

    /// Adopts the next generation at the current event time, and starts the sweep. A customer is migrated
    /// when a batch first touches it, or by the sweep.
    pub fn adopt(&mut self, next: &Generation, models: &Models, change: &ModelsChange) {
        self.models_hash.clone_from(&next.hash);
        if change.is_text_only {
            return;
        }
        let watermark = EventTime(self.watermark.0);
        let fired_to = self.fired_to.as_ref().map(|key| key.due);
        self.generation = next.number;
        self.adopted_at = fired_to.map_or(watermark, |due| due.min(watermark));
        self.population = self.population.migrated(models, change, self.customers());
        self.sweep = (self.customers() > 0).then(CustomerId::default);
    }

    /// The number of customers: each is in exactly one stage of every model.
    pub fn customers(&self) -> u64 {
        let stages = self.population.0.first();
        stages.map_or(0, |stages| stages.iter().sum())
    }
}

impl Population {
    /// The population under newer models, before any customer is re-evaluated.
    fn migrated(&self, models: &Models, change: &ModelsChange, customers: u64) -> Population {
        let counts_by_stage = |(model, succession): (&Model, &ModelSuccession)| {
            let mut stages = ti_vec![0; model.stages.len()];
            match succession.predecessor {
                None => stages[model.initial] = customers,
                Some(predecessor) => {
                    let counts = self.0[predecessor].iter().zip(&succession.stages);
                    for (count, after) in counts {
                        stages[after.unwrap_or(model.initial)] += count;
                    }
                }
            }
            stages
        };
        let successions = models.list.iter().zip(&change.models);
        Population(successions.map(counts_by_stage).collect())
    }

    pub(super) fn enter(&mut self, model: ModelId, stage: StageId) {
        self.0[model][stage] += 1;
    }

    pub(super) fn leave(&mut self, model: ModelId, stage: StageId) {
        self.0[model][stage] = self.0[model][stage].saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = Millis::HOUR.0;

    /// The minimum delay in hours after events of (received at, delay), both in hours.
    fn min_delay_hours(events: &[(i64, i64)]) -> Option<i64> {
        let mut progress = Progress {
            batch: 0,
            offsets: Vec::new(),
            watermark: Watermark::NONE,
            max_event_time: None,
            min_delay: None,
            fired_to: None,
            generation: 0,
            models_hash: String::new(),
            adopted_at: EventTime(0),
            sweep: None,
            timers: 0,
            population: Population::default(),
        };
        for (received_at, delay) in events {
            let [received_at, event_time] =
                [*received_at, received_at - delay].map(|hour| EventTime(hour * HOUR));
            progress.record_delay(received_at, event_time);
        }
        progress.min_delay.map(|min_delay| min_delay.delay.0 / HOUR)
    }

    #[test]
    fn a_slow_event_does_not_raise_the_minimum_delay_of_the_last_day() {
        assert_eq!(min_delay_hours(&[]), None);
        assert_eq!(min_delay_hours(&[(0, 0), (5, 300)]), Some(0));
        assert_eq!(min_delay_hours(&[(0, 0), (23, 0), (47, 300)]), Some(0));
        // An event ahead of the clock counts as any live event.
        assert_eq!(min_delay_hours(&[(0, -5), (20, 0), (43, 300)]), Some(0));
        // History alone has a long delay, and so have slow events more than a day after the last live event.
        assert_eq!(min_delay_hours(&[(0, 5000), (1, 4000), (2, 4500)]), Some(4000));
        assert_eq!(min_delay_hours(&[(0, 0), (10, 300), (25, 300)]), Some(300));
    }
}
