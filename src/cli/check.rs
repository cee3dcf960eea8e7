//! `tenure check`: is everything that would be loaded right?

use std::io::{self, Write};

use clap::Args;
use serde_json::json;

use super::{Exit, Format, ModelFiles, say, show, source};
use crate::model::{Models, Report, Severity};

#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    models: ModelFiles,
    /// Exit with 3 when there are warnings.
    #[arg(long)]
    strict: bool,
    /// How problems are printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Check {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let sources = self
            .models
            .files
            .iter()
            .map(|path| source(path))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let (compiled, reports) = match Models::compile(sources) {
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
    let each = reports
        .iter()
        .flat_map(|report| report.problems.iter().map(move |problem| (report, problem)));
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
