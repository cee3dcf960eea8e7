//! Evaluates a version of a model on a history, and compares it with another version.
//!
//! A customer's stages do not depend on other customers, so the history is processed customer by customer, with both
//! versions ([`HistoryBuilder`] builds a [`History`]), and all measures are sums over customers: `census` (customers by
//! stage, at dates), `stays`, `flaps`, `differences` (of transitions and their times), `prediction`. Memory does not grow
//! with the number of customers. No binary floating point: the results are counts and durations; ratios are computed for
//! display.

#![deny(clippy::disallowed_types)]

mod census;
mod dates;
mod differences;
mod duration_histogram;
mod flaps;
mod history;
mod history_builder;
mod prediction;
mod recency;
mod stays;
mod version;

pub(crate) use census::Census;
pub(crate) use differences::{CommonStageId, DifferenceExample, Differences, EXAMPLES_MAX};
pub use differences::{FirstEntries, Flow};
pub use duration_histogram::DurationHistogram;
pub(crate) use flaps::Flaps;
pub use flaps::ReversalCounts;
pub use history::{History, StageHistory, StageTransition};
pub use history_builder::HistoryBuilder;
pub(crate) use history_builder::LimitExceeded;
pub(crate) use prediction::{DateCounts, HistoryTooShort};
pub use prediction::{Prediction, PredictionTarget, Score};
pub(crate) use stays::{StayStats, StaysByStage};
pub use version::Version;

use crate::event::{CustomerId, EventTime, Millis};

#[derive(Clone, Debug)]
pub struct BacktestOptions {
    /// The time of the first event.
    pub begin: EventTime,
    /// The end of time.
    pub end: EventTime,
    /// A transition that is reversed sooner than this is a flap.
    pub flap: Millis,
    /// The maximum number of examples of customers whose histories differ.
    pub examples: usize,
    pub prediction: Option<PredictionTarget>,
}

/// All measures. Complete once every customer was added.
#[derive(Debug)]
pub struct Backtest {
    pub options: BacktestOptions,
    pub customers: u64,
    /// The sum of the customers' times from their first event to the end, in milliseconds.
    pub customer_time: i128,
    pub census: Census,
    /// By version.
    pub stays: Vec<StaysByStage>,
    /// By version.
    pub flaps: Vec<Flaps>,
    /// With two versions.
    pub differences: Option<Differences>,
    pub prediction: Option<Prediction>,
}

impl Backtest {
    /// `versions`: one, or two with the old one first.
    pub fn new(
        versions: &[Version],
        options: BacktestOptions,
    ) -> Result<Backtest, HistoryTooShort> {
        let (begin, end) = (options.begin, options.end);
        let prediction = options.prediction.as_ref();
        let prediction =
            prediction.map(|target| Prediction::new(target, begin, end, versions.len()));
        let stages = versions.iter().map(|version| version.model().stages.len());
        let stages: Vec<usize> = stages.collect();
        Ok(Backtest {
            census: Census::new(dates::census_dates(begin, end), &stages),
            stays: stages.iter().map(|count| StaysByStage::new(*count)).collect(),
            flaps: vec![Flaps::default(); versions.len()],
            differences: match versions {
                [old, new] => {
                    Some(Differences::between(old.model(), new.model(), options.examples))
                }
                _ => None,
            },
            prediction: prediction.transpose()?,
            customers: 0,
            customer_time: 0,
            options,
        })
    }

    pub fn add(&mut self, versions: &[Version], customer: &CustomerId, history: &History) {
        let (end, flap) = (self.options.end, self.options.flap);
        self.customers += 1;
        self.customer_time += i128::from(end.duration_since(history.begin).0);
        self.census.add(history);
        for (version, stages) in history.stage_histories.iter().enumerate() {
            self.stays[version].add(stages, history.begin, end);
            self.flaps[version].add(stages, flap);
        }
        if let Some(differences) = &mut self.differences {
            differences.add(customer, history, end);
        }
        if let Some(prediction) = &mut self.prediction {
            prediction.add(versions, history);
        }
    }
}
