//! `backtest`: a history, customer by customer, under one version of a model or two.

use std::path::{Path, PathBuf};

use crate::backtest::{
    Backtest, BacktestOptions, HistoryBuilder, HistoryTooShort, LimitExceeded, Version,
};
use crate::event::{Decoder, EventTime, EventType, Mapping, RecordLimits};
use crate::files::{self, GroupedInputs, InputSummary};

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An input cannot be read.
    #[error(transparent)]
    Input(#[from] files::Error),
    /// A customer is beyond the bounds.
    #[error("{file}:{line}")]
    Customer {
        /// Where the last of their events was read.
        file: String,
        /// On which line.
        line: i64,
        /// What is too much.
        #[source]
        source: LimitExceeded,
    },
    /// There is too little history.
    #[error(transparent)]
    HistoryTooShort(#[from] HistoryTooShort),
    /// There is none at all; why rows were left out, if there were any.
    #[error("there is no event to look at")]
    NoEvents(Box<InputSummary>),
}

/// What is to be walked through.
#[derive(Debug)]
pub struct BacktestRun<'w> {
    /// The versions, the old one first.
    pub versions: &'w [Version],
    /// Where the fields of events stand in the files.
    pub mapping: Mapping,
    /// What a row may contain.
    pub limits: RecordLimits,
    /// Events later than this are ignored; without it, time ends at the last event.
    pub until: Option<EventTime>,
    /// Where temporary files go.
    pub folder: &'w Path,
}

impl BacktestRun<'_> {
    /// Reads everything once, sorted by customer, and measures. `questions` is asked once the span of time
    /// is known; `report` gets the count of rows read.
    pub fn run(
        &self,
        inputs: &[PathBuf],
        outcome: Option<&str>,
        questions: impl FnOnce(EventTime, EventTime) -> BacktestOptions,
        report: impl FnMut(u64),
    ) -> Result<(InputSummary, Backtest), Error> {
        let (decoders, outcome) = self.decoders(outcome);
        let (mut grouped, survey) =
            GroupedInputs::open(inputs, &decoders, self.until, self.folder, report)?;
        let Some(ends) = survey.range else {
            return Err(Error::NoEvents(Box::new(survey)));
        };
        let (begin, end) = (ends.first, self.until.unwrap_or(ends.last));
        let mut backtest = Backtest::new(self.versions, questions(begin, end))?;
        let mut walker = HistoryBuilder::new(self.versions, outcome, end);
        let mut next = grouped.next_row()?;
        while let Some((customer, mut occurrence)) = next {
            loop {
                let position = occurrence.position;
                let fail = |source| Error::Customer {
                    file: inputs[position.input as usize].display().to_string(),
                    line: position.offset,
                    source,
                };
                walker.receive(occurrence.events, position).map_err(fail)?;
                match grouped.next_row()? {
                    Some((same, another)) if same == customer => occurrence = another,
                    other => {
                        next = other;
                        let history = walker.finish().map_err(fail)?;
                        backtest.add(self.versions, &customer, &history);
                        break;
                    }
                }
            }
        }
        Ok((survey, backtest))
    }

    /// One decoder for each version, and how the last of them numbers the outcome.
    fn decoders(&self, outcome: Option<&str>) -> (Vec<Decoder>, Option<EventType>) {
        let (mut decoders, mut kind) = (Vec::new(), None);
        for (at, version) in self.versions.iter().enumerate() {
            let mut vocabulary = version.models.vocabulary.clone();
            if let Some(outcome) = outcome.filter(|_| at + 1 == self.versions.len()) {
                kind = Some(vocabulary.intern_type(outcome));
            }
            decoders.push(Decoder::new(
                self.mapping.clone(),
                vocabulary,
                version.models.currency_rates(),
                self.limits.clone(),
            ));
        }
        (decoders, kind)
    }
}
