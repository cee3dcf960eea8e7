//! `tenure backtest`: runs one or two versions of a model over a history and reports the differences.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::event_files::{self, FileArgs};
use super::mapping::MappingArgs;
use super::progress::CommandProgress;
use super::replay::inputs::{self, is_same_file};
use super::replay::parse_until_argument;
use super::{Exit, OutputFormat, input_report, load_models, print_stderr};
use crate::backtest::{
    Backtest, BacktestOptions, EXAMPLES_MAX, Prediction, PredictionTarget, Version,
};
use crate::event::{EventTime, InputReport, Mapping, Millis};
use crate::files::{GroupingReport, InputSummary};
use crate::model::{Model, StageId, did_you_mean, sanitize_for_terminal};
use crate::offline::backtest::{BacktestRun, Error};
use crate::report::backtest::{self as report, ExcludedRows, Findings};

#[derive(Debug, Args)]
pub(super) struct BacktestArgs {
    /// A model file (YAML): the old version, then the new one. A single version is measured without a comparison.
    #[arg(long = "model", value_name = "FILE", required = true)]
    models: Vec<PathBuf>,
    /// The end of the history: RFC 3339, or a date, which includes its whole day. Later events are ignored.
    #[arg(long, value_name = "TIME", value_parser = parse_until_argument)]
    until: Option<EventTime>,
    /// A transition that is undone sooner than this is a flap.
    #[arg(long, value_name = "SPAN", default_value = "7d", value_parser = parse_duration)]
    flap: Millis,
    /// The event type whose absence a stage predicts, such as order_completed.
    #[arg(long, value_name = "TYPE", requires_all = ["within", "stages"])]
    outcome: Option<String>,
    /// The time after each date within which the outcome counts, such as 90d.
    #[arg(long, value_name = "SPAN", value_parser = parse_outcome_window, requires = "outcome")]
    within: Option<Millis>,
    /// The stage that predicts that the outcome will not occur; separate several with commas. Repeat the option if
    /// the stages of the new version have other names.
    #[arg(long = "stage", value_name = "NAME", requires = "outcome")]
    stages: Vec<String>,
    /// The number of customers with different histories to show.
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = parse_example_count)]
    examples: usize,
    /// Exit with 3 when rows were rejected or a model has warnings.
    #[arg(long)]
    strict: bool,
    /// How the report is printed.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
    /// Also write the report to this file as one HTML page. An existing file is overwritten.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    mapping: MappingArgs,
    #[command(flatten)]
    format_of_files: FileArgs,
    /// Files of events: JSON (one object per line, an array, or one object after the other) or CSV; plain, .gz or .zst.
    /// A folder or a pattern in quotes means its files in the order of their names; `-` is standard input.
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<PathBuf>,
}

const MONTHS_HINT: &str = "m means minutes; write 90d for three months";

fn parse_duration(text: &str) -> Result<Millis, String> {
    let span = Millis::parse(text).filter(|span| span.0 > 0);
    span.ok_or_else(|| format!("write 7d, 12h or 1d12h; {MONTHS_HINT}"))
}

/// Rejects minutes, because `3m` is most likely meant as months.
fn parse_outcome_window(text: &str) -> Result<Millis, String> {
    match parse_duration(text)? {
        span if span < Millis::HOUR => Err(format!("{text} is less than an hour; {MONTHS_HINT}")),
        span => Ok(span),
    }
}

fn parse_example_count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count <= EXAMPLES_MAX);
    count.ok_or_else(|| format!("write a number up to {EXAMPLES_MAX}"))
}

impl BacktestArgs {
    pub(super) fn run(mut self) -> anyhow::Result<Exit> {
        self.inputs = event_files::expand(&self.inputs)?;
        if let Some(problem) = self.usage_problem() {
            return Ok(exit_with_usage_problem(&problem));
        }
        let (mut versions, mut warnings) = (Vec::new(), 0);
        for file in &self.models {
            let Some((models, warning_count)) = load_models(std::slice::from_ref(file))? else {
                return Ok(Exit::Configuration);
            };
            warnings += warning_count;
            versions.push(Version { models, flagged: 0 });
        }
        for (at, version) in versions.iter_mut().enumerate() {
            match self.flagged_stages(at, version.model()) {
                Ok(flagged) => version.flagged = flagged,
                Err(problem) => return Ok(exit_with_usage_problem(&problem)),
            }
        }
        self.mapping.check(&self.inputs)?;
        let mappings = self.mapping.mappings(&self.inputs)?;
        let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
        let result = self.run_versions(&versions, &mappings, folder.path());
        let (survey, backtest) = match result {
            Err(Error::HistoryTooShort(error)) => {
                return Ok(exit_with_usage_problem(&error.to_string()));
            }
            Err(ref error @ Error::NoEvents(ref survey)) => {
                self.print_input_report(&versions, &mappings, survey);
                let mut lines = vec![error.to_string()];
                lines.extend(self.excluded_rows(survey).lines());
                bail!(lines.join("\n"));
            }
            other => other?,
        };
        let prediction = backtest.prediction.as_ref();
        if let Some(problem) = prediction.and_then(|it| self.unknown_outcome(&versions, it)) {
            return Ok(exit_with_usage_problem(&problem));
        }
        self.print_input_report(&versions, &mappings, &survey);
        inputs::warn_of_outlier(&self.inputs, survey.range, self.until);
        let has_warnings = warnings > 0 || !survey.rejected.is_empty();
        let findings = Findings {
            files: &self.models,
            versions: &versions,
            events: survey.events,
            excluded: self.excluded_rows(&survey),
            backtest: &backtest,
        };
        if let Some(path) = &self.html {
            fs::write(path, report::to_html(&findings))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let mut out = io::stdout().lock();
        match self.format {
            OutputFormat::Text => out.write_all(report::to_text(&findings).as_bytes())?,
            OutputFormat::Json => writeln!(out, "{:#}", report::to_json(&findings))?,
        }
        Ok(if self.strict && has_warnings { Exit::Warnings } else { Exit::Ok })
    }

    fn run_versions(
        &self,
        versions: &[Version],
        mappings: &[Mapping],
        folder: &Path,
    ) -> Result<(InputSummary, Backtest), Error> {
        let run = BacktestRun {
            versions,
            mappings,
            rates: self.mapping.rates(),
            limits: self.mapping.limits(),
            files: self.format_of_files.options(),
            until: self.until,
            folder,
        };
        let mut progress = CommandProgress::new();
        let outcome = self.outcome.as_deref();
        let options = |begin, end| self.options(begin, end);
        let on_progress = |report: GroupingReport<'_>| match report {
            GroupingReport::Rows(rows) => progress.update(rows),
            GroupingReport::Detected(path, detected) => event_files::print_detected(path, detected),
        };
        let result = run.run(&self.inputs, outcome, options, on_progress);
        progress.finish();
        result
    }

