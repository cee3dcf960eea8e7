//! `tenure test`: the tests inside model files.

mod describe;
mod files;
mod json;
mod report;
mod sentence;
mod table;

use std::collections::BTreeMap;
use std::io::{self, Write};

use clap::Args;

use super::{Exit, ModelFiles, OutputFormat, load_models, print_stderr};
use crate::model::Models;
use crate::runtime::model_test::{self, TestOutcome, UpdateResult};

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    #[command(flatten)]
    models: ModelFiles,
    /// Only the tests whose name has this text in it.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Where tests fail, write what happened into the files as what is expected.
    ///
    /// Everything else in the files stays as it is, comments too. Look at what has changed before you keep it:
    /// a test that expects what happens is right only if that is what should happen.
    #[arg(long)]
    update: bool,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

/// What became of the tests that were to be updated, each with how it came out before.
type UpdatedTests = BTreeMap<(usize, usize), (TestOutcome, UpdateResult)>;

impl TestArgs {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let Some((models, _)) = load_models(&self.models.files)? else {
            return Ok(Exit::Configuration);
        };
        for model in models.list.iter().filter(|model| model.tests.is_empty()) {
            print_stderr(&format!(
                "{}: {} has no tests",
                model.source.name, model.name
            ));
        }
        let money = models.currency_rates();
        let mut outcomes = model_test::run_tests(&models, &money);
        if let Some(only) = &self.only
            && !outcomes.iter().any(|outcome| self.is_selected(outcome))
        {
            print_stderr(&format!("error: no test has `{only}` in its name"));
            return Ok(Exit::Usage);
        }
        let updated = match self.update {
            true => self.update(&models, &mut outcomes)?,
            false => UpdatedTests::new(),
        };
        outcomes.retain(|outcome| self.is_selected(outcome));
        let mut out = io::stdout().lock();
        match self.format {
            OutputFormat::Json => {
                let each = outcomes.iter().map(|it| json::outcome(it, &updated));
                writeln!(out, "{:#}", each.collect::<serde_json::Value>())?;
            }
            OutputFormat::Text => report::print(&mut out, &outcomes, &updated)?,
        }
        let failed = outcomes.iter().any(|outcome| !outcome.passed());
        if self.format == OutputFormat::Text && self.update && updated.is_empty() {
            print_stderr("nothing to update");
        }
        if self.format == OutputFormat::Text && failed && !self.update {
            print_stderr(
                "A test that fails after a threshold was changed shows what the change does. If what happened is right, \
                 the same command with --update writes it into the file; if not, the model is wrong.",
            );
        }
        Ok(if failed { Exit::Different } else { Exit::Ok })
    }

    fn is_selected(&self, outcome: &TestOutcome) -> bool {
        let only = self.only.as_ref().map(|only| only.to_lowercase());
        only.is_none_or(|only| outcome.name.to_lowercase().contains(&only))
    }

    /// Writes into the files; outcomes are those of what stands there then.
    fn update(
        &self,
        models: &Models,
        outcomes: &mut Vec<TestOutcome>,
    ) -> anyhow::Result<UpdatedTests> {
        let wanted = |outcome: &TestOutcome| self.is_selected(outcome);
        if !outcomes.iter().any(|it| !it.passed() && wanted(it)) {
            return Ok(UpdatedTests::new());
        }
        let texts = files::read_texts(&self.models.files, models)?;
        let update = model_test::update_expectations(
            models,
            &texts,
            outcomes,
            wanted,
            &models.currency_rates(),
        );
        files::write(&self.models.files, &texts, &update.texts)?;
        let before = std::mem::replace(outcomes, update.outcomes);
        let mut verdicts = update.results;
        let each = before.into_iter().zip(outcomes.iter());
        let each = each.filter_map(|(before, after)| {
            let mut verdict = verdicts.remove(&before.id)?;
            if let UpdateResult::Unchanged(refusal) = &mut verdict {
                // Other tests above it may have become longer or shorter.
                let within = refusal.location.line.saturating_sub(before.location.line);
                refusal.location.line = after.location.line + within;
            }
            Some((before.id, (before, verdict)))
        });
        Ok(each.collect())
    }
}
