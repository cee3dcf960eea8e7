//! `tenure test`: runs the tests of model files, and updates their expectations.

mod describe;
mod files;
mod json;
mod report;
mod sentence;
mod table;

use std::io::{self, Write};

use anyhow::Context;
use clap::Args;
use report::UpdatedTests;

use super::mapping::RateArgs;
use super::{Exit, ModelFiles, OutputFormat, load_models, print_stderr};
use crate::authoring::model_test::{self, TestOutcome};
use crate::model::Models;

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    #[command(flatten)]
    models: ModelFiles,
    /// Run only the tests whose name contains this text.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Replace the expectations of failed tests in the files by the actual transitions.
    ///
    /// Everything else in the files stays as it is. Comments stay with expectations whose instant stays; those of
    /// others are printed. Review the changes before you keep them: the actual transitions are right only if they are
    /// what should happen.
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    rates: RateArgs,
    /// The format of the results.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

impl TestArgs {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let Some((models, _)) = load_models(&self.models.files)? else {
            return Ok(Exit::Configuration);
        };
        for model in models.list.iter().filter(|model| model.tests.is_empty()) {
            print_stderr(&format!("{}: {} has no tests", model.source.name, model.name));
        }
        let rates = self.rates.money(&models);
        let mut outcomes = model_test::run_tests(&models, &rates);
        if let Some(only) = &self.only
            && !outcomes.iter().any(|outcome| self.is_selected(outcome))
        {
            print_stderr(&format!("error: no test has `{only}` in its name"));
            return Ok(Exit::Usage);
        }
        let updated =
            if self.update { self.update(&models, &mut outcomes)? } else { UpdatedTests::new() };
        outcomes.retain(|outcome| self.is_selected(outcome));
        let mut out = io::stdout().lock();
        match self.format {
            OutputFormat::Json => {
                let json = outcomes.iter().map(|it| json::outcome(it, &updated));
                writeln!(out, "{:#}", json.collect::<serde_json::Value>())?;
            }
            OutputFormat::Text => report::print(&mut out, &outcomes, &updated)?,
        }
        let failed = outcomes.iter().any(|outcome| !outcome.passed());
        if self.format == OutputFormat::Text && self.update && updated.is_empty() {
            print_stderr("nothing to update");
        }
        if self.format == OutputFormat::Text && failed && !self.update {
            print_stderr(
                "A test that fails after a threshold was changed shows the effect of the change. If the actual transitions \
                 are right, repeat the command with --update to write them into the file; if not, the model is wrong.",
            );
        }
        Ok(if failed { Exit::Different } else { Exit::Ok })
    }

    fn is_selected(&self, outcome: &TestOutcome) -> bool {
        let only = self.only.as_ref().map(|only| only.to_lowercase());
        only.is_none_or(|only| outcome.name.to_lowercase().contains(&only))
    }

    /// Updates the files, and replaces `outcomes` by those of the new files.
    fn update(
        &self,
        models: &Models,
        outcomes: &mut Vec<TestOutcome>,
    ) -> anyhow::Result<UpdatedTests> {
        let wanted = |outcome: &TestOutcome| self.is_selected(outcome);
        if !outcomes.iter().any(|it| !it.passed() && wanted(it)) {
            return Ok(UpdatedTests::new());
        }
        let files = || self.models.files.iter().zip(&models.list);
        let texts: Result<Vec<String>, _> =
            files().map(|(file, model)| files::read(file, model)).collect();
        let rates = self.rates.money(models);
        let mut update = model_test::update_expectations(models, &texts?, outcomes, wanted, &rates);
        for ((file, model), text) in files().zip(&update.texts) {
            if let Some(text) = text {
                files::replace(file, model, text)
                    .with_context(|| format!("cannot update {}", file.display()))?;
            }
        }
        let before = std::mem::replace(outcomes, update.outcomes);
        let updated = before.into_iter().filter_map(|before| {
            let result = update.results.remove(&before.id)?;
            Some((before.id, (before, result)))
        });
        Ok(updated.collect())
    }
}
