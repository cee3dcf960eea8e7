//! `tenure check`: is everything that would be loaded right?

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::run::{ConfigFiles, tell};
use super::{Exit, Format, say, show, sources};
use crate::model::{PROBLEMS_SHOWN_MAX, Report, Severity};

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Model files (YAML); without any, those that the configuration names.
    #[arg(value_name = "FILE")]
    models: Vec<PathBuf>,
    #[command(flatten)]
    config: ConfigFiles,
    /// Exit with 3 when there are warnings.
    #[arg(long)]
    strict: bool,
    /// How problems are printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Check {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let document = match self.models.is_empty() || !self.config.files.is_empty() {
            true => match self.config.load() {
                Some(document) => Some(document),
                None => return Ok(Exit::Configuration),
            },
            false => None,
        };
        let own = document.as_ref().map(|document| document.models.as_slice());
        let files = own
            .filter(|_| self.models.is_empty())
            .unwrap_or(&self.models);
        let (compiled, reports) = match sources::compile(files) {
            Ok((models, warnings)) => (Some(models), warnings),
            Err(reports) => (None, reports),
        };
        match self.format {
            Format::Json => writeln!(io::stdout(), "{:#}", problems_as_json(&reports))?,
            Format::Text => show(&reports),
        }
        let Some(models) = compiled else {
            return Ok(Exit::Configuration);
        };
        // The same code that `run` goes through, up to the first thing that is opened.
        if let Some(document) = &document
            && let Err(problems) = document.settings(&models, None)
        {
            tell(&problems);
            return Ok(Exit::Configuration);
        }
        if self.format == Format::Text {
            for model in &models.list {
                say(&format!(
                    "{}: {} (version {}): {} stages, {} transitions, {} facts, {} tests",
                    model.source.name,
                    model.name,
                    model.version,
                    model.stages.len(),
                    model.transitions.len(),
                    model.facts.len(),
                    model.examples.len()
                ));
            }
        }
        Ok(if self.strict && !reports.is_empty() {
            Exit::Warnings
        } else {
            Exit::Ok
        })
    }
}

fn problems_as_json(reports: &[Report]) -> serde_json::Value {
    let each = reports.iter().flat_map(|report| {
        let shown = report.problems.iter().take(PROBLEMS_SHOWN_MAX);
        shown.map(move |problem| (report, problem))
    });
    each.map(|(report, problem)| {
        json!({
            "file": report.source.name,
            "line": problem.place.line,
            "column": problem.place.column,
            "severity": if problem.severity == Severity::Error { "error" } else { "warning" },
            "message": problem.message,
            "help": problem.help,
        })
    })
    .collect()
}
