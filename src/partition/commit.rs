//! What a batch results in.

use super::{Generation, LostRange, Record, TimerKey};
use crate::customer::{CustomerState, EventAnomalies, StageChange};
use crate::event::{CustomerId, EventTime, Millis, Position, Rejection, Watermark};
use crate::model::{Model, ModelSuccession, Models, ModelsChange};

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
    pub anomalies: EventAnomalies,
    /// Records of the batch that were used: they are applied again should the commit not come about.
    pub applied: Vec<Record>,
    /// Records of the batch that were not used: they go into the next one. There are some only
    /// when more timers came due than were loaded, or more transitions came about than a commit takes.
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
    /// Where a customer is has other names now; nobody moved.
    StageRenamed {
        /// Who.
        customer: CustomerId,
    },
    /// Records of an input are gone, and a position has moved without them.
    InputLost(LostRange),
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
    /// The highest event time accepted, of each event no later than its record.
    pub max_event_time: Option<EventTime>,
    /// The quickest of the events that came lately; `None` while there was none. Where all took long, history is
    /// being loaded, and the wall clock says nothing about silence.
    pub min_delay: Option<MinDelay>,
    /// All timers before this one have fired. It is behind the watermark only where a batch was
    /// cut between two timers.
    pub fired_to: Option<TimerKey>,
    /// Which version of the models states are of, in the count of the partition.
    pub generation: u32,
    /// The hash of those models.
    pub models_hash: String,
    /// When they took effect.
    pub adopted_at: EventTime,
    /// Customers from this one on have still to be brought under them; `None`: nobody has.
    pub sweep: Option<CustomerId>,
    /// How many customers have an entry in the timer index.
    pub timers: u64,
    /// How many customers are in which stage.
    pub population: Population,
}

/// An event on its way to Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinDelay {
    /// How long it took, a minute at least.
    pub delay: Millis,
    /// When it was there: the timestamp of its record.
    pub received_at: EventTime,
}

/// The quickest event is looked for among those that came less than this before the newest: one that takes long
/// changes nothing for a partition with others.
const DELAY_WINDOW: Millis = Millis::DAY;
/// Whatever is quicker is as quick: of all live events the newest is kept.
const DELAY_FLOOR: Millis = Millis(60_000);

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
    /// Records how long an accepted event took.
    pub(super) fn record_delay(&mut self, arrived: EventTime, happened: EventTime) {
        let delay = arrived.duration_since(happened).max(DELAY_FLOOR);
        let stays = self.min_delay.is_some_and(|known| {
            known.delay < delay && arrived.duration_since(known.received_at) <= DELAY_WINDOW
        });
        if !stays {
            self.min_delay = Some(MinDelay {
                delay,
                received_at: arrived,
            });
        }
    }

    /// Whether it counts customers in the stages of these models.
    pub fn has_stages_of(&self, models: &Models) -> bool {
        let shape = models.list.iter().map(|model| model.stages.len());
        self.population.0.iter().map(Vec::len).eq(shape)
    }

    /// The next version of the models takes effect, where time stands. Everybody is brought under it by and
    /// by: who comes first does, and a sweep for all others.
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

    /// How many customers there are: everybody is in one stage of each model.
    pub fn customers(&self) -> u64 {
        let stages = self.population.0.first();
        stages.map_or(0, |stages| stages.iter().sum())
    }
}

impl Population {
    /// Where everybody is under other models, before anybody is looked at anew.
    fn migrated(&self, models: &Models, change: &ModelsChange, customers: u64) -> Population {
        let of = |(model, successor): (&Model, &ModelSuccession)| {
            let mut stages = vec![0; model.stages.len()];
            match successor.predecessor {
                None => stages[model.initial] = customers,
                Some(of) => {
                    let counts = self.0[of].iter().zip(&successor.stages);
                    for (count, after) in counts {
                        stages[after.unwrap_or(model.initial)] += count;
                    }
                }
            }
            stages
        };
        Population(models.list.iter().zip(&change.models).map(of).collect())
    }

    pub(super) fn enter(&mut self, model: usize, stage: usize) {
        self.0[model][stage] += 1;
    }

    pub(super) fn leave(&mut self, model: usize, stage: usize) {
        self.0[model][stage] = self.0[model][stage].saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = Millis::HOUR.0;

    /// The quickest of events that arrived at these hours, each after so many hours.
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
        for (arrived, delay) in events {
            let [arrived, happened] =
                [*arrived, arrived - delay].map(|hour| EventTime(hour * HOUR));
            progress.record_delay(arrived, happened);
        }
        progress.min_delay.map(|quickest| quickest.delay.0 / HOUR)
    }

    #[test]
    fn a_straggler_does_not_change_what_others_of_the_last_day_say() {
        assert_eq!(min_delay_hours(&[]), None);
        assert_eq!(min_delay_hours(&[(0, 0), (5, 300)]), Some(0));
        assert_eq!(min_delay_hours(&[(0, 0), (23, 0), (47, 300)]), Some(0));
        // A clock that is ahead is as quick as any other.
        assert_eq!(min_delay_hours(&[(0, -5), (20, 0), (43, 300)]), Some(0));
        // History alone is slow, and so is what goes on for more than a day after the last live event.
        assert_eq!(
            min_delay_hours(&[(0, 5000), (1, 4000), (2, 4500)]),
            Some(4000)
        );
        assert_eq!(min_delay_hours(&[(0, 0), (10, 300), (25, 300)]), Some(300));
    }
}
