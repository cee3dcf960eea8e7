//! `backtest`: evaluates a history, customer by customer, with one version of a model or two.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::backtest::{
    Backtest, BacktestOptions, HistoryBuilder, HistoryTooShort, LimitExceeded, Version,
};
use crate::event::{CurrencyRates, Decoder, EventTime, EventType, Mapping, Quantity, RecordLimits};
use crate::files::{self, FileOptions, GroupedInputs, GroupingReport, InputSummary};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Input(#[from] files::Error),
    /// A customer exceeds a limit; file and line of the customer's last event.
    #[error("{file}:{line}")]
    Customer {
        file: String,
        line: String,
        #[source]
        source: LimitExceeded,
    },
    #[error(transparent)]
    HistoryTooShort(#[from] HistoryTooShort),
    /// With the reasons of rejected rows.
    #[error("there is no event to backtest")]
    NoEvents(Box<InputSummary>),
}

#[derive(Debug)]
pub(crate) struct BacktestRun<'w> {
    /// The versions, the old one first.
    pub versions: &'w [Version],
    /// By input.
    pub mappings: &'w [Mapping],
    pub limits: RecordLimits,
    /// The rates of other currencies in those of the models.
    pub rates: BTreeMap<String, Quantity>,
    pub files: FileOptions,
    /// Events later than this are ignored; without it, time ends at the last event.
    pub until: Option<EventTime>,
    /// The folder for temporary files.
    pub folder: &'w Path,
}

impl BacktestRun<'_> {
    /// Reads the inputs once, sorted by customer, and measures. Calls `options` with the first and last instant once they
    /// are known, and `report` while the files are read.
    pub(crate) fn run(
        &self,
        inputs: &[PathBuf],
        outcome: Option<&str>,
        options: impl FnOnce(EventTime, EventTime) -> BacktestOptions,
        report: impl FnMut(GroupingReport<'_>),
    ) -> Result<(InputSummary, Backtest), Error> {
        let (decoders, outcome) = self.decoders(outcome);
        let (mut grouped, summary) =
            GroupedInputs::open(inputs, &self.files, &decoders, self.until, self.folder, report)?;
        let Some(range) = summary.range else {
            return Err(Error::NoEvents(Box::new(summary)));
        };
        let (begin, end) = (range.first, self.until.unwrap_or(range.last));
        let mut backtest = Backtest::new(self.versions, options(begin, end))?;
        let mut builder = HistoryBuilder::new(self.versions, outcome, end);
        let mut next = grouped.next_row()?;
        while let Some((customer, mut row)) = next {
            loop {
                let position = row.position;
                let fail = |source| Error::Customer {
                    file: inputs[position.input as usize].display().to_string(),
                    line: position.line_text(),
                    source,
                };
                builder.receive(row.events, position).map_err(fail)?;
                match grouped.next_row()? {
                    Some((same, next_row)) if same == customer => row = next_row,
                    other => {
                        next = other;
                        let history = builder.finish().map_err(fail)?;
                        backtest.add(self.versions, &customer, &history);
                        break;
                    }
                }
            }
        }
        Ok((summary, backtest))
    }

    /// For each input one decoder for each version, and the event type of the outcome in the last one's vocabulary.
    fn decoders(&self, outcome: Option<&str>) -> (Vec<Vec<Decoder>>, Option<EventType>) {
        let (mut decoders, mut outcome_type) = (vec![Vec::new(); self.mappings.len()], None);
        for (index, version) in self.versions.iter().enumerate() {
            let mut vocabulary = version.models.vocabulary.clone();
            if let Some(outcome) = outcome.filter(|_| index + 1 == self.versions.len()) {
                outcome_type = Some(vocabulary.intern_type(outcome));
            }
            let money =
                CurrencyRates { rates: self.rates.clone(), ..version.models.currency_rates() };
            for (mapping, of_input) in self.mappings.iter().zip(&mut decoders) {
                let limits = self.limits.clone();
                of_input.push(Decoder::new(
                    mapping.clone(),
                    vocabulary.clone(),
                    money.clone(),
                    limits,
                ));
            }
        }
        (decoders, outcome_type)
    }
}
