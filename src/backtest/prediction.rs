//! How well a stage predicts that the outcome will not occur.

use super::duration_histogram::DurationHistogram;
use super::history::History;
use super::recency::{self, Recency};
use super::{Version, dates};
use crate::event::{EventTime, Millis};

const PREDICTION_DATES_MAX: usize = 24;

/// The prediction: no event of type `outcome` occurs within `within`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PredictionTarget {
    pub outcome: String,
    pub within: Millis,
}

/// The history contains no date at which a prediction can be made and verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the history of {history} is too short: a date for predictions needs {within} of history before it and after it"
)]
pub struct HistoryTooShort {
    within: Millis,
    history: Millis,
}

/// Predictions at dates, made without later events, and their results.
#[derive(Clone, Debug)]
pub struct Prediction {
    within: Millis,
    /// The last instant at which a prediction can be verified: `within` before the end.
    last: EventTime,
    pub dates: Vec<DateCounts>,
    /// By version.
    pub lead_times: Vec<LeadTimes>,
}

#[derive(Clone, Debug)]
pub struct DateCounts {
    pub date: EventTime,
    /// Customers with an outcome up to the date.
    pub population: u64,
    /// Those of them without an outcome within the span after the date.
    pub stopped: u64,
    /// By version: flagged customers.
    pub flagged: Vec<u64>,
    /// By version: flagged customers that stopped.
    pub hits: Vec<u64>,
    recency: Recency,
}

/// Spells (uninterrupted times in flagged stages) that begin early enough for the prediction to be verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeadTimes {
    /// All spells of customers with an earlier outcome.
    pub spells: u64,
    /// For spells of customers that stopped: from the flag until the outcome has been absent for the whole span; 0 if the
    /// flag came later than that.
    pub ahead: DurationHistogram,
    /// Spells that began when the outcome had been absent for the whole span already.
    pub late: u64,
}

/// The score of a rule, over one date or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    pub population: u64,
    /// Customers of the population that stopped.
    pub stopped: u64,
    pub flagged: u64,
    /// Flagged customers that stopped, in units of 1 / [`Score::HIT_SCALE`].
    pub hits: u64,
}

impl std::ops::AddAssign for Score {
    fn add_assign(&mut self, other: Score) {
        self.population += other.population;
        self.stopped += other.stopped;
        self.flagged += other.flagged;
        self.hits += other.hits;
    }
}

impl Prediction {
    /// Predicts at up to 24 dates, from `within` after the beginning to `within` before the end.
    pub(super) fn new(
        target: &PredictionTarget,
        begin: EventTime,
        end: EventTime,
        versions: usize,
    ) -> Result<Prediction, HistoryTooShort> {
        let within = target.within;
        let first = begin.checked_add(within).unwrap_or(EventTime::MAX);
        let last = end.saturating_sub(within);
        if first > last {
            let history = end.duration_since(begin);
            return Err(HistoryTooShort { within, history });
        }
        let dates = dates::spread_evenly(first, last, PREDICTION_DATES_MAX);
        Ok(Prediction {
            within,
            last,
            dates: (dates.into_iter()).map(|date| DateCounts::new(date, versions)).collect(),
            lead_times: vec![LeadTimes::default(); versions],
        })
    }

    pub(super) fn add(&mut self, versions: &[Version], history: &History) {
        let first = self.dates.partition_point(|counts| counts.date < history.begin);
        for counts in &mut self.dates[first..] {
            let (Some(last), next) = history.outcomes_around(counts.date) else {
                continue;
            };
            let stopped = has_stopped(counts.date, next, self.within);
            counts.population += 1;
            counts.stopped += u64::from(stopped);
            counts.recency.add(counts.date, last, stopped);
            for (index, version) in versions.iter().enumerate() {
                let stage = history.stage_histories[index].stage_at(counts.date);
                let flagged = version.is_flagged(stage);
                counts.flagged[index] += u64::from(flagged);
                counts.hits[index] += u64::from(flagged && stopped);
            }
        }
        for (index, version) in versions.iter().enumerate() {
            self.add_spells(index, version, history);
        }
    }

    fn add_spells(&mut self, index: usize, version: &Version, history: &History) {
        let lead_times = &mut self.lead_times[index];
        let mut flagged = false;
        for stay in history.stage_histories[index].stays(history.begin) {
            let was_flagged = std::mem::replace(&mut flagged, version.is_flagged(stay.stage));
            if was_flagged || !flagged || stay.entered > self.last {
                continue;
            }
            if stay.left == Some(stay.entered) {
                flagged = false; // A stage that is left at the same instant begins no spell.
                continue;
            }
            let (Some(last), next) = history.outcomes_around(stay.entered) else {
                continue;
            };
            lead_times.spells += 1;
            if has_stopped(stay.entered, next, self.within) {
                let absent = stay.entered.duration_since(last).0;
                let ahead = self.within.0.saturating_sub(absent);
                lead_times.late += u64::from(ahead <= 0);
                lead_times.ahead.add(Millis(ahead));
            }
        }
    }

    /// The score of a version over all dates.
    pub fn score(&self, version: usize) -> Score {
        self.sum(|counts| counts.score(version))
    }

    /// The score of recency over all dates, with as many flagged as by a version.
    pub fn recency(&self, version: usize) -> Score {
        self.sum(|counts| counts.recency(version))
    }

    fn sum(&self, score: impl Fn(&DateCounts) -> Score) -> Score {
        let mut sum = Score::default();
        self.dates.iter().for_each(|counts| sum += score(counts));
        sum
    }
}

/// Whether there is no outcome within the span after an instant.
fn has_stopped(at: EventTime, next: Option<EventTime>, within: Millis) -> bool {
    next.is_none_or(|next| next.duration_since(at) > within)
}

impl DateCounts {
    fn new(date: EventTime, versions: usize) -> DateCounts {
        DateCounts {
            date,
            population: 0,
            stopped: 0,
            flagged: vec![0; versions],
            hits: vec![0; versions],
            recency: Recency::default(),
        }
    }

    pub fn score(&self, version: usize) -> Score {
        Score {
            population: self.population,
            stopped: self.stopped,
            flagged: self.flagged[version],
            hits: self.hits[version] * recency::HIT_SCALE,
        }
    }

    /// The expected score of recency, with as many flagged as by that version.
    pub fn recency(&self, version: usize) -> Score {
        let score = self.score(version);
        Score { hits: self.recency.hits(score.flagged), ..score }
    }
}

impl Score {
    /// The hits that count as one customer.
    pub const HIT_SCALE: u64 = recency::HIT_SCALE;
}
