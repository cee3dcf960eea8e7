//! Layer 4, beside the partition: what one version of a model makes of a history, against another.
//!
//! A customer's stages depend on nobody else, so that the history is walked customer by customer, each under
//! both versions ([`Walker`] gives a [`History`]), and everything that is measured is a sum over customers:
//! `census` (who is where, at dates), `stays`, `flaps`, `differences` (who moves, and when), `prediction`.
//! What is kept does not grow with the number of customers. No binary floating point: what comes out
//! are counts and lengths, and ratios are for whoever shows them.

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

pub use census::{CENSUSES_SHOWN_MAX, Census};
pub use dates::CENSUS_DATES_MAX;
pub use differences::{
    DifferenceExample, Differences, EXAMPLES_MAX, FirstEntries, Flow, TRANSITIONS_SHOWN_MAX,
};
pub use duration_histogram::DurationHistogram;
pub use flaps::{Flaps, ReversalCounts};
pub use history::{History, OutcomeEvent, StageHistory, StageStay, StageTransition};
pub use history_builder::{HistoryBuilder, LimitExceeded};
pub use prediction::{DateCounts, HistoryTooShort, LeadTimes, Prediction, PredictionTarget, Score};
pub use stays::{StayStats, StaysByStage};

use crate::event::{CustomerId, EventTime, Millis};
use crate::model::{Model, Models};

/// A model as it is tried: alone, as if no other were loaded.
#[derive(Clone, Debug)]
pub struct Version {
    /// One model, compiled.
    pub models: Models,
    /// The stages that are taken to say that the outcome will not come, as bits.
    pub flagged: u64,
}

impl Version {
    /// The model.
    pub fn model(&self) -> &Model {
        &self.models.list[0]
    }

    /// Whether a stage is one of those that flag a customer.
    pub fn is_flagged(&self, stage: usize) -> bool {
        self.flagged & 1 << stage != 0
    }
}

/// What is asked about a history.
#[derive(Clone, Debug)]
pub struct BacktestOptions {
    /// The first event of all.
    pub begin: EventTime,
    /// Where time ends.
    pub end: EventTime,
    /// A move that is undone sooner than this is a flap.
    pub flap: Millis,
    /// How many customers are shown whose histories differ.
    pub examples: usize,
    /// What is to be predicted, if anything is.
    pub prediction: Option<PredictionTarget>,
}

/// All that is measured. Complete once every customer was added.
#[derive(Debug)]
pub struct Backtest {
    /// What was asked.
    pub options: BacktestOptions,
    /// Customers so far.
    pub customers: u64,
    /// For how long they were customers, all together, in milliseconds.
    pub customer_time: i128,
    /// Who was where.
    pub census: Census,
    /// How long they stayed, by version.
    pub stays: Vec<StaysByStage>,
    /// What was undone soon, by version.
    pub flaps: Vec<Flaps>,
    /// Where two versions part.
    pub differences: Option<Differences>,
    /// How well a stage predicted.
    pub prediction: Option<Prediction>,
}

impl Backtest {
    /// Of one version, or of two, the old one first.
    pub fn new(
        versions: &[Version],
        questions: BacktestOptions,
    ) -> Result<Backtest, HistoryTooShort> {
        let (begin, end) = (questions.begin, questions.end);
        let prediction = questions.prediction.as_ref();
        let prediction = prediction.map(|asked| Prediction::new(asked, begin, end, versions.len()));
        let stages = versions.iter().map(|version| version.model().stages.len());
        let stages: Vec<usize> = stages.collect();
        Ok(Backtest {
            census: Census::new(dates::census_dates(begin, end), &stages),
            stays: stages
                .iter()
                .map(|count| StaysByStage::new(*count))
                .collect(),
            flaps: vec![Flaps::default(); versions.len()],
            differences: match versions {
                [old, new] => Some(Differences::between(
                    old.model(),
                    new.model(),
                    questions.examples,
                )),
                _ => None,
            },
            prediction: prediction.transpose()?,
            customers: 0,
            customer_time: 0,
            options: questions,
        })
    }

    /// Adds a customer.
    pub fn add(&mut self, versions: &[Version], customer: &CustomerId, history: &History) {
        let (end, flap) = (self.options.end, self.options.flap);
        self.customers += 1;
        self.customer_time += i128::from(end.duration_since(history.begin).0);
        self.census.add(history);
        for (at, line) in history.stage_histories.iter().enumerate() {
            self.stays[at].add(line, history.begin, end);
            self.flaps[at].add(line, flap);
        }
        if let Some(differences) = &mut self.differences {
            differences.add(customer, history, end);
        }
        if let Some(prediction) = &mut self.prediction {
            prediction.add(versions, history);
        }
    }
}
