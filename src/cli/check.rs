//! `tenure check`: is everything that would be loaded right?

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::run::{ConfigFiles, print_problems};
use super::{Exit, OutputFormat, print_reports, print_stderr, sources};
use crate::config::{self, Document, InvalidConfig};
use crate::model::{
    AcceptedLosses, Models, ModelsChange, PROBLEMS_SHOWN_MAX, ProblemReport, Severity,
};
use crate::partition::DecodingSettings;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
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
    format: OutputFormat,
}

impl CheckArgs {
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
                print_reports(&reports);
                return Ok(Exit::Configuration);
            }
        };
        let accepted = document
            .as_ref()
            .map(Document::accepted_losses)
            .unwrap_or_default();
        let change = compiled.as_ref().filter(|_| !self.replacing.is_empty());
        let change = change.map(|models| ModelsChange::between(&replaced, models));
        let Ok(before) = self.replaced_decoding() else {
            return Ok(Exit::Configuration);
        };
        let settings = before.zip(document.as_ref().map(Document::decoding));
        match self.format {
            OutputFormat::Json => {
                let problems = problems_as_json(&reports);
                let json = as_json(problems, change.as_ref(), accepted, settings.as_ref());
                writeln!(io::stdout(), "{json:#}")?;
            }
            OutputFormat::Text => print_reports(&reports),
        }
        let Some(models) = compiled else {
            return Ok(Exit::Configuration);
        };
        // The same code that `run` goes through, up to the first thing that is opened.
        if let Some(document) = &document
            && let Err(problems) = document.settings(&models, None)
        {
            print_problems(&problems);
            return Ok(Exit::Configuration);
        }
        if self.format == OutputFormat::Text {
            print_models(&models);
        }
        let is_taken = change
            .as_ref()
            .is_none_or(|change| self.report_model_change(change, accepted));
        let are_taken =
            settings.is_none_or(|(before, after)| self.report_decoding_change(&before, &after));
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

impl CheckArgs {
    /// By what records are decoded under the settings that are to be replaced.
    fn replaced_decoding(&self) -> Result<Option<DecodingSettings>, InvalidConfig> {
        if self.replacing_config.is_empty() {
            return Ok(None);
        }
        let before = config::load(&self.replacing_config, &[]).inspect_err(print_problems)?;
        Ok(Some(before.decoding()))
    }

    /// Says what other settings change; whether they would be taken.
    fn report_decoding_change(&self, before: &DecodingSettings, after: &DecodingSettings) -> bool {
        let refusal = before.incompatibility(after);
        if self.format == OutputFormat::Text {
            let changes = before.diff(after);
            changes.iter().for_each(|change| print_stderr(change));
            match &refusal {
                Some(refusal) => {
                    print_stderr(&format!("error: the change would be refused: {refusal}"))
                }
                None if after.is_older_than(before) => print_stderr(
                    "error: `settings_version` is lower than before: the partitions would be left alone",
                ),
                None if changes.is_empty() => print_stderr("records are decoded as before"),
                None => print_stderr(
                    "the change would be taken: each partition decodes what it has not read yet by the new settings",
                ),
            }
        }
        refusal.is_none() && !after.is_older_than(before)
    }

    /// Says what a change does; whether it would be taken.
    fn report_model_change(&self, change: &ModelsChange, accepted: AcceptedLosses) -> bool {
        let refusal = change.refusal(accepted);
        if self.format == OutputFormat::Text {
            for told in &change.descriptions {
                print_stderr(told);
            }
            for missing in change.missing_facts.iter().filter(|_| refusal.is_none()) {
                print_stderr(&format!("not kept so far, begins at zero: {missing}"));
            }
            if change.is_text_only {
                print_stderr("only words change: it takes effect at once");
            }
            match &refusal {
                Some(refusal) => {
                    print_stderr(&format!("error: the change would be refused: {refusal}"))
                }
                None => print_stderr("the change would be taken"),
            }
        }
        refusal.is_none()
    }
}

fn print_models(models: &Models) {
    for model in &models.list {
        print_stderr(&format!(
            "{}: {} (version {}): {} stages, {} transitions, {} facts, {} tests",
            model.source.name,
            model.name,
            model.version,
            model.stages.len(),
            model.transitions.len(),
            model.facts.len(),
            model.tests.len()
        ));
    }
}

/// The problems; with a change of models or settings, beside what it does.
fn as_json(
    problems: serde_json::Value,
    change: Option<&ModelsChange>,
    accepted: AcceptedLosses,
    settings: Option<&(DecodingSettings, DecodingSettings)>,
) -> serde_json::Value {
    if change.is_none() && settings.is_none() {
        return problems;
    }
    let mut all = json!({ "problems": problems });
    if let Some(change) = change {
        all["change"] = json!({
            "told": change.descriptions,
            "missing_facts": change.missing_facts,
            "lost_stages": change.lost_stages,
            "in_words_only": change.is_text_only,
            "refused": change.refusal(accepted),
        });
    }
    if let Some((before, after)) = settings {
        all["settings"] = json!({
            "changes": before.diff(after),
            "refused": before.incompatibility(after),
        });
    }
    all
}

fn problems_as_json(reports: &[ProblemReport]) -> serde_json::Value {
    let each = reports.iter().flat_map(|report| {
        let shown = report.problems.iter().take(PROBLEMS_SHOWN_MAX);
        shown.map(move |problem| (report, problem))
    });
    each.map(|(report, problem)| {
        json!({
            "file": report.source.name,
            "line": problem.location.line,
            "column": problem.location.column,
            "severity": if problem.severity == Severity::Error { "error" } else { "warning" },
            "message": problem.message,
            "help": problem.help,
        })
    })
    .collect()
}
