//! `tenure backtest`: a history under one version of a model, or under two, and what differs.

mod counting;
mod findings;
mod format;
mod html;
mod json;
mod ratio;
mod tables;
mod text;

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;

use super::mapping::MappingArgs;
use super::progress::CommandProgress;
use super::replay::inputs::{self, is_same_file};
use super::replay::parse_until_argument;
use super::{Exit, OutputFormat, load_models, print_stderr};
use crate::backtest::{BacktestOptions, EXAMPLES_MAX, Prediction, PredictionTarget, Version};
use crate::event::{EventTime, Millis};
use crate::model::{Model, did_you_mean, sanitize_for_terminal};
use crate::runtime::backtest::{BacktestRun, Error};
use findings::Findings;

#[derive(Debug, Args)]
pub(super) struct BacktestArgs {
    /// A model file (YAML): the old version, then the new one. One alone is measured by itself.
    #[arg(long = "model", value_name = "FILE", required = true)]
    models: Vec<PathBuf>,
    /// Where time ends: RFC 3339, or a date, which means its whole day. Later events are ignored.
    #[arg(long, value_name = "TIME", value_parser = parse_until_argument)]
    until: Option<EventTime>,
    /// A move that is undone sooner than this is a flap.
    #[arg(long, value_name = "SPAN", default_value = "7d", value_parser = parse_duration)]
    flap: Millis,
    /// The event type whose absence a stage is to predict, such as order_completed.
    #[arg(long, value_name = "TYPE", requires_all = ["within", "stages"])]
    outcome: Option<String>,
    /// How long the outcome is waited for, such as 90d.
    #[arg(long, value_name = "SPAN", value_parser = parse_outcome_window, requires = "outcome")]
    within: Option<Millis>,
    /// The stage that is to say that the outcome will not come; several with commas. Repeat it where the
    /// stages of the new version are called otherwise.
    #[arg(long = "stage", value_name = "NAME", requires = "outcome")]
    stages: Vec<String>,
    /// How many customers are shown whose histories differ.
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = parse_example_count)]
    examples: usize,
    /// Exit with 3 when rows were rejected or a model has warnings.
    #[arg(long)]
    strict: bool,
    /// How the report is printed.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
    /// Write the report as one HTML page to this file, too. What it held before is lost.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    mapping: MappingArgs,
    /// Files of events: NDJSON or CSV, plain, .gz or .zst; `-` is standard input.
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<PathBuf>,
}

const MONTHS_HINT: &str = "m is minutes, and three months are 90d";

fn parse_duration(text: &str) -> Result<Millis, String> {
    let span = Millis::parse(text).filter(|span| span.0 > 0);
    span.ok_or_else(|| format!("write 7d, 12h or 1d12h; {MONTHS_HINT}"))
}

/// Nobody waits for minutes, and `3m` are no months.
fn parse_outcome_window(text: &str) -> Result<Millis, String> {
    match parse_duration(text)? {
        short if short < Millis::HOUR => Err(format!("{text} is less than an hour; {MONTHS_HINT}")),
        span => Ok(span),
    }
}

fn parse_example_count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count <= EXAMPLES_MAX);
    count.ok_or_else(|| format!("write a number up to {EXAMPLES_MAX}"))
}

