//! `tenure test`: the tests inside model files.

use std::io::{self, Write};

use clap::Args;
use serde_json::json;

use super::{Exit, Format, ModelFiles, load, say};
use crate::event::Money;
use crate::model::visible;
use crate::runtime::example::{self, Outcome};

#[derive(Debug, Args)]
pub(super) struct Test {
    #[command(flatten)]
    models: ModelFiles,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Test {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let Some((models, _)) = load(&self.models.files)? else {
            return Ok(Exit::Configuration);
        };
        for model in models.list.iter().filter(|model| model.examples.is_empty()) {
            say(&format!(
                "{}: {} has no tests",
                model.source.name, model.name
            ));
        }
        let outcomes =
            example::run_all(&models, &Money::of_one_currency(models.currency.as_deref()));
        let failed = outcomes.iter().filter(|outcome| !outcome.passed()).count();
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json => writeln!(
                out,
                "{:#}",
                outcomes.iter().map(as_json).collect::<serde_json::Value>()
            )?,
            Format::Text => {
                for outcome in &outcomes {
                    print(&mut out, outcome)?;
                }
                writeln!(out, "{} passed, {failed} failed", outcomes.len() - failed)?;
            }
        }
        Ok(if failed == 0 {
            Exit::Ok
        } else {
            Exit::Different
        })
    }
}

fn print(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    let Outcome {
        model,
        name,
        file,
        place,
        differences,
    } = outcome;
    if outcome.passed() {
        return writeln!(out, "ok      {model}: {}", visible(name));
    }
    writeln!(out, "FAILED  {model}: {}", visible(name))?;
    writeln!(out, "        {file}:{}:{}", place.line, place.column)?;
    for difference in differences {
        writeln!(out, "    {}", visible(&difference.to_string()))?;
    }
    Ok(())
}

fn as_json(outcome: &Outcome) -> serde_json::Value {
    json!({
        "model": outcome.model,
        "name": outcome.name,
        "file": outcome.file,
        "line": outcome.place.line,
        "passed": outcome.passed(),
        "differences": outcome.differences.iter().map(|line| line.to_string().trim().to_owned()).collect::<Vec<_>>(),
    })
}
