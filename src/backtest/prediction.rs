//! How well being in a stage said that the outcome would not come.

use super::duration_histogram::DurationHistogram;
use super::history::History;
use super::recency::{self, Recency};
use super::{Version, dates};
use crate::event::{EventTime, Millis};

/// Most dates at which is predicted.
const PREDICTION_DATES_MAX: usize = 24;

/// What is to be predicted: that an event of a type will not come within a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PredictionTarget {
    /// The event type.
    pub outcome: String,
    /// How long it is waited for.
    pub within: Millis,
}

/// A history in which nothing can be predicted and then be seen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the history of {history} is too short: to look back and ahead by {within} it has to be twice as long as that"
)]
pub struct HistoryTooShort {
    within: Millis,
    history: Millis,
}

/// Predictions at dates, for which nothing was used that came later, and what became of them.
#[derive(Clone, Debug)]
pub struct Prediction {
    within: Millis,
    /// Until when predictions can be seen to come true.
    last: EventTime,
    /// By date.
    pub dates: Vec<DateCounts>,
    /// By version, how early those who stopped were flagged.
    pub lead_times: Vec<LeadTimes>,
}

/// One date.
#[derive(Clone, Debug)]
pub struct DateCounts {
    /// When.
    pub date: EventTime,
    /// Customers who had had the outcome by then.
    pub population: u64,
    /// Those of them for whom it did not come within the span after it.
    pub stopped: u64,
    /// By version: those who were flagged.
    pub flagged: Vec<u64>,
    /// By version: those of the flagged who stopped.
    pub hits: Vec<u64>,
    recency: Recency,
}

/// Spells under the flag that begin early enough to see what came after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeadTimes {
    /// All of customers who had had the outcome.
    pub spells: u64,
    /// How long before the outcome had been absent for the whole span the flag came, for those whom it did not
    /// come to within the span after the flag. One that came later is 0.
    pub ahead: DurationHistogram,
    /// Those that came when the outcome had been absent for that long already.
    pub late: u64,
}

/// What a rule scored, over one date or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Customers looked at.
    pub population: u64,
    /// Those of them who stopped.
    pub stopped: u64,
    /// Customers flagged.
    pub flagged: u64,
    /// Those of the flagged who stopped, in millionths of a customer.
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
    /// At up to 24 dates, from the span after the beginning to the span before the end.
    pub(super) fn new(
        asked: &PredictionTarget,
        begin: EventTime,
        end: EventTime,
        versions: usize,
    ) -> Result<Prediction, HistoryTooShort> {
        let within = asked.within;
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
            dates: (dates.into_iter())
                .map(|date| DateCounts::new(date, versions))
                .collect(),
            lead_times: vec![LeadTimes::default(); versions],
        })
    }

    pub(super) fn add(&mut self, versions: &[Version], history: &History) {
        let first = self
            .dates
            .partition_point(|tally| tally.date < history.begin);
        for tally in &mut self.dates[first..] {
            let (Some(last), next) = history.outcomes_around(tally.date) else {
                continue;
            };
            let stopped = has_stopped(tally.date, next, self.within);
            tally.population += 1;
            tally.stopped += u64::from(stopped);
            tally.recency.add(tally.date, last, stopped);
            for (at, version) in versions.iter().enumerate() {
                let flagged = version.is_flagged(history.stage_histories[at].stage_at(tally.date));
                tally.flagged[at] += u64::from(flagged);
                tally.hits[at] += u64::from(flagged && stopped);
            }
        }
        for (at, version) in versions.iter().enumerate() {
            self.add_spells(at, version, history);
        }
    }

    fn add_spells(&mut self, at: usize, version: &Version, history: &History) {
        let leads = &mut self.lead_times[at];
        let mut flagged = false;
        for stay in history.stage_histories[at].stays(history.begin) {
            let before = std::mem::replace(&mut flagged, version.is_flagged(stay.stage));
            let passed = stay.left == Some(stay.entered);
            if before || !flagged || stay.entered > self.last {
                continue;
            }
            if passed {
                flagged = false; // Left at once, it flags nobody.
                continue;
            }
            let (Some(last), next) = history.outcomes_around(stay.entered) else {
                continue;
            };
            leads.spells += 1;
            if has_stopped(stay.entered, next, self.within) {
                let ahead = self
                    .within
                    .0
                    .saturating_sub(stay.entered.duration_since(last).0);
                leads.late += u64::from(ahead <= 0);
                leads.ahead.add(Millis(ahead));
            }
        }
    }

    /// What a version scored over all dates.
    pub fn score(&self, version: usize) -> Score {
        self.sum(|tally| tally.score(version))
    }

    /// What recency scored over all dates, with as many flagged as by a version.
    pub fn recency(&self, version: usize) -> Score {
        self.sum(|tally| tally.recency(version))
    }

    fn sum(&self, score: impl Fn(&DateCounts) -> Score) -> Score {
        let mut sum = Score::default();
        self.dates.iter().for_each(|tally| sum += score(tally));
        sum
    }
}

/// Whether the outcome did not come in the span after an instant.
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

    /// What a version scored.
    pub fn score(&self, version: usize) -> Score {
        Score {
            population: self.population,
            stopped: self.stopped,
            flagged: self.flagged[version],
            hits: self.hits[version] * recency::HIT_SCALE,
        }
    }

    /// What is to be expected of as many as that version flagged, chosen by recency.
    pub fn recency(&self, version: usize) -> Score {
        let score = self.score(version);
        Score {
            hits: self.recency.hits(score.flagged),
            ..score
        }
    }
}

impl Score {
    /// Parts of a customer in which hits are counted.
    pub const HIT_SCALE: u64 = recency::HIT_SCALE;
}