impl BacktestArgs {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        if let Some(problem) = self.usage_problem() {
            return Ok(exit_with_usage_problem(&problem));
        }
        let (mut versions, mut warnings) = (Vec::new(), 0);
        for file in &self.models {
            let Some((models, found)) = load_models(std::slice::from_ref(file))? else {
                return Ok(Exit::Configuration);
            };
            warnings += found;
            versions.push(Version { models, flagged: 0 });
        }
        for (at, version) in versions.iter_mut().enumerate() {
            match self.flagged_stages(at, version.model()) {
                Ok(flagged) => version.flagged = flagged,
                Err(problem) => return Ok(exit_with_usage_problem(&problem)),
            }
        }
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let walk = BacktestRun {
            versions: &versions,
            mapping: self.mapping.mapping(),
            limits: self.mapping.limits(),
            until: self.until,
            folder: folder.path(),
        };
        let mut progress = CommandProgress::new();
        let outcome = self.outcome.as_deref();
        let questions = |begin, end| self.questions(begin, end);
        let reached = |rows| progress.update(rows);
        let walked = walk.run(&self.inputs, outcome, questions, reached);
        progress.finish();
        let (survey, backtest) = match walked {
            Err(Error::HistoryTooShort(short)) => {
                return Ok(exit_with_usage_problem(&short.to_string()));
            }
            Err(ref error @ Error::NoEvents(ref survey)) => {
                let mut lines = vec![error.to_string()];
                lines.extend(findings::excluded_rows(&self.inputs, survey));
                bail!(lines.join("\n"));
            }
            other => other?,
        };
        let prediction = backtest.prediction.as_ref();
        if let Some(problem) = prediction.and_then(|it| self.unknown_outcome(&versions, it)) {
            return Ok(exit_with_usage_problem(&problem));
        }
        inputs::warn_of_outlier(&self.inputs, survey.range, self.until);
        let flawed = warnings > 0 || !survey.rejected.is_empty();
        let findings = Findings {
            files: &self.models,
            inputs: &self.inputs,
            versions: &versions,
            survey: &survey,
            backtest: &backtest,
        };
        if let Some(path) = &self.html {
            fs::write(path, html::report(&findings))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let mut out = io::stdout().lock();
        match self.format {
            OutputFormat::Text => out.write_all(text::report(&findings).as_bytes())?,
            OutputFormat::Json => writeln!(out, "{:#}", json::report(&findings))?,
        }
        Ok(if self.strict && flawed {
            Exit::Warnings
        } else {
            Exit::Ok
        })
    }

    fn questions(&self, begin: EventTime, end: EventTime) -> BacktestOptions {
        let asked = self.outcome.clone().zip(self.within);
        BacktestOptions {
            begin,
            end,
            flap: self.flap,
            examples: self.examples,
            prediction: asked.map(|(outcome, within)| PredictionTarget { outcome, within }),
        }
    }

    /// A question about an outcome that nobody had.
    fn unknown_outcome(&self, versions: &[Version], prediction: &Prediction) -> Option<String> {
        let outcome = self.outcome.as_deref()?;
        if prediction.score(0).population > 0 {
            return None;
        }
        let vocabularies = versions.iter().map(|version| &version.models.vocabulary);
        let known = vocabularies.flat_map(|vocabulary| vocabulary.named_types());
        let known = known.map(|(_, name)| name);
        let meant = did_you_mean(outcome, known).map(|meant| format!("; {meant}"));
        Some(format!(
            "--outcome: at none of the dates had anybody had an event of type `{}` before{}",
            sanitize_for_terminal(outcome),
            meant.unwrap_or_default()
        ))
    }

    /// What cannot be meant.
    fn usage_problem(&self) -> Option<String> {
        if self.models.len() > 2 {
            return Some(
                "at most two --model are compared, the old one and the new one".to_owned(),
            );
        }
        if self.stages.len() > self.models.len() {
            return Some("there are more --stage than --model".to_owned());
        }
        if let Some(twice) = inputs::usage_problem(&self.inputs) {
            return Some(twice);
        }
        let page = self.html.as_deref().filter(|path| path.is_file())?;
        let read = self.inputs.iter().chain(&self.models);
        let read = read.into_iter().find(|path| is_same_file(path, page))?;
        Some(format!(
            "--html would overwrite {}, which is read",
            read.display()
        ))
    }

    /// The stages of a version that flag a customer, as bits.
    fn flagged_stages(&self, version: usize, model: &Model) -> Result<u64, String> {
        let Some(names) = self.stages.get(version).or(self.stages.last()) else {
            return Ok(0);
        };
        let stage = |name: &str| {
            let name = name.trim();
            let at = model.stages.iter().position(|stage| stage.name == name);
            at.ok_or_else(|| {
                let known = model.stages.iter().map(|stage| stage.name.as_str());
                let meant = did_you_mean(name, known).map(|meant| format!("; {meant}"));
                format!(
                    "--stage: {} has no stage `{}`{}",
                    self.models[version].display(),
                    sanitize_for_terminal(name),
                    meant.unwrap_or_default()
                )
            })
        };
        let stages = names.split(',').map(stage);
        let stages: Vec<usize> = stages.collect::<Result<_, _>>()?;
        Ok(stages.iter().fold(0, |bits, stage| bits | 1 << stage))
    }
}

fn exit_with_usage_problem(problem: &str) -> Exit {
    print_stderr(&format!("error: {problem}"));
    Exit::Usage
}
