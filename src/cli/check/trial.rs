//! Tries proposed mappings on the sample: none is printed that reads less than the given one.

use std::collections::BTreeSet;

use crate::event::{CurrencyRates, Decoder, Quantity, RejectReason};
use crate::files::{self, FileSample, SampleReading};
use crate::sample::{Profile, Proposal, is_of_values};

/// A proposal and what it reads.
pub(super) struct Trial {
    pub(super) proposal: Proposal,
    pub(super) reading: SampleReading,
    /// Currencies that need a rate; the reading is with rates.
    pub(super) currencies: Vec<String>,
}

/// Events, and values in their fields: more is better.
pub(super) type Score = (u64, u64);

pub(super) fn score(reading: &SampleReading) -> Score {
    (reading.read(), reading.observed.found.iter().sum())
}

impl Trial {
    /// Decodes the sample with the proposal; `None` if it lacks a column.
    pub(super) fn of(
        proposal: Proposal,
        sample: &FileSample,
        money: &CurrencyRates,
        decoder: impl Fn(&CurrencyRates) -> Decoder,
    ) -> Option<Trial> {
        // A proposal without a required field reads nothing, but has a question.
        let reading = sample.decode(&decoder(money)).unwrap_or_default();
        let Some(unknown) = reading.observed.details.get(&RejectReason::UnknownCurrency) else {
            return Some(Trial { proposal, reading, currencies: Vec::new() });
        };
        let codes = unknown.by_frequency().into_iter().map(|(code, _)| code.to_uppercase());
        let codes: BTreeSet<String> =
            codes.filter(|code| CurrencyRates::is_currency_code(code)).collect();
        let mut money = money.clone();
        money.rates.extend(codes.iter().map(|code| (code.clone(), Quantity::from_whole(1))));
        let reading = sample.decode(&decoder(&money)).ok()?;
        Some(Trial { proposal, reading, currencies: codes.into_iter().collect() })
    }

    /// Whether all events of the sample are in this one foreign currency.
    pub(super) fn single_currency(&self) -> Option<&str> {
        self.currencies.first().filter(|_| self.currencies.len() == 1).map(String::as_str)
    }

    fn score(&self) -> Score {
        score(&self.reading)
    }
}

/// A sample, read in one form of the file.
pub(super) struct Attempt {
    pub(super) sample: FileSample,
    pub(super) decoder: Decoder,
    /// With the given mapping, or why it does not fit the file.
    pub(super) reading: Result<SampleReading, files::Error>,
    pub(super) profile: Profile,
    /// A better mapping, if there is any.
    pub(super) best: Option<Trial>,
}

impl Attempt {
    pub(super) fn is_anything_read(&self) -> bool {
        self.reading.as_ref().is_ok_and(|reading| reading.read() > 0)
    }

    pub(super) fn is_good(&self) -> bool {
        self.best.as_ref().is_some_and(|best| best.proposal.questions.is_empty())
    }

    /// Whether the header has values instead of names.
    pub(super) fn has_values_as_names(&self) -> bool {
        self.sample.names().is_some_and(|names| is_of_values(names.iter().map(String::as_str)))
    }
}

/// The best one that is no worse than what is given; the first among equals.
pub(super) fn best(trials: impl Iterator<Item = Trial>, given: Score) -> Option<Trial> {
    // A question is of use only where nothing can be read.
    let is_useful = |trial: &Trial| {
        if trial.proposal.questions.is_empty() { trial.reading.read() > 0 } else { given.0 == 0 }
    };
    let good = trials.filter(|trial| trial.score() >= given && is_useful(trial));
    good.reduce(|best, other| if other.score() > best.score() { other } else { best })
}
