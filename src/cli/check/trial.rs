//! Tries proposed mappings on the sample: none is printed that reads less than the given one.

use crate::event::{CurrencyRates, Decoder, Quantity, RejectReason};
use crate::files::{FileSample, SampleReading};
use crate::sample::Proposal;

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
        let unknown = reading.observed.details.get(&RejectReason::UnknownCurrency);
        let Some(unknown) = unknown else {
            return Some(Trial { proposal, reading, currencies: Vec::new() });
        };
        let codes = unknown.by_frequency().into_iter().map(|(code, _)| code.to_uppercase());
        let mut currencies: Vec<String> =
            codes.filter(|code| CurrencyRates::is_currency_code(code)).collect();
        currencies.sort();
        currencies.dedup();
        let mut money = money.clone();
        for code in &currencies {
            money.rates.insert(code.clone(), Quantity::from_whole(1));
        }
        let reading = sample.decode(&decoder(&money)).ok()?;
        Some(Trial { proposal, reading, currencies })
    }

    /// Whether all events of the sample are in this one foreign currency.
    pub(super) fn single_currency(&self) -> Option<&str> {
        match self.currencies.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }
}

/// The best one that is no worse than what is given; the first among equals.
pub(super) fn best(trials: impl Iterator<Item = Trial>, given: Score) -> Option<Trial> {
    // A question is of use only where nothing can be read.
    let is_useful = |trial: &Trial| {
        if trial.proposal.questions.is_empty() { trial.reading.read() > 0 } else { given.0 == 0 }
    };
    let good = trials.filter(|trial| score(&trial.reading) >= given && is_useful(trial));
    good.reduce(
        |best, other| {
            if score(&other.reading) > score(&best.reading) { other } else { best }
        },
    )
}
