//! `tenure check`: is everything that would be loaded right?

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::run::{ConfigFiles, tell};
use super::{Exit, Format, say, show, sources};
use crate::config::{self, Document, Problems};
use crate::model::{Accepted, Change, Models, PROBLEMS_SHOWN_MAX, Report, Severity};
use crate::partition::Decoding;

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Model files (YAML); without any, those that the configuration names.
    #[arg(value_name = "FILE")]
    models: Vec<PathBuf>,
    #[command(flatten)]
    config: ConfigFiles,
    /// Model files that these would replace, all that are loaded together: says what the change does, and
    /// whether it would be taken.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    replacing: Vec<PathBuf>,
    /// Files with settings that these would replace: says which mappings, limits, rates and inputs change for the records that
    /// come from then on, and whether that would be taken.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    replacing_config: Vec<PathBuf>,
    /// Exit with 3 when there are warnings.
    #[arg(long)]
    strict: bool,
    /// How problems are printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Check {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let needs_config = self.models.is_empty() || !self.replacing_config.is_empty();
        let document = match needs_config || !self.config.files.is_empty() {
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
        let replaced = match sources::compile(&self.replacing) {
            Ok((replaced, _)) => replaced,
            Err(reports) => {
                show(&reports);
                return Ok(Exit::Configuration);
            }
        };
        let accepted = document
            .as_ref()
            .map(Document::accepted)
            .unwrap_or_default();
        let change = compiled.as_ref().filter(|_| !self.replacing.is_empty());
        let change = change.map(|models| Change::between(&replaced, models));
        let Ok(before) = self.replaced_settings() else {
            return Ok(Exit::Configuration);
        };
        let settings = before.zip(document.as_ref().map(Document::decoding));
        match self.format {
            Format::Json => {
                let problems = problems_as_json(&reports);
                let json = as_json(problems, change.as_ref(), accepted, settings.as_ref());
                writeln!(io::stdout(), "{json:#}")?;
            }
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
            tell_models(&models);
        }
        let is_taken = change
            .as_ref()
            .is_none_or(|change| self.accepts(change, accepted));
        let are_taken =
            settings.is_none_or(|(before, after)| self.accepts_settings(&before, &after));
        if !is_taken || !are_taken {
            return Ok(Exit::Configuration);
        }
        let warned = document.is_some_and(|document| !document.warnings().is_empty());
        Ok(if self.strict && (warned || !reports.is_empty()) {
            Exit::Warnings
        } else {
            Exit::Ok
        })
    }
}

impl Check {
    /// By what records are decoded under the settings that are to be replaced.
    fn replaced_settings(&self) -> Result<Option<Decoding>, Problems> {
        if self.replacing_config.is_empty() {
            return Ok(None);
        }
        let before = config::load(&self.replacing_config, &[]).inspect_err(tell)?;
        Ok(Some(before.decoding()))
    }

    /// Says what other settings change; whether they would be taken.
    fn accepts_settings(&self, before: &Decoding, after: &Decoding) -> bool {
        let refusal = before.refusal(after);
        if self.format == Format::Text {
            let changes = before.changes(after);
            changes.iter().for_each(|change| say(change));
            match &refusal {
                Some(refusal) => say(&format!("error: the change would be refused: {refusal}")),
                None if after.is_behind(before) => say(
                    "error: `settings_version` is lower than before: the partitions would be left alone",
                ),
                None if changes.is_empty() => say("records are decoded as before"),
                None => say(
                    "the change would be taken: each partition decodes what it has not read yet by the new settings",
                ),
            }
        }
        refusal.is_none() && !after.is_behind(before)
    }

    /// Says what a change does; whether it would be taken.
    fn accepts(&self, change: &Change, accepted: Accepted) -> bool {
        let refusal = change.refusal(accepted);
        if self.format == Format::Text {
            for told in &change.told {
                say(told);
            }
            for missing in change.missing.iter().filter(|_| refusal.is_none()) {
                say(&format!("not kept so far, begins at zero: {missing}"));
            }
            if change.in_words_only {
                say("only words change: it takes effect at once");
            }
            match &refusal {
                Some(refusal) => say(&format!("error: the change would be refused: {refusal}")),
                None => say("the change would be taken"),
            }
        }
        refusal.is_none()
    }
}

fn tell_models(models: &Models) {
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

/// The problems; with a change of models or settings, beside what it does.
fn as_json(
    problems: serde_json::Value,
    change: Option<&Change>,
    accepted: Accepted,
    settings: Option<&(Decoding, Decoding)>,
) -> serde_json::Value {
    if change.is_none() && settings.is_none() {
        return problems;
    }
    let mut all = json!({ "problems": problems });
    if let Some(change) = change {
        all["change"] = json!({
            "told": change.told,
            "missing_facts": change.missing,
            "lost_stages": change.lost,
            "in_words_only": change.in_words_only,
            "refused": change.refusal(accepted),
        });
    }
    if let Some((before, after)) = settings {
        all["settings"] = json!({
            "changes": before.changes(after),
            "refused": before.refusal(after),
        });
    }
    all
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