    /// What was not understood, by the last version.
    fn print_input_report(
        &self,
        versions: &[Version],
        mappings: &[Mapping],
        survey: &InputSummary,
    ) {
        let Some(version) = versions.last() else {
            return;
        };
        let (vocabulary, money) = (&version.models.vocabulary, self.mapping.money(&version.models));
        let report =
            |(mapping, observed)| InputReport { observed, mapping, vocabulary, money: &money };
        let reports: Vec<InputReport<'_>> =
            mappings.iter().zip(&survey.observed).map(report).collect();
        input_report::print(&self.inputs, &reports);
        input_report::print_never_found(&reports);
    }

    fn excluded_rows<'f>(&'f self, survey: &'f InputSummary) -> ExcludedRows<'f> {
        ExcludedRows { inputs: &self.inputs, later: survey.later, rejected: &survey.rejected }
    }

    fn options(&self, begin: EventTime, end: EventTime) -> BacktestOptions {
        let target = self.outcome.clone().zip(self.within);
        BacktestOptions {
            begin,
            end,
            flap: self.flap,
            examples: self.examples,
            prediction: target.map(|(outcome, within)| PredictionTarget { outcome, within }),
        }
    }

    /// The problem that no customer ever had the outcome, which is most often misspelled.
    fn unknown_outcome(&self, versions: &[Version], prediction: &Prediction) -> Option<String> {
        let outcome = self.outcome.as_deref()?;
        if prediction.score(0).population > 0 {
            return None;
        }
        let vocabularies = versions.iter().map(|version| &version.models.vocabulary);
        let known = vocabularies.flat_map(|vocabulary| vocabulary.named_types());
        let known = known.map(|(_, name)| name);
        let hint = did_you_mean(outcome, known).map(|hint| format!("; {hint}"));
        Some(format!(
            "--outcome: no customer has an event of type `{}` before any of the dates{}",
            sanitize_for_terminal(outcome),
            hint.unwrap_or_default()
        ))
    }

    fn usage_problem(&self) -> Option<String> {
        if self.models.len() > 2 {
            return Some(
                "at most two --model can be compared, the old one and the new one".to_owned(),
            );
        }
        if self.stages.len() > self.models.len() {
            return Some("there are more --stage than --model".to_owned());
        }
        if let Some(problem) = inputs::usage_problem(&self.inputs) {
            return Some(problem);
        }
        let page = self.html.as_deref().filter(|path| path.is_file())?;
        let mut read_files = self.inputs.iter().chain(&self.models);
        let file = read_files.find(|path| is_same_file(path, page))?;
        Some(format!("--html would overwrite {}, which is an input or a model", file.display()))
    }

    /// The stages of a version that flag a customer, as a bit set.
    fn flagged_stages(&self, version: usize, model: &Model) -> Result<u64, String> {
        let Some(names) = self.stages.get(version).or(self.stages.last()) else {
            return Ok(0);
        };
        let stage = |name: &str| {
            let name = name.trim();
            let at = model.stages.position(|stage| stage.name == name);
            at.ok_or_else(|| {
                let known = model.stages.iter().map(|stage| stage.name.as_str());
                let hint = did_you_mean(name, known).map(|hint| format!("; {hint}"));
                format!(
                    "--stage: {} has no stage `{}`{}",
                    self.models[version].display(),
                    sanitize_for_terminal(name),
                    hint.unwrap_or_default()
                )
            })
        };
        let stages = names.split(',').map(stage);
        let stages: Vec<StageId> = stages.collect::<Result<_, _>>()?;
        Ok(stages.iter().fold(0, |bits, stage| bits | 1 << stage.index()))
    }
}

fn exit_with_usage_problem(problem: &str) -> Exit {
    print_stderr(&format!("error: {problem}"));
    Exit::Usage
}
