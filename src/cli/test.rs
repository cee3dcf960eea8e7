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

use super::{Exit, Format, ModelFiles, load, say};
use crate::model::Models;
use crate::runtime::example::{self, Outcome, Verdict};

#[derive(Debug, Args)]
pub(super) struct Test {
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
    format: Format,
}

/// What became of the tests that were to be updated, each with how it came out before.
type Updated = BTreeMap<(usize, usize), (Outcome, Verdict)>;

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
        let money = models.money();
        let mut outcomes = example::run_all(&models, &money);
        if let Some(only) = &self.only
            && !outcomes.iter().any(|outcome| self.is_wanted(outcome))
        {
            say(&format!("error: no test has `{only}` in its name"));
            return Ok(Exit::Usage);
        }
        let updated = match self.update {
            true => self.update(&models, &mut outcomes)?,
            false => Updated::new(),
        };
        outcomes.retain(|outcome| self.is_wanted(outcome));
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json => {
                let each = outcomes.iter().map(|it| json::of(it, &updated));
                writeln!(out, "{:#}", each.collect::<serde_json::Value>())?;
            }
            Format::Text => report::print(&mut out, &outcomes, &updated)?,
        }
        let failed = outcomes.iter().any(|outcome| !outcome.passed());
        if self.format == Format::Text && self.update && updated.is_empty() {
            say("nothing to update");
        }
        if self.format == Format::Text && failed && !self.update {
            say(
                "A test that fails after a threshold was changed shows what the change does. If what happened is right, \
                 the same command with --update writes it into the file; if not, the model is wrong.",
            );
        }
        Ok(if failed { Exit::Different } else { Exit::Ok })
    }

    fn is_wanted(&self, outcome: &Outcome) -> bool {
        let only = self.only.as_ref().map(|only| only.to_lowercase());
        only.is_none_or(|only| outcome.name.to_lowercase().contains(&only))
    }

    /// Writes into the files; outcomes are those of what stands there then.
    fn update(&self, models: &Models, outcomes: &mut Vec<Outcome>) -> anyhow::Result<Updated> {
        let wanted = |outcome: &Outcome| self.is_wanted(outcome);
        if !outcomes.iter().any(|it| !it.passed() && wanted(it)) {
            return Ok(Updated::new());
        }
        let texts = files::texts(&self.models.files, models)?;
        let update = example::update(models, &texts, outcomes, wanted, &models.money());
        files::write(&self.models.files, &texts, &update.texts)?;
        let before = std::mem::replace(outcomes, update.outcomes);
        let mut verdicts = update.verdicts;
        let each = before.into_iter().zip(outcomes.iter());
        let each = each.filter_map(|(before, after)| {
            let mut verdict = verdicts.remove(&before.number)?;
            if let Verdict::Left(refusal) = &mut verdict {
                // Other tests above it may have become longer or shorter.
                let within = refusal.place.line.saturating_sub(before.place.line);
                refusal.place.line = after.place.line + within;
            }
            Some((before.number, (before, verdict)))
        });
        Ok(each.collect())
    }
}
